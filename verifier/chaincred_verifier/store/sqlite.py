"""SQLite: WAL, and synced to disk at every commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Rows

BUSY: Final = 5.0
"""Seconds to wait for another writer: a thousand of its commits."""
# With synchronous=NORMAL a power cut takes back commits that were answered already.
PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=8000",
    "PRAGMA trusted_schema=OFF",
)
_HARMLESS: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CONSTRAINT,
    }
)
"""A statement that fails for such a reason leaves the connection good."""


class DatabaseFile:
    """The file at a path: whichever is there first, made if none is. Never another one later.

    What is written to a file that was moved, nobody finds again; and to open one that was put in
    its place would mix it with what the first has left in its log.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._first: tuple[int, int] | None = None

    def open(self, seconds: float) -> sqlite3.Connection:
        """A connection that waits so many seconds for a lock. Raises Unavailable, sqlite3.Error."""
        if self._first is None:
            self._make()
        else:
            self.require()
        opened = sqlite3.connect(
            f"file:{quote(self._path)}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=seconds,
        )
        try:
            for pragma in PRAGMAS:
                opened.execute(pragma)
            self._first = self._first or self._found()
            self.require()
        except BaseException:
            opened.close()
            raise
        return opened

    def _make(self) -> None:
        # For its owner only, and so will be the files beside it: it tells who did what.
        with suppress(OSError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))

    def require(self) -> None:
        """Raises Unavailable unless the first file is where it was."""
        if self._found() != self._first:
            raise Unavailable("the store's file is not where it was")

    def _found(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - twice a commit; a Path costs as much again
        except OSError as error:
            raise Unavailable("the store's file is not there") from error
        return status.st_dev, status.st_ino


class SqliteConnection:
    """A connection to a database file. Those to one file are made from one `DatabaseFile`."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._patience = BUSY
        self._open: sqlite3.Connection | None = None
        self._opened = 0
        self._faulty = False

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
            self._file.require()
            yield
            self.rows("COMMIT")
            # Again, before anybody is told that it is written.
            self._file.require()
        except BaseException:
            if self._open is not None and self._open.in_transaction:
                try:
                    self._open.execute("ROLLBACK")
                except sqlite3.Error:
                    self.close()
            if self._faulty:
                self.close()
            raise

    def changes(self) -> object:
        # Asked on an event loop, where nothing may wait for a lock.
        if self._patience:
            self._patience = 0.0
            self.close()
        version = self.rows("PRAGMA data_version")[0][0]
        self._file.require()
        # It begins anew with each connection.
        return version, self._opened

    def wake(self) -> None:
        """Nothing: `changes` sees it."""

    def listen(self, seconds: float) -> bool:
        raise NotImplementedError("ask for changes")

    def close(self) -> None:
        self._faulty = False
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._file.open(self._patience)
            self._opened += 1
        return self._open

    def _failed(self, error: sqlite3.Error) -> Unavailable:
        # After a fault of the disk nobody knows what a connection holds, so it is opened anew.
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)
        self._faulty = self._faulty or code & 0xFF not in _HARMLESS
        if self._faulty and self._open is not None and not self._open.in_transaction:
            self.close()
        return Unavailable(f"the store failed: {type(error).__name__}")
