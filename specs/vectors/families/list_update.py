"""Updates that are not of the form, or not of this list (revocation.md 2 to 5)."""

from collections.abc import Iterator
from dataclasses import replace

from families.cast import (
    MALLORY,
    NEXT_LIST_KEY,
    NOW,
    OTHER_LIST_KEY,
    tagged_hash,
    unreduced,
)
from families.log import NEVER, Entry, Log, kill_issuer, kill_task, list_id, raw_update
from families.packing import Raw, Value, pack
from families.scenario import Vector, vector

FIRST = kill_task("first")
SECOND = kill_task("second", until=NOW + 5000)
TWO = Log((FIRST, SECOND))
HEAD = TWO.head()
PACKED = [FIRST.packed, SECOND.packed]
SNAPSHOT = TWO.snapshot()

# Rows: name, what is wrong, and an entry.
WRONG_ENTRIES: tuple[tuple[str, str, Value], ...] = (
    ("what-4", "a kind of entry that is not known", [4, bytes(16), NEVER, ""]),
    ("what-negative", "a kind of entry below the first", [-1, bytes(16), NEVER, ""]),
    ("what-false", "false is not the kind 0", [False, bytes(16), NEVER, ""]),
    ("id-of-15", "a short id", [0, bytes(15), NEVER, ""]),
    ("id-of-17", "a long id", [0, bytes(17), NEVER, ""]),
    ("id-text", "an id that is a text", [0, "i" * 16, NEVER, ""]),
    ("until-2-32", "until is past never", [0, bytes(16), 2**32, ""]),
    ("until-negative", "until is before 1970", [0, bytes(16), -1, ""]),
    ("until-true", "until is true", [0, bytes(16), True, ""]),
    ("reason-of-201", "a reason of 201 bytes", [0, bytes(16), NEVER, "r" * 201]),
    ("reason-bin", "a reason that is a byte string", [0, bytes(16), NEVER, b"r"]),
    ("reason-hidden", "a hidden character", [0, bytes(16), NEVER, "r\u200e"]),
    ("without-reason", "no reason", [0, bytes(16), NEVER]),
    ("chain-with-before", "a chain with a time", [0, bytes(16), NEVER, "", NOW]),
    ("issuer-without-before", "an issuer without a time", [2, bytes(16), NEVER, ""]),
    ("before-2-53", "a time one past the last", [2, bytes(16), NEVER, "", 2**53]),
    ("before-negative", "a time before 1970", [2, bytes(16), NEVER, "", -1]),
    ("long-int", "a long header", [0, bytes(16), Raw(b"\xce\x00\x00\x00\x01"), ""]),
    ("as-map", "an entry that is a map", {"what": 0}),
)


def vectors() -> Iterator[Vector]:
    for name, about, entry in WRONG_ENTRIES:
        log = tagged_hash("log", Log().hash(), pack(entry))
        head = Log().sealed("head", [Log().id, 1, log, NOW - 2, NOW + 600])
        update = raw_update(b"", 0, [pack(entry)], head)
        yield refused(f"entry-{name}", f"an entry is malformed: {about}", "list_malformed", update)
    yield from _right_entries()
    yield from _heads()
    yield from _snapshots()
    yield from _updates()
    yield from _untrusted()
    yield from _others()


def _right_entries() -> Iterator[Vector]:
    rows = (
        ("reason-of-200", "the longest reason", replace(FIRST, reason="r" * 200)),
        ("until-0", "an entry that was over in 1970", replace(FIRST, until=0)),
        ("until-never", "an entry for ever", replace(FIRST, until=NEVER)),
    )
    for name, about, entry in rows:
        log = Log((entry,))
        yield taken(
            f"entry-{name}", f"an entry is taken: {about}", log.update(), log, revoked=[entry]
        )
    issuer = Log((kill_issuer(MALLORY, 2**53 - 1),))
    yield taken("entry-issuer", "an entry for an issuer", issuer.update(), issuer)


