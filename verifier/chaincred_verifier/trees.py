"""Delegation trees, as far as chains were shown that are rightly signed (specs/service.md 9.5).

A block is written the first time it is seen (`blocks`), with the number of the entry that killed
it if one has; what a later revocation kills is marked (`killing`). So who is alive is a column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from chaincred_verifier.problems import Refused
from chaincred_verifier.store.driver import Reading, Row

MAX_NODES: Final = 10_000
MAX_FOUND: Final = 200


def known_chain(store: Reading, link: bytes) -> tuple[int, list[bytes]] | None:
    """When a seen block expires (seconds) and the links from it up to its root; None if unseen."""
    found = store.rows("SELECT expires_at, parent FROM blocks WHERE link = ?", link)
    if not found:
        return None
    expires_at, parent = found[0]
    path = [link]
    while parent is not None:
        path.append(bytes(parent))
        ((parent,),) = store.rows("SELECT parent FROM blocks WHERE link = ?", path[-1])
    return expires_at, path


_NODE: Final = (
    "link", "parent", "depth", "agent", "purpose", "holder", "delegator", "issued_at",
    "expires_at", "caveats", "first_seen", "last_used", "uses", "refused",
)  # fmt: skip


def chain(store: Reading, root_id: bytes, now: int) -> dict[str, Any]:
    """The tree of a root, node by node, parents first. Raises Refused (`not_found`)."""
    columns = ", ".join(f"blocks.{name}" for name in _NODE)
    found = store.rows(
        f"SELECT {columns}, blocks.issuer, killed_by, what, reason, made_at FROM blocks "
        "LEFT JOIN entries ON entries.number = blocks.killed_by "
        "WHERE root_id = ? ORDER BY depth, first_seen, link LIMIT ?",
        root_id,
        MAX_NODES,
    )
    if not found:
        raise Refused("not_found", "no chain under this root was ever seen")
    nodes = []
    dead: dict[str, dict[str, Any]] = {}
    for row in found:
        node = _spelled(_NODE, row[: len(_NODE)])
        killed_by, what, reason, made_at = row[len(_NODE) + 1 :]
        node["caveats"] = json.loads(node["caveats"])
        revoked = killed_by and {
            "number": killed_by,
            "what": None if what is None else WHAT[what],
            "reason": reason,
            "made_at": made_at,
        }
        # A block that is not marked yet is as dead as what it stands on.
        node["revoked"] = revoked or dead.get(node["parent"])
        if node["revoked"]:
            dead[node["link"]] = node["revoked"]
        node["alive"] = node["revoked"] is None and node["expires_at"] > now
        nodes.append(node)
    return {"root_id": root_id.hex(), "issuer": bytes(found[0][len(_NODE)]).hex(), "nodes": nodes}


WHAT: Final = ("chain", "holder", "issuer", "task")
"""The kinds of entries by number (specs/revocation.md 1)."""

_FOUND: Final = (
    "root_id", "agent", "purpose", "issued_at", "expires_at", "nodes", "last_used", "uses", "alive",
)  # fmt: skip


def search(
    store: Reading,
    now: int,
    *,
    agent: str = "",
    task: str = "",
    tool: str = "",
    root_id: str = "",
    limit: int = 50,
    before: tuple[int, bytes] | None = None,
) -> dict[str, Any]:
    """Roots of trees in which all that is asked occurs, the last used first.

    Those of one second by their root id; `before` are the second and the root id to go on from.
    `root_id` is the beginning of one in hexadecimal digits, `agent` a part of a name, in which
    upper and lower case letters of ASCII are alike.
    """
    limit = min(limit, MAX_FOUND)
    where = ["1 = 1"]
    values: list[Any] = []
    if agent:
        # In lower case on both sides: LIKE alone heeds case in one database and not in the other.
        where.append(
            "root_id IN (SELECT root_id FROM blocks WHERE lower(agent) LIKE lower(?) ESCAPE '\\')"
        )
        values.append(f"%{_literally(agent)}%")
    if task:
        where.append(
            "root_id IN (SELECT root_id FROM blocks JOIN block_tasks USING (link) WHERE task = ? "
            "UNION SELECT root_id FROM audit WHERE task = ? AND task <> '')"
        )
        values += [task, task]
    if tool:
        where.append("root_id IN (SELECT root_id FROM audit WHERE tool = ?)")
        values.append(tool)
    if root_id:
        where.append("root_id >= ? AND root_id <= ?")
        values += [_prefix(root_id, "0"), _prefix(root_id, "f")]
    last = "coalesce(max(last_used), min(first_seen))"
    having = "1 = 1"
    if before is not None:
        having = f"{last} < ? OR ({last} = ? AND root_id > ?)"
    latest = (
        f"SELECT root_id AS id, {last} AS latest, "
        "count(*) AS nodes, max(last_used) AS last_used, sum(uses) AS uses, "
        "sum(CASE WHEN killed_by IS NULL AND expires_at > ? THEN 1 ELSE 0 END) AS alive "
        f"FROM blocks WHERE {' AND '.join(where)} GROUP BY root_id HAVING {having} "
        "ORDER BY latest DESC, id LIMIT ?"
    )
    found = store.rows(
        "SELECT link, agent, purpose, issued_at, expires_at, found.nodes, found.last_used, "
        f"found.latest, found.uses, found.alive FROM ({latest}) AS found "
        "JOIN blocks ON link = found.id ORDER BY found.latest DESC, link",
        now,
        *values,
        *([] if before is None else [before[0], *before]),
        limit,
    )
    # Sums are decimals in PostgreSQL.
    chains = [_spelled(_FOUND, (*row, int(uses), int(alive))) for *row, _, uses, alive in found]
    more = f"{found[-1][-3]}-{chains[-1]['root_id']}" if len(found) == limit else None
    return {"chains": chains, "next": more}


def _spelled(names: Sequence[str], row: Row) -> dict[str, Any]:
    return {
        name: bytes(value).hex() if isinstance(value, bytes | memoryview) else value
        for name, value in zip(names, row, strict=True)
    }


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _prefix(digits: str, filled: str) -> bytes:
    try:
        return bytes.fromhex(digits.ljust(64, filled))
    except ValueError as error:
        raise Refused("malformed", "a root id is hexadecimal digits") from error
