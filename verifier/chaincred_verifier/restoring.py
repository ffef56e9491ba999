"""What a store has lost of its list, brought back from a copy (specs/service.md 12).

Entries are appended as they are, under their numbers and running hashes; where a copy no longer
has them one by one, its snapshot takes the place of what the store knew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Final

from chaincred import Entry, ListRefused, NoFloor, PublicKey
from chaincred.caveats import MAX_BLOCKS
from chaincred.files import FileFloor
from chaincred.revocation import Floor, Head, Place, Signed, Snapshot, Update, key_id
from chaincred.view import SKEW
from chaincred_verifier import killing, published, replay
from chaincred_verifier.ledger import Writing
from chaincred_verifier.published import Published
from chaincred_verifier.settings import Settings
from chaincred_verifier.store.driver import Reading, Row
from chaincred_verifier.store.inserting import insert

BY: Final = "restore"
"""Who made the entries, where the list tells what and not by whom."""
_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Restored:
    """From which number to which the list was brought, and how many known blocks that killed."""

    before: int
    number: int
    killed: int


def bring_back(writing: Writing, data: bytes, settings: Settings) -> Restored:
    """Brings the store to the packed list `data`, in the transaction that `writing` is.

    Raises ListRefused where it is not the store's own list, further on, or where it ends before
    what this service has published; then nothing is to be kept of the transaction.
    """
    update, head = Update.from_bytes(data), head_of(data)
    if head.issued_at > writing.now + SKEW:
        raise ListRefused("list_future", "signed in the future")
    held = published.state(writing)
    if held and held.place == head.place:
        return Restored(head.place.seq, head.place.seq, 0)
    if held is None and not update.snapshot:
        raise ListRefused("list_gap", "a store without a list begins with a whole one")

    # First the store's list, then the copy, as a view that held the one would take the other.
    # Either may be long stale: each is looked at while it was not.
    at = held.place if held else Place.start(head.place.list_id)
    own = Published(settings.list_key, settings.list_keys, at.list_id, NoFloor())
    if held:
        own.take(writing, min(writing.now, held.fresh_until - 1))
    own.view.update(data, now=min(writing.now, head.fresh_until - 1))
    snapshot = _snapshot(update)
    _require_floor(settings, snapshot.place if snapshot else at, update, head.place)

    killed = 0
    if snapshot and (held is None or snapshot.place.seq > at.seq):
        _keep(writing, snapshot, update.snapshot, head, new=held is None)
        killed, at = _mark_killed(writing, snapshot), snapshot.place
    for packed in update.entries[at.seq - update.start :]:
        at = at.after(packed)
        killed += _append(writing, packed, at, head)
    writing.rows(
        "UPDATE list_state SET seq = ?, hash = ?, head = ?, issued_at = ?, fresh_until = ?",
        at.seq,
        at.hash,
        update.head,
        head.issued_at,
        head.fresh_until,
    )
    _close_windows(writing)
    before = held.place.seq if held else 0
    writing.record("restore", "ok", by=BY, number=at.seq, detail=f"from number {before}")
    writing.wake()
    return Restored(before, at.seq, killed)


def head_of(data: bytes) -> Head:
    """The head in a packed update, whoever signed it. Raises ListRefused."""
    return Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)


def _snapshot(update: Update) -> Snapshot | None:
    if not update.snapshot:
        return None
    return Snapshot.from_body(Signed.from_bytes(update.snapshot).body)


def _require_floor(settings: Settings, base: Place, update: Update, end: Place) -> None:
    """Raises ListRefused where the copy does not pass through what was published last."""
    saved = FileFloor(settings.floor).load()
    if saved is None:
        return
    floor = Floor.from_bytes(saved).place
    if floor.list_id != end.list_id:
        raise ListRefused("list_other", "not the list that this service has published")
    if end.seq < floor.seq:
        raise ListRefused("list_rollback", f"it ends at {end.seq}, published was {floor.seq}")
    places = accumulate(update.entries, Place.after, initial=base)
    if any(place.seq == floor.seq and place != floor for place in places):
        raise ListRefused("list_forked", f"another past at number {floor.seq}")


def _keep(writing: Writing, snapshot: Snapshot, signed: bytes, head: Head, *, new: bool) -> None:
    """Puts a snapshot in the place of what the store has; no deltas reach back behind it."""
    place = snapshot.place
    if new:
        writing.rows(
            "INSERT INTO list_state (id, list_id, seq, hash, head, issued_at, fresh_until, oldest) "
            "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            place.list_id,
            place.seq,
            place.hash,
            b"",
            head.issued_at,
            head.fresh_until,
            place.seq,
        )
    writing.rows("UPDATE list_state SET oldest = ?", place.seq)
    published.keep_snapshot(writing, place.seq, snapshot.taken_at, signed)
    _keep_ids(writing, snapshot)


def _keep_ids(writing: Writing, snapshot: Snapshot) -> None:
    """Keeps what a snapshot kills for the blocks that are seen first after this."""
    writing.rows("DELETE FROM nameless")
    number = snapshot.place.seq
    rows = chain(
        ((id, number, *dies) for id, dies in snapshot.issuers.by_id.items()),
        ((id, number, until, None) for id, until in snapshot.table.items()),
    )
    while part := list(islice(rows, _ROWS)):
        insert(writing, "nameless (id, number, until, before_time)", part)


def _append(writing: Writing, packed: bytes, place: Place, head: Head) -> int:
    """Appends an entry as it is, and gives how many known blocks it kills."""
    entry = Entry.from_bytes(packed)
    writing.rows(
        "INSERT INTO entries (number, what, id, until, before_time, reason, packed, running, "
        "made_at, made_by, contained_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        place.seq,
        entry.what,
        entry.id,
        entry.until,
        entry.before,
        entry.reason,
        packed,
        place.hash,
        # When it was made is lost: no later than the head that has it.
        head.issued_at,
        BY,
        head.fresh_until,
    )
    return killing.mark_killed(writing, entry, place.seq)


def _mark_killed(writing: Writing, snapshot: Snapshot) -> int:
    """Marks the known blocks that a snapshot kills, which does not say by what entry each."""
    killed = 0
    # From the roots down: what a block stands on is marked before it is looked at.
    for depth in range(MAX_BLOCKS):
        after = b""
        while found := writing.rows(
            "SELECT link, link_id, holder_id, issuer, issued_at, (SELECT killed_by FROM blocks "
            "AS above WHERE above.link = blocks.parent) FROM blocks WHERE depth = ? AND link > ? "
            "AND killed_by IS NULL AND expires_at > ? ORDER BY link LIMIT ?",
            depth,
            after,
            writing.now,
            _ROWS,
        ):
            for row in found:
                after = bytes(row[0])
                if _kills(writing, snapshot, row, depth):
                    writing.rows(
                        "UPDATE blocks SET killed_by = ? WHERE link = ?", snapshot.place.seq, after
                    )
                    killed += 1
    return killed


def _kills(store: Reading, snapshot: Snapshot, row: Row, depth: int) -> bool:
    link, link_id, holder_id, issuer, issued_at, above = row
    tasks = store.rows("SELECT task_id FROM block_tasks WHERE link = ?", bytes(link))
    ids = [bytes(id) for id in (link_id, holder_id, *(task for (task,) in tasks))]
    _, before = snapshot.issuers.by_id.get(key_id(PublicKey(bytes(issuer))), (0, 0))
    is_on_list = snapshot.table.any_of(ids) is not None
    return above is not None or is_on_list or (depth == 0 and issued_at < before)


def _close_windows(writing: Writing) -> None:
    """Ends what the store has forgotten that it ended: proofs that were used, sessions."""
    replay.close(writing, writing.now)
    writing.rows("DELETE FROM sessions")
