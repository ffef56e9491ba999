"""The clock of a service, which is not believed at once when it leaps ahead (specs/service.md 12).

A head that was signed in the future cannot be taken back: who has taken it takes none from before.
And by such a clock proofs, sessions and entries are forgotten that are needed still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from chaincred.view import SKEW
from chaincred_verifier.problems import Unavailable


class Leapt(Unavailable):
    """The clock has leapt ahead, and nobody knows yet which time is right."""


def _steady() -> float:
    # It goes on while the machine sleeps, after which the clock has not leapt.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Whole seconds since 1970.

    After a leap of more than a minute ahead, as against the time that has passed, it raises Leapt
    for `patience` seconds, unless it is back sooner. Then it is believed: perhaps it was late.
    """

    def __init__(
        self,
        patience: float,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _steady,
    ) -> None:
        self._patience = patience
        self._wall = wall
        self._steady = steady
        self._lock = threading.Lock()
        self._ahead = wall() - steady()
        """Of what counts only the seconds that pass, as it is believed."""
        self._leap: tuple[float, float] | None = None
        """How far it is ahead since a leap, and when that was seen first."""

    def __call__(self) -> int:
        with self._lock:
            now, passed = self._wall(), self._steady()
            ahead = now - passed
            if ahead > self._ahead + SKEW:
                if self._leap is None or abs(ahead - self._leap[0]) > SKEW:
                    self._leap = ahead, passed
                left = self._leap[1] + self._patience - passed
                if left > 0:
                    raise Leapt(
                        f"the clock has leapt {ahead - self._ahead:.0f} s ahead: unless it goes "
                        f"back it is believed in {left:.0f} s"
                    )
            self._ahead, self._leap = ahead, None
            return int(now)
