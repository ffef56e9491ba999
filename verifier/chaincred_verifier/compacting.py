"""A new snapshot of the list, without what has died (specs/revocation.md 4, specs/service.md 7.4).

For a million entries that takes seconds, for which nobody else could write. So it is made outside
of any transaction, and put in place if the snapshot that it was made from is still there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from chaincred import PublicKey, RevocationList, SigningKey
from chaincred.errors import ListRefused
from chaincred.revocation import Place, Update
from chaincred_verifier import published
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Reading

_GRACE: Final = 3_600
"""Seconds that an entry stays after its death, for who asks about it."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """A signed snapshot, to take the place of the one that was taken at number and time `of`."""

    place: Place
    taken_at: int
    signed: bytes
    of: tuple[int, int]

    def put(self, writing: Writing, *, keep: int) -> bool:
        """Puts it in place; whether it could be.

        The last `keep` entries stay for deltas, and so do entries that live.
        """
        held = published.held_state(writing)
        last = writing.rows("SELECT running FROM entries WHERE number = ?", self.place.seq)
        # Another service was faster, or the store was set back meanwhile.
        if (
            published.snapshot_of(writing) != self.of
            or held.place.seq < self.place.seq
            or any(bytes(running) != self.place.hash for (running,) in last)
        ):
            return False
        published.keep_snapshot(writing, self.place.seq, self.taken_at, self.signed)
        oldest = max(held.oldest, self.place.seq - keep)
        dead = writing.now - _GRACE
        writing.rows("DELETE FROM entries WHERE number <= ? AND until < ?", oldest, dead)
        writing.rows("DELETE FROM nameless WHERE until < ?", dead)
        writing.rows("UPDATE list_state SET oldest = ?", oldest)
        return True


@dataclass(frozen=True, slots=True)
class Found:
    """The list as it stood in the store: a packed update, and when its head was signed."""

    update: bytes
    issued_at: int
    of: tuple[int, int]

    @classmethod
    def read(cls, store: Reading) -> Self:
        held = published.held_state(store)
        ((seq, taken_at, signed),) = store.rows("SELECT seq, taken_at, signed FROM list_snapshot")
        rows = store.rows("SELECT packed FROM entries WHERE number > ? ORDER BY number", seq)
        entries = tuple(bytes(each) for (each,) in rows)
        update = Update(bytes(signed), seq, entries, held.head)
        return cls(update.to_bytes(), held.issued_at, (seq, taken_at))

    def compacted(self, key: SigningKey, keys: tuple[PublicKey, ...], now: int) -> Compacted:
        """The snapshot that says the same, signed by `key`.

        Raises Unavailable unless the list is signed by one of its `keys` and leads to its head:
        who begins from the new snapshot sees nothing else.
        """
        try:
            whole = RevocationList.resume(self.update, keys)
        except ListRefused as error:
            raise Unavailable(f"the store's list is not whole: {error.code}") from error
        # Not later than the head that it travels with until the next one is signed.
        taken_at = min(now, self.issued_at)
        snapshot = whole.compact(taken_at).base
        return Compacted(snapshot.place, taken_at, snapshot.sign(key), self.of)
