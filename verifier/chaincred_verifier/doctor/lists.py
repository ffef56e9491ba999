"""The list in the store and its floor outside it: signed, unbroken, not set back, on time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chaincred import ChaincredError, ListRefused, NoFloor, PublicKey
from chaincred.cli.words import span
from chaincred.files import FileFloor
from chaincred.keys import Context
from chaincred.revocation import Floor, Place, Signed, first_hash
from chaincred.view import SKEW
from chaincred_verifier import published
from chaincred_verifier.doctor import disk
from chaincred_verifier.doctor.finding import Finding, Findings, note, ok, wrong
from chaincred_verifier.doctor.store import path_of
from chaincred_verifier.published import Published, State
from chaincred_verifier.settings import Settings
from chaincred_verifier.store.driver import Reading

BACK: Final = "chaincred restore LIST, with a copy of the list that is further"


def held(settings: Settings, store: Reading, now: int) -> Findings:
    """What there is to say of the list in the store."""
    state = published.state(store)
    if state is None:
        yield note("list", "there is none yet; `serve` begins it")
        return
    own = Published(settings.list_key, settings.list_keys, state.place.list_id, NoFloor())
    try:
        # As it was when its head was fresh: of its age more below.
        own.take(store, state.issued_at)
    except ListRefused as error:
        yield _refused(error)
    else:
        yield ok("list", f"number {own.view.seq}, unbroken, {len(own.view)} ids on it")
        yield from _signed(settings, store, state)
    yield _head(state, now)


def _refused(error: ListRefused) -> Finding:
    said = f"{error.code}: {error}"
    if error.code == "list_untrusted":
        return wrong(
            "list",
            f"{said}, neither CHAINCRED_LIST_KEY nor one of CHAINCRED_RETIRED_LIST_KEYS",
            "name the key that signed it among the retired ones",
        )
    return wrong("list", said, "restore a backup, and then the list")


def _signed(settings: Settings, store: Reading, state: State) -> Findings:
    """By which of its keys head and snapshot are signed."""
    ((snapshot,),) = store.rows("SELECT signed FROM list_snapshot")
    parts = ((Context.HEAD, state.head), (Context.SNAPSHOT, bytes(snapshot)))
    used = [_signer(data, context, settings.list_keys) for context, data in parts]
    retired = [key for key in settings.retired_list_keys if key in used]
    if retired:
        yield note(
            "list",
            f"still signed by {retired[0].hex()}, which is retired",
            "leave that key in the settings; `serve` signs anew soon after it starts",
        )
    elif settings.retired_list_keys:
        yield note(
            "list",
            f"signed by CHAINCRED_LIST_KEY, {settings.list_key.public_key.hex()}, alone",
            "what CHAINCRED_RETIRED_LIST_KEYS names is of no use any more once every verifier "
            "knows that key, unless it is a key that is to sign next",
        )


def _signer(data: bytes, context: Context, keys: tuple[PublicKey, ...]) -> PublicKey | None:
    signed = Signed.from_bytes(data)
    return next((key for key in keys if signed.is_signed_by(context, [key])), None)


def _head(state: State, now: int) -> Finding:
    age = now - state.issued_at
    if age < -SKEW:
        return wrong(
            "clock",
            f"the head was signed {span(-age)} from now, by this clock",
            "set this clock; if that of the service was ahead, see docs/operations.md",
        )
    if now >= state.fresh_until:
        return note(
            "list", f"the head is stale since {span(now - state.fresh_until)}: no service signs it"
        )
    return ok("clock", f"the head was signed {span(max(age, 0))} ago, by this clock")


def floor(settings: Settings, store: Reading | None) -> Findings:
    """Whether the store is where this service has been already; None has nothing in it."""
    path = settings.floor.absolute()
    yield disk.writable("floor", path.parent)
    own = path_of(settings)
    if own is not None and path.is_relative_to(own.parent):
        yield note(
            "floor",
            f"it is in the store's own folder {own.parent}: what sets that back sets both back",
            "keep it on another disk or volume",
        )
    state = published.state(store) if store else None
    try:
        saved = FileFloor(path).load()
        place = Floor.from_bytes(saved).place if saved is not None else None
    except ChaincredError as error:
        yield wrong(
            "floor", str(error), "see how far mirrors and followers are before you remove it"
        )
        return
    if place is None:
        yield from _no_floor(path, state)
        return
    if store is None or state is None:
        yield wrong("floor", f"number {place.seq} was published, and the store has no list", BACK)
        return
    yield _compared(place, state, store)


def _no_floor(path: Path, state: State | None) -> Findings:
    if state is None or state.place.seq == 0:
        yield ok("floor", f"{path} is not there yet; `serve` begins it")
        return
    yield wrong(
        "floor",
        f"{path} is not there, and the store is at number {state.place.seq}: if it was set back, "
        "nothing here would notice",
        "bring it back if this service ran before; else see that a mirror is not further, start",
    )


def _compared(place: Place, state: State, store: Reading) -> Finding:
    if place.list_id != state.place.list_id:
        return wrong(
            "floor",
            f"it is of list {place.list_id.hex()}, the store of {state.place.list_id.hex()}",
            "restore the store of that list; or, if a new one was begun, name another floor",
        )
    if state.place.seq < place.seq:
        return wrong(
            "floor",
            f"the store is at number {state.place.seq} and {place.seq} was published: set back",
            BACK,
        )
    if _hash(place.seq, state, store) not in (place.hash, None):
        return wrong(
            "floor",
            f"the store has another past than was published at number {place.seq}",
            f"restore a backup from before the fork, and then {BACK}",
        )
    return ok("floor", f"number {place.seq} was published, the store is at {state.place.seq}")


def _hash(number: int, state: State, store: Reading) -> bytes | None:
    """The running hash at a number; None where it is not kept so far back."""
    if number == state.place.seq:
        return state.place.hash
    if number == 0:
        return first_hash(state.place.list_id)
    found = store.rows("SELECT running FROM entries WHERE number = ?", number)
    return bytes(found[0][0]) if found else None
