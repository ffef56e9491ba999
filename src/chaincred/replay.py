"""Replay memory: which proofs were seen (specs/token.md 8, step 3)."""

from __future__ import annotations

import threading
from typing import Final, Protocol

CAPACITY: Final = 1_000_000
"""Proofs held at once: about 150 MB, and 8,000 calls a second for the two minutes they live."""


class ReplayMemory(Protocol):
    """Where a verifier keeps the proofs it has seen. One store for all that share an audience."""

    def add(self, key: bytes, until: int, now: int) -> bool:
        """Adds `key` (48 bytes), to be kept until the second `until`, inclusive.

        True if it was not there. One atomic step: of two callers with one key, one gets True.
        False also for what may have been forgotten already, and when there is no room. A store
        that cannot answer raises: then the proof is refused.
        """


class InMemoryReplay:
    """A replay memory for one process, safe between threads; adding and forgetting are O(1).

    A clock that jumps ahead makes it refuse everything until that time comes. It restarts empty:
    a process that restarts within a proof's window can be shown it again.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._seen: set[bytes] = set()
        self._dying: dict[int, list[bytes]] = {}
        self._latest = 0
        self._lock = threading.Lock()

    def add(self, key: bytes, until: int, now: int) -> bool:
        with self._lock:
            if now > self._latest:
                self._forget_before(now)
            # A clock that is set back must not revive what was forgotten before it was.
            if until < self._latest or len(self._seen) >= self._capacity or key in self._seen:
                return False
            self._seen.add(key)
            self._dying.setdefault(until, []).append(key)
            return True

    def __len__(self) -> int:
        return len(self._seen)

    def _forget_before(self, now: int) -> None:
        self._latest = now
        # A verifier's proofs live for two minutes at most, so there are at most 121 seconds here.
        for until in [second for second in self._dying if second < now]:
            self._seen.difference_update(self._dying.pop(until))
