"""PostgreSQL, for more than one service: an extra (`pip install chaincred[postgres]`)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Row, Rows

T = TypeVar("T")

CHANNEL: Final = "chaincred"
"""Where a revocation is notified: a wake-up only, the table is asked for what it is."""
_WRITER: Final = 0x636861696E
"""The advisory lock of the one writer."""
PATIENCE: Final = 12.0
"""Seconds to wait for an answer: longer than the server lets a statement run."""
_OPTIONS: Final = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c synchronous_commit=on "
    "-c idle_in_transaction_session_timeout=10000 -c default_transaction_isolation=read\\ committed"
)
_SETTINGS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "client_encoding": "UTF8",
    "application_name": "chaincred",
    # A host that went without a word is found out while nothing is asked of it, too.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# BEGIN and the lock in one go. Every later statement sees what was committed before it began
# (read committed), so also what the writer before this one wrote.
_WRITE: Final = f"BEGIN; SELECT pg_advisory_xact_lock({_WRITER})"
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_REASONS: Final = (
    ("password authentication failed", "the password is refused"),
    ("no password supplied", "it asks for a password"),
    ("no pg_hba.conf entry", "it lets nobody in from here"),
    ("does not exist", "it has no such database or role"),
    ("too many clients", "it has too many connections"),
    ("starting up", "it is starting"),
    ("shutting down", "it is shutting down"),
)


def parameters(url: str) -> dict[str, Any]:
    """What to connect with. Raises ValueError, which does not show the URL."""
    try:
        said = conninfo_to_dict(url)
    except psycopg.Error:
        raise ValueError("not the URL of a PostgreSQL database") from None
    # What somebody sets in the URL counts, but for what durable and exclusive writing stands on.
    options = f"{said.get('options') or ''} {_OPTIONS}".strip()
    return {**_SETTINGS, **said, "client_encoding": "UTF8", "options": options}


class _Impatient(psycopg.Connection[Row]):
    """Waits so long and no longer: a server that hangs is one that does not answer."""

    def wait(self, gen: PQGen[T], *args: Any, **more: Any) -> T:
        return super().wait(_within(gen, PATIENCE), *args, **more)


def _within(gen: PQGen[T], seconds: float) -> Generator[Any, Any, T]:
    """What `gen` gives, unless it has to wait for so many seconds at a time."""
    end = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            # Asked again every tenth of a second, with 0 where there is nothing yet.
            ready = yield wanted
            now = time.monotonic()
            if ready:
                end = now + seconds
            elif now > end:
                raise psycopg.OperationalError("no answer")
            wanted = gen.send(ready)
    except StopIteration as done:
        answer: T = done.value
        return answer


class PostgresConnection:
    """A connection to a PostgreSQL database, by `parameters` of its URL."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._open: psycopg.Connection[Row] | None = None
        self._listens = False
        self._inside = False

    def rows(self, sql: str, *values: Any) -> Rows:
        try:
            # In binary a list of a million ids comes as it is, not as twice as many digits.
            cursor = self._connection().execute(_numbered(sql), values, binary=True)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._failed(error) from None

    def script(self, sql: str) -> None:
        try:
            self._connection().execute(sql.encode())
        except psycopg.Error as error:
            raise self._failed(error) from None

    def writing(self) -> AbstractContextManager[None]:
        return self._transaction(_WRITE)

    def reading(self) -> AbstractContextManager[None]:
        return self._transaction(_READ)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._begin(begin)
        self._inside = True
        try:
            yield
            self.script("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._inside = False

    def _begin(self, sql: str) -> None:
        kept = self._open
        try:
            self._connection().execute(sql.encode())
        except psycopg.Error as error:
            # One that was kept and that the server has ended since, as it does when it restarts:
            # nothing was begun on it, so beginning on another is not doing it twice.
            ended = kept is not None and kept.closed
            failed = self._failed(error)
            if not ended:
                raise failed from None
            self.script(sql)

    def _roll_back(self) -> None:
        if self._open is None:
            return
        try:
            self._open.execute(b"ROLLBACK")
        except psycopg.Error:
            self.close()

    def changes(self) -> object:
        return None

    def wake(self) -> None:
        self.rows("SELECT pg_notify(?, '')", CHANNEL)

    def close(self) -> None:
        if self._open is not None:
            with suppress(psycopg.Error):
                self._open.close()
            self._open = None
            self._listens = False

    def listen(self, seconds: float) -> bool:
        """Whether somebody notified the channel within `seconds`, or may have before."""
        try:
            connection = self._connection()
            if not self._listens:
                connection.execute(f"LISTEN {CHANNEL}".encode())
                self._listens = True
                return True
            return bool(list(connection.notifies(timeout=seconds, stop_after=1)))
        except psycopg.Error as error:
            raise self._failed(error) from None

    def _connection(self) -> psycopg.Connection[Row]:
        if self._open is None:
            if self._inside:
                # On another connection the rest would be written without what came before it.
                raise Unavailable("the transaction has failed")
            self._open = _connected(self._parameters)
        return self._open

    def _failed(self, error: psycopg.Error) -> Unavailable:
        # What a connection holds after a failure nobody knows, nor whether its server is still
        # the one that takes writes; so it is made anew.
        self.close()
        # Neither the message nor the cause is shown: they can hold values, and parts of the URL.
        state = f" ({error.sqlstate})" if error.sqlstate else ""
        return Unavailable(f"the store failed: {type(error).__name__}{state}")


@lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    """With `$1`, `$2` and so on for each `?`.

    Kept, since psycopg reads a long statement with its own marks anew each time that it is run.
    """
    first, *rest = sql.split("?")
    return "".join([first, *(f"${n}{part}" for n, part in enumerate(rest, 1))]).encode()


def _connected(parameters: dict[str, Any]) -> psycopg.Connection[Row]:
    """A new connection. Raises Unavailable."""
    try:
        connection = _Impatient.connect(
            **parameters, autocommit=True, cursor_factory=psycopg.RawCursor
        )
    except psycopg.Error as error:
        said = str(error)
        reason = next((reason for words, reason in _REASONS if words in said), "no connection")
        raise Unavailable(f"PostgreSQL does not answer: {reason}") from None
    if connection.info.parameter_status("server_encoding") != "UTF8":
        # Others cannot hold every name; then one name would make a whole batch fail.
        connection.close()
        raise Unavailable("the database is not in UTF-8")
    return connection
