"""What a follower asks a service over HTTP, with bounds on time and size (specs/service.md 7).

No token, cookie or credential is sent: what is asked for is open to everybody, and signed.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2

from chaincred.ack import MEDIA_TYPE
from chaincred.follow.events import Event, Events
from chaincred.follow.following import Listen, NotReached, NotTaken, Reset, Take

CONNECT: Final = 2.0
"""Seconds to reach the service: an outage shorter than this is over before it is noticed."""
ANSWER: Final = 5.0
"""Seconds to the end of a short answer. One that is not short has more, by `RATE`."""
RATE: Final = 2**18
"""Bytes a second. What drips more slowly than that would be stale before it is whole."""

_MAX_PROBLEM: Final = 4096
_CODE: Final = re.compile(rb'"code": ?"([a-z_]{1,40})"')


def bases(urls: str | Sequence[str]) -> tuple[str, ...]:
    """The base URLs of services, without a last `/`. Raises ValueError for what cannot be one."""
    given = (urls,) if isinstance(urls, str) else tuple(urls)
    if not given:
        raise ValueError("a follower takes one URL or more")
    for url in given:
        try:
            parts = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise ValueError("not a URL") from error
        if parts.scheme not in ("http", "https") or not parts.host:
            raise ValueError("the URL of a service begins with https:// (or http://) and a host")
        # Whoever put a password there meant it to be sent, which a follower does not do.
        if parts.userinfo or parts.query or parts.fragment:
            raise ValueError("the URL of a service has no user, query or fragment")
    return tuple(url.rstrip("/") for url in given)


def client(tls: ssl.SSLContext) -> httpx2.AsyncClient:
    """A client that keeps nothing of what a service says of itself, and follows it nowhere."""
    return httpx2.AsyncClient(
        verify=tls,
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=CONNECT),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # Ids are hashes, which do not compress; and what is not unpacked cannot blow up.
        headers={"Accept-Encoding": "identity", "User-Agent": "chaincred-follow"},
    )


async def take(http: httpx2.AsyncClient, step: Take, body: bytearray) -> None:
    """Fills `body`. Raises NotTaken, TimeoutError or what the network raises."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with (
        asyncio.timeout_at(begun + ANSWER) as patience,
        _answered(http, "GET", step.url, 200) as chunks,
    ):
        async for chunk in chunks:
            body += chunk
            if len(body) > step.limit:
                raise NotTaken(f"more than {step.limit} bytes", further=True)
            patience.reschedule(begun + ANSWER + len(body) / RATE)


async def listen(
    http: httpx2.AsyncClient,
    step: Listen,
    silence: float,
    rely_on: Callable[[bytes], Awaitable[None]],
) -> None:
    """Hands the data of each update to `rely_on`, until nothing comes for `silence` seconds.

    Always raises: NotTaken, TimeoutError, what the network or `rely_on` raises.
    """
    loop = asyncio.get_running_loop()
    longest = step.limit * 4 // 3 + 256
    events = Events(longest)
    # Counted from the last update, not from the last byte: comments keep nothing fresh.
    since, size = loop.time(), 0
    async with (
        asyncio.timeout_at(since + silence) as patience,
        _answered(http, "GET", step.url, 200, Accept="text/event-stream") as chunks,
    ):
        async for chunk in chunks:
            size = min(size + len(chunk), longest)
            for event in events.feed(chunk):
                if _is_update(event):
                    patience.reschedule(None)
                    await rely_on(event.data)
                    since, size = loop.time(), 0
            patience.reschedule(since + silence + size / RATE)
    raise NotTaken("the stream ended")


async def tell(http: httpx2.AsyncClient, url: str, ack: bytes) -> None:
    """Posts an acknowledgement. Raises NotTaken, TimeoutError or what the network raises."""
    media = {"Content-Type": MEDIA_TYPE}
    async with asyncio.timeout(ANSWER), _answered(http, "POST", url, 204, ack, **media):
        pass


@asynccontextmanager
async def _answered(
    http: httpx2.AsyncClient,
    method: str,
    url: str,
    status: int,
    body: bytes | None = None,
    **headers: str,
) -> AsyncIterator[AsyncIterator[bytes]]:
    try:
        async with (
            http.stream(method, url, content=body, headers=headers) as got,
            aclosing(got.aiter_raw()) as chunks,
        ):
            if got.status_code != status:
                raise await _problem(got.status_code, chunks)
            yield chunks
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise NotReached(f"not reached: {error or 'no connection in time'}") from error


async def _problem(status: int, chunks: AsyncIterator[bytes]) -> NotTaken:
    problem = b""
    async for chunk in chunks:
        problem += chunk
        if len(problem) > _MAX_PROBLEM:
            break
    found = _CODE.search(problem)
    code = f" {found[1].decode()}" if found else ""
    return NotTaken(f"http {status}{code}", further=status == 410)


def _is_update(event: Event) -> bool:
    if event.name == b"reset":
        raise Reset("the stream does not reach back so far")
    return event.name == b"update"
