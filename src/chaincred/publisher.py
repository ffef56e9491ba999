"""The issuer's side of a revocation list (specs/revocation.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from chaincred.encoding import is_uint, require_seconds
from chaincred.errors import ListRefused
from chaincred.idtable import IdTable
from chaincred.keys import Context, PublicKey, SigningKey
from chaincred.revocation import (
    FOREVER,
    GRACE,
    MAX_ENTRIES,
    MAX_IDS,
    MAX_ISSUERS,
    Entry,
    Head,
    Issuers,
    Place,
    Signed,
    Snapshot,
    Update,
    list_id,
    lives,
)

FRESH_FOR: Final = 300
"""Seconds that a head may be relied on: what a verifier's reads tolerate by default."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """An append-only list: a snapshot it begins from, and the entries since.

    Immutable: `revoke` and `compact` return the next list, which is the one to keep; a verifier
    that has seen the next one refuses the old one. Entries leave only by `compact`, and only when
    what they killed has died by itself; nothing un-revokes.
    """

    base: Snapshot
    entries: tuple[Entry, ...]
    place: Place

    @classmethod
    def begin(cls, key: SigningKey, *, now: int) -> RevocationList:
        """A new list, named after the key that begins it."""
        require_seconds(now)
        place = Place.start(list_id(key.public_key))
        return cls(Snapshot(place, now, Issuers({}), IdTable.empty()), (), place)

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
        base = Snapshot.from_body(Signed.from_bytes(update.snapshot).body)
        place = reduce(Place.after, update.entries, base.place)
        head = Head.from_body(Signed.from_bytes(update.head).body)
        if update.start != base.place.seq or head.place != place:
            raise ListRefused("list_forked", "the entries do not lead to the head")
        return cls(base, tuple(map(Entry.from_bytes, update.entries)), place)

    @classmethod
    def from_snapshot(cls, base: Snapshot) -> RevocationList:
        """A list that goes on from a snapshot."""
        return cls(base, (), base.place)

    def revoke(self, entry: Entry) -> RevocationList:
        """This list and one more entry. Raises ValueError when it is time to compact."""
        if len(self.entries) == MAX_ENTRIES:
            raise ValueError(f"{MAX_ENTRIES} entries since the snapshot: compact first")
        place = self.place.after(entry.to_bytes())
        return replace(self, entries=(*self.entries, entry), place=place)

    def compact(self, now: int) -> RevocationList:
        """The same list with its entries in the snapshot, without those that have died.

        Raises ValueError if more are alive than a snapshot holds.
        """
        require_seconds(now)
        whole = self.base.after(self.entries)
        kept = {key: held for key, held in whole.issuers.by_id.items() if lives(held[0], now)}
        table = whole.table.alive(min(now - GRACE, FOREVER))
        if len(kept) > MAX_ISSUERS or len(table) > MAX_IDS:
            raise ValueError(f"at most {MAX_ISSUERS} issuers and {MAX_IDS} other ids")
        return self.from_snapshot(Snapshot(self.place, now, Issuers(kept), table))

    def publish(
        self, key: SigningKey, *, now: int, since: int | None = None, fresh_for: int = FRESH_FOR
    ) -> bytes:
        """A packed update, its head signed by `key` and fresh for `fresh_for` seconds.

        Without `since` it is the whole list; else what follows entry number `since`. Raises
        ValueError if the list does not reach back so far, would never be fresh, or was compacted
        later than `now`.
        """
        require_seconds(now)
        if not is_uint(fresh_for) or fresh_for == 0:
            raise ValueError("a head is fresh for a positive number of seconds")
        if now < self.base.taken_at:
            raise ValueError(f"no view takes a head from before its snapshot, {self.base.taken_at}")
        head = Head(self.place, now, now + fresh_for).sign(key)
        start = self.base.place.seq
        snapshot = self.base.sign(key) if since is None else b""
        since = start if since is None else since
        if not start <= since <= self.place.seq:
            raise ValueError(f"the list holds entries {start} to {self.place.seq}")
        entries = tuple(entry.to_bytes() for entry in self.entries[since - start :])
        return Update(snapshot, since, entries, head).to_bytes()

    def heartbeat(self, key: SigningKey, *, now: int, fresh_for: int = FRESH_FOR) -> bytes:
        """An update that says only that nothing is new, for views that hold every entry."""
        return self.publish(key, now=now, since=self.place.seq, fresh_for=fresh_for)
