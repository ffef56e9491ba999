"""Revocation lists as bytes: ids, entries, heads, snapshots, updates (specs/revocation.md 1-5).

`publisher` makes them, `view` relies on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from chaincred.chain import Chain
from chaincred.encoding import MAX_OUTER, MAX_TIME, is_text, is_uint, pack, unpack, unpack_flat
from chaincred.errors import ListRefused, Malformed
from chaincred.idtable import ID_SIZE, IdTable
from chaincred.keys import SIGNATURE_SIZE, Context, PublicKey, SigningKey
from chaincred.request import MAX_TASK

FOREVER: Final = 2**32 - 1
"""The `until` of what never dies by itself."""
GRACE: Final = 60
"""Seconds that an entry stays past its `until`: a verifier's clock may be behind."""
MAX_REASON: Final = 200
MAX_UPDATE: Final = 2**29
"""Bytes. 2**24 ids take 336 MB."""
MAX_ENTRIES: Final = 2**20
MAX_IDS: Final = 2**24
MAX_ISSUERS: Final = 1024

_MAX_ENTRY: Final = 512
_MAX_HEAD: Final = 256
_MAX_FLOOR: Final = 128
_CHAIN, _HOLDER, _ISSUER, _TASK = range(4)


def chain_id(link: bytes) -> bytes:
    """16 bytes that name a block and all below it; `link` is 32 bytes, the root id or a hop's."""
    return link[:ID_SIZE]


def key_id(key: PublicKey) -> bytes:
    """16 bytes that name a holder's or an issuer's key."""
    return key.digest[:ID_SIZE]


def task_id(task: str) -> bytes:
    """16 bytes that name a task."""
    return sha256(b"chaincred/v1/task\0" + task.encode()).digest()[:ID_SIZE]


def list_id(first_key: PublicKey) -> bytes:
    """16 bytes that name the list begun under this list key."""
    return sha256(b"chaincred/v1/list\0" + bytes(first_key)).digest()[:ID_SIZE]


def lives(until: int, now: int) -> bool:
    """Whether an entry still has to be on the list at the second `now`."""
    return until == FOREVER or until >= now - GRACE


def first_hash(list_id: bytes) -> bytes:
    """The running hash of a list without entries, 32 bytes."""
    return sha256(b"chaincred/v1/log\0" + list_id).digest()


def next_hash(before: bytes, entry: bytes) -> bytes:
    """The running hash after one more packed entry, 32 bytes."""
    return sha256(b"chaincred/v1/log\0" + before + entry).digest()


@dataclass(frozen=True, slots=True)
class Footing:
    """What a chain stands on: revoke any of it and the chain is dead.

    `issuer` is the id of the root key, `issued_at` when block 0 was signed (seconds), `ids` are
    those of every link, holder and task.
    """

    issuer: bytes
    issued_at: int
    ids: tuple[bytes, ...]

    @classmethod
    def of(cls, chain: Chain, tasks: Sequence[str]) -> Footing:
        links = [chain_id(link) for link in chain.links]
        holders = [key_id(block.holder) for block in chain.blocks]
        ids = (*links, *holders, *[task_id(task) for task in tasks])
        return cls(key_id(chain.issuer), chain.blocks[0].issued_at, ids)


