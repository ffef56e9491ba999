"""What is printed: tables of medians, and the aims beside what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_UNKNOWN: Final = "-"


@dataclass(frozen=True, slots=True)
class Aim:
    """What we aim at, and what this run saw of it; None if it saw nothing.

    `limit` is what may be seen at most, or with `least` at least.
    """

    aim: str
    limit: float
    seen: float | None
    unit: str = ""
    least: bool = False

    def verdict(self) -> str:
        if self.seen is None:
            return "not measured"
        met = self.seen >= self.limit if self.least else self.seen <= self.limit
        return "met" if met else "not met"

    def bound(self) -> str:
        return f"at {'least' if self.least else 'most'} {self.limit:g}{self.unit}"


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
    rows = [[aim.aim, aim.bound(), number(aim.seen, 2) + aim.unit, aim.verdict()] for aim in listed]
    return table("Aims", ["", "aim", "seen", ""], rows)
