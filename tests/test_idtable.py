"""The sorted table of revoked ids."""

import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred.idtable import IdTable

# Few first halves, so that ids share them.
ids = st.builds(
    lambda high, low: bytes([high]) * 8 + bytes([low]) * 8, st.integers(0, 3), st.integers(0, 5)
)
rows = st.dictionaries(ids, st.integers(0, 2**32 - 1), max_size=12)


@given(rows, rows, ids)
def test_a_table_is_a_dictionary_that_keeps_the_greater_until(first, second, id):
    table = IdTable.empty().adding(first).adding(second)
    expected = {key: max(first.get(key, 0), second.get(key, 0)) for key in {**first, **second}}
    assert len(table) == len(expected)
    assert table.until(id) == expected.get(id)
    assert table.any_of([id]) == (id if id in expected else None)
    assert all(table.until(key) == until for key, until in expected.items())


@given(rows)
def test_a_table_comes_back_from_its_columns(entries):
    table = IdTable.empty().adding(entries)
    ids, untils = table.to_columns()
    assert ids == b"".join(sorted(entries))
    assert IdTable.from_columns(ids, untils).to_columns() == (ids, untils)


@given(rows, st.integers(0, 2**32 - 1))
def test_what_has_died_can_be_left_out(entries, second):
    alive = IdTable.empty().adding(entries).alive(second)
    kept = {key: until for key, until in entries.items() if until >= second}
    assert alive.to_columns() == IdTable.empty().adding(kept).to_columns()


@given(rows, rows, st.integers(0, 2**32 - 1))
def test_a_table_tells_what_another_lost(held, shown, now):
    missing = any(until > now and shown.get(key, 0) < until for key, until in held.items())
    tables = (IdTable.empty().adding(held), IdTable.empty().adding(shown))
    assert tables[0].missing_from(tables[1], now) == missing


@pytest.mark.parametrize(
    ("ids", "untils"),
    [
        (bytes(15), bytes(4)),
        (bytes(16), bytes(3)),
        (bytes(16), b""),
        (bytes(16), bytes(8)),
        (bytes(32), bytes(8)),
        (b"\1" * 16 + bytes(16), bytes(8)),
    ],
)
def test_columns_fit_together_and_ascend(ids, untils):
    with pytest.raises(ValueError, match="ids"):
        IdTable.from_columns(ids, untils)


def test_an_id_takes_twenty_bytes():
    table = IdTable.empty().adding({i.to_bytes(16, "big"): 1 for i in range(1000)})
    for each in (table, IdTable.from_columns(*table.to_columns())):
        columns = (each._high, each._low, each._until)
        empty = (array(column.typecode) for column in columns)
        size = sum(map(sys.getsizeof, columns)) - sum(map(sys.getsizeof, empty))
        assert size == 20 * 1000