@dataclass(frozen=True, slots=True)
class Entry:
    """One revocation. Made by `chain`, `holder`, `issuer` or `task`.

    `until` is the second when all that it kills would have died anyway, up to `FOREVER`;
    `reason` is a text of 0 to 200 bytes. `before` is set for an issuer only. Raises ValueError.
    """

    what: int
    id: bytes
    until: int
    reason: str = ""
    before: int | None = None

    def __post_init__(self) -> None:
        if type(self.what) is not int or not _CHAIN <= self.what <= _TASK:
            raise ValueError("an entry is of a chain, holder, issuer or task")
        if type(self.id) is not bytes or len(self.id) != ID_SIZE:
            raise ValueError("an id is 16 bytes")
        if not is_uint(self.until, FOREVER):
            raise ValueError("until is seconds below 2**32")
        if not is_text(self.reason, 0, MAX_REASON):
            raise ValueError("a reason is a text of 0 to 200 bytes")
        if (self.before is not None) != (self.what == _ISSUER):
            raise ValueError("an issuer's entry, and no other, has a time before")
        if self.before is not None and not is_uint(self.before):
            raise ValueError("before is a time")

    @classmethod
    def chain(cls, link: bytes, *, until: int = FOREVER, reason: str = "") -> Entry:
        """Kills the block with this 32-byte link (the root id: the tree) and all below it."""
        if type(link) is not bytes or len(link) != 32:
            raise ValueError("a link is 32 bytes")
        return cls(_CHAIN, chain_id(link), until, reason)

    @classmethod
    def holder(cls, key: PublicKey, *, until: int = FOREVER, reason: str = "") -> Entry:
        """Kills every chain that passes through this key."""
        return cls(_HOLDER, key_id(key), until, reason)

    @classmethod
    def issuer(
        cls, key: PublicKey, *, before: int = MAX_TIME, until: int = FOREVER, reason: str = ""
    ) -> Entry:
        """Kills every chain that this root key says it issued before the second `before`.

        A thief of the key writes what time it likes: then leave `before` out, which kills
        everything under the key for good.
        """
        return cls(_ISSUER, key_id(key), until, reason, before)

    @classmethod
    def task(cls, task: str, *, until: int = FOREVER, reason: str = "") -> Entry:
        """Kills every chain bound to this task, and every request for it."""
        if not is_text(task, 1, MAX_TASK):
            raise ValueError("a task is a text of 1 to 128 bytes")
        return cls(_TASK, task_id(task), until, reason)

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """The entry that `data` packs. Raises ListRefused (`list_malformed`)."""
        fields = _unpack(data, _MAX_ENTRY)
        if type(fields) is not list or len(fields) not in (4, 5):
            raise ListRefused("list_malformed", "an entry is an array of 4 or 5")
        try:
            entry = cls(*fields)
        except ValueError as error:
            raise ListRefused("list_malformed", str(error)) from error
        if entry.to_bytes() != data:
            raise ListRefused("list_malformed", "an entry in another spelling than its own")
        return entry

    def to_bytes(self) -> bytes:
        before = [] if self.before is None else [self.before]
        return pack([self.what, self.id, self.until, self.reason, *before])


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log has come: its list (16 bytes), number of entries and running hash."""

    list_id: bytes
    seq: int
    hash: bytes

    @classmethod
    def start(cls, list_id: bytes) -> Place:
        return cls(list_id, 0, first_hash(list_id))

    def after(self, entry: bytes) -> Place:
        """The place one packed entry further."""
        return Place(self.list_id, self.seq + 1, next_hash(self.hash, entry))

    def to_wire(self) -> list[Any]:
        return [self.list_id, self.seq, self.hash]

    @classmethod
    def from_wire(cls, raw: list[Any]) -> Place:
        match raw:
            case [bytes(own_id), seq, bytes(running)] if is_uint(seq):
                if len(own_id) == ID_SIZE and len(running) == 32:
                    return cls(own_id, seq, running)
        raise ListRefused("list_malformed", "not a list id, a number and a hash")


@dataclass(frozen=True, slots=True)
class Head:
    """The signed heartbeat: where the list is, since when, and until when that may be relied on."""

    place: Place
    issued_at: int
    fresh_until: int

    def sign(self, key: SigningKey) -> bytes:
        """The packed head, `[body, signature]`."""
        body = pack([*self.place.to_wire(), self.issued_at, self.fresh_until])
        return _sign(Context.HEAD, key, body)

    @classmethod
    def from_body(cls, body: bytes) -> Head:
        fields = _unpack(body, _MAX_HEAD)
        if type(fields) is not list or len(fields) != 5 or not all(map(is_uint, fields[3:])):
            raise ListRefused("list_malformed", "a head is an array of 5")
        if not fields[3] < fields[4]:
            raise ListRefused("list_malformed", "a head that was never fresh")
        return cls(Place.from_wire(fields[:3]), fields[3], fields[4])


@dataclass(frozen=True, slots=True)
class Issuers:
    """Revoked issuers: for each key id the `(until, before)` that holds."""

    by_id: dict[bytes, tuple[int, int]]

    def adding(self, entries: Iterable[Entry]) -> Issuers:
        """These and more entries, which lengthen what is there and never shorten it."""
        by_id = dict(self.by_id)
        for entry in entries:
            until, before = by_id.get(entry.id, (0, 0))
            by_id[entry.id] = (max(until, entry.until), max(before, entry.before or 0))
        return Issuers(by_id)

    def to_wire(self) -> list[list[Any]]:
        return [[key, *self.by_id[key]] for key in sorted(self.by_id)]

    @classmethod
    def from_wire(cls, raw: Any) -> Issuers:
        if type(raw) is not list or len(raw) > MAX_ISSUERS:
            raise ListRefused("list_malformed", f"at most {MAX_ISSUERS} issuers")
        by_id = {}
        for each in raw:
            match each:
                case [bytes(key), until, before] if len(key) == ID_SIZE:
                    if is_uint(until, FOREVER) and is_uint(before):
                        by_id[key] = (until, before)
        issuers = cls(by_id)
        if issuers.to_wire() != raw:
            raise ListRefused("list_malformed", "issuers are [id, until, before] by ascending id")
        return issuers


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a view needs to know of a list up to a place, taken at a second."""

    place: Place
    taken_at: int
    issuers: Issuers
    table: IdTable

    def after(self, entries: Iterable[Entry]) -> Snapshot:
        """What is revoked once `entries` have been made as well."""
        issuers: list[Entry] = []
        added: dict[bytes, int] = {}
        for entry in entries:
            if entry.before is not None:
                issuers.append(entry)
            else:
                added[entry.id] = max(entry.until, added.get(entry.id, 0))
        return replace(self, issuers=self.issuers.adding(issuers), table=self.table.adding(added))

    def sign(self, key: SigningKey) -> bytes:
        """The packed snapshot, `[body, signature]`."""
        ids, untils = self.table.to_columns()
        fields = [*self.place.to_wire(), self.taken_at, self.issuers.to_wire(), ids, untils]
        return _sign(Context.SNAPSHOT, key, pack(fields))

    @classmethod
    def from_body(cls, body: bytes) -> Snapshot:
        fields = _unpack(body, MAX_UPDATE, MAX_ISSUERS)
        if type(fields) is not list or len(fields) != 7 or not is_uint(fields[3]):
            raise ListRefused("list_malformed", "a snapshot is an array of 7")
        place = Place.from_wire(fields[:3])
        taken_at, issuers, ids, untils = fields[3:]
        if type(ids) is not bytes or type(untils) is not bytes or len(ids) > MAX_IDS * ID_SIZE:
            raise ListRefused("list_malformed", "ids and untils are bytes")
        try:
            table = IdTable.from_columns(ids, untils)
        except ValueError as error:
            raise ListRefused("list_malformed", str(error)) from error
        return cls(place, taken_at, Issuers.from_wire(issuers), table)


