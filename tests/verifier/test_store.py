"""What a database does for the service, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store import Connection, connector, migrate, migrations
from tests.verifier.stores import Store

PATIENCE = 10.0


@pytest.fixture
def counted(store: Store) -> Store:
    """A store with a table of one number."""
    store.connection.script("CREATE TABLE counter (n BIGINT); INSERT INTO counter (n) VALUES (0)")
    return store


def count(connection: Connection) -> int:
    ((n,),) = connection.rows("SELECT n FROM counter")
    return int(n)


def count_up(connection: Connection) -> None:
    """Reads, and writes back one more."""
    connection.rows("UPDATE counter SET n = ?", count(connection) + 1)


def in_thread(job: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    return thread


# Rows


VALUES = {
    "BIGINT": (None, 0, -1, 2**15, 2**31, 2**53 - 1, 2**63 - 1, -(2**63)),
    "BYTEA": (None, b"", b"\0", bytes(range(256)), bytes(1_000_000)),
    "TEXT": (None, "", "100 %s", "who?", 'it\'s "so"', "back\\slash", "Ünïcode ☃ 🗝", "%_"),
}


def test_a_value_comes_back_as_it_was_written(store: Store) -> None:
    for kind, values in VALUES.items():
        store.connection.script(f"CREATE TABLE kept_{kind} (x {kind})")
        insert = f"INSERT INTO kept_{kind} (x) VALUES (?) RETURNING x"
        for value in values * 7:  # by then a statement is prepared
            ((returned,),) = store.connection.rows(insert, value)
            assert returned == value and type(returned) is type(value)
        for value in values[1:]:
            found = store.connection.rows(f"SELECT x FROM kept_{kind} WHERE x = ?", value)
            assert found == [(value,)] * 7 and type(found[0][0]) is type(value)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    rows=st.lists(
        st.tuples(
            st.binary(max_size=40),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
        ),
        max_size=8,
    )
)
def test_rows_come_back_alike(store: Store, rows: list[tuple[bytes, int | None, str]]) -> None:
    connection = store.connection
    with connection.writing():
        connection.rows("DROP TABLE IF EXISTS kept")
        connection.rows("CREATE TABLE kept (at BIGINT, b BYTEA, n BIGINT, t TEXT)")
        for at, row in enumerate(rows):
            connection.rows("INSERT INTO kept (at, b, n, t) VALUES (?, ?, ?, ?)", at, *row)
    with connection.reading():
        assert connection.rows("SELECT b, n, t FROM kept ORDER BY at") == rows


def test_a_statement_without_rows_gives_none(store: Store) -> None:
    assert store.connection.rows("DELETE FROM replay") == []
    assert store.connection.rows("SELECT key FROM replay") == []


def test_what_is_there_already_is_kept_and_not_returned(store: Store) -> None:
    insert = (
        "INSERT INTO replay (key, until) VALUES (?, ?), (?, ?) "
        "ON CONFLICT (key) DO NOTHING RETURNING key"
    )
    assert store.connection.rows(insert, b"a", 1, b"b", 1) == [(b"a",), (b"b",)]
    assert store.connection.rows(insert, b"b", 2, b"c", 2) == [(b"c",)]
    kept = store.connection.rows("SELECT key, until FROM replay ORDER BY key")
    assert kept == [(b"a", 1), (b"b", 1), (b"c", 2)]


def test_what_goes_is_returned(store: Store) -> None:
    store.connection.rows("INSERT INTO replay (key, until) VALUES (?, 1), (?, 2)", b"a", b"b")
    assert store.connection.rows("DELETE FROM replay WHERE until < ? RETURNING 1", 2) == [(1,)]


# Transactions


def test_a_transaction_that_raises_leaves_nothing(counted: Store) -> None:
    with pytest.raises(KeyError), counted.connection.writing():  # noqa: PT012 - all of it is left
        count_up(counted.connection)
        raise KeyError
    assert count(counted.connection) == 0
    assert count(counted.connect()) == 0


def test_a_transaction_whose_statement_fails_leaves_nothing(counted: Store) -> None:
    with pytest.raises(Unavailable), counted.connection.writing():  # noqa: PT012 - as above
        count_up(counted.connection)
        counted.connection.rows("INSERT INTO nowhere (x) VALUES (1)")
    assert count(counted.connect()) == 0
    with counted.connection.writing():
        count_up(counted.connection)
    assert count(counted.connect()) == 1


@pytest.mark.parametrize("more", [True, False], ids=["and goes on", "and ends"])
def test_a_commit_that_says_nothing_has_happened(counted: Store, more: bool) -> None:
    # Somebody swallows what a statement raised. PostgreSQL then rolls back what it is told to
    # commit, and does not call that an error.
    try:
        with counted.connection.writing():
            count_up(counted.connection)
            with suppress(Unavailable):
                counted.connection.rows("INSERT INTO nowhere (x) VALUES (1)")
            if more:
                count_up(counted.connection)
    except Unavailable:
        assert count(counted.connect()) == 0
    else:
        assert count(counted.connect()) == 1 + more


def test_a_schema_that_fails_half_way_leaves_nothing(store: Store) -> None:
    with pytest.raises(Unavailable), store.connection.writing():
        store.connection.script("CREATE TABLE half (x BIGINT); CREATE TABLE half (x BIGINT)")
    with pytest.raises(Unavailable):
        store.connection.rows("SELECT x FROM half")


def test_a_failure_shows_no_value(store: Store) -> None:
    secret = b"a session's hash"
    store.connection.rows("INSERT INTO replay (key, until) VALUES (?, 1)", secret)
    with pytest.raises(Unavailable) as caught:
        store.connection.rows("INSERT INTO replay (key, until) VALUES (?, 1)", secret)
    shown: BaseException | None = caught.value
    while shown is not None and not shown.__suppress_context__:
        assert secret.hex() not in str(shown) and "hash" not in str(shown)
        shown = shown.__cause__ or shown.__context__


def test_of_two_writers_none_loses_what_it_wrote(counted: Store) -> None:
    each, together = 40, 4

    def work() -> None:
        connection = counted.connect()
        for _ in range(each):
            with connection.writing():
                count_up(connection)

    with ThreadPoolExecutor(together) as pool:
        for done in [pool.submit(work) for _ in range(together)]:
            done.result()
    assert count(counted.connection) == each * together


def test_who_waited_to_write_sees_what_was_written_meanwhile(counted: Store) -> None:
    second = counted.connect()
    assert count(second) == 0  # it knows the number of before
    seen: list[int] = []

    def write() -> None:
        with second.writing():
            seen.append(count(second))

    with counted.connection.writing():
        thread = in_thread(write)
        time.sleep(0.2)
        assert not seen
        count_up(counted.connection)
    thread.join(PATIENCE)
    assert seen == [1]


def test_what_a_writer_reads_stays_so_until_it_commits(counted: Store) -> None:
    second = counted.connect()

    def write() -> None:
        with second.writing():
            count_up(second)

    with counted.connection.writing():
        assert count(counted.connection) == 0
        thread = in_thread(write)
        time.sleep(0.2)
        assert count(counted.connection) == 0
    thread.join(PATIENCE)
    assert count(counted.connection) == 1


def test_a_reader_sees_one_moment(counted: Store) -> None:
    reader = counted.connect()
    with reader.reading():
        assert count(reader) == 0
        with counted.connection.writing():
            count_up(counted.connection)
        assert count(reader) == 0
    with reader.reading():
        assert count(reader) == 1


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_not_committed(
    counted: Store,
) -> None:
    reader = counted.connect()
    with counted.connection.writing():
        count_up(counted.connection)
        with reader.reading():
            assert count(reader) == 0
    with reader.reading():
        assert count(reader) == 1


def test_a_connection_that_was_closed_is_opened_again(counted: Store) -> None:
    counted.connection.close()
    with counted.connection.writing():
        count_up(counted.connection)
    counted.connection.close()
    counted.connection.close()
    assert count(counted.connection) == 1


def test_others_learn_that_something_was_written(counted: Store) -> None:
    watcher = counted.connect()
    if counted.is_sqlite:
        before = watcher.changes()
        assert watcher.changes() == before
        with counted.connection.writing():
            count_up(counted.connection)
        assert watcher.changes() != before
        return
    watcher.listen(0)
    assert not watcher.listen(0.05)
    with counted.connection.writing():
        counted.connection.wake()
        assert not watcher.listen(0.05)
    assert watcher.listen(PATIENCE)
    assert not watcher.listen(0.05)


# Migrations


def test_migrations_are_taken_once(empty: Store) -> None:
    number = migrate(empty.connection)
    empty.connection.rows("UPDATE replay_state SET held = 7")
    assert migrate(empty.connection) == migrate(empty.connect()) == number
    assert empty.connection.rows("SELECT held FROM replay_state") == [(7,)]
    wanted = [(number,) for number, _ in migrations.steps()]
    assert empty.connection.rows("SELECT number FROM migrations ORDER BY number") == wanted


def test_of_many_that_start_at_once_one_migrates(empty: Store) -> None:
    together = 6
    start = threading.Barrier(together)

    def work() -> int:
        connection = empty.connect()
        start.wait(PATIENCE)
        return migrate(connection)

    with ThreadPoolExecutor(together) as pool:
        numbers = [done.result() for done in [pool.submit(work) for _ in range(together)]]
    assert set(numbers) == {migrations.steps()[-1][0]}
    assert empty.connection.rows("SELECT count(*) FROM replay_state") == [(1,)]


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations.steps()] == [
        n + 1 for n in range(len(migrations.steps()))
    ]


def test_a_store_of_a_newer_version_is_refused_and_not_touched(store: Store) -> None:
    store.connection.rows("INSERT INTO migrations (number) VALUES (9999)")
    with pytest.raises(Unavailable, match="newer"):
        migrate(store.connection)
    assert (9999,) in store.connection.rows("SELECT number FROM migrations")


def test_a_migration_that_fails_leaves_nothing(
    empty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = migrations.steps()
    last = good[-1][0]
    broken = [*good, (last + 1, "CREATE TABLE half (x BIGINT); INSERT INTO nowhere VALUES (1)")]
    monkeypatch.setattr(migrations, "steps", lambda: broken)
    with pytest.raises(Unavailable):
        migrate(empty.connection)
    monkeypatch.undo()
    assert migrate(empty.connection) == last
    with pytest.raises(Unavailable):
        empty.connection.rows("SELECT x FROM half")


def test_a_migration_is_taken_on_what_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = migrations.steps()
    more = [*good, (good[-1][0] + 1, "ALTER TABLE replay ADD COLUMN more BIGINT")]
    other = store.connect()
    for _ in range(7):
        assert other.rows("SELECT key, until FROM replay") == []
    monkeypatch.setattr(migrations, "steps", lambda: more)
    assert migrate(store.connection) == more[-1][0]
    # A service of before, with statements prepared on the old schema, goes on.
    assert other.rows("SELECT key, until FROM replay") == []
    monkeypatch.undo()
    with pytest.raises(Unavailable, match="newer"):
        migrate(other)


# URLs


@pytest.mark.parametrize(
    "url",
    ["", "sqlite:///", "sqlite://memory", "mysql://x", "postgres", "file.db", "POSTGRESQL://x"],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///FILE"):
        connector(url)
