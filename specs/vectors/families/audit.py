"""Exports of an audit log, whole and not (service.md 9.2 and 9.3)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from families.cast import (
    LIST_KEY,
    MALLORY,
    NEXT_LIST_KEY,
    NOW,
    OTHER_LIST_KEY,
    Actor,
    tagged_hash,
    unreduced,
)
from families.log import list_id, sealed
from families.packing import Raw, Value, pack, text_form
from families.scenario import Vector, vector

LIST_ID = list_id(LIST_KEY)
OTHER_ID = list_id(OTHER_LIST_KEY)
IDENTITY = bytes([1]) + bytes(31)


def record(n: int, code: str = "ok") -> str:
    said = {"n": n, "at": NOW - 60 + n, "what": "verify", "code": code, "tool": "files/read"}
    return json.dumps(said, separators=(",", ":"))


@dataclass(frozen=True)
class AuditLog:
    """The records of a log from its first, as the service that keeps it says them."""

    records: tuple[str, ...]
    signer: Actor = LIST_KEY
    id: bytes = LIST_ID

    def hash(self, n: int | None = None) -> bytes:
        """The running hash after the first `n` records, or after all."""
        state = tagged_hash("audit", self.id)
        for line in self.records[:n]:
            state = tagged_hash("audit", state, line.encode())
        return state

    def head_body(self, n: int | None = None, at: int = NOW) -> list[Value]:
        return [self.id, len(self.records) if n is None else n, self.hash(n), at]

    def head(self, n: int | None = None) -> bytes:
        return sealed(self.signer, "audit", self.head_body(n))

    def export(
        self,
        after: int = 0,
        *,
        head: bytes | None = None,
        records: Sequence[str] | None = None,
        said: dict[str, object] | None = None,
    ) -> list[str]:
        """The lines of an export without the first `after` records.

        `said` changes what the first line says, and leaves out what is None there.
        """
        first = {
            "chaincred_audit": 1,
            "list_id": self.id.hex(),
            "after": after,
            "hash": self.hash(after).hex(),
            "head": text_form("", self.head() if head is None else head),
            **(said or {}),
        }
        kept = {name: value for name, value in first.items() if value is not None}
        line = json.dumps(kept, separators=(",", ":"))
        return [line, *(self.records[after:] if records is None else records)]


LOG = AuditLog(tuple(record(n) for n in range(1, 6)))
HEAD = LOG.head()
TEXT = text_form("", HEAD)
R1, R2, R3, R4, R5 = LOG.records
# The same log but for one record: what it would hold had somebody been refused.
FORK = AuditLog((R1, record(2, "revoked"), R3, R4, R5))


def vectors() -> Iterator[Vector]:
    yield from _whole()
    yield from _records()
    yield from _anchors()
    yield from _heads()
    yield from _head_forms()
    yield from _first_lines()
    yield from _lines()


def _whole() -> Iterator[Vector]:
    spelled = AuditLog(('{"n":1, "at" : 2,"agent":"caf\u00e9 \\u202e"}', '{"n":2}'))
    reordered = json.dumps(dict(reversed(json.loads(LOG.export()[0]).items())))
    rows = (
        ("whole", "the whole log", LOG.export(), 1, 5),
        ("of-one-record", "a log of one record", AuditLog((R1,)).export(), 1, 1),
        ("of-no-record", "a log that is still empty", AuditLog(()).export(), 1, 0),
        ("after-1", "the first record has left", LOG.export(1), 2, 5),
        ("after-4", "all but the last record have left", LOG.export(4), 5, 5),
        ("after-5", "all records have left, and the head stays", LOG.export(5), 6, 5),
        ("as-spelled", "records count as they are spelled", spelled.export(), 1, 2),
        ("first-line-spaced", "a first line with spaces", [reordered, *LOG.records], 1, 5),
    )
    for name, about, lines, first, last in rows:
        yield audit(name, about, "ok", lines, said=(first, last))
    rotated = replace(LOG, signer=NEXT_LIST_KEY)
    keys = [LIST_KEY.public, NEXT_LIST_KEY.public]
    about = "the list key was rotated, and the next one signed the head"
    yield audit("key-rotated", about, "ok", rotated.export(), keys, said=(1, 5))


def _records() -> Iterator[Vector]:
    spaced = R3.replace(":", ": ", 1)
    rows: tuple[tuple[str, str, list[str]], ...] = (
        ("changed", "one says something else", [R1, R2, record(3, "revoked"), R4, R5]),
        ("first-changed", "the first says something else", [record(1, "revoked"), R2, R3, R4, R5]),
        ("last-changed", "the last says something else", [R1, R2, R3, R4, record(5, "revoked")]),
        ("spaced", "one is spelled another way", [R1, R2, spaced, R4, R5]),
        ("removed", "one is missing", [R1, R2, R4, R5]),
        ("first-removed", "the first is missing", [R2, R3, R4, R5]),
        ("last-removed", "the last is missing", [R1, R2, R3, R4]),
        ("all-removed", "all are missing", []),
        ("renumbered", "one is missing, the others close up", [R1, R2, record(3), record(4)]),
        ("added", "one more at the end", [R1, R2, R3, R4, R5, record(6)]),
        ("inserted", "one more in between", [R1, R2, record(3, "revoked"), R3, R4, R5]),
        ("before-the-first", "one more before the first", [record(0), R1, R2, R3, R4, R5]),
        ("twice", "one is there twice", [R1, R2, R2, R3, R4, R5]),
        ("moved", "two in another order", [R1, R3, R2, R4, R5]),
        ("in-place-of-another", "one in the place of another", [R1, R2, R2, R4, R5]),
        ("of-a-fork", "one is from another past", [R1, FORK.records[1], R3, R4, R5]),
    )
    for name, about, records in rows:
        lines = LOG.export(records=records)
        yield audit(f"record-{name}", f"not the records that were made: {about}", "audit", lines)
    numbers = (
        ("from-0", "they are numbered from 0", [record(0), R1]),
        ("from-2", "they are numbered from 2", [R2, R3]),
        ("without-number", "one has no number", [R1, '{"at":1}']),
        ("number-true", "true is not 1", [R1.replace("1", "true", 1), R2]),
        ("number-as-text", "a number that is a text", [R1, R2.replace("2", '"2"', 1)]),
    )
    for name, about, records in numbers:
        lines = AuditLog(tuple(records)).export()
        yield audit(f"record-{name}", f"rightly hashed, but {about}", "audit", lines)
    about = "not the records that were made: the first of those that stayed is missing"
    yield audit("record-removed-after-2", about, "audit", LOG.export(2, records=[R4, R5]))


def _anchors() -> Iterator[Vector]:
    stayed, before = [R3, R4, R5], LOG.hash(2).hex()
    rows = (
        ("hash", "the hash of another place", LOG.export(2, said={"hash": LOG.hash(1).hex()})),
        ("fork", "the hash of another past", LOG.export(2, said={"hash": FORK.hash(2).hex()})),
        ("zeros", "no hash but its length", LOG.export(2, said={"hash": "00" * 32})),
        ("fewer", "fewer have left", LOG.export(1, records=stayed, said={"hash": before})),
        ("more", "more have left", LOG.export(3, records=stayed, said={"hash": before})),
        ("none-stayed", "another hash, and no record", LOG.export(5, said={"hash": "00" * 32})),
        ("past-the-end", "more have left than there were", LOG.export(6)),
        ("of-the-first", "not from where a log begins", _from_zeros()),
    )
    for name, about, lines in rows:
        yield audit(f"anchor-{name}", f"what it begins from is wrong: {about}", "audit", lines)


def _from_zeros() -> list[str]:
    """All records, a hash of zeros before the first, and the head to which they lead."""
    state = bytes(32)
    for line in LOG.records:
        state = tagged_hash("audit", state, line.encode())
    head = sealed(LIST_KEY, "audit", [LIST_ID, 5, state, NOW])
    return LOG.export(head=head, said={"hash": "00" * 32})


def _heads() -> Iterator[Vector]:
    body = LOG.head_body()
    longer = AuditLog((*LOG.records, record(6)))
    other = replace(LOG, id=OTHER_ID)
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("by-stranger", "mallory signed it", replace(LOG, signer=MALLORY).head()),
        ("by-next-key", "by no key of the list yet", replace(LOG, signer=NEXT_LIST_KEY).head()),
        ("as-list-head", "signed as a list's head is", sealed(LIST_KEY, "head", body)),
        ("as-ack", "signed as an acknowledgement is", sealed(LIST_KEY, "ack", body)),
        ("altered", "a second later", pack([pack(LOG.head_body(at=NOW + 1)), HEAD[-64:]])),
        ("s-unreduced", "S is not below L", pack([pack(body), unreduced(HEAD[-64:])])),
        ("signature-of-zeros", "no signature but its length", pack([pack(body), bytes(64)])),
        ("before-the-end", "it is of two records less", LOG.head(3)),
        ("after-the-end", "it is of a record more", longer.head()),
        ("of-a-fork", "it is of another past", FORK.head()),
        ("number", "the right hash, another number", _head(1, 6)),
        ("hash", "the right number, the hash before it", _head(2, LOG.hash(4))),
        ("of-another-list", "of another list of the same key", other.head()),
    )
    for name, about, head in rows:
        yield audit(f"head-{name}", f"not its head: {about}", "audit", LOG.export(head=head))
    about = "the log of one list under the name of another"
    renamed = LOG.export(said={"list_id": OTHER_ID.hex()})
    yield audit("list-id-of-another", about, "audit", renamed)
    about = "the whole log of another list, under that list's key"
    foreign = replace(other, signer=OTHER_LIST_KEY)
    yield audit("of-another-list", about, "audit", foreign.export())
    about = "a list key of order 1, under which every message verifies"
    forged = LOG.export(head=pack([pack(body), IDENTITY + bytes(32)]))
    yield audit("key-of-small-order", about, "malformed", forged, [IDENTITY])


def _head(place: int, value: Value) -> bytes:
    """A head that the list key signed, with something else in one place of its body."""
    body = LOG.head_body()
    return sealed(LIST_KEY, "audit", [*body[:place], value, *body[place + 1 :]])


def _head_forms() -> Iterator[Vector]:
    body = LOG.head_body()
    packed, signature = pack(body), HEAD[-64:]
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("list-id-of-15", "a short list id", _head(0, LIST_ID[:15])),
        ("list-id-of-17", "a long list id", _head(0, LIST_ID + b"\0")),
        ("n-negative", "fewer than no records", _head(1, -1)),
        ("n-true", "true is not 1", _head(1, True)),
        ("n-2-53", "one record too many", _head(1, 2**53)),
        ("hash-of-31", "a short hash", _head(2, LOG.hash()[:31])),
        ("hash-text", "a hash that is a text", _head(2, "h" * 32)),
        ("at-negative", "a time before 1970", _head(3, -1)),
        ("at-2-53", "a time one past the last", _head(3, 2**53)),
        ("empty", "not one byte", b""),
        ("cut", "the last byte is missing", HEAD[:-1]),
        ("trailing-byte", "a byte follows", HEAD + b"\0"),
        ("unsigned", "no signature", pack([packed])),
        ("of-three", "a third element", pack([packed, signature, 0])),
        ("signature-of-63", "a short signature", pack([packed, signature[:63]])),
        ("body-as-array", "a body not packed", pack([body, signature])),
        ("body-of-three", "it lacks its time", sealed(LIST_KEY, "audit", body[:3])),
        ("body-of-five", "a fifth element", sealed(LIST_KEY, "audit", [*body, 0])),
        ("body-long-header", "a long header", _sealed_raw(b"\xdc\x00\x04" + packed[1:])),
        ("body-trailing-byte", "a byte follows its body", _sealed_raw(packed + b"\0")),
    )
    for name, about, head in rows:
        lines = LOG.export(head=head)
        yield audit(f"head-{name}", f"a head is malformed: {about}", "malformed", lines)
    stray = TEXT[:-1] + chr(ord(TEXT[-1]) + 1)
    for name, about, text in (
        ("padded", "padding", f"{TEXT}="),
        ("spaced", "white space", f"{TEXT[:8]} {TEXT[8:]}"),
        ("stray-bits", "unused bits that are not zero", stray),
        ("prefixed", "a prefix", f"cc1_{TEXT}"),
    ):
        lines = LOG.export(said={"head": text})
        yield audit(f"head-text-{name}", f"not base64url: {about}", "malformed", lines)


def _sealed_raw(body: bytes) -> bytes:
    return sealed(LIST_KEY, "audit", Raw(body))


def _first_lines() -> Iterator[Vector]:
    rows: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("version-2", "a version yet unknown", {"chaincred_audit": 2}),
        ("version-true", "true is not 1", {"chaincred_audit": True}),
        ("version-text", "a version that is a text", {"chaincred_audit": "1"}),
        ("without-version", "no version", {"chaincred_audit": None}),
        ("without-list-id", "no list id", {"list_id": None}),
        ("without-after", "it does not say what has left", {"after": None}),
        ("without-hash", "no hash", {"hash": None}),
        ("without-head", "no head", {"head": None}),
        ("list-id-of-15", "a short list id", {"list_id": LIST_ID.hex()[:30]}),
        ("list-id-in-capitals", "capital digits", {"list_id": LIST_ID.hex().upper()}),
        ("after-negative", "fewer than none have left", {"after": -1}),
        ("after-true", "true is not 1", {"after": True}),
        ("after-text", "a number that is a text", {"after": "0"}),
        ("after-fraction", "a number with a fraction", {"after": 0.5}),
        ("hash-of-31", "a short hash", {"hash": LOG.hash(0).hex()[:62]}),
        ("hash-in-capitals", "capital digits", {"hash": LOG.hash(0).hex().upper()}),
        ("hash-spaced", "white space", {"hash": LOG.hash(0).hex() + " "}),
        ("hash-no-digits", "letters that are not digits", {"hash": "zz" * 32}),
        ("hash-number", "a hash that is a number", {"hash": 0}),
        ("head-number", "a head that is a number", {"head": 0}),
    )
    for name, about, said in rows:
        lines = LOG.export(said=said)
        yield audit(f"first-line-{name}", f"no export: {about}", "malformed", lines)
    yield audit("empty", "no export: not one line", "malformed", [])
    about = "no export: the records, without the line before them"
    yield audit("without-first-line", about, "malformed", LOG.records)


def _lines() -> Iterator[Vector]:
    first = LOG.export()[0]
    not_a_number = AuditLog((R1, '{"n":2,"at":NaN}'))
    rows = (
        ("first-cut", "the first line has no end", [first[:-1], *LOG.records]),
        ("first-array", "the first line is an array", [f"[{first}]", *LOG.records]),
        ("empty", "an empty line at the end", [*LOG.export(), ""]),
        ("cut", "a record has no end", LOG.export(records=[R1, R2, R3, R4, R5[:-1]])),
        ("two-in-one", "two records in a line", LOG.export(records=[R1, R2, R3, R4 + R5])),
        ("array", "a record that is an array", LOG.export(records=[R1, R2, R3, R4, f"[{R5}]"])),
        ("text", "a record that is a text", LOG.export(records=[R1, R2, R3, R4, '"five"'])),
        ("byte-order-mark", "a mark before it", ["\ufeff" + first, *LOG.records]),
        ("nan", "a record with what is no number", not_a_number.export()),
    )
    for name, about, lines in rows:
        yield audit(f"line-{name}", f"no export: {about}", "malformed", lines)


def audit(
    name: str,
    about: str,
    expect: str,
    lines: Sequence[str],
    keys: Sequence[bytes] = (LIST_KEY.public,),
    said: tuple[int, int] | None = None,
) -> Vector:
    """An export, and with `ok` the numbers of its first and last record."""
    found = None if said is None else {"first": said[0], "last": said[1], "at": NOW}
    return vector(
        f"audit-{name}",
        about,
        "audit",
        "service.md 9.3",
        expect,
        keys=[key.hex() for key in keys],
        lines=list(lines),
        said=found,
    )
