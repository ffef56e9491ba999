"""What a stranger may cost: bodies, streams, refused calls (specs/service.md 1.4).

A bare ASGI server waits for ever for the rest of a body, and takes one of any size. What a
connection costs before it is a call: `connections`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chaincred_verifier import problems
from chaincred_verifier.problems import Refused

BODY: Final = "chaincred.body"
"""Where a call's scope keeps its body once it is read."""
IS_WHOLE: Final = "chaincred.is_whole"
"""In the scope of a call: all of its body has come."""
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


def caller_of(scope: Scope) -> str:
    """Who is limited together with whoever makes this call; empty where nobody knows."""
    return one_host(scope["client"][0]) if scope["client"] else ""


class Limited:
    """ASGI middleware: who was refused too often is not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == _UNLIMITED:
            await self._app(scope, receive, send)
            return
        refusals: Allowance = scope["app"].state.service.refusals
        address = caller_of(scope)
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
    if request.scope.get(IS_WHOLE):
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