@dataclass(frozen=True, slots=True)
class Signed:
    """A body and a signature that nobody has looked at yet."""

    body: bytes
    signature: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Signed:
        match _unpack(data, MAX_UPDATE):
            case [bytes(body), bytes(signature)] if len(signature) == SIGNATURE_SIZE:
                return cls(body, signature)
        raise ListRefused("list_malformed", "not [body, signature]")

    def is_signed_by(self, context: Context, keys: Sequence[PublicKey]) -> bool:
        """Whether one of `keys` signed the body for `context`."""
        digest = sha256(self.body).digest()
        return any(key.verify(context, digest, self.signature) for key in keys)


@dataclass(frozen=True, slots=True)
class Update:
    """What travels: maybe a snapshot, the packed entries after it, and a head."""

    snapshot: bytes
    start: int
    entries: tuple[bytes, ...]
    head: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Update:
        """The update that `data` packs. Raises ListRefused (`list_malformed`)."""
        try:
            parts = unpack_flat(data, MAX_UPDATE, MAX_ENTRIES)
        except Malformed as error:
            raise ListRefused("list_malformed", str(error)) from error
        match parts:
            case [bytes(snapshot), start, list(entries), bytes(head)] if is_uint(start):
                if all(type(each) is bytes for each in entries):
                    return cls(snapshot, start, tuple(entries), head)
        raise ListRefused("list_malformed", "an update is [snapshot, from, entries, head]")

    def to_bytes(self) -> bytes:
        return pack([self.snapshot, self.start, list(self.entries), self.head])


@dataclass(frozen=True, slots=True)
class Floor:
    """What a view never goes back behind: the place and time of the last head it relied on."""

    place: Place
    issued_at: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Floor:
        """The floor that `data` packs. Raises ListRefused (`list_malformed`)."""
        fields = _unpack(data, _MAX_FLOOR)
        if type(fields) is not list or len(fields) != 4 or not is_uint(fields[3]):
            raise ListRefused("list_malformed", "a floor is an array of 4")
        return cls(Place.from_wire(fields[:3]), fields[3])

    def to_bytes(self) -> bytes:
        return pack([*self.place.to_wire(), self.issued_at])


def _sign(context: Context, key: SigningKey, body: bytes) -> bytes:
    return pack([body, key.sign(context, sha256(body).digest())])


def _unpack(data: bytes, limit: int, longest: int = MAX_OUTER) -> Any:
    try:
        return unpack(data, limit, longest)
    except Malformed as error:
        raise ListRefused("list_malformed", str(error)) from error
