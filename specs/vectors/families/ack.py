"""What followers say that they enforce (service.md 8.2)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from families.cast import (
    FOLLOWER,
    LIST_KEY,
    MALLORY,
    NEXT_FOLLOWER,
    NOW,
    OTHER_LIST_KEY,
    Actor,
    unreduced,
)
from families.log import Log, list_id, sealed
from families.packing import Raw, Value, pack
from families.scenario import Vector, vector
from families.view import FORK, THREE, TWO

NAME = "files-1.example"
OTHER_NAME = "files-2.example"
REGISTERED = ((NAME, FOLLOWER.public), (OTHER_NAME, NEXT_FOLLOWER.public))
IDENTITY = bytes([1]) + bytes(31)

# Rows: name, what is wrong, the element of the body and what it is instead.
WRONG_FIELDS: tuple[tuple[str, str, int, Value], ...] = (
    ("name-empty", "no name", 0, ""),
    ("name-of-129", "a name of 129 bytes", 0, "n" * 129),
    ("name-with-space", "a name with a space", 0, "files 1"),
    ("name-with-slash", "a name with a slash", 0, "files/1"),
    ("name-with-line-break", "a name with a line break", 0, f"{NAME}\n"),
    ("name-with-accent", "a letter that is not one of A to Z", 0, "fil\u00e9s"),
    ("name-with-other-digit", "a digit of another script", 0, "files-\u0661"),
    ("name-bin", "a name that is a byte string", 0, NAME.encode()),
    ("list-id-of-15", "a short list id", 1, THREE.id[:15]),
    ("list-id-of-17", "a long list id", 1, THREE.id + b"\0"),
    ("list-id-text", "a list id that is a text", 1, "i" * 16),
    ("seq-negative", "fewer than no entries", 2, -1),
    ("seq-2-53", "one entry too many", 2, 2**53),
    ("seq-true", "true is not 1", 2, True),
    ("hash-of-31", "a short hash", 3, THREE.hash()[:31]),
    ("hash-of-33", "a long hash", 3, THREE.hash() + b"\0"),
    ("hash-text", "a hash that is a text", 3, "h" * 32),
    ("issued-at-negative", "a head's time before 1970", 4, -1),
    ("issued-at-2-53", "a head's time one past the last", 4, 2**53),
    ("issued-at-true", "a head's time that is true", 4, True),
    ("at-negative", "a time before 1970", 5, -1),
    ("at-2-53", "a time one past the last", 5, 2**53),
    ("at-text", "a time that is a text", 5, str(NOW)),
    ("at-float", "a time with a fraction", 5, NOW + 0.5),
)


def vectors() -> Iterator[Vector]:
    yield from _right()
    for name, about, place, value in WRONG_FIELDS:
        fields = body()
        fields[place] = value
        yield ack(name, f"not an acknowledgement: {about}", "malformed", made(fields))
    yield from _forms()
    yield from _untrusted()
    yield from _times()
    yield from _places()
    yield from _order()


def _right() -> Iterator[Vector]:
    for name, about, log in (
        ("of-the-last", "the follower enforces the whole list", THREE),
        ("of-one-before", "the follower is an entry behind", TWO),
        ("of-none", "the follower holds the list from before its first entry", Log()),
    ):
        yield heard(name, about, body(log))
    for name, about, follower in (
        ("name-of-1", "the shortest name", "f"),
        ("name-of-128", "the longest name", "f" * 128),
        ("name-of-every-kind", "capitals, digits and the three marks", "Az.09-_"),
    ):
        key = FOLLOWER.public
        yield heard(name, about, body(follower=follower), followers=((follower, key),))
    about = "the other follower speaks for itself"
    yield heard("of-another", about, body(follower=OTHER_NAME), NEXT_FOLLOWER)
    about = "how old a head may be is not asked here"
    yield heard("of-an-old-head", about, body(issued_at=0))
    about = "nor whether it is from the future"
    yield heard("of-a-later-head", about, body(issued_at=NOW + 3600))


def _forms() -> Iterator[Vector]:
    fields, whole = body(), made(body())
    packed, signature = pack(fields), whole[-64:]
    long_header = b"\xdc\x00\x06" + packed[1:]
    long_seq: list[Value] = [*fields[:2], Raw(b"\xcc\x03"), *fields[3:]]
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("empty", "not one byte", b""),
        ("cut", "the last byte is missing", whole[:-1]),
        ("trailing-byte", "a byte follows", whole + b"\0"),
        ("of-one", "no signature", pack([packed])),
        ("of-three", "a third element", pack([packed, signature, 0])),
        ("signature-of-63", "a short signature", pack([packed, signature[:63]])),
        ("signature-of-65", "a long signature", pack([packed, signature + b"\0"])),
        ("signature-text", "a signature that is a text", pack([packed, "s" * 64])),
        ("body-as-array", "a body not packed", pack([fields, signature])),
        ("body-of-five", "the body lacks its time", made(fields[:5])),
        ("body-of-seven", "the body has a seventh element", made([*fields, 0])),
        ("body-empty", "a body of nothing", made(Raw(b""))),
        ("body-trailing-byte", "a byte follows the body", made(Raw(packed + b"\0"))),
        ("body-long-header", "the body's array has a long header", made(Raw(long_header))),
        ("body-long-int", "a number in a longer form than it takes", made(long_seq)),
        ("body-as-map", "the body is a map", made({"name": NAME})),
        ("long-header", "a long header around it", b"\xdc\x00\x02" + whole[1:]),
    )
    for name, about, data in rows:
        yield ack(name, f"not an acknowledgement: {about}", "malformed", data)
    about = "a follower is registered under a key of order 1, which signs for everybody"
    forged = pack([packed, IDENTITY + bytes(32)])
    yield ack("key-of-small-order", about, "malformed", forged, ((NAME, IDENTITY),))


def _untrusted() -> Iterator[Vector]:
    fields, whole = body(), made(body())
    packed, signature = pack(fields), whole[-64:]
    digest = hashlib.sha256(packed).digest()
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("by-stranger", "mallory signed", made(fields, MALLORY)),
        ("by-another-follower", "the other follower signed", made(fields, NEXT_FOLLOWER)),
        ("by-list-key", "the list key signed", made(fields, LIST_KEY)),
        ("name-of-another", "under the other's name", made(body(follower=OTHER_NAME))),
        ("not-registered", "a name that nobody has", made(body(follower="files-3.example"))),
        ("name-in-capitals", "names are compared byte for byte", made(body(follower=NAME.upper()))),
        ("name-cut", "a name that another begins with", made(body(follower=NAME[:-1]))),
        ("as-head", "signed as a head is", made(fields, context="head")),
        ("as-audit-head", "signed as an audit head is", made(fields, context="audit")),
        ("as-proof", "signed as a proof is", made(fields, context="proof")),
        ("without-context", "the hash alone is signed", _signed(packed, digest)),
        ("body-signed", "the body is signed, not its hash", _signed(packed, packed)),
        ("s-unreduced", "S is not below L", pack([packed, unreduced(signature)])),
        ("seq-changed", "fewer entries than were signed", pack([pack(body(TWO)), signature])),
        ("at-changed", "a second later than signed", pack([pack(body(at=NOW + 1)), signature])),
        ("signature-of-zeros", "no signature but its length", pack([packed, bytes(64)])),
    )
    for name, about, data in rows:
        yield ack(name, f"not a follower's own: {about}", "untrusted", data)
    about = "nobody is registered"
    yield ack("of-nobody", about, "untrusted", whole, ())
    about = "the follower has another key by now"
    yield ack("key-replaced", about, "untrusted", whole, ((NAME, NEXT_FOLLOWER.public),))


def _times() -> Iterator[Vector]:
    for name, about, offset in (
        ("60-seconds-old", "a minute old is recent", -60),
        ("60-seconds-ahead", "a minute ahead is a clock that differs", 60),
    ):
        yield heard(name, about, body(at=NOW + offset))
    for name, about, offset in (
        ("61-seconds-old", "a second more than a minute is not recent", -61),
        ("61-seconds-ahead", "a second more is the future", 61),
        ("at-0", "made in 1970", -NOW),
    ):
        yield ack(name, about, "proof_time", made(body(at=NOW + offset)))


def _places() -> Iterator[Vector]:
    other = Log(THREE.entries, id=list_id(OTHER_LIST_KEY))
    longer = THREE.plus(THREE.entries[0])
    rows: tuple[tuple[str, str, list[Value]], ...] = (
        ("hash", "another hash at the last number", [3, bytes(32)]),
        ("hash-before", "another hash at an earlier number", [2, FORK.hash()]),
        ("hash-of-none", "another hash before the first entry", [0, bytes(32)]),
        ("hash-of-another-number", "the hash of the entry before", [3, THREE.hash(2)]),
        ("ahead", "further than the list is", [4, longer.hash()]),
    )
    for name, about, place in rows:
        fields: list[Value] = [NAME, THREE.id, *place, NOW - 2, NOW]
        yield ack(f"forked-{name}", f"not on the list: {about}", "list_forked", made(fields))
    about = "not on the list: the same entries in another list"
    yield ack("forked-list", about, "list_forked", made(body(other)))


def _order() -> Iterator[Vector]:
    old = NOW - 61
    fork: list[Value] = [NAME, THREE.id, 2, FORK.hash(), NOW - 2]
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("untrusted-before-time", "untrusted", made(body(at=old), MALLORY)),
        ("untrusted-before-forked", "untrusted", made([*fork, NOW], MALLORY)),
        ("time-before-forked", "proof_time", made([*fork, old])),
    )
    for name, expect, data in rows:
        first, _, then = name.partition("-before-")
        about = f"what is wrong is {first} and {then}"
        yield ack(f"order-{name}", about, expect, data)


def body(
    log: Log = THREE, follower: str = NAME, issued_at: int = NOW - 2, at: int = NOW
) -> list[Value]:
    return [follower, log.id, log.seq, log.hash(), issued_at, at]


def made(fields: Value, signer: Actor = FOLLOWER, context: str = "ack") -> bytes:
    return sealed(signer, context, fields)


def _signed(packed: bytes, message: bytes) -> bytes:
    return pack([packed, FOLLOWER.sign_bytes(message)])


def heard(
    name: str,
    about: str,
    fields: list[Value],
    signer: Actor = FOLLOWER,
    followers: Sequence[tuple[str, bytes]] = REGISTERED,
) -> Vector:
    """One that is taken, with what it says."""
    names = ("name", "list_id", "seq", "hash", "issued_at", "at")
    shown = [field.hex() if isinstance(field, bytes) else field for field in fields]
    said = dict(zip(names, shown, strict=True))
    return ack(name, about, "ok", made(fields, signer), followers, said)


def ack(
    name: str,
    about: str,
    expect: str,
    data: bytes,
    followers: Sequence[tuple[str, bytes]] = REGISTERED,
    said: Mapping[str, object] | None = None,
) -> Vector:
    """An acknowledgement that a service hears whose list has three entries."""
    return vector(
        f"ack-{name}",
        about,
        "ack",
        "service.md 8.2",
        expect,
        now=NOW,
        followers=[{"name": each, "key": key.hex()} for each, key in followers],
        list={
            **THREE.described(),
            "entries": [entry.packed.hex() for entry in THREE.entries],
        },
        ack=data.hex(),
        said=said,
    )
