"""What a connection may cost before it is a call (specs/service.md 1.4).

A bare ASGI server waits for ever for the rest of a head, and takes one of any size.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from itertools import chain
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chaincred_verifier.gathering import Gathering
from chaincred_verifier.limits import IS_WHOLE


def protocol(head_timeout: float, most: int, max_body: int) -> Any:
    """uvicorn's HTTP protocol with limits on what a connection costs before it is a call.

    `head_timeout` is in seconds, `max_body` in bytes; `most` connections are held at once, and one
    more is closed as it comes.
    """
    # Not a class made here: it travels to the worker processes.
    return partial(Impatient, head_timeout=head_timeout, most=most, max_body=max_body)


class Impatient(HttpToolsProtocol):
    """One connection, which is closed

    - when path and query are longer than `_MAX_URL`, a request line with its headers than
      `_MAX_HEAD`, or when it does not come in time,
    - when it asks for an upgrade,
    - when a body has trailer fields, or when there is much more of it than is read,
    - when more than `_MAX_PIPELINED` calls wait for the one before them to be answered,
    - when the peer takes nothing of its answer for as long,
    - when the service stops and the answer is a stream.
    """

    def __init__(
        self, *args: Any, head_timeout: float, most: int, max_body: int, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self._head_timeout = head_timeout
        self._most = most
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._received = 0
        """Bytes of a call, however they are framed."""
        self._max_body = max_body
        self._longest = _MAX_HEAD
        self._has_head = False
        self._asked: deque[RequestResponseCycle] = deque()
        """Calls that are not answered yet; the first is under way, the others wait for it."""

    def connection_made(self, transport: Any) -> None:
        self._answers = Gathering(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._answers))
        if len(self.connections) > self._most:
            transport.close()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        self._taken()
        # The server tells only the last one that its peer is gone.
        for each in self._asked:
            each.disconnected = True
            each.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_size += len(data)
        self._received += len(data)
        super().data_received(data)
        # What is beside a body, as the names of its chunks, counts as well; and so does a body
        # that its answer did not wait for.
        if self._head_size > _MAX_HEAD or self._received > self._longest:
            self._end()
        elif self._head_size and self._patience is None and not self._asked:
            # For a head that did not come whole; an idle connection is closed by keep-alive.
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_head = False

    def on_header(self, name: bytes, value: bytes) -> None:
        # After a chunked body: without end, and taken for the header fields that were signed for.
        if self._has_head:
            raise ValueError("a trailer")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_head = True
        self._go_on()
        self._head_size = 0
        # With ": " and a line's end for each, as they came.
        fields = sum(map(len, chain.from_iterable(self.headers))) + 4 * len(self.headers)
        size = len(self.url) + fields
        # The server takes up reading after each answer, however many calls wait already.
        waiting = len(self.pipeline)
        # What comes after it would be dropped, or taken for the next call.
        if self.parser.should_upgrade():
            raise ValueError("an upgrade, or a tunnel")
        if len(self.url) > _MAX_URL or size > _MAX_HEAD or waiting >= _MAX_PIPELINED:
            raise ValueError("more than a connection may ask for")
        # Of a stream nobody waits for the body, so it would have no end.
        body = 0 if self.parser.get_method() in _BODILESS else self._max_body
        self._longest = 2 * (body + _MAX_HEAD)
        super().on_headers_complete()
        self._asked.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        if self._asked:
            self._head_size = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._received = 0
        self.scope[IS_WHOLE] = True  # type: ignore[typeddict-unknown-key] # a word of ours
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._asked.popleft()
        self._answers.send()
        super().on_response_complete()
        if self.transport.is_closing():
            self._end()

    def send_400_response(self, msg: str) -> None:
        # Not while a call is under way: its peer would take this for the answer.
        if not self._asked:
            super().send_400_response(msg)
        self._end()

    def timeout_keep_alive_handler(self) -> None:
        self._end()

    def shutdown(self) -> None:
        super().shutdown()
        # A stream has no end of its own that could be waited for.
        if self._asked and self._asked[0].scope["path"].endswith(_STREAM):
            self._end()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_off_later()

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._taken()
        super().resume_writing()

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self._head_timeout, self._end)

    def _go_on(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        # Closing waits until the peer has taken what is left, for ever if it likes.
        self.transport.close()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        if self._stalled is None:
            self._stalled = self.loop.call_later(self._head_timeout, self.transport.abort)

    def _taken(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


_STREAM: Final = "/stream"
_BODILESS: Final = frozenset({b"GET", b"HEAD"})
_MAX_HEAD: Final = 65_536
"""Bytes of a request line and its headers: a presentation takes up to 12,300."""
_MAX_URL: Final = 8_192
"""Of these for path and query, which cost fifty times what their bytes do."""
_MAX_PIPELINED: Final = 16
"""Calls that wait on one connection: hardly any client sends a second before it has an answer."""
