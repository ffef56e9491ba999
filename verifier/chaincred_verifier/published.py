"""The list that the service publishes, and its own view of it (specs/service.md 7).

What is true is in the store: entries, the snapshot they follow, and the signed head. Each worker
reads it from there through a `RevocationView` like any other verifier's, so that a store which
went back, or which somebody else wrote, is refused here as it is anywhere.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chaincred import (
    ChaincredError,
    Entry,
    PublicKey,
    RevocationList,
    RevocationView,
    SigningKey,
)
from chaincred.encoding import pack
from chaincred.errors import FileRefused
from chaincred.keys import Context
from chaincred.revocation import Floor, Head, Place, Signed, Update, list_id
from chaincred.view import FloorStore
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Refused, Unavailable
from chaincred_verifier.store.driver import Reading

_MAX_DELTA: Final = 100_000
"""Entries of one delta; who is further behind takes the whole list."""
_LATEST: Final = 16
"""Deltas kept for those who ask the same; at most a megabyte or so each."""
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class State:
    """Where the list is in the store. `oldest` is the number after which entries are kept."""

    place: Place
    head: bytes
    issued_at: int
    fresh_until: int
    oldest: int

    @property
    def etag(self) -> str:
        return f'"{self.place.seq}-{self.issued_at}"'


def state(store: Reading) -> State | None:
    """The state of the list; None before it is begun."""
    found = store.rows(
        "SELECT list_id, seq, hash, head, issued_at, fresh_until, oldest FROM list_state"
    )
    if not found:
        return None
    own_id, seq, running, head, issued_at, fresh_until, oldest = found[0]
    place = Place(bytes(own_id), seq, bytes(running))
    return State(place, bytes(head), issued_at, fresh_until, oldest)


def held_state(store: Reading) -> State:
    """The state of the list. Raises Unavailable before it is begun."""
    found = state(store)
    if found is None:
        raise Unavailable("the list is not begun")
    return found


def begin(writing: Writing, key: SigningKey, *, fresh_for: int) -> State:
    """The list in the store; begun now, under `key`, if there is none."""
    found = state(writing)
    if found is not None:
        return found
    begun = RevocationList.begin(key, now=writing.now)
    head = Head(begun.place, writing.now, writing.now + fresh_for)
    writing.rows(
        "INSERT INTO list_state (id, list_id, seq, hash, head, issued_at, fresh_until, oldest) "
        "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        begun.place.list_id,
        0,
        begun.place.hash,
        head.sign(key),
        head.issued_at,
        head.fresh_until,
        0,
    )
    keep_snapshot(writing, 0, begun.base.taken_at, begun.base.sign(key))
    return held_state(writing)


def append(writing: Writing, key: SigningKey, entry: Entry, *, made_by: str, fresh_for: int) -> int:
    """Appends an entry and signs the head that has it. Gives its number."""
    held = held_state(writing)
    packed = entry.to_bytes()
    place = held.place.after(packed)
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
        writing.now,
        made_by,
        held.fresh_until,
    )
    _sign(writing, key, held, place, fresh_for)
    writing.wake()
    return place.seq


def beat(writing: Writing, key: SigningKey, *, every: float, fresh_for: int) -> bool:
    """Signs a new head if the last one is `every` seconds old. Whether it did."""
    held = held_state(writing)
    # Of several services whose heartbeats fall together, the first one signs.
    if writing.now < held.issued_at + every:
        return False
    _sign(writing, key, held, held.place, fresh_for)
    return True


def _sign(writing: Writing, key: SigningKey, held: State, place: Place, fresh_for: int) -> None:
    # Never before the last: views take that for a rollback.
    at = max(writing.now, held.issued_at)
    # Nor to an earlier end: `contained_at` is the last head's, which no other may outlive.
    head = Head(place, at, max(at + fresh_for, held.fresh_until))
    writing.rows(
        "UPDATE list_state SET seq = ?, hash = ?, head = ?, issued_at = ?, fresh_until = ?",
        place.seq,
        place.hash,
        head.sign(key),
        head.issued_at,
        head.fresh_until,
    )


def snapshot_of(store: Reading) -> tuple[int, int]:
    """The number and time of the snapshot in the store."""
    ((seq, taken_at),) = store.rows("SELECT seq, taken_at FROM list_snapshot")
    return seq, taken_at


def keep_snapshot(writing: Writing, seq: int, taken_at: int, signed: bytes) -> None:
    """Puts a signed snapshot in the place of the one before."""
    writing.rows("DELETE FROM list_snapshot")
    writing.rows(
        "INSERT INTO list_snapshot (id, seq, taken_at, signed) VALUES (1, ?, ?, ?)",
        seq,
        taken_at,
        signed,
    )


def delta(store: Reading, since: int) -> bytes:
    """The packed update that goes on from number `since`.

    Raises Refused: `not_found` for what is ahead, `gone` where entries do not reach back.
    """
    held = held_state(store)
    if since > held.place.seq:
        raise Refused("not_found", f"the list is at number {held.place.seq}")
    if since < held.oldest or held.place.seq - since > _MAX_DELTA:
        raise Refused("gone", f"entries are kept from number {held.oldest + 1} on")
    rows = store.rows(
        "SELECT packed FROM entries WHERE number > ? AND number <= ? ORDER BY number",
        since,
        held.place.seq,
    )
    return Update(b"", since, tuple(bytes(each) for (each,) in rows), held.head).to_bytes()


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole list as it travels: the part that stays, compressed once, and how it goes on."""

    seq: int
    taken_at: int
    plain: bytes
    compressed: bytes
    rest: Callable[[], zlib._Compress]

    @classmethod
    def of(cls, seq: int, taken_at: int, signed: bytes) -> Whole:
        # The update is [snapshot, from, entries, head]: its first part is long and seldom new.
        plain = b"\x94" + pack(signed)
        compressor = zlib.compressobj(1, wbits=_GZIP)
        compressed = compressor.compress(plain) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return cls(seq, taken_at, plain, compressed, compressor.copy)


