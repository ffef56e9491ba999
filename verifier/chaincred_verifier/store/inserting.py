"""Many rows in few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from chaincred_verifier.store.driver import Reading, Row, Rows

MOST: Final = 64
"""Rows of one statement."""


def insert(store: Reading, into: str, rows: Sequence[Row], then: str = "") -> Rows:
    """Inserts `rows` `into` a table (`table (column, …)`), and gives what `then` returns."""
    given: Rows = []
    for marks, values in parts(rows):
        given += store.rows(f"INSERT INTO {into} VALUES {marks} {then}", *values)
    return given


def parts(rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    """What stands after VALUES, and its values, for some of the rows at a time.

    Few different texts, so that each is parsed once and kept, and few statements, since each is a
    way to the database and back: 64 rows at once, then 32, 16, 8, 4, 2, 1.
    """
    done, size = 0, MOST
    while done < len(rows):
        while len(rows) - done < size:
            size //= 2
        part = rows[done : done + size]
        row = f"({', '.join('?' * len(part[0]))})"
        yield ", ".join([row] * size), [each for row in part for each in row]
        done += size
