"""The issuer's side of a revocation list (specs/revocation.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chaincred.errors import ListRefused
from chaincred.idtable import IdTable
from chaincred.keys import Context, PublicKey, SigningKey
from chaincred.revocation import (
    GRACE,
    Entry,
    Head,
    Issuers,
    Place,
    Signed,
    Snapshot,
    Update,
    list_id,
)

FRESH_FOR: Final = 300
"""Seconds that a head may be relied on: what a verifier's reads tolerate by default."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """An append-only list: a snapshot it begins from, and the entries since.

    Immutable: `revoke` and `compact` return the next list. Entries leave only by `compact`, and
    only when what they killed has died by itself; nothing un-revokes.
    """

    base: Snapshot
    entries: tuple[Entry, ...]
    places: tuple[Place, ...]

    @classmethod
    def begin(cls, key: SigningKey, *, now: int) -> RevocationList:
        """A new list, named after the key that begins it."""
        place = Place.start(list_id(key.public_key))
        return cls(Snapshot(place, now, Issuers({}), IdTable.empty()), (), (place,))

    @classmethod
    def resume(cls, data: bytes, keys: Sequence[PublicKey]) -> RevocationList:
        """The list in an update that `publish` made, signed by one of the list's `keys`.

        Raises ListRefused: what somebody else wrote must not go on under our signature.
        """
        update = Update.from_bytes(data)
        signed = ((Context.SNAPSHOT, update.snapshot), (Context.HEAD, update.head))
        for context, part in signed:
            if part and not Signed.from_bytes(part).is_signed_by(context, keys):
                raise ListRefused("list_untrusted", "not signed by a key of this list")
        return cls.read_unverified(data)

    @classmethod
    def read_unverified(cls, data: bytes) -> RevocationList:
        """The list in an update that `publish` made, to be shown: nobody's signature is checked.

        Raises ListRefused.
        """
        update = Update.from_bytes(data)
        if not update.snapshot:
            raise ListRefused("list_malformed", "an update without a snapshot is not a whole list")
        held = cls.from_snapshot(Snapshot.from_body(Signed.from_bytes(update.snapshot).body))
        for entry in update.entries:
            held = held.revoke(Entry.from_bytes(entry))
        head = Head.from_body(Signed.from_bytes(update.head).body)
        if update.start != held.base.place.seq or head.place != held.place:
            raise ListRefused("list_forked", "the entries do not lead to the head")
        return held

    @classmethod
    def from_snapshot(cls, base: Snapshot) -> RevocationList:
        """A list that goes on from a snapshot."""
        return cls(base, (), (base.place,))

    @property
    def place(self) -> Place:
        return self.places[-1]

    def revoke(self, entry: Entry) -> RevocationList:
        """This list and one more entry."""
        place = self.place.after(entry.to_bytes())
        return replace(self, entries=(*self.entries, entry), places=(*self.places, place))

    def compact(self, now: int) -> RevocationList:
        """The same list with its entries in the snapshot, without those that have died."""
        issuers, table = apply(self.base, self.entries)
        kept = {key: held for key, held in issuers.by_id.items() if held[0] >= now - GRACE}
        alive = Snapshot(self.place, now, Issuers(kept), table.alive(now - GRACE))
        return self.from_snapshot(alive)

    def publish(
        self, key: SigningKey, *, now: int, since: int | None = None, fresh_for: int = FRESH_FOR
    ) -> bytes:
        """A packed update, its head signed by `key` and fresh for `fresh_for` seconds.

        Without `since` it is the whole list; else what follows entry number `since`, which is a
        mere heartbeat if that is all there is. Raises ValueError if the list does not reach back.
        """
        head = Head(self.place, now, now + fresh_for).sign(key)
        start = self.base.place.seq
        snapshot = self.base.sign(key) if since is None else b""
        since = start if since is None else since
        if not start <= since <= self.place.seq:
            raise ValueError(f"the list holds entries {start} to {self.place.seq}")
        entries = tuple(entry.to_bytes() for entry in self.entries[since - start :])
        return Update(snapshot, since, entries, head).to_bytes()


def apply(base: Snapshot, entries: tuple[Entry, ...]) -> tuple[Issuers, IdTable]:
    """What is revoked by a snapshot and the entries after it."""
    issuers = base.issuers
    added: dict[bytes, int] = {}
    for entry in entries:
        if entry.before is not None:
            issuers = issuers.adding(entry)
        else:
            added[entry.id] = max(entry.until, added.get(entry.id, 0))
    return issuers, base.table.adding(added)
