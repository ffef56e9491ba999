"""Tells a service how far a view has come (specs/service.md 8.2)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import httpx2

from chaincred.ack import Ack, is_follower_name
from chaincred.follow import asking
from chaincred.follow.following import in_words
from chaincred.keys import SigningKey
from chaincred.view import RevocationView

EVERY: Final = 25.0
"""Seconds between two while the number does not change: at least every 30, by section 8.2."""
SOON: Final = 0.25
"""Seconds within which a new number is told of: all followers hear of it at one moment."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
"""Seconds before one that was not taken is sent again."""

_random: Final = random.SystemRandom().random


class Acknowledging:
    """Acknowledges what `view` relies on, under a name and its key. Raises ValueError.

    `taken` is the number that the service has taken last, `error` why it did not take the last.
    """

    def __init__(
        self, name: str, key: SigningKey, view: RevocationView, clock: Callable[[], float]
    ) -> None:
        if not is_follower_name(name):
            raise ValueError("a follower's name is 1 to 128 letters, digits, '.', '-', '_'")
        self._name = name
        self._key = key
        self._view = view
        self._clock = clock
        self.taken: int | None = None
        self.error: str | None = None

    async def run(
        self,
        http: httpx2.AsyncClient,
        base: Callable[[], str],
        update: Callable[[], Awaitable[None]],
    ) -> None:
        """Tells the service at `base()` of each new number soon, and else now and then.

        `update()` returns after the next update.
        """
        told: int | None = None
        failures = 0
        while True:
            await self._wait_for_news(told, update)
            await asyncio.sleep(_random() * SOON)
            try:
                told = await self._tell(http, base())
                failures = 0
            # Whatever it was, following goes on: nobody but the service needs to know.
            except Exception as error:  # noqa: BLE001
                self.error = in_words(error)
                told = None
                await asyncio.sleep(_random() * min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE))
                failures = min(failures + 1, 16)

    async def _wait_for_news(self, told: int | None, update: Callable[[], Awaitable[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY):
                while self._number() == told:
                    await update()

    async def _tell(self, http: httpx2.AsyncClient, base: str) -> int | None:
        head = self._view.head
        if head is None:
            return None
        ack = Ack(self._name, head.place, head.issued_at, int(self._clock()))
        await asking.tell(http, f"{base}/v1/acks", ack.sign(self._key))
        self.taken, self.error = head.place.seq, None
        return self.taken

    def _number(self) -> int | None:
        head = self._view.head
        return None if head is None else head.place.seq
