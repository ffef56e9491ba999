"""The store: that it is there, whole, of this version, and keeps what it is told.

Looked at without changing anything, so not by the service's own connection, which would make a
file that is missing and turn on write-ahead logging.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from chaincred_verifier.doctor import disk
from chaincred_verifier.doctor.finding import Findings, note, ok, wrong
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.settings import Settings
from chaincred_verifier.store import connector
from chaincred_verifier.store.driver import Reading, Rows
from chaincred_verifier.store.migrations import steps
from chaincred_verifier.store.opening import SQLITE

_BESIDE: Final = ("", "-wal", "-shm")
_WAL: Final = b"\x02\x02"
_CLOCKS: Final = 5
"""Seconds between two clocks that are kept by the same time."""


class ReadOnly:
    """A SQLite file that is read and left as it is."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable."""
        # Where no process writes there is no log; opening one would make it, owned by whoever
        # looks, and the service could not write it then.
        still = "" if _beside(path, "-wal").exists() else "&immutable=1"
        uri = f"file:{quote(str(path))}?mode=ro{still}"
        try:
            self._open = sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from error

    def rows(self, sql: str, *values: Any) -> Rows:
        try:
            return self._open.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        self._open.close()


def path_of(settings: Settings) -> Path | None:
    """The store's file; None where it is a server."""
    if not settings.store.startswith(SQLITE):
        return None
    return Path(settings.store.removeprefix(SQLITE)).absolute()


@contextmanager
def looked_at(settings: Settings) -> Iterator[Reading | None]:
    """The store, to be read as it is at one moment; None where there is none yet.

    Raises Unavailable, or ValueError for what is no store.
    """
    path = path_of(settings)
    if path is None:
        connection = connector(settings.store)()
        try:
            with connection.reading():
                yield connection
        finally:
            connection.close()
    elif not path.exists():
        yield None
    else:
        store = ReadOnly(path)
        try:
            store.rows("BEGIN")
            yield store
        finally:
            store.close()


def file(path: Path) -> Findings:
    """What there is to say of a SQLite file and where it is."""
    folder = path.parent
    if not folder.is_dir():
        yield wrong("store", f"{folder} is not a folder", "make it")
        return
    yield from disk.kind("store", folder)
    there = [each for each in (_beside(path, end) for end in _BESIDE) if each.exists()]
    findings = [disk.writable("store", each) for each in (*there, folder)]
    yield from [each for each in findings if each.state != "ok"] or findings[:1]
    owners = {each.stat().st_uid for each in there}
    if os.name == "posix" and owners - {os.geteuid()}:
        yield wrong(
            "store",
            f"its files belong to {sorted(owners)}, this user is {os.geteuid()}",
            "chown them to the service's user, and look again as that user",
        )
    yield disk.room("store", folder, path.stat().st_size if path.exists() else 0)


def has_schema(store: Reading, path: Path | None) -> bool:
    """Whether a service has ever begun this store, which is a file if it has a path."""
    if path is None:
        return bool(store.rows("SELECT to_regclass('migrations')")[0][0])
    return bool(store.rows("SELECT 1 FROM sqlite_master WHERE name = 'migrations'"))


def sqlite(path: Path, store: Reading) -> Findings:
    """Whether the file is whole, and in write-ahead logging."""
    said = [row[0] for row in store.rows("PRAGMA quick_check(3)")]
    if said == ["ok"]:
        yield ok("store", "SQLite finds the file whole")
    else:
        yield wrong("store", f"SQLite finds faults: {'; '.join(said)}", "restore a backup")
    with path.open("rb") as opened:
        mode = opened.read(20)[18:20]
    if mode == _WAL:
        yield ok("store", "write-ahead logging is on; the service syncs at each commit")
    else:
        yield note("store", "write-ahead logging is off; the service turns it on when it starts")


def postgres(store: Reading, now: int) -> Findings:
    """Whether the server keeps what it confirmed, can be written, and has the same time."""
    said = {name: store.rows(f"SHOW {name}")[0][0] for name in ("fsync", "full_page_writes")}
    off = [name for name, value in said.items() if value != "on"]
    if off:
        yield wrong("store", f"{' and '.join(off)} off: a crash loses the store", "turn it on")
    else:
        yield ok("store", "PostgreSQL syncs what it confirms")
    ((standby, server),) = store.rows(
        "SELECT pg_is_in_recovery(), extract(epoch FROM clock_timestamp())::bigint"
    )
    if standby:
        yield wrong("store", "the server is a standby and takes no writes", "name the primary")
    elif not store.rows("SELECT has_table_privilege('audit', 'INSERT')")[0][0]:
        yield wrong("store", "this user may not write its tables", "grant it, or use their owner")
    if abs(server - now) > _CLOCKS:
        yield note("store", f"the server's clock is {server - now} s from this one")


def schema(store: Reading) -> Findings:
    """Whether the tables are those of this version. `serve` takes what steps are missing."""
    wanted = {number for number, _ in steps()}
    taken = {number for (number,) in store.rows("SELECT number FROM migrations")}
    if taken - wanted:
        yield wrong("store", "a newer version wrote it", "run that version")
    elif wanted - taken:
        yield note("store", f"at schema {max(taken)} of {max(wanted)}; `serve` brings it there")
    else:
        yield ok("store", f"at schema {max(taken)}, the one of this version")


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
