"""Which database a URL names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chaincred_verifier.store.driver import Connection
from chaincred_verifier.store.sqlite import DatabaseFile, SqliteConnection

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def connector(url: str) -> Callable[[], Connection]:
    """Makes connections to the database at `url`: `sqlite:///file` or `postgresql://…`.

    Raises ValueError for another URL, for a file in no folder, or where the extra `postgres` is not
    installed.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        path = Path(url.removeprefix(SQLITE)).absolute()
        if not path.parent.is_dir():
            raise ValueError(f"{path.parent} is not a folder")
        file = DatabaseFile(str(path))
        return lambda: SqliteConnection(file)
    if not url.startswith(POSTGRES):
        raise ValueError("a store is sqlite:///FILE or postgresql://…")
    try:
        from chaincred_verifier.store.postgres import PostgresConnection, parameters
    except ImportError:
        raise ValueError("PostgreSQL is an extra: pip install 'chaincred[postgres]'") from None
    named = parameters(url)
    return lambda: PostgresConnection(named)
