"""An issuer's keys, kept for a while and asked for anew in time.

Strangers choose the key ids that they show, so a key id that is not known makes us ask the issuer
at most once in ten seconds, whoever comes; and one question at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from chaincred_verifier.identity.keyset import Key, KeySet, KeysRefused
from chaincred_verifier.problems import Unavailable

PAUSE: Final = 10.0
"""Seconds between two questions: how long a new key may go unknown, and a strain on nobody."""
ASKED_ANEW: Final = 300.0
"""Seconds after which keys are asked for anew."""
KEPT: Final = 3_600.0
"""Seconds that keys are used if the issuer does not answer: how long a key that it withdrew may
still be taken from who can also cut us off from it."""
PATIENCE: Final = 5.0
"""Seconds that an issuer has for its answer, all of it."""

_log = structlog.get_logger("chaincred_verifier.identity")


class KeySource(Protocol):
    """Where an issuer's keys come from."""

    @property
    def name(self) -> str:
        """What to call it in a log."""

    async def fetch(self) -> KeySet:
        """Its keys now. Raises KeysRefused."""


class KeptKeys:
    """The keys of one issuer. For one event loop."""

    def __init__(self, source: KeySource, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._keys = KeySet()
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, kid: str | None) -> Key | None:
        """The one key for a JWT of this algorithm and key id. Raises Unavailable."""
        key = (await self._keys_of_age(ASKED_ANEW)).find(algorithm, kid)
        if key is None:
            key = (await self._keys_of_age(PAUSE)).find(algorithm, kid)
        return key

    async def _keys_of_age(self, most: float) -> KeySet:
        if self._age() > most:
            if self._fetching is None and self._clock() - self._tried_at > PAUSE:
                self._fetching = asyncio.create_task(self._fetch())
            if self._fetching is not None:
                # Shielded: whoever began it may hang up, and others wait for it.
                await asyncio.shield(self._fetching)
        if self._age() > KEPT:
            raise Unavailable("the keys of this identity's issuer cannot be had")
        return self._keys

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(PATIENCE):
                self._keys = await self._source.fetch()
            self._fetched_at = self._clock()
        except (KeysRefused, TimeoutError) as error:
            why = str(error) or f"no answer within {PATIENCE:.0f} s"
            _log.warning("issuer_keys_refused", source=self._source.name, reason=why)
        finally:
            self._fetching = None

    def _age(self) -> float:
        return self._clock() - self._fetched_at
