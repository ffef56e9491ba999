"""A verifier's view of a revocation list (specs/revocation.md 5 and 6).

The network can withhold a list but must not be able to change it: every update is signed, joined
to what is held by the running hash, and never goes back behind the floor on disk. Withholding
passes every such check, so the main defence is freshness: a view that hears nothing goes stale.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chaincred.encoding import require_seconds
from chaincred.errors import ListRefused, Revoked, Stale
from chaincred.idtable import ID_SIZE, IdTable
from chaincred.keys import Context, PublicKey
from chaincred.request import Effect
from chaincred.revocation import (
    Entry,
    Floor,
    Footing,
    Head,
    Issuers,
    Place,
    Signed,
    Snapshot,
    Update,
    task_id,
)
from chaincred.revocation import list_id as named_after

SKEW: Final = 60
"""Seconds that a publisher's clock may be ahead of the verifier's."""


class FloorStore(Protocol):
    """Where a view keeps its floor (some 80 bytes) over restarts."""

    def load(self) -> bytes | None:
        """What was saved last; None if nothing ever was."""

    def save(self, floor: bytes) -> None:
        """Returns once `floor` is on disk for good."""


class NoFloor:
    """A floor that is forgotten on restart: then an older list passes until it is stale."""

    def load(self) -> bytes | None:
        return None

    def save(self, floor: bytes) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old, in seconds, a list's head may be for each effect."""

    read: int = 300
    write: int = 30
    irreversible: int = 5

    def limit(self, effect: Effect) -> int:
        return (self.read, self.write, self.irreversible)[effect]


@dataclass(frozen=True, slots=True)
class _Held:
    # One object, replaced as a whole: a reader in another thread sees one list or the next.
    place: Place
    issuers: Issuers
    table: IdTable
    head: Head | None


