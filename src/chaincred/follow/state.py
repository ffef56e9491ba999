"""What can be seen of a follower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["stream", "poll", "waiting", "stopped"]


@dataclass(frozen=True, slots=True)
class FollowerState:
    """A follower at one moment. Times are seconds since 1970.

    `mode` is `stream` while updates come by stream, `poll` while they are asked for, `waiting`
    while it is out of touch, `stopped` while it does not run. `number` is that of the last entry
    held, `age` (seconds) and `fresh_until` are those of the head that is relied on, None before
    the first. `last_heard` is when an update was last relied on; `last_error` what went wrong
    last, at `last_error_at`. `acknowledged` is the number of the last acknowledgement that the
    service took, `ack_error` why it did not take the last one.
    """

    mode: Mode
    number: int
    age: int | None
    fresh_until: int | None
    last_heard: int | None
    last_error: str | None
    last_error_at: int | None
    acknowledged: int | None
    ack_error: str | None
    at: int

    @property
    def fresh(self) -> bool:
        """Whether there is a head, and it may still be relied on for one effect or another."""
        return self.fresh_until is not None and self.at < self.fresh_until
