"""PostgreSQL, for more than one service: an extra (`pip install chaincred[postgres]`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import psycopg

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Rows

CHANNEL: Final = "chaincred"
"""Where a revocation is notified: a wake-up only, the table is asked for what it is."""
_WRITER: Final = 0x636861696E
"""The advisory lock of the one writer."""
_OPTIONS: Final = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c synchronous_commit=on "
    "-c idle_in_transaction_session_timeout=10000 -c default_transaction_isolation=read\\ committed"
)


class PostgresConnection:
    """A connection to a PostgreSQL database, named by its URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open: psycopg.Connection[tuple[Any, ...]] | None = None

    def rows(self, sql: str, *values: Any) -> Rows:
        try:
            cursor = self._connection().execute(sql.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._failed(error) from error

    def script(self, sql: str) -> None:
        try:
            self._connection().execute(sql.encode())
        except psycopg.Error as error:
            raise self._failed(error) from error

    def writing(self) -> AbstractContextManager[None]:
        return self._transaction("BEGIN", f"SELECT pg_advisory_xact_lock({_WRITER})")

    def reading(self) -> AbstractContextManager[None]:
        return self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[None]:
        try:
            for statement in begin:
                self.rows(statement)
            yield
            self.rows("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def changes(self) -> object:
        return None

    def wake(self) -> None:
        self.rows("SELECT pg_notify(?, '')", CHANNEL)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def listen(self, seconds: float) -> bool:
        """Whether somebody notified the channel within `seconds`."""
        try:
            connection = self._connection()
            connection.execute(f"LISTEN {CHANNEL}")
            return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            raise self._failed(error) from error

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._open is None or self._open.closed:
            self._open = psycopg.connect(
                self._url, autocommit=True, connect_timeout=5, options=_OPTIONS
            )
        return self._open

    def _roll_back(self) -> None:
        if self._open is None:
            return
        try:
            self._open.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def _failed(self, error: psycopg.Error) -> Unavailable:
        if self._open is not None and self._open.broken:
            self.close()
        # The message of the error is left out: it can hold the URL with its password.
        return Unavailable(f"the store failed: {type(error).__name__}")