class Published:
    """One worker's hold on the list.

    `view` is what its decisions ask. `changed` is awaited by streams.
    """

    def __init__(
        self, key: SigningKey, keys: tuple[PublicKey, ...], own_id: bytes, floor: FloorStore
    ) -> None:
        self.key = key
        self.keys = keys
        self.view = RevocationView(keys, floor=floor, list_id=own_id)
        self.issued_at = -1
        self._floor = floor
        self._whole: Whole | None = None
        self._signed: tuple[int, int] | None = None
        self._latest: dict[tuple[int, int, int], asyncio.Future[bytes]] = {}
        self._changed = asyncio.Event()
        self._lock = threading.Lock()

    def take(self, store: Reading, now: int) -> bool:
        """Brings the view to where the store is; whether that was something new.

        Raises ListRefused where the store's list is not one that the view can go on to, and
        Unavailable where the floor cannot be kept.
        """
        with self._lock:
            held = held_state(store)
            if (held.place.seq, held.issued_at) == (self.view.seq, self.issued_at):
                return False
            missing = held.place.seq - self.view.seq
            joins = self.view.seq >= held.oldest and 0 <= missing <= _MAX_DELTA
            if self.view.age(now) is not None and joins:
                data = delta(store, self.view.seq)
            else:
                # Also where the store was set back: that is for the view to refuse.
                data = b"".join(self.whole(store))
            try:
                self.view.update(data, now=now)
            except FileRefused as error:
                raise Unavailable("the floor cannot be kept") from error
            self.issued_at = held.issued_at
            return True

    def is_behind(self, store: Reading) -> bool:
        """Whether the store's list is not one that goes on from the floor: it was set back.

        Raises Unavailable where the floor cannot be read.
        """
        saved = self._saved()
        if saved is None:
            return False
        floor, held = saved.place, held_state(store).place
        return held.seq < floor.seq or (held.seq == floor.seq and held != floor)

    def is_older(self, store: Reading) -> bool:
        """Whether the store was set back to where it has every entry, but a head of before.

        Raises Unavailable where the floor cannot be read.
        """
        saved = self._saved()
        return saved is not None and held_state(store).issued_at < saved.issued_at

    def _saved(self) -> Floor | None:
        try:
            saved = self._floor.load()
            return None if saved is None else Floor.from_bytes(saved)
        except ChaincredError as error:
            raise Unavailable("the floor cannot be read") from error

    def is_signed(self, store: Reading) -> bool:
        """Whether one of the list's keys signed the head in the store, for the place it is at.

        A head goes on under the service's key: what somebody else wrote must not.
        """
        held = held_state(store)
        signed = Signed.from_bytes(held.head)
        if not signed.is_signed_by(Context.HEAD, self.keys):
            return False
        return Head.from_body(signed.body).place == held.place

    def signs_snapshot(self, store: Reading) -> bool:
        """Whether the snapshot is signed by the key in use, not by one of before."""
        at = snapshot_of(store)
        if at != self._signed:
            # Up to some hundred megabytes: not read each time that this is asked.
            ((signed,),) = store.rows("SELECT signed FROM list_snapshot")
            found = Signed.from_bytes(bytes(signed))
            if not found.is_signed_by(Context.SNAPSHOT, [self.key.public_key]):
                return False
            self._signed = at
        return True

    def whole(self, store: Reading, *, gzip: bool = False) -> tuple[bytes, bytes]:
        """The packed whole list in two parts, compressed if asked."""
        held = held_state(store)
        whole = self._whole
        if whole is None or (whole.seq, whole.taken_at) != snapshot_of(store):
            ((seq, taken_at, signed),) = store.rows(
                "SELECT seq, taken_at, signed FROM list_snapshot"
            )
            whole = self._whole = Whole.of(seq, taken_at, bytes(signed))
        rows = store.rows(
            "SELECT packed FROM entries WHERE number > ? AND number <= ? ORDER BY number",
            whole.seq,
            held.place.seq,
        )
        rest = pack(whole.seq) + pack([bytes(each) for (each,) in rows]) + pack(held.head)
        if not gzip:
            return whole.plain, rest
        compressor = whole.rest()
        return whole.compressed, compressor.compress(rest) + compressor.flush()

    async def latest(
        self, read: Callable[[Callable[[Reading], bytes]], Awaitable[bytes]], since: int
    ) -> tuple[int, bytes]:
        """The number that the list is at, and the packed update that leads there from `since`.

        A thousand streams that are told of one entry ask the store once. Raises Refused.
        """
        at = (since, self.view.seq, self.issued_at)
        if at not in self._latest:
            if len(self._latest) >= _LATEST:
                self._latest.clear()
            self._latest[at] = asyncio.ensure_future(read(lambda store: delta(store, since)))
        data = await asyncio.shield(self._latest[at])
        head = Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)
        return head.place.seq, data

    def tell(self) -> None:
        """Wakes the streams. On the event loop only."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns when something is new, at the latest after `seconds`."""
        changed = self._changed
        try:
            await asyncio.wait_for(changed.wait(), seconds)
        except TimeoutError:
            return


def id_of(key: SigningKey) -> bytes:
    """The id of a list that this key would begin."""
    return list_id(key.public_key)