def _heads() -> Iterator[Vector]:
    body = TWO.head_body()
    rows: tuple[tuple[str, str, int, Value], ...] = (
        ("list-id-of-15", "a short list id", 0, TWO.id[:15]),
        ("seq-negative", "fewer than no entries", 1, -1),
        ("seq-2-53", "one entry too many", 1, 2**53),
        ("seq-true", "true is not 1", 1, True),
        ("hash-of-31", "a short hash", 2, TWO.hash()[:31]),
        ("issued-at-2-53", "a time one past the last", 3, 2**53),
        ("fresh-until-2-53", "a time one past the last", 4, 2**53),
        ("fresh-until-issued-at", "relied on not for a second", 4, NOW - 2),
        ("fresh-until-before", "over before it began", 4, NOW - 3),
    )
    for name, about, place, value in rows:
        wrong = [*body[:place], value, *body[place + 1 :]]
        yield _head(name, about, TWO.sealed("head", wrong))
    yield _head("of-four", "a head lacks a time", TWO.sealed("head", body[:4]))
    yield _head("of-six", "a sixth element", TWO.sealed("head", [*body, 0]))
    signature = HEAD[-64:]
    yield _head("short-signature", "63 bytes", pack([pack(body), signature[:63]]))
    yield _head("unsigned", "a head without a signature", pack([pack(body)]))
    yield _head("body-as-array", "a body not packed", pack([body, signature]))
    yield _head("trailing-byte", "a byte follows the head", HEAD + b"\0")
    yield _head("empty", "a head of nothing", b"")
    long_header = b"\xdc\x00\x05" + pack(body)[1:]
    sealed = TWO.sealed("head", Raw(long_header))
    yield _head("long-header", "a body with a long header", sealed)


def _snapshots() -> Iterator[Vector]:
    body = TWO.snapshot_body()
    ids = body[5]
    assert isinstance(ids, bytes)
    untils = body[6]
    assert isinstance(untils, bytes)
    here: list[Value] = [MALLORY.key_digest[:16], NEVER, NOW]
    below: list[Value] = [bytes(16), NEVER, NOW]
    rows: tuple[tuple[str, str, int, Value], ...] = (
        ("ids-of-31", "half an id", 5, ids[:31]),
        ("ids-unsorted", "ids not in order", 5, ids[16:] + ids[:16]),
        ("ids-twice", "an id twice", 5, ids[:16] * 2),
        ("ids-as-array", "ids in an array", 5, [ids[:16], ids[16:]]),
        ("untils-of-7", "half an until", 6, untils[:7]),
        ("untils-short", "fewer untils than ids", 6, untils[:4]),
        ("untils-long", "more untils than ids", 6, untils + bytes(4)),
        ("issuers-unsorted", "issuers not in order", 4, [here, below]),
        ("issuers-twice", "an issuer twice", 4, [here, here]),
        ("issuer-of-two", "an issuer without a time", 4, [here[:2]]),
        ("issuer-id-of-15", "a short issuer's id", 4, [[bytes(15), NEVER, NOW]]),
        ("issuer-until-2-32", "past never", 4, [[bytes(16), 2**32, NOW]]),
        ("issuers-nil", "no array of issuers", 4, b""),
        ("issuers-1025", "too many issuers", 4, _issuers(1025)),
        ("taken-at-2-53", "a time one past the last", 3, 2**53),
        ("seq-2-53", "one entry too many", 1, 2**53),
        ("hash-of-33", "a long hash", 2, TWO.hash() + b"\0"),
    )
    for name, about, place, value in rows:
        wrong = [*body[:place], value, *body[place + 1 :]]
        yield _snapshot(name, about, TWO.sealed("snapshot", wrong))
    yield _snapshot("of-six", "lacks its untils", TWO.sealed("snapshot", body[:6]))
    yield _snapshot("trailing-byte", "a byte follows the snapshot", SNAPSHOT + b"\0")
    full = [*body[:4], _issuers(1024), *body[5:]]
    update = TWO.update(2, snapshot=TWO.sealed("snapshot", full))
    about = "the most issuers"
    yield taken("snapshot-issuers-1024", about, update, TWO, revoked=[FIRST, SECOND])


def _updates() -> Iterator[Vector]:
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("empty", "not one byte", b""),
        ("of-three", "an update without a head", pack([b"", 0, PACKED])),
        ("of-five", "a fifth element", pack([b"", 0, PACKED, HEAD, 0])),
        ("trailing-byte", "a byte follows", TWO.update() + b"\0"),
        ("cut", "the last byte is missing", TWO.update()[:-1]),
        ("head-as-array", "a head not packed", raw_update(b"", 0, PACKED, Raw(HEAD))),
        ("entry-as-array", "not packed", raw_update(b"", 0, [Raw(PACKED[0])], HEAD)),
        ("from-negative", "from before the first", raw_update(b"", -1, PACKED, HEAD)),
        ("from-false", "false is not 0", raw_update(b"", False, PACKED, HEAD)),
        ("snapshot-nil", "nil for none", raw_update(None, 0, PACKED, HEAD)),
        ("from-not-snapshot", "not its seq", raw_update(SNAPSHOT, 0, PACKED, HEAD)),
    )
    for name, about, update in rows:
        yield refused(
            f"update-{name}", f"an update is malformed: {about}", "list_malformed", update
        )


