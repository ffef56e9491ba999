"""What is PostgreSQL's own: servers that end, hang, or fall silent while they commit."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store import connector
from chaincred_verifier.store import postgres as driver
from tests.verifier.postgres import Postgres
from tests.verifier.stores import Store

PATIENCE = 10.0


@pytest.fixture
def counted(postgres: Postgres, database: str) -> Iterator[Store]:
    """A store with a table of one number."""
    store = Store(postgres.url(database))
    store.connection.script("CREATE TABLE counter (n BIGINT); INSERT INTO counter (n) VALUES (0)")
    yield store
    store.close()


def count(store: Store) -> int:
    connection = store.connect()
    ((n,),) = connection.rows("SELECT n FROM counter")
    return int(n)


def count_up(store: Store) -> None:
    with store.connection.writing():
        store.connection.rows("UPDATE counter SET n = n + 1")


class Between:
    """A socket between a client and the server, which cuts them off at the commit.

    With `lets_through` the server is told to commit and only its answer is lost.
    """

    def __init__(self, folder: Path, server: str, *, lets_through: bool) -> None:
        self._server = server
        self._lets_through = lets_through
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            self._forward(client, server)
            back.join(PATIENCE)
            client.close()
            server.close()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while data := client.recv(65_536):
            if b"COMMIT" not in data:
                server.sendall(data)
                continue
            client.shutdown(socket.SHUT_RDWR)
            if self._lets_through:
                server.sendall(data)
            break
        # What was sent is still read and done.
        server.shutdown(socket.SHUT_WR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        return


@pytest.mark.parametrize("lets_through", [True, False], ids=["done", "not done"])
def test_a_commit_whose_answer_is_lost_is_not_called_done(
    counted: Store, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, lets_through: bool
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    between = Between(folder, f"{postgres.socket}/.s.PGSQL.5432", lets_through=lets_through)
    cut = connector(counted.url.replace(str(postgres.socket), str(folder)))()
    with pytest.raises(Unavailable), cut.writing():
        cut.rows("UPDATE counter SET n = n + 1")
    cut.close()
    between.close()
    eventually(lambda: count(counted) == lets_through)


def eventually(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_connection_goes_on_after_a_restart_as_if_nothing_had_been(
    counted: Store, postgres: Postgres, mode: str
) -> None:
    count_up(counted)
    postgres.restart(mode)
    count_up(counted)
    with counted.connection.reading():
        assert counted.connection.rows("SELECT n FROM counter") == [(2,)]


def test_a_transaction_that_a_restart_cut_off_is_not_gone_on_with(
    counted: Store, postgres: Postgres
) -> None:
    with pytest.raises(Unavailable), counted.connection.writing():  # noqa: PT012 - all of it is left
        counted.connection.rows("UPDATE counter SET n = n + 1")
        postgres.restart("immediate")
        with pytest.raises(Unavailable):
            counted.connection.rows("UPDATE counter SET n = n + 10")
        # Nor by itself on another connection, where it would be a transaction of its own.
        counted.connection.rows("UPDATE counter SET n = n + 100")
    assert count(counted) == 0


def test_each_of_many_kept_connections_heals(counted: Store, postgres: Postgres) -> None:
    kept = [counted.connect() for _ in range(8)]
    for each in kept:
        with each.reading():
            each.rows("SELECT 1")
    name = counted.url.partition("@/")[2].partition("?")[0]
    assert postgres.end_connections(name) >= 8
    for each in kept:
        with each.reading():
            assert each.rows("SELECT n FROM counter") == [(0,)]


def test_a_server_that_is_gone_is_unavailable_until_it_is_back(
    counted: Store, postgres: Postgres
) -> None:
    count_up(counted)
    postgres.stop()
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                count_up(counted)
            with pytest.raises(Unavailable):
                counted.connection.rows("SELECT 1")
            with pytest.raises(Unavailable):
                counted.connection.listen(1)
    finally:
        postgres.start()
    count_up(counted)
    assert count(counted) == 2


def test_a_server_that_hangs_is_waited_for_only_so_long(
    counted: Store, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "PATIENCE", 0.5)
    count_up(counted)
    postgres.hang()
    try:
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            count_up(counted)
        assert time.monotonic() - begun < 3
    finally:
        postgres.go_on()
    count_up(counted)
    eventually(lambda: count(counted) == 2)


def test_a_statement_that_takes_too_long_is_given_up(counted: Store) -> None:
    connection = counted.connection
    with pytest.raises(Unavailable), connection.writing():  # noqa: PT012 - all of it is left
        connection.rows("SET LOCAL statement_timeout = 100")
        connection.rows("UPDATE counter SET n = n + 1")
        connection.rows("SELECT pg_sleep(5)")
    count_up(counted)
    assert count(counted) == 1


def test_whoever_holds_the_store_is_not_waited_for_without_end(counted: Store) -> None:
    other = counted.connect()
    with other.writing():
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            count_up(counted)
        assert 3 < time.monotonic() - begun < 8
    count_up(counted)


def test_what_durable_and_exclusive_writing_stands_on_cannot_be_set_in_the_url(
    counted: Store,
) -> None:
    options = "-csynchronous_commit%3Doff%20-csearch_path%3Delsewhere%20-cstatement_timeout%3D0"
    connection = connector(f"{counted.url}&options={options}&application_name=mine")()
    shown = {
        name: connection.rows(f"SHOW {name}")[0][0]
        for name in (
            "synchronous_commit", "statement_timeout", "lock_timeout", "application_name",
            "idle_in_transaction_session_timeout", "default_transaction_isolation", "search_path",
            "client_encoding",
        )
    }  # fmt: skip
    connection.close()
    assert shown == {
        "synchronous_commit": "on",
        "statement_timeout": "10s",
        "lock_timeout": "5s",
        "application_name": "mine",
        "idle_in_transaction_session_timeout": "10s",
        "default_transaction_isolation": "read committed",
        "search_path": "elsewhere",
        "client_encoding": "UTF8",
    }


def test_a_database_in_another_encoding_is_refused(postgres: Postgres) -> None:
    name = postgres.create("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    connection = connector(postgres.url(name))()
    with pytest.raises(Unavailable, match="UTF-8"):
        connection.rows("SELECT 1")
    connection.close()


def test_a_server_that_no_longer_takes_writes_is_left(counted: Store) -> None:
    # As after a switch to another server: the one that was kept answers, but only reads.
    count_up(counted)
    counted.connection.rows("SET default_transaction_read_only = on")
    with pytest.raises(Unavailable):
        count_up(counted)
    count_up(counted)
    assert count(counted) == 2


def test_a_notification_is_heard_after_the_listening_connection_was_ended(
    counted: Store, postgres: Postgres
) -> None:
    watcher = counted.connect()
    watcher.listen(0)
    postgres.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                 "WHERE query LIKE 'LISTEN%'")  # fmt: skip
    with pytest.raises(Unavailable):
        watcher.listen(1)
    # It may have missed one, so it says so.
    assert watcher.listen(1)
    with counted.connection.writing():
        counted.connection.wake()
    assert watcher.listen(PATIENCE)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@host/db?nonsense=1",
        "postgresql://u:hunter2@host/db?sslmode",
        "postgresql://u:hunter2@[host/db",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL") as caught:
        connector(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hunter2@127.0.0.1:1/db", "no connection"),
        ("postgresql://u:hun@ter2@127.0.0.1/db", "no connection"),
        ("postgresql://u:hunter2@127.0.0.1:port/db", "no connection"),
        ("postgresql://u:hunter2@nowhere.invalid/db", "no connection"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_the_password(url: str, said: str) -> None:
    connection = connector(url)()
    with pytest.raises(Unavailable, match=said) as caught:
        connection.rows("SELECT 1")
    assert "ter2" not in str(caught.value) and caught.value.__suppress_context__
