"""A party that answers calls with the bytes it was given, right or wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def answering(*answers: bytes, port: int = 0) -> Iterator[int]:
    """A port where each call gets the next of `answers`, and the last one for ever after."""

    def serve() -> None:
        waiting = list(answers)
        # Shut down, a socket ends the wait for the next call.
        with contextlib.suppress(OSError):
            while True:
                peer, _ = server.accept()
                with peer, contextlib.suppress(OSError):
                    peer.settimeout(5)
                    peer.recv(65_536)
                    peer.sendall(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            # Not only closed: its number would soon be another file's, and be waited on there.
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