def _untrusted() -> Iterator[Vector]:
    stranger = replace(TWO, signer=MALLORY)
    body = pack(TWO.head_body())
    altered = pack([pack(TWO.head_body(NOW - 1)), HEAD[-64:]])
    lax = pack([body, unreduced(HEAD[-64:])])
    context = TWO.sealed("snapshot", TWO.head_body())
    rows = (
        ("head-by-stranger", "mallory signed the head", TWO.update(head=stranger.head())),
        ("head-altered", "a head a second younger", TWO.update(head=altered)),
        ("head-s-unreduced", "S is not below L", TWO.update(head=lax)),
        ("head-as-snapshot", "signed for another use", TWO.update(head=context)),
        (
            "snapshot-by-stranger",
            "mallory signed the snapshot",
            TWO.update(2, snapshot=stranger.snapshot()),
        ),
        (
            "snapshot-by-old-key",
            "the key that signed the snapshot is not trusted any more",
            TWO.update(2, snapshot=replace(TWO, signer=NEXT_LIST_KEY).snapshot()),
        ),
    )
    for name, about, update in rows:
        yield refused(name, about, "list_untrusted", update)


def _others() -> Iterator[Vector]:
    other = replace(TWO, id=list_id(OTHER_LIST_KEY))
    about = "the same key signed, but for another list"
    yield refused("other-head", about, "list_other", other.update())
    about = "the snapshot is of another list"
    mixed = TWO.update(2, snapshot=other.snapshot())
    yield refused("other-snapshot", about, "list_other", mixed)
    about = "another list under its own key"
    foreign = replace(other, signer=OTHER_LIST_KEY)
    yield refused("other-key-and-list", about, "list_untrusted", foreign.update())
    about = "a head that is malformed and not signed by this list"
    bad = replace(TWO, signer=MALLORY).head(NOW - 2, NOW - 2)
    update = TWO.update(head=bad)
    yield refused("malformed-and-untrusted", about, "list_untrusted", update)
    about = "an entry is malformed and the head is not signed by this list"
    update = raw_update(b"", 0, [b"\xc0"], replace(TWO, signer=MALLORY).head())
    yield refused("entry-malformed-and-untrusted", about, "list_untrusted", update)
    about = "an entry is malformed and the head is of another list"
    update = raw_update(b"", 0, [b"\xc0"], other.head())
    yield refused("entry-malformed-and-other", about, "list_malformed", update)


def refused(name: str, about: str, expect: str, update: bytes) -> Vector:
    """One update, refused by a view that has seen none."""
    empty = Log()
    return vector(
        f"list-{name}",
        about,
        "list",
        "revocation.md 5",
        expect,
        list=empty.described(),
        steps=[{"now": NOW, "update": update.hex(), "expect": expect}],
        seq=0,
        hash=empty.hash().hex(),
        revoked=[],
        alive=[FIRST.id.hex()],
    )


def taken(
    name: str, about: str, update: bytes, log: Log, revoked: list[Entry] | None = None
) -> Vector:
    """One update, taken by a view that has seen none."""
    return vector(
        f"list-{name}",
        about,
        "list",
        "revocation.md 5",
        "ok",
        list=log.described(),
        steps=[{"now": NOW, "update": update.hex(), "expect": "ok"}],
        seq=log.seq,
        hash=log.hash().hex(),
        revoked=[entry.id.hex() for entry in revoked or ()],
        alive=[kill_task("alive").id.hex()],
    )


def _issuers(number: int) -> list[Value]:
    return [[n.to_bytes(16, "big"), NEVER, NOW] for n in range(number)]


def _head(name: str, about: str, head: bytes) -> Vector:
    said = f"a head is malformed: {about}"
    return refused(f"head-{name}", said, "list_malformed", TWO.update(head=head))


def _snapshot(name: str, about: str, snapshot: bytes) -> Vector:
    update = raw_update(snapshot, 2, [], HEAD)
    said = f"a snapshot is malformed: {about}"
    return refused(f"snapshot-{name}", said, "list_malformed", update)
