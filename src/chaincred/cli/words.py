"""Times and spans as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_LAST: Final = 253_402_300_799
"""The last second of the year 9999; no calendar here goes further."""


def moment(second: int) -> str:
    """`2026-01-31 12:00:00Z`."""
    if second > _LAST:
        return f"second {second}"
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def span(seconds: int) -> str:
    """The two greatest units: `14 min 3 s`; `0 s` for less than nothing, by clocks that differ."""
    parts = []
    seconds = max(0, seconds)
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2]) or "0 s"


def ago(second: int, now: int) -> str:
    """`2 min ago`, or `in 2 min`."""
    return f"{span(now - second)} ago" if second <= now else f"in {span(second - now)}"
