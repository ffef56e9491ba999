"""A follower in an event loop of asyncio."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

import httpx2

from chaincred.encoding import from_text
from chaincred.follow import asking
from chaincred.follow.acknowledging import Acknowledging
from chaincred.follow.following import MAX_DELTA, Following, Listen, Take, Wait, in_words
from chaincred.follow.state import FollowerState
from chaincred.keys import SigningKey
from chaincred.revocation import MAX_UPDATE
from chaincred.view import RevocationView

SILENCE: Final = 3
"""Heartbeats without an update after which a stream is begun anew."""


class AsyncFollower:
    """Keeps `view` as fresh as the services at `urls` do, which publish one list.

    `urls` is a base URL, or several that take turns when one fails. `acknowledge` is the name
    under which a service knows this follower, and its key: then it tells how far the view has
    come. `heartbeat` (seconds) is that of the services, `poll` the time between two questions
    where no stream comes through. `max_list` is how many bytes a list may take: what is not a
    list is known only once it has come. `tls` replaces the system's trust in certificates; `clock`
    gives the seconds since 1970. Raises TypeError or ValueError.

    The floor is the view's own (`FileFloor`). Use it with `async with`,
    or `start` and `stop`.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        view: RevocationView,
        *,
        acknowledge: tuple[str, SigningKey] | None = None,
        poll: float = 1.0,
        heartbeat: float = 1.0,
        max_list: int = MAX_UPDATE,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(view, RevocationView):
            raise TypeError("what is kept fresh is a RevocationView")
        if not poll > 0 or not heartbeat > 0 or not 0 < max_list <= MAX_UPDATE:
            raise ValueError(f"seconds are positive, and a list has at most {MAX_UPDATE} bytes")
        self._urls = asking.bases(urls)
        self._view = view
        self._acks = Acknowledging(*acknowledge, view, clock) if acknowledge else None
        self._poll = poll
        self._silence = SILENCE * heartbeat
        self._max_list = max_list
        # Made here: reading the system's certificates takes longer than an event loop should wait.
        self._tls = httpx2.create_ssl_context() if tls is None else tls
        self._clock = clock
        self._following = self._begin()
        self._task: asyncio.Task[None] | None = None
        self._updated = asyncio.Event()
        self._last_heard: int | None = None
        self._last_error: tuple[str | None, int | None] = (None, None)

    @property
    def state(self) -> FollowerState:
        """How it goes, now. May be asked from any thread."""
        head = self._view.head
        now = self._now()
        error, error_at = self._last_error
        running = self._task is not None and not self._task.done()
        return FollowerState(
            mode=self._following.mode if running else "stopped",
            number=self._view.seq if head is None else head.place.seq,
            age=None if head is None else now - head.issued_at,
            fresh_until=None if head is None else head.fresh_until,
            last_heard=self._last_heard,
            last_error=error,
            last_error_at=error_at,
            acknowledged=self._acks.taken if self._acks else None,
            ack_error=self._acks.error if self._acks else None,
            at=now,
        )

    async def start(self) -> None:
        """Begins to follow, and returns at once. Raises RuntimeError if it has been started."""
        if self._task is not None:
            raise RuntimeError("the follower has been started")
        http = asking.client(self._tls)
        self._following = self._begin()
        self._task = asyncio.create_task(self._run(http), name="chaincred-follow")

    async def stop(self) -> None:
        """Ends following. Once it returns, the view and its floor are left alone."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._wake()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def wait_until_fresh(self, timeout: float) -> bool:
        """Whether the list is fresh, at the latest after `timeout` seconds or when it stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._task is not None and not self.state.fresh:
                    await self._update()
        return self.state.fresh

    def _begin(self) -> Following:
        return Following(self._urls, poll=self._poll, max_list=self._max_list)

    async def _run(self, http: httpx2.AsyncClient) -> None:
        async with http, asyncio.TaskGroup() as both:
            both.create_task(self._follow(http))
            if self._acks is not None:
                # Beside, not between: a service that is slow to take one delays no update.
                both.create_task(self._acks.run(http, lambda: self._following.base, self._update))

    async def _follow(self, http: httpx2.AsyncClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            number = None if self._view.head is None else self._view.seq
            step = self._following.next_step(number, loop.time())
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                continue
            try:
                await self._do(http, step)
            # Whatever it was, a floor's full disk or a peer's nonsense: the list goes stale in
            # time, and the next attempt is due.
            except Exception as error:  # noqa: BLE001
                self._last_error = (in_words(error), self._now())
                self._following.failed(step, error)

    async def _do(self, http: httpx2.AsyncClient, step: Take | Listen) -> None:
        if isinstance(step, Listen):
            await self._listen(http, step)
        else:
            await self._take(http, step)

    async def _take(self, http: httpx2.AsyncClient, step: Take) -> None:
        loop = asyncio.get_running_loop()
        body = bytearray()
        try:
            await asking.take(http, step, body)
        finally:
            if step.whole:
                self._following.spent(len(body), loop.time())
        data = bytes(body)
        body.clear()  # some 336 MB, at most, are not held twice while they are looked at
        await self._rely_on(partial(self._view.update, data))
        self._following.took(loop.time())

    async def _listen(self, http: httpx2.AsyncClient, step: Listen) -> None:
        loop = asyncio.get_running_loop()

        async def rely_on(data: bytes) -> None:
            await self._rely_on(partial(self._update_from_text, data))
            self._following.heard(loop.time())

        await asking.listen(http, step, self._silence, rely_on)

    def _update_from_text(self, text: bytes, *, now: int) -> None:
        self._view.update(from_text("", text.decode("ascii", "replace"), MAX_DELTA), now=now)

    async def _rely_on(self, update: Callable[..., None]) -> None:
        # In a thread: a long list takes seconds, and the floor waits for the disk.
        working = asyncio.ensure_future(asyncio.to_thread(update, now=self._now()))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            # A thread cannot be cancelled. Left behind, it would write an older floor over that
            # of whoever follows next.
            await asyncio.wait([working])
            raise
        self._last_heard = self._now()
        self._wake()

    async def _update(self) -> None:
        await self._updated.wait()

    def _wake(self) -> None:
        updated, self._updated = self._updated, asyncio.Event()
        updated.set()

    def _now(self) -> int:
        return int(self._clock())
