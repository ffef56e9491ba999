"""What a stranger may cost: bodies, slow clients, refused calls (specs/service.md 1.4).

A bare ASGI server waits for ever for the rest of a request and takes a body of any size.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chaincred_verifier import problems
from chaincred_verifier.gathering import Gathering
from chaincred_verifier.problems import Refused

BODY: Final = "chaincred.body"
"""Where a call's scope keeps its body once it is read."""
BURST: Final = 10.0
"""Seconds of the average that may be used at once."""
_UNLIMITED: Final = "/v1/forward-auth"
"""A gateway's calls come from the gateway: one of its strangers would shut out everybody."""
_MANY: Final = 50_000
"""Buckets: some 10 MB. Those that were used the longest ago go first, and are full when new."""
STRANGE: Final = frozenset(
    {
        "malformed",
        "unauthenticated",
        "identity",
        "untrusted",
        "broken_chain",
        "proof_audience",
        "proof_time",
        "proof_signature",
        "key_proof",
        "list_forked",
        "not_found",
        "method_not_allowed",
        "timeout",
        "too_large",
        "unsupported_media_type",
    }
)
"""Refusals that cost nothing to cause; one whose chain and proof are right knows its way."""


class Allowance:
    """How often each of many may do something: for each a bucket that fills with time.

    `a_second` on the average, `most` at once.
    """

    def __init__(
        self, a_second: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._a_second = a_second
        self._most = most
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str) -> bool:
        """Whether `who` may do it once more."""
        return self._now(who)[0] >= 1

    def count(self, who: str) -> None:
        """`who` did it, even if it was not allowed any more: of what is done at once all counts."""
        left, now = self._now(who)
        self._left[who] = (left - 1, now)
        self._left.move_to_end(who)
        if len(self._left) > _MANY:
            self._left.popitem(last=False)

    def _now(self, who: str) -> tuple[float, float]:
        now = self._clock()
        left, then = self._left.get(who, (self._most, now))
        return min(self._most, left + (now - then) * self._a_second), now


class Places:
    """What many may hold at once: `most` of them together, and `each` alone."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        return self._held.total()

    def has_room(self, who: str) -> bool:
        return self.held < self._most and self._held[who] < self._each

    @contextmanager
    def holding(self, who: str) -> Iterator[None]:
        """One more for `who`, as long as it lasts."""
        self._held[who] += 1
        try:
            yield
        finally:
            self._held[who] -= 1
            if not self._held[who]:
                del self._held[who]


@lru_cache(4_096)
def one_host(address: str) -> str:
    """What one host has: an IPv4 address; or all of IPv6 that begins with the same 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        # What a proxy says of who came over a socket of its own.
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    # The other 64 are the host's to choose, a new address for every call.
    return str(IPv6Address(int(found) >> 64 << 64))


class Limited:
    """ASGI middleware: who was refused too often is not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == _UNLIMITED:
            await self._app(scope, receive, send)
            return
        refusals: Allowance = scope["app"].state.service.refusals
        address = one_host(scope["client"][0]) if scope["client"] else ""
        if not refusals.allows(address):
            await problems.answer(Refused("rate_limited", "too many refused calls"))(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)
        if scope.get("state", {}).get("refused") in STRANGE:
            refusals.count(address)


async def body_of(request: Request) -> bytes:
    """The body, within the limits of size and time; read once. Raises Refused."""
    kept: bytes | None = request.scope.get(BODY)
    if kept is None:
        kept = request.scope[BODY] = await _read(request)
    return kept


async def _read(request: Request) -> bytes:
    settings = request.app.state.service.settings
    if request.scope.get(_IS_WHOLE):
        # There is nothing to wait for, and so no clock to set.
        return await _joined(request.receive, settings.max_body)
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > settings.max_body:
        raise _too_large(settings.max_body)
    try:
        async with asyncio.timeout(settings.body_timeout):
            return await _joined(request.receive, settings.max_body)
    except TimeoutError as error:
        raise Refused("timeout", "the body did not come in time") from error


async def _joined(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("timeout", "the client went away")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(most: int) -> Refused:
    return Refused("too_large", f"a body of more than {most} bytes")


def protocol(head_timeout: float, most: int) -> Any:
    """uvicorn's HTTP protocol with limits on what a connection costs before it is a call.

    `head_timeout` is in seconds; `most` connections are held at once, and one more is closed as it
    comes.
    """
    # Not a class made here: it travels to the worker processes.
    return partial(Impatient, head_timeout=head_timeout, most=most)


class Impatient(HttpToolsProtocol):
    """One connection, which is closed

    - when a request line with its headers is longer than `_MAX_HEAD` or does not come in time,
    - when a body has trailer fields,
    - when more than `_MAX_PIPELINED` calls wait for the one before them to be answered,
    - when the peer takes nothing of its answer for as long,
    - when the service stops and the answer is a stream.
    """

    def __init__(self, *args: Any, head_timeout: float, most: int, **more: Any) -> None:
        super().__init__(*args, **more)
        self._head_timeout = head_timeout
        self._most = most
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head_size = 0
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
        super().data_received(data)
        # What is beside a body, as the names of its chunks, counts as well; and so does a body
        # that its answer did not wait for.
        if self._head_size > _MAX_HEAD:
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
        if size > _MAX_HEAD or len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("more than a connection may ask for")
        super().on_headers_complete()
        self._asked.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        if self._asked:
            self._head_size = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.scope[_IS_WHOLE] = True  # type: ignore[typeddict-unknown-key] # a word of ours
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


_IS_WHOLE: Final = "chaincred.is_whole"
"""In the scope of a call: all of its body has come."""
_STREAM: Final = "/stream"
_MAX_HEAD: Final = 65_536
"""Bytes of a request line and its headers: a presentation takes up to 12,300."""
_MAX_PIPELINED: Final = 16
"""Calls that wait on one connection: hardly any client sends a second before it has an answer."""
