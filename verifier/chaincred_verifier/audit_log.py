"""The audit log: numbered lines, each hashed with all before it (specs/service.md 9).

A record is written in the transaction of what it tells of, so neither is there without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chaincred.audit import first_hash, next_hash
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.store.inserting import insert
from chaincred_verifier.wire import spelled

_COLUMNS: Final = "n, at, what, code, root_id, agent, task, tool, line, hash"


@dataclass(frozen=True, slots=True)
class Record:
    """One line to come. `members` are those of 9.1; those that are None are left out."""

    at: int
    what: str
    code: str
    members: Mapping[str, Any]

    def line(self, n: int) -> str:
        said = {"n": n, "at": self.at, "what": self.what, "code": self.code}
        said |= {name: each for name, each in self.members.items() if each is not None}
        return spelled(said)


def append(store: Reading, records: Sequence[Record], list_id: bytes) -> list[int]:
    """Appends records, in a write transaction, and gives their numbers."""
    if not records:
        return []
    state = store.rows("SELECT n, hash FROM audit_state")
    if not state:
        start = first_hash(list_id)
        store.rows(
            "INSERT INTO audit_state (id, n, hash, first_n, before_hash) VALUES (1, 0, ?, 1, ?)",
            start,
            start,
        )
        state = [(0, start)]
    n, running = state[0]
    rows = []
    for record in records:
        n += 1
        line = record.line(n)
        running = next_hash(bytes(running), line.encode())
        said = record.members
        root_id = said.get("root_id")
        hops = said.get("hops")
        rows.append(
            (
                n,
                record.at,
                record.what,
                record.code,
                bytes.fromhex(root_id) if root_id else None,
                hops[-1]["agent"] if hops else said.get("by"),
                said.get("task"),
                said.get("tool"),
                line,
                running,
            )
        )
    insert(store, f"audit ({_COLUMNS})", rows)
    store.rows("UPDATE audit_state SET n = ?, hash = ?", n, running)
    return [row[0] for row in rows]
