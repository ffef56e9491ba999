"""A follower in a thread, for servers without an event loop of their own."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

from chaincred.follow.asynchronous import AsyncFollower
from chaincred.follow.state import FollowerState
from chaincred.keys import SigningKey
from chaincred.revocation import MAX_UPDATE
from chaincred.view import RevocationView

_LOOK: Final = 0.01


class Follower:
    """An `AsyncFollower` with an event loop and a thread of its own; takes the same arguments.

    The thread ends with the process. It does not survive a fork: start one in each worker. Use it
    with `with`, or `start` and `stop`.
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
        self._follower = AsyncFollower(
            urls,
            view,
            acknowledge=acknowledge,
            poll=poll,
            heartbeat=heartbeat,
            max_list=max_list,
            tls=tls,
            clock=clock,
        )
        self._changing = Lock()
        self._thread: _LoopThread | None = None

    @property
    def state(self) -> FollowerState:
        """How it goes, now. May be asked from any thread."""
        state = self._follower.state
        return state if self._is_running() else replace(state, mode="stopped")

    def start(self) -> None:
        """Begins to follow, and returns at once. Raises RuntimeError if it has been started."""
        with self._changing:
            if self._thread is not None:
                raise RuntimeError("the follower has been started")
            thread = _LoopThread()
            try:
                thread.call(self._follower.start())
            except BaseException:
                thread.end()
                raise
            self._thread = thread

    def stop(self) -> None:
        """Ends following. Once it returns, the view and its floor are left alone."""
        with self._changing:
            # After a fork there is the object, and no thread.
            if self._thread is not None and self._thread.is_alive():
                self._thread.call(self._follower.stop())
                self._thread.end()
                self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_until_fresh(self, timeout: float) -> bool:
        """Whether the list is fresh, at the latest after `timeout` seconds or when it stops."""
        until = time.monotonic() + timeout
        # Looked at, not waited for in the loop: that may be ended by another thread meanwhile.
        while self._is_running() and not self.state.fresh and time.monotonic() < until:
            time.sleep(_LOOK)
        return self.state.fresh

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


class _LoopThread(Thread):
    """A thread with an event loop in it, running from the start."""

    def __init__(self) -> None:
        super().__init__(name="chaincred-follow", daemon=True)
        self._loop = asyncio.new_event_loop()
        self.start()

    def run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work` in the loop, and raises what that raises."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        """Returns once the thread has ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join()
