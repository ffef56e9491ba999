"""What is printed: tables of medians, and the aims beside what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_UNKNOWN: Final = "-"


@dataclass(frozen=True, slots=True)
class Aim:
    """What the library aims at, and what this run saw of it; None if it saw nothing."""

    aim: str
    limit: float
    seen: float | None
    unit: str = ""

    def verdict(self) -> str:
        if self.seen is None:
            return "not measured"
        return "met" if self.seen <= self.limit else "not met"


def number(value: float | None, places: int = 1) -> str:
    return _UNKNOWN if value is None else f"{value:,.{places}f}"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A title, and columns of which all but the first are aligned to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([title, "", *(f"  {line}" for line in shown), ""])


def aims(listed: Sequence[Aim]) -> str:
    rows = [
        [aim.aim, f"{aim.limit:g}{aim.unit}", number(aim.seen, 2) + aim.unit, aim.verdict()]
        for aim in listed
    ]
    return table("Aims", ["", "at most", "seen", ""], rows)
