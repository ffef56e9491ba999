"""The audit log: numbered lines, each hashed with all before it (specs/service.md 9).

A record is written in the transaction of what it tells of, so neither is there without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chaincred import Token
from chaincred.audit import first_hash, next_hash
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.store.inserting import insert
from chaincred_verifier.wire import Spelled, spelled

_COLUMNS: Final = "n, at, what, code, root_id, agent, task, tool, line, hash"


@dataclass(frozen=True, slots=True)
class Record:
    """One line to come. `members` are those of 9.1; those that are None are left out.

    `token` is a rightly signed chain, which tells its `root_id` and `hops`.
    """

    at: int
    what: str
    code: str
    members: Mapping[str, Any]
    token: Token | None = None

    def line(self, n: int) -> str:
        said = {"n": n, "at": self.at, "what": self.what, "code": self.code}
        said |= {name: each for name, each in self.members.items() if each is not None}
        line = spelled(said)
        return line if self.token is None else f"{line[:-1]},{_provenance(self.token)[1:]}"

    @property
    def root_id(self) -> bytes | None:
        if self.token is not None:
            return self.token.root_id
        said = self.members.get("root_id")
        return None if said is None else bytes.fromhex(said)

    @property
    def agent(self) -> str | None:
        """Who asked, or else on whose word it was done."""
        if self.token is not None:
            return self.token.chain.blocks[-1].agent
        agent: str | None = self.members.get("by")
        return agent


def _said_of(token: Token) -> dict[str, Any]:
    """Who asks and through whom."""
    chain = token.chain
    hops = [
        {
            "agent": block.agent,
            "purpose": block.purpose,
            "link": link.hex(),
            "holder": block.holder.hex(),
        }
        for block, link in zip(chain.blocks, chain.links, strict=True)
    ]
    return {"root_id": chain.root_id.hex(), "hops": hops}


_provenance: Final = Spelled(_said_of)


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
        rows.append(
            (
                n,
                record.at,
                record.what,
                record.code,
                record.root_id,
                record.agent,
                said.get("task"),
                said.get("tool"),
                line,
                running,
            )
        )
    insert(store, f"audit ({_COLUMNS})", rows)
    store.rows("UPDATE audit_state SET n = ?, hash = ?", n, running)
    return [row[0] for row in rows]
