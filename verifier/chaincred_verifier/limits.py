"""What a stranger may cost: bodies, slow clients, refused calls (specs/service.md 1.4).

A bare ASGI server waits for ever for the rest of a request and takes a body of any size.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chaincred_verifier import problems
from chaincred_verifier.problems import Refused

BURST: Final = 10.0
"""Seconds of the average that may be used at once."""
_ADDRESSES: Final = 50_000
"""Addresses remembered: some 10 MB. The longest unseen go first, and begin with a full bucket."""
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
        "not_found",
        "method_not_allowed",
        "timeout",
        "too_large",
    }
)
"""Refusals that cost nothing to cause; one whose chain and proof are right knows its way."""


class Refusals:
    """How many strange calls each address may still make: a bucket that fills with time."""

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._most = a_second * BURST
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Whether a call from `address` is looked at."""
        return self._now(address)[0] >= 1

    def count(self, address: str) -> None:
        """A call from `address` was strange."""
        left, now = self._now(address)
        self._left[address] = (max(0.0, left - 1), now)
        self._left.move_to_end(address)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)

    def _now(self, address: str) -> tuple[float, float]:
        now = self._clock()
        left, then = self._left.get(address, (self._most, now))
        return min(self._most, left + (now - then) * self._a_second), now


class Limited:
    """ASGI middleware: who was refused too often is not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusals: Refusals = scope["app"].state.service.refusals
        address = scope["client"][0] if scope["client"] else ""
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
    kept: bytes | None = getattr(request.state, "body", None)
    if kept is None:
        kept = request.state.body = await _read(request)
    return kept


async def _read(request: Request) -> bytes:
    settings = request.app.state.service.settings
    parts: list[bytes] = []
    size = 0
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > settings.max_body:
        raise Refused("too_large", f"a body of more than {settings.max_body} bytes")
    try:
        async with asyncio.timeout(settings.body_timeout):
            async for part in request.stream():
                size += len(part)
                if size > settings.max_body:
                    raise Refused("too_large", f"a body of more than {settings.max_body} bytes")
                parts.append(part)
    except TimeoutError as error:
        raise Refused("timeout", "the body did not come in time") from error
    except ClientDisconnect as error:
        raise Refused("timeout", "the client went away") from error
    return b"".join(parts)


def protocol(head_timeout: float, most: int) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, with a limit on how long a request's head may take to come.

    `most` connections are held at once; one more is closed as it comes.
    """
    held: set[int] = set()

    class Impatient(HttpToolsProtocol):
        """Closes a connection whose request line and headers do not come in time."""

        _patience: asyncio.TimerHandle | None = None
        _head_size = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(held) >= most:
                transport.close()
                return
            held.add(id(self))
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            held.discard(id(self))
            self._go_on()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            # From the first byte of a head on; an idle connection is closed by keep-alive.
            if self._patience is None and self._is_between():
                self._wait()
            self._head_size += len(data)
            if self._is_between() and self._head_size > _MAX_HEAD:
                self.transport.close()
                return
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._go_on()
            self._head_size = 0
            super().on_headers_complete()

        def _is_between(self) -> bool:
            cycle = self.cycle
            return cycle is None or cycle.response_complete

        def _wait(self) -> None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(head_timeout, self._give_up)

        def _go_on(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _give_up(self) -> None:
            self.transport.close()

    return Impatient


_MAX_HEAD: Final = 65_536
"""Bytes of a request line and its headers: a presentation takes up to 12,300."""
