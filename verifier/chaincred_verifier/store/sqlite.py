"""SQLite: WAL, and synced to disk at every commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Rows

BUSY: Final = 5_000
"""Milliseconds to wait for another writer: a thousand of its commits."""
# With synchronous=NORMAL a power cut takes back commits that were answered already.
PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY}",
    "PRAGMA wal_autocheckpoint=2000",
    "PRAGMA trusted_schema=OFF",
)


class SqliteConnection:
    """A connection to a database file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    def rows(self, sql: str, *values: Any) -> Rows:
        try:
            return self._connection().execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def script(self, sql: str) -> None:
        # Not executescript: it commits a transaction that is open.
        for statement in sql.split(";"):
            if statement.strip():
                self.rows(statement)

    def writing(self) -> AbstractContextManager[None]:
        # At once, not at the first write: what is read before it must not be overtaken.
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[None]:
        return self._transaction("BEGIN")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.rows(begin)
        try:
            yield
            self.rows("COMMIT")
        except BaseException:
            if self._open is not None and self._open.in_transaction:
                try:
                    self._open.execute("ROLLBACK")
                except sqlite3.Error:
                    self.close()
            raise

    def changes(self) -> object:
        return self.rows("PRAGMA data_version")[0][0]

    def wake(self) -> None:
        """Nothing: `changes` sees it."""

    def listen(self, seconds: float) -> bool:
        raise NotImplementedError("ask for changes")

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            opened = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=BUSY / 1000
            )
            try:
                for pragma in PRAGMAS:
                    opened.execute(pragma)
            except BaseException:
                opened.close()
                raise
            self._open = opened
        return self._open

    def _failed(self, error: sqlite3.Error) -> Unavailable:
        # A statement that failed for a reason of its own leaves the connection good; after a
        # fault of the disk nobody knows what it holds, so it is opened anew.
        faulty = isinstance(error, sqlite3.OperationalError) and "locked" not in str(error)
        if faulty and self._open is not None and not self._open.in_transaction:
            self.close()
        return Unavailable(f"the store failed: {type(error).__name__}")
