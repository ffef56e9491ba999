"""Server-sent events, the part of them that a list's stream has (specs/service.md 7.3).

Left out: `id`, since the view knows how far it has come, and `retry`, since nobody else says how
long a follower waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaincred.follow.following import NotTaken


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it came: its name (`message` where it has none) and its data."""

    name: bytes
    data: bytes


class Events:
    """Takes a stream apart, and holds at most `limit` bytes of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that are whole once `chunk` has come.

        Raises NotTaken if one is longer than the limit.
        """
        if not chunk:
            return
        # "\r\n" is one end of a line, also when it comes in two chunks.
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        for piece in chunk.splitlines(keepends=True):
            text = piece.rstrip(b"\r\n")
            self._size += len(text)
            if self._size > self._limit:
                raise NotTaken(f"an event of more than {self._limit} bytes", further=True)
            self._line += text
            if len(text) < len(piece):
                yield from self._end_line()
        self._after_return = chunk.endswith(b"\r")

    def _end_line(self) -> Iterator[Event]:
        line, self._line = bytes(self._line), bytearray()
        if not line:
            yield from self._end_event()
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value
        if field == b"data":
            self._data.append(value)

    def _end_event(self) -> Iterator[Event]:
        # An event without data is one: `reset` has nothing else to say.
        if self._name or self._data:
            yield Event(self._name or b"message", b"\n".join(self._data))
        self._name, self._data, self._size = b"", [], 0
