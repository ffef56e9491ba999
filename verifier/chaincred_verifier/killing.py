"""What a revocation kills among the known blocks (specs/service.md 6.3, 6.4).

Whether a chain is dead says the list, never this: blocks are marked for people, who look at trees.
A tree can have any number of blocks, and whoever holds a token can make it grow. So a revocation
marks some in its own transaction, and the rest is marked later, some at a time (`mark_more`).
"""

from __future__ import annotations

from typing import Any, Final

from chaincred import PublicKey
from chaincred.revocation import Entry, key_id
from chaincred_verifier.store.driver import Present, Reading, Row, Rows
from chaincred_verifier.store.inserting import MOST, insert

AT_ONCE: Final = 1_000
"""Blocks that are marked in one transaction: a tenth of a second, in which nobody else writes."""
COUNTED: Final = 10_000
"""Blocks that a dry run looks at."""
_CHAIN, _HOLDER, _ISSUER, _TASK = range(4)

# Where each kind begins. `{}` stands for what else is asked of a block.
_BEGIN: Final = {
    _CHAIN: "SELECT link FROM blocks WHERE link_id = ? {}",
    _HOLDER: "SELECT link FROM blocks WHERE holder_id = ? {}",
    _ISSUER: "SELECT link FROM blocks WHERE depth = 0 AND issuer = ? AND issued_at < ? {}",
    _TASK: "SELECT link FROM block_tasks WHERE task_id = ? {}",
}


def mark_killed(store: Present, entry: Entry, number: int) -> int:
    """Marks what an entry kills, in its own transaction, and gives how many lived of these.

    No more than `AT_ONCE` and a few; what is left is for `mark_more`.
    """
    store.rows(
        "INSERT INTO killing (number, what, id, before_time, after) VALUES (?, ?, ?, ?, ?)",
        number,
        entry.what,
        entry.id,
        entry.before,
        b"",
    )
    return _mark(store, number)


def mark_more(store: Present) -> bool:
    """Goes on where entries kill more than is marked yet; False if there is nothing left."""
    found = store.rows(
        "SELECT number FROM killing UNION SELECT number FROM dying ORDER BY number LIMIT 1"
    )
    if found:
        _mark(store, found[0][0])
    return bool(found)


def _mark(store: Present, number: int) -> int:
    alive, left = 0, AT_ONCE
    while left > 0:
        marked = _begin(store, number, left)
        if marked is None:
            marked = _go_on(store, number, left)
        if marked is None:
            break
        insert(store, "dying (number, link)", [(number, bytes(link)) for link, _ in marked])
        alive += sum(expires_at > store.now for _, expires_at in marked)
        left -= max(len(marked), MOST // 4)
    return alive


def _begin(store: Reading, number: int, most: int) -> Rows | None:
    """Marks some of the blocks that an entry names; None if all are."""
    found = store.rows("SELECT what, id, before_time, after FROM killing WHERE number = ?", number)
    if not found:
        return None
    what, id, before, after = found[0]
    begin = _BEGIN[what].format("AND link > ? ORDER BY link LIMIT ?")
    named = store.rows(begin, *_named(store, what, bytes(id), before), bytes(after), most)
    if len(named) < most:
        store.rows("DELETE FROM killing WHERE number = ?", number)
    else:
        store.rows("UPDATE killing SET after = ? WHERE number = ?", bytes(named[-1][0]), number)
    marked: Rows = []
    for start in range(0, len(named), MOST):
        links = [bytes(link) for (link,) in named[start : start + MOST]]
        marked += store.rows(
            "UPDATE blocks SET killed_by = ? WHERE killed_by IS NULL "
            f"AND link IN ({', '.join('?' * len(links))}) RETURNING link, expires_at",
            number,
            *links,
        )
    return marked


def _go_on(store: Reading, number: int, most: int) -> Rows | None:
    """Marks some of the blocks that stand on marked ones; None if all are."""
    found = store.rows("SELECT link FROM dying WHERE number = ? LIMIT ?", number, MOST)
    if not found:
        return None
    parents = [bytes(link) for (link,) in found]
    marks = ", ".join("?" * len(parents))
    # What an earlier entry killed is passed by: so is then what stands on it.
    marked = store.rows(
        "UPDATE blocks SET killed_by = ? WHERE link IN (SELECT link FROM blocks "
        f"WHERE parent IN ({marks}) AND killed_by IS NULL LIMIT ?) RETURNING link, expires_at",
        number,
        *parents,
        most,
    )
    if len(marked) < most:
        store.rows(f"DELETE FROM dying WHERE number = ? AND link IN ({marks})", number, *parents)
    return marked


def would_kill(
    store: Reading, entry: Entry, now: int, most: int
) -> tuple[list[dict[str, Any]], int]:
    """The known and living blocks that an entry would kill: at most `most`, and how many more.

    No more than `COUNTED` are looked at.
    """
    begin = _BEGIN[entry.what].format("")
    found = store.rows(
        f"WITH RECURSIVE below (link) AS ({begin} UNION SELECT blocks.link FROM blocks "
        "JOIN below ON blocks.parent = below.link WHERE blocks.killed_by IS NULL) "
        "SELECT blocks.link, root_id, agent, purpose, expires_at, last_used, count(*) OVER () "
        "FROM (SELECT link FROM below LIMIT ?) AS doomed JOIN blocks ON blocks.link = doomed.link "
        "WHERE killed_by IS NULL AND expires_at > ? ORDER BY depth, agent LIMIT ?",
        *_named(store, entry.what, entry.id, entry.before),
        COUNTED,
        now,
        most,
    )
    shown = [_spelled(row) for row in found]
    return shown, (found[0][-1] if found else 0) - len(shown)


def _named(store: Reading, what: int, id: bytes, before: int | None) -> list[Any]:
    """The values of `_BEGIN`."""
    return [id] if what != _ISSUER else [_issuer(store, id), before]


def _issuer(store: Reading, id: bytes) -> bytes:
    """The issuer's key of an id; nobody's if no chain of it was seen."""
    # One after the other by the index: there are few issuers, and any number of roots.
    key = b""
    while found := store.rows(
        "SELECT issuer FROM blocks WHERE depth = 0 AND issuer > ? ORDER BY issuer LIMIT 1", key
    ):
        key = bytes(found[0][0])
        if key_id(PublicKey(key)) == id:
            return key
    return b""


def _spelled(row: Row) -> dict[str, Any]:
    link, root_id, agent, purpose, expires_at, last_used, _ = row
    return {
        "link": bytes(link).hex(),
        "root_id": bytes(root_id).hex(),
        "agent": agent,
        "purpose": purpose,
        "expires_at": expires_at,
        "last_used": last_used,
    }
