"""What a database has to do for the service."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]
Rows = list[Row]


class Reading(Protocol):
    """What can be asked."""

    def rows(self, sql: str, *values: Any) -> Rows:
        """The rows that a statement gives; `?` stands for a value.

        Raises Unavailable if the database does not answer.
        """


class Present(Reading, Protocol):
    """A transaction with the second it takes as the present."""

    now: int


class Connection(Reading, Protocol):
    """One connection to a database, used by one thread at a time."""

    def script(self, sql: str) -> None:
        """Runs several statements without values."""

    def writing(self) -> AbstractContextManager[None]:
        """A transaction, the only one that writes while it lasts; durable once it is left.

        Raises Unavailable, and then nothing was written or, where the database fell silent while
        committing, all of it or nothing.
        """

    def reading(self) -> AbstractContextManager[None]:
        """A transaction that reads the database as it was at one moment."""

    def changes(self) -> object:
        """Something that is another value once others may have written; None if it cannot tell."""

    def wake(self) -> None:
        """Tells those who wait in `listen` that the transaction under way changed something."""

    def listen(self, seconds: float) -> bool:
        """Whether somebody woke this connection within `seconds`."""

    def close(self) -> None:
        """Ends the connection. It is opened again when it is next used."""
