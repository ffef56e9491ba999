"""A revocation list as its publisher writes it (revocation.md 1 to 5)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from families.cast import LIST_KEY, NOW, Actor, tagged_hash
from families.packing import Value, pack

NEVER = 2**32 - 1


@dataclass(frozen=True)
class Entry:
    what: int
    id: bytes
    until: int = NEVER
    before: int | None = None
    reason: str = ""

    @property
    def packed(self) -> bytes:
        fields: list[Value] = [self.what, self.id, self.until, self.reason]
        return pack(fields if self.before is None else [*fields, self.before])


def kill_chain(link: bytes, until: int = NEVER) -> Entry:
    return Entry(0, link[:16], until)


def kill_holder(holder: Actor, until: int = NEVER) -> Entry:
    return Entry(1, holder.key_digest[:16], until)


def kill_issuer(root: Actor, before: int, until: int = NEVER) -> Entry:
    return Entry(2, root.key_digest[:16], until, before)


def kill_task(task: str, until: int = NEVER) -> Entry:
    return Entry(3, task_id(task), until)


def task_id(task: str) -> bytes:
    return tagged_hash("task", task.encode())[:16]


def list_id(first_key: Actor) -> bytes:
    return tagged_hash("list", first_key.public)[:16]


@dataclass(frozen=True)
class Log:
    """The whole log of one list; its parts are signed by `signer`."""

    entries: tuple[Entry, ...] = ()
    signer: Actor = LIST_KEY
    id: bytes = list_id(LIST_KEY)

    def plus(self, *entries: Entry) -> "Log":
        return replace(self, entries=(*self.entries, *entries))

    @property
    def seq(self) -> int:
        return len(self.entries)

    def hash(self, seq: int | None = None) -> bytes:
        """The running hash after the first `seq` entries, or after all."""
        state = tagged_hash("log", self.id)
        for entry in self.entries[: self.seq if seq is None else seq]:
            state = tagged_hash("log", state, entry.packed)
        return state

    def head_body(self, issued_at: int = NOW - 2, fresh_until: int | None = None) -> list[Value]:
        until = issued_at + 600 if fresh_until is None else fresh_until
        return [self.id, self.seq, self.hash(), issued_at, until]

    def head(self, issued_at: int = NOW - 2, fresh_until: int | None = None) -> bytes:
        return self.sealed("head", self.head_body(issued_at, fresh_until))

    def snapshot_body(
        self,
        seq: int | None = None,
        taken_at: int = NOW - 2,
        without: Sequence[Entry] = (),
    ) -> list[Value]:
        seq = self.seq if seq is None else seq
        kept = [entry for entry in self.entries[:seq] if entry not in without]
        ids: dict[bytes, int] = {}
        issuers: dict[bytes, tuple[int, int]] = {}
        for entry in kept:
            if entry.before is None:
                ids[entry.id] = max(entry.until, ids.get(entry.id, 0))
                continue
            until, before = issuers.get(entry.id, (0, 0))
            longest = max(entry.until, until), max(entry.before, before)
            issuers[entry.id] = longest
        return [
            self.id,
            seq,
            self.hash(seq),
            taken_at,
            [[id_, *issuers[id_]] for id_ in sorted(issuers)],
            b"".join(sorted(ids)),
            b"".join(ids[id_].to_bytes(4, "big") for id_ in sorted(ids)),
        ]

    def snapshot(
        self,
        seq: int | None = None,
        taken_at: int = NOW - 2,
        without: Sequence[Entry] = (),
    ) -> bytes:
        return self.sealed("snapshot", self.snapshot_body(seq, taken_at, without))

    def sealed(self, context: str, body: Value) -> bytes:
        """A signed head or snapshot."""
        return sealed(self.signer, context, body)

    def update(
        self,
        since: int = 0,
        issued_at: int = NOW - 2,
        *,
        head: bytes | None = None,
        snapshot: bytes = b"",
    ) -> bytes:
        """The entries after the first `since`, and a head."""
        return raw_update(
            snapshot,
            since,
            [entry.packed for entry in self.entries[since:]],
            self.head(issued_at) if head is None else head,
        )

    def floor(self, issued_at: int) -> bytes:
        return pack([self.id, self.seq, self.hash(), issued_at])

    def described(self, *more_keys: Actor) -> dict[str, object]:
        keys = [actor.public.hex() for actor in (self.signer, *more_keys)]
        return {"keys": keys, "list_id": self.id.hex()}


def sealed(signer: Actor, context: str, body: Value) -> bytes:
    """A body and its signature: packed, signed over the hash of what is packed."""
    packed = pack(body)
    return pack([packed, signer.sign(context, hashlib.sha256(packed).digest())])


def raw_update(snapshot: Value, since: Value, entries: Value, head: Value) -> bytes:
    return pack([snapshot, since, entries, head])
