"""What lies between a service and who calls it: can lead elsewhere, be cut, cut short, held up."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from typing import Self

from tests.verifier.running import free_port


class Cable:
    """Listens at `port` and carries to `target`, a port too, what comes while the `with` lasts.

    Of what each connection brings back it lets `length` bytes through; all if that is None.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.target = target
        self.length: int | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.release()
        self.cut()

    def lead_to(self, target: int) -> None:
        """Leads elsewhere from now on, also whoever was connected."""
        self.target = target
        self.cut()

    def cut(self) -> None:
        """Ends what is connected."""
        with self._lock:
            for each in self._ends:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Lets nothing through, and ends nothing."""
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(near)
            try:
                far = stack.enter_context(socket.create_connection(("127.0.0.1", self.target)))
            except OSError:
                return
            with self._lock:
                self._ends |= {near, far}
            back = threading.Thread(target=self._pump, args=(far, near, self.length), daemon=True)
            back.start()
            self._pump(near, far, None)
            back.join()
            with self._lock:
                self._ends -= {near, far}

    def _pump(self, source: socket.socket, sink: socket.socket, length: int | None) -> None:
        with suppress(OSError):
            while length != 0 and (data := source.recv(65_536)):
                self._flows.wait()
                data = data[:length]
                length = None if length is None else length - len(data)
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
