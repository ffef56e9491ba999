"""What is written: one transaction, in the words of the service."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from chaincred import Token
from chaincred_verifier import audit_log, blocks, replay
from chaincred_verifier.store.driver import Connection, Rows

_KNOWN: Final = 100_000
"""Links remembered as written: some 15 MB."""


class Known:
    """Links of blocks that are in the store already, the latest used last. For one thread."""

    def __init__(self) -> None:
        self._links: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, link: bytes) -> bool:
        if link not in self._links:
            return False
        self._links.move_to_end(link)
        return True

    def add(self, links: Iterable[bytes]) -> None:
        for link in links:
            self._links[link] = None
        while len(self._links) > _KNOWN:
            self._links.popitem(last=False)

    def clear(self) -> None:
        self._links.clear()


class Writing:
    """A write transaction while it is open. `now` is the second it takes as the present."""

    def __init__(
        self, connection: Connection, known: Known, *, list_id: bytes, now: int, capacity: int
    ) -> None:
        self._connection = connection
        self._known = known
        self._list_id = list_id
        self._capacity = capacity
        self.now = now

    def rows(self, sql: str, *values: Any) -> Rows:
        """As `Reading.rows`."""
        return self._connection.rows(sql, *values)

    def wake(self) -> None:
        """As `Connection.wake`."""
        self._connection.wake()

    def record(self, what: str, code: str, token: Token | None = None, **members: Any) -> int:
        """Appends an audit record (specs/service.md 9.1) and gives its number."""
        record = audit_log.Record(self.now, what, code, members, token)
        return audit_log.append(self, [record], self._list_id)[0]

    def record_all(self, records: Sequence[audit_log.Record]) -> list[int]:
        """Appends several, which costs little more than one."""
        return audit_log.append(self, records, self._list_id)

    def remember(self, key: bytes, until: int, now: int) -> bool:
        """Adds to the replay memory; True if `key` was not there (token.md 8, step 3)."""
        return key in replay.add_all(self, [(key, until)], now, self._capacity)

    def remember_all(self, seen: Sequence[tuple[bytes, int]], now: int) -> set[bytes]:
        """Adds several `(key, until)` and gives the keys that were not there."""
        return replay.add_all(self, seen, now, self._capacity)

    def saw(self, token: Token, *, used: int = 0, refused: int = 0) -> None:
        """Puts a rightly signed chain into its tree, and counts uses and refusals of its end."""
        self.saw_all([blocks.Seen(token, used, refused)])

    def saw_all(self, seen: Sequence[blocks.Seen]) -> None:
        """Puts several there, which costs little more than one."""
        blocks.saw(self, seen, self._known)
