"""What a follower does next: a plan without clock or socket (specs/service.md 7 and 8).

The stream comes first: it tells of a revocation at once, and what it sends first makes good what
was missed. Where one brings nothing although the service answers otherwise, something in between
holds it back: then the list is asked for instead, and the stream tried again later. Whatever does
not join what the view holds ends in asking for more: after the stream the entries since, after
those the whole list.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chaincred.errors import ChaincredError, ListRefused
from chaincred.follow.state import Mode

MAX_DELTA: Final = 2**24
"""Bytes of entries at once, 70,000 of the longest. Whoever missed more takes the whole list."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0
"""Seconds. A server refuses what cannot be undone after 5 without a list: once the service is
back, its followers are to be as well, 99 of 100 within 2."""
STEADY: Final = 1.0
"""Seconds that a stream has to last before its end is taken for a first mishap."""
BLAMED: Final = 2
"""Streams without an update, in a row, though the service answered: then polling."""
STREAM_AGAIN: Final = 30.0
STREAM_AGAIN_AT_LAST: Final = 600.0
"""Seconds until the stream is tried again, doubled each time it was to blame."""
WHOLE_RATE: Final = 2**22
LONGEST_WHOLE: Final = 30.0
"""A whole list costs both sides its size, 336 MB at most: the next one is not asked for before
so many bytes a second would have brought it, or these seconds have passed."""

_MAX_WORDS: Final = 200
_random: Final = random.SystemRandom().random


class NotTaken(Exception):
    """What came is no update that can be used; `further`: something longer may do."""

    def __init__(self, reason: str, *, further: bool = False) -> None:
        super().__init__(reason)
        self.further = further


class Reset(NotTaken):
    """The stream does not reach back to what the view holds."""


class NotReached(NotTaken):
    """There was nobody to ask."""


@dataclass(frozen=True, slots=True)
class Take:
    """Get one update of at most `limit` bytes from `url`, and rely on it."""

    url: str
    limit: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Listen:
    """Open the stream at `url`, and rely on each update of at most `limit` bytes."""

    url: str
    limit: int = MAX_DELTA


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


class Following:
    """Says what to do, and is told how it went. `now` is any clock that only goes forward.

    `urls` are the bases of services that publish the same list: after a failure it is the next
    one's turn. `poll` is in seconds, `max_list` in bytes. `draw` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        poll: float,
        max_list: int,
        draw: Callable[[], float] = _random,
    ) -> None:
        self._urls = urls
        self._poll = poll
        self._max_list = max_list
        self._draw = draw
        self.mode: Mode = "waiting"
        self._turn = 0
        self._failures = 0
        self._pause = 0.0
        self._whole = False
        self._whole_at = 0.0
        self._entries = False
        self._suspect = False
        self._blame = 0
        self._stream_at = 0.0
        self._stream_again = STREAM_AGAIN
        self._heard_at: float | None = None

    @property
    def base(self) -> str:
        """The service whose turn it is."""
        return self._urls[self._turn % len(self._urls)]

    def next_step(self, number: int | None, now: float) -> Take | Listen | Wait:
        """What to do for a view that holds `number` entries; None: it has seen no list yet."""
        if self._pause:
            pause, self._pause = self._pause, 0.0
            return Wait(pause)
        if number is None or self._whole:
            if now < self._whole_at:
                return Wait(self._whole_at - now)
            return Take(f"{self.base}/v1/list", self._max_list, whole=True)
        if self._entries or now < self._stream_at:
            return Take(f"{self.base}/v1/list?since={number}", MAX_DELTA, whole=False)
        self._heard_at = None
        return Listen(f"{self.base}/v1/list/stream?since={number}")

    def spent(self, size: int, now: float) -> None:
        """A whole list, or what was sent in its place, has taken `size` bytes."""
        self._whole_at = now + min(size / WHOLE_RATE, LONGEST_WHOLE)

    def heard(self, now: float) -> None:
        """An update from the stream is relied on."""
        self.mode = "stream"
        if self._heard_at is None:
            self._heard_at = now
            self._blame, self._stream_again = 0, STREAM_AGAIN
        # One that always ends after its first update must not be begun anew without a pause.
        if now >= self._heard_at + STEADY:
            self._failures = 0

    def took(self, now: float) -> None:
        """An update that was asked for is relied on."""
        self._whole = self._entries = False
        self._failures = 0
        # The service answers, so it was the stream's own fault that nothing came by it.
        if self._suspect:
            self._suspect = False
            self._blame += 1
            if self._blame >= BLAMED:
                self._stream_at = now + self._stream_again
                self._stream_again = min(2 * self._stream_again, STREAM_AGAIN_AT_LAST)
        if now < self._stream_at:
            self.mode = "poll"
            self._pause = self._poll * (0.75 + self._draw() / 4)

    def failed(self, step: Take | Listen, error: Exception) -> None:
        """The step ended with `error`, as each stream does sometime."""
        self.mode = "waiting"
        further = _needs_more(error)
        if isinstance(step, Listen):
            # Where there is nobody to ask, it is not the stream that is held back.
            silent = self._heard_at is None and not isinstance(error, NotReached)
            self._suspect = silent
            self._entries = silent or further
            self._whole = isinstance(error, Reset)
        else:
            # Who wants more is answered, and the suspicion stays to be settled by that.
            self._suspect = self._suspect and further
            self._entries = False
            self._whole = step.whole or further
        self._turn += 1
        # Full jitter: whom the same outage has cut off does not come back at the same moment.
        self._pause = self._draw() * min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)


def _needs_more(error: Exception) -> bool:
    if isinstance(error, ListRefused):
        return error.code == "list_gap"
    return isinstance(error, NotTaken) and error.further


def in_words(error: Exception) -> str:
    """What went wrong, in one line that is not long; what others wrote may be part of it."""
    if isinstance(error, ChaincredError):
        text = f"{error.code}: {error}"
    elif isinstance(error, TimeoutError):
        text = "nothing came in time"
    elif isinstance(error, NotTaken):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return "".join(each if each.isprintable() else "?" for each in text[:_MAX_WORDS])
