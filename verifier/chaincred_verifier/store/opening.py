"""Which database a URL names."""

from __future__ import annotations

from collections.abc import Callable

from chaincred_verifier.store.driver import Connection
from chaincred_verifier.store.sqlite import SqliteConnection

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def connector(url: str) -> Callable[[], Connection]:
    """Makes connections to the database at `url`: `sqlite:///file` or `postgresql://…`.

    Raises ValueError for another URL, or where the extra `postgres` is not installed.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        path = url.removeprefix(SQLITE)
        return lambda: SqliteConnection(path)
    if not url.startswith(POSTGRES):
        raise ValueError("a store is sqlite:///FILE or postgresql://…")
    try:
        from chaincred_verifier.store.postgres import PostgresConnection
    except ImportError:
        raise ValueError("PostgreSQL is an extra: pip install 'chaincred[postgres]'") from None
    return lambda: PostgresConnection(url)
