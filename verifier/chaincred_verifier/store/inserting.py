"""Many rows in few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chaincred_verifier.store.driver import Reading, Row, Rows

_AT_ONCE: Final = (64, 8, 1)
"""Rows of one statement. Few different texts, so that each is parsed once and kept."""


def insert(store: Reading, into: str, rows: Sequence[Row], then: str = "") -> Rows:
    """Inserts `rows` `into` a table (`table (column, …)`), and gives what `then` returns."""
    given: Rows = []
    done = 0
    for size in _AT_ONCE:
        while len(rows) - done >= size:
            part = rows[done : done + size]
            row = f"({', '.join('?' * len(part[0]))})"
            values: list[Any] = [each for row in part for each in row]
            given += store.rows(
                f"INSERT INTO {into} VALUES {', '.join([row] * size)} {then}", *values
            )
            done += size
    return given