class RevocationView:
    """What a verifier holds of one list.

    `keys` are the list keys that may sign for it; `list_id` is needed only where the first of
    them did not begin the list. Raises ListRefused if the floor is of another list.
    """

    def __init__(
        self, keys: Sequence[PublicKey], *, floor: FloorStore, list_id: bytes | None = None
    ) -> None:
        if not keys:
            raise ValueError("a view takes one list key or more")
        self._keys = tuple(keys)
        self.list_id = list_id if list_id is not None else named_after(keys[0])
        self._floor_store = floor
        self._updating = threading.Lock()
        saved = floor.load()
        start = Place.start(self.list_id)
        self._floor = Floor(start, 0) if saved is None else Floor.from_bytes(saved)
        if self._floor.place.list_id != self.list_id:
            raise ListRefused("list_other", "the floor is that of another list")
        self._held = _Held(start, Issuers({}), IdTable.empty(), None)

    @property
    def seq(self) -> int:
        """The number of the last entry held."""
        return self._held.place.seq

    @property
    def place(self) -> Place:
        return self._held.place

    @property
    def head(self) -> Head | None:
        """The head relied on; None before the first."""
        return self._held.head

    def age(self, now: int) -> int | None:
        """Seconds since the head held was signed; None if there is none."""
        head = self._held.head
        return None if head is None else now - head.issued_at

    def __len__(self) -> int:
        return len(self._held.table) + len(self._held.issuers.by_id)

    def __bool__(self) -> bool:
        # One that holds nothing yet is a view all the same: `view or another` must not swap it.
        return True

    def update(self, data: bytes, *, now: int) -> None:
        """Relies on the packed update `data` from now on.

        Raises ListRefused, or what the floor's store raises, and then holds what it held before.
        """
        require_seconds(now)
        # One at a time: of two that both pass the floor, the older could be adopted last.
        with self._updating:
            self._update(data, now)

    def _update(self, data: bytes, now: int) -> None:
        # 1. list_malformed
        update = Update.from_bytes(data)
        signed_head = Signed.from_bytes(update.head)
        signed_snapshot = Signed.from_bytes(update.snapshot) if update.snapshot else None

        # 2. list_untrusted
        signed = [(Context.HEAD, signed_head)]
        if signed_snapshot:
            signed.append((Context.SNAPSHOT, signed_snapshot))
        if not all(each.is_signed_by(context, self._keys) for context, each in signed):
            raise ListRefused("list_untrusted", "not signed by a key of this list")

        # 3. list_malformed: what is long and nested is read only once it is known to be signed.
        head = Head.from_body(signed_head.body)
        snapshot = Snapshot.from_body(signed_snapshot.body) if signed_snapshot else None
        if snapshot and snapshot.place.seq != update.start:
            raise ListRefused("list_malformed", "the entries do not begin at the snapshot")
        entries = tuple(Entry.from_bytes(entry) for entry in update.entries)

        # 4. list_other
        named = {head.place.list_id} | ({snapshot.place.list_id} if snapshot else set())
        if named != {self.list_id}:
            raise ListRefused(
                "list_other", "an update of another list; after a rotation, give list_id"
            )

        # 5. list_future
        if max(head.issued_at, snapshot.taken_at if snapshot else 0) > now + SKEW:
            raise ListRefused("list_future", "signed in the future")

        # 6. list_rollback
        floor = self._floor
        if head.place.seq < floor.place.seq or head.issued_at < floor.issued_at:
            raise ListRefused("list_rollback", f"older than number {floor.place.seq} of the floor")
        # With an earlier head, a clock that is set back would bring to life what the snapshot has
        # let go.
        if snapshot and head.issued_at < snapshot.taken_at:
            raise ListRefused("list_rollback", "a head from before its snapshot")

        # 7. list_gap
        held = self._held
        if snapshot is None and update.start != held.place.seq:
            raise ListRefused("list_gap", f"begins at {update.start}, held is {held.place.seq}")
        if update.start + len(entries) != head.place.seq:
            raise ListRefused("list_gap", "the entries do not reach the head")

        # 8. list_forked
        base = snapshot or Snapshot(held.place, now, held.issuers, held.table)
        self._check_past(base.place, update.entries, head.place)

        # 9. list_missing
        whole = base.after(entries)
        if snapshot and self._misses(whole.issuers, whole.table, now):
            raise ListRefused("list_missing", "an entry has gone or was shortened before its time")

        # 10. list_stale
        if head.fresh_until <= now:
            raise ListRefused("list_stale", f"fresh until {head.fresh_until}")

        # 11. First the disk, then memory: a crash in between must not forget what was relied on.
        new_floor = Floor(head.place, head.issued_at)
        self._floor_store.save(new_floor.to_bytes())
        self._floor = new_floor
        self._held = _Held(head.place, whole.issuers, whole.table, head)

    def require_fresh(self, effect: Effect, freshness: Freshness, now: int) -> None:
        """Raises Stale unless the list is recent enough for `effect`."""
        head = self._held.head
        if head is None:
            raise Stale("no revocation list has been seen yet")
        if now < head.issued_at - SKEW or now >= head.fresh_until:
            raise Stale(f"the list is fresh until {head.fresh_until}, it is {now}")
        age, limit = now - head.issued_at, freshness.limit(effect)
        if age > limit:
            raise Stale(f"the list is {age} s old, {effect.label} allows {limit} s")

    def require_alive(self, footing: Footing, task: str) -> None:
        """Raises Revoked if the list names what a chain stands on, or the request's task."""
        held = self._held
        _, before = held.issuers.by_id.get(footing.issuer, (0, 0))
        if footing.issued_at < before:
            raise Revoked(f"what the issuer signed before {before} is revoked")
        ids = (*footing.ids, task_id(task)) if task else footing.ids
        found = held.table.any_of(ids)
        if found is not None:
            raise Revoked(f"{found.hex()} is revoked")

    def holds(self, id: bytes) -> bool:
        """Whether the 16-byte id of a chain, holder, issuer or task is on the list."""
        if len(id) != ID_SIZE:
            raise ValueError("an id is 16 bytes")
        return id in self._held.issuers.by_id or self._held.table.until(id) is not None

    def _check_past(self, start: Place, entries: Sequence[bytes], head: Place) -> None:
        known = {place.seq: place for place in (self._floor.place, self._held.place)}
        place = start
        if known.get(place.seq, place) != place:
            raise ListRefused("list_forked", f"another past at number {place.seq}")
        for entry in entries:
            place = place.after(entry)
            if known.get(place.seq, place) != place:
                raise ListRefused("list_forked", f"another past at number {place.seq}")
        if place != head:
            raise ListRefused("list_forked", "the entries do not lead to the head")

    def _misses(self, issuers: Issuers, table: IdTable, now: int) -> bool:
        held = self._held
        for key, (until, before) in held.issuers.by_id.items():
            new_until, new_before = issuers.by_id.get(key, (0, 0))
            if until > now and (new_until < until or new_before < before):
                return True
        return held.table.missing_from(table, now)
