"""A sorted table of 16-byte ids, each with the second it may be forgotten.

Three arrays of C integers, 20 bytes an id: a set of Python objects would take ten times that.
Looking up is a binary search by the first eight bytes; adding copies the arrays, which at
ten million ids takes some tens of milliseconds and spares readers a lock.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

ID_SIZE: Final = 16
_UNTIL_SIZE: Final = 4
_HALVES: Final = struct.Struct(">QQ")


class IdTable:
    """Ids and their `until`, immutable: a new table comes from `adding` or `alive`."""

    __slots__ = ("_high", "_low", "_until")

    def __init__(self, high: array[int], low: array[int], until: array[int]) -> None:
        self._high = high
        self._low = low
        self._until = until

    @classmethod
    def empty(cls) -> IdTable:
        return cls(array("Q"), array("Q"), array("I"))

    @classmethod
    def from_columns(cls, ids: bytes, untils: bytes) -> IdTable:
        """The table of `ids` (16 bytes each, ascending) and `untils` (4 each, big-endian).

        Raises ValueError if they are not so.
        """
        if len(ids) % ID_SIZE or len(untils) % _UNTIL_SIZE:
            raise ValueError("ids are 16 bytes each and untils 4")
        if len(ids) // ID_SIZE != len(untils) // _UNTIL_SIZE:
            raise ValueError("as many untils as ids")
        halves = _big_endian("Q", ids)
        table = cls(halves[0::2], halves[1::2], _big_endian("I", untils)[:])
        if not all(a < b for a, b in pairwise(zip(table._high, table._low, strict=True))):
            raise ValueError("ids are in ascending order, none twice")
        return table

    def to_columns(self) -> tuple[bytes, bytes]:
        """`ids` and `untils` as `from_columns` takes them."""
        halves = array("Q", bytes(ID_SIZE * len(self)))
        halves[0::2] = self._high
        halves[1::2] = self._low
        return _to_big_endian(halves), _to_big_endian(self._until)

    def __len__(self) -> int:
        return len(self._high)

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Each id (16 bytes) and its `until`, in ascending order."""
        for high, low, until in zip(self._high, self._low, self._until, strict=True):
            yield _HALVES.pack(high, low), until

    def until(self, id: bytes) -> int | None:
        """The second that `id` (16 bytes) may be forgotten; None if it is not here."""
        if not self._high:
            return None
        high, low = _HALVES.unpack(id)
        at = self._find(high, low)
        if at < len(self._high) and self._high[at] == high and self._low[at] == low:
            return self._until[at]
        return None

    def adding(self, entries: Mapping[bytes, int]) -> IdTable:
        """This table and `entries` (id to `until`); of two untils the greater one stays."""
        if not entries:
            return self
        held = (self._high, self._low, self._until)
        columns = (array("Q"), array("Q"), array("I"))
        done = 0
        for id in sorted(entries):
            high, low = _HALVES.unpack(id)
            at = self._find(high, low)
            until = self.until(id)
            row = (high, low, max(entries[id], until or 0))
            for column, old, value in zip(columns, held, row, strict=True):
                column.extend(old[done:at])
                column.append(value)
            done = at if until is None else at + 1
        for column, old in zip(columns, held, strict=True):
            column.extend(old[done:])
        # Copied once more: an array that has grown keeps room to grow.
        return IdTable(*(column[:] for column in columns))

    def alive(self, second: int) -> IdTable:
        """The ids whose `until` is `second` or later."""
        kept = [at for at, until in enumerate(self._until) if until >= second]
        if len(kept) == len(self):
            return self
        return IdTable(
            array("Q", (self._high[at] for at in kept)),
            array("Q", (self._low[at] for at in kept)),
            array("I", (self._until[at] for at in kept)),
        )

    def missing_from(self, other: IdTable, now: int) -> bool:
        """Whether an id that lives past `now` is not in `other`, or is there for less long."""
        return any(until > now and (other.until(id) or 0) < until for id, until in self.items())

    def any_of(self, ids: Iterable[bytes]) -> bytes | None:
        """The first of `ids` (16 bytes each) that is here; None if none is."""
        column = self._high
        size = len(column)
        for id in ids if size else ():
            high, _ = _HALVES.unpack(id)
            at = bisect_left(column, high)
            if at < size and column[at] == high and self.until(id) is not None:
                return id
        return None

    def _find(self, high: int, low: int) -> int:
        at = bisect_left(self._high, high)
        # Equal first halves are a coincidence of 2**-64, or someone's patient work.
        while at < len(self._high) and self._high[at] == high and self._low[at] < low:
            at += 1
        return at


def _big_endian(typecode: str, data: bytes) -> array[int]:
    column = array(typecode, data)
    if sys.byteorder == "little":  # pragma: no branch - the rest are big-endian already
        column.byteswap()
    return column


def _to_big_endian(column: array[int]) -> bytes:
    return _big_endian(column.typecode, column.tobytes()).tobytes()
