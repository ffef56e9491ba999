"""The replay memory of all workers and services on one store (specs/token.md 8, step 3)."""

from __future__ import annotations

from collections.abc import Sequence

from chaincred.proof import WINDOW
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.store.inserting import insert


def add_all(
    store: Reading, seen: Sequence[tuple[bytes, int]], now: int, capacity: int
) -> set[bytes]:
    """Adds `(key, until)`, in a write transaction, and gives the keys that are new.

    What could have been forgotten already, and what there is no room for, is not new. Of equal
    keys the first decides and is the one that is new, if any: the caller sees to that, since a
    set cannot say it.
    """
    firsts: dict[bytes, int] = {}
    for key, until in seen:
        # Not the last: a second proof of one nonce, made to end earlier, would have the first
        # forgotten while it can still be shown.
        firsts.setdefault(key, until)
    ((latest, held),) = store.rows("SELECT latest, held FROM replay_state")
    if now > latest:
        # One for all: a service whose clock is behind must not revive what another forgot.
        gone = store.rows("DELETE FROM replay WHERE until < ? RETURNING 1", now)
        latest, held = now, held - len(gone)
    room = max(0, capacity - held)
    wanted = [(key, until) for key, until in firsts.items() if until >= latest][:room]
    added = insert(
        store, "replay (key, until)", wanted, "ON CONFLICT (key) DO NOTHING RETURNING key"
    )
    new = {bytes(key) for (key,) in added}
    store.rows("UPDATE replay_state SET latest = ?, held = ?", latest, held + len(new))
    return new


def close(store: Reading, now: int) -> None:
    """Takes every proof made before `now` for seen, where nobody knows any more which were."""
    latest = now + WINDOW
    store.rows("UPDATE replay_state SET latest = ? WHERE latest < ?", latest, latest)
