"""The schema, in numbered steps that are taken once each."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Connection

_TABLE: Final = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY)"


def steps() -> list[tuple[int, str]]:
    """Number and SQL of each migration, in order."""
    folder = files("chaincred_verifier.store").joinpath("migrations")
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    return [(int(name[:4]), folder.joinpath(name).read_text()) for name in names]


def migrate(connection: Connection) -> int:
    """Takes the steps that are missing, and gives the number of the last.

    Of several that start at once one takes them. Raises Unavailable, also for a store that a
    newer version wrote: what that has changed cannot be known here.
    """
    wanted = steps()
    with connection.writing():
        connection.rows(_TABLE)
        taken = {number for (number,) in connection.rows("SELECT number FROM migrations")}
        if taken - {number for number, _ in wanted}:
            raise Unavailable("the store was written by a newer version")
        for number, sql in wanted:
            if number not in taken:
                connection.script(sql)
                connection.rows("INSERT INTO migrations (number) VALUES (?)", number)
    return wanted[-1][0]
