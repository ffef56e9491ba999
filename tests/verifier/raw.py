"""A connection whose bytes the test chooses."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

CHUNK: Final = 65_536
_ESTABLISHED: Final = "01"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """One TCP connection to a service on this machine. `receives` is its buffer, in bytes."""

    def __init__(self, port: int, *, receives: int | None = None, patience: float = 10.0) -> None:
        self.socket = socket.socket()
        if receives is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        self.socket.settimeout(patience)
        self.socket.connect(("127.0.0.1", port))
        self._ends = (f"{port:04X}", f"{self.socket.getsockname()[1]:04X}")
        self._came = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: str | bytes) -> Self:
        for part in parts:
            self.socket.sendall(part.encode() if isinstance(part, str) else part)
        return self

    def sends_until_closed(self, part: bytes, *, pause: float = 0.0, most: float = 10.0) -> float:
        """Sends `part` again and again, for ever; gives the seconds until it was cut off."""
        begun = time.monotonic()
        self.socket.settimeout(0.5)
        while time.monotonic() - begun < most:
            try:
                self.socket.sendall(part)
            except TimeoutError:
                continue
            except OSError:
                return time.monotonic() - begun
            if pause and self.is_closed(pause):
                return time.monotonic() - begun
        raise AssertionError(f"still open after {most} s")

    def is_closed(self, seconds: float) -> bool:
        """Whether the other side closes the connection within `seconds`; what comes is kept."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                part = self.socket.recv(CHUNK)
            except TimeoutError:
                return False
            except OSError:
                return True
            if not part:
                return True
            self._came += part
        return False

    def is_held(self) -> bool:
        """Whether the other side has the connection open, without reading from it."""
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, state, *_ = line.split()
            if (local[-4:], remote[-4:]) == self._ends:
                return state == _ESTABLISHED
        return False

    def answer(self) -> Answer:
        """The next answer."""
        head, _, self._came = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        size = int(headers.get("content-length", "0"))
        while len(self._came) < size:
            self._more()
        body, self._came = self._came[:size], self._came[size:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def rest(self, seconds: float) -> bytes:
        """What comes until the other side closes, which it does within `seconds`."""
        assert self.is_closed(seconds)
        return self._came

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._came:
            self._more()
        return self._came

    def _more(self) -> None:
        part = self.socket.recv(CHUNK)
        if not part:
            raise ConnectionResetError("closed before the answer was whole")
        self._came += part


def post(path: str, body: bytes | str, **headers: Any) -> bytes:
    """A whole call."""
    content = body.encode() if isinstance(body, str) else body
    return head("POST", path, content_length=len(content), **headers) + content


def head(method: str, path: str, **headers: Any) -> bytes:
    """A request line and its headers."""
    said = {"host": "verifier.example", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in said.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def reset(raw: Raw) -> None:
    """Ends a connection without a word, as a crash does."""
    with suppress(OSError):
        raw.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
    raw.socket.close()
