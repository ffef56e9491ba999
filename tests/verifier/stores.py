"""Both stores, one after the other: what holds of one has to hold of the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from chaincred import SigningKey
from chaincred_verifier.compacting import Found
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.store import Connection, connector, migrate

LIST_ID: Final = bytes(range(16))
NOW: Final = 1_700_000_000


class _TakenBack(Exception):
    pass


class Store:
    """A database by its URL, and the connections that a test makes to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[Connection] = []
        self.connection = self.connect()

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def connect(self) -> Connection:
        connection = connector(self.url)()
        self._made.append(connection)
        return connection

    @contextmanager
    def writing(
        self, now: int = NOW, *, known: Known | None = None, capacity: int = 1_000
    ) -> Iterator[Writing]:
        """A write transaction in the words of the service."""
        with self.connection.writing():
            yield Writing(
                self.connection,
                Known() if known is None else known,
                list_id=LIST_ID,
                now=now,
                capacity=capacity,
            )

    @contextmanager
    def trying(self, now: int = NOW, *, capacity: int = 1_000) -> Iterator[Writing]:
        """A write transaction that is taken back: for the many examples of one test."""
        with suppress(_TakenBack), self.writing(now, capacity=capacity) as writing:
            yield writing
            raise _TakenBack

    def wipe(self) -> None:
        """Makes it as it was when it was migrated."""
        with self.connection.writing():
            for table in _TABLES:
                self.connection.rows(f"DELETE FROM {table}")
            self.connection.rows("UPDATE replay_state SET latest = 0, held = 0")

    def close(self) -> None:
        for each in self._made:
            each.close()


def compact(writing: Writing, key: SigningKey, *, now: int, keep: int) -> int:
    """Compacts the list within one transaction, and gives the snapshot's number."""
    compacted = Found.read(writing).compacted(key, (key.public_key,), now)
    assert compacted.put(writing, keep=keep)
    return compacted.place.seq


_TABLES: Final = (
    "list_state", "list_snapshot", "entries", "replay", "audit", "audit_state", "blocks",
    "block_tasks", "killing", "dying", "followers", "acks", "sessions",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A database with nothing in it."""
    yield from _made(request, tmp_path, migrated=False)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A database that is migrated."""
    yield from _made(request, tmp_path, migrated=True)


def _made(request: pytest.FixtureRequest, folder: Path, *, migrated: bool) -> Iterator[Store]:
    if request.param == "sqlite":
        made = Store(f"sqlite:///{folder / 'store.db'}")
        if migrated:
            migrate(made.connection)
        yield made
        made.close()
        return
    # Asked for only here: who runs the tests of SQLite starts no server.
    server = request.getfixturevalue("postgres")
    name = server.database(migrated=migrated)
    made = Store(server.url(name))
    yield made
    made.close()
    server.give_back(name)
