"""Public keys that are refused wherever they enter (token.md 2)."""

from collections.abc import Iterator

from nacl.bindings import crypto_core_ed25519_is_valid_point as is_good_point

from families.cast import MALLORY, NOW, ROOT
from families.packing import pack
from families.scenario import Vector, decode, present, verify
from families.tree import PLANNERS, hop_body, root_body, signed_hop, signed_root

P = 2**255 - 19
SIGN = 2**255

# The y of the points of order 1, 2, 4, 8 and 8.
SMALL_ORDER = (
    ("y-0", 0),
    ("y-1", 1),
    ("y-minus-1", P - 1),
    (
        "of-order-8",
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
    ),
    (
        "of-order-8-other",
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    ),
)

IDENTITY = bytes([1]) + bytes(31)
# R is the identity and S is 0: under a key of order 1 it verifies for every message.
FORGED = IDENTITY + bytes(32)


def vectors() -> Iterator[Vector]:
    yield _key("of-the-root", "a key like any other", "ok", ROOT.public)
    for name, y in SMALL_ORDER:
        about = "a point of small order"
        yield _key(f"{name}", about, "malformed", _bytes(y))
        about = "a point of small order with the sign bit set"
        yield _key(f"{name}-signed", about, "malformed", _bytes(y + SIGN))
    for y in range(P, SIGN):
        about = f"y is p + {y - P}, which is not canonical"
        yield _key(f"y-p-plus-{y - P}", about, "malformed", _bytes(y))
        about = f"y is p + {y - P}, with the sign bit set"
        yield _key(f"y-p-plus-{y - P}-signed", about, "malformed", _bytes(y + SIGN))
    yield from _neighbours()
    for length in (0, 31, 33, 64):
        about = f"a key of {length} bytes"
        yield _key(f"of-{length}-bytes", about, "malformed", b"\x02" * length)
    yield from _forgeries()


def _neighbours() -> Iterator[Vector]:
    """Keys that look like the refused ones to a careless comparison."""
    lowest = next(y for y in range(2, 99) if is_good_point(_bytes(y)))
    yield _key("smallest-y", "the smallest good y", "ok", _bytes(lowest))
    highest = next(y for y in range(P - 2, 0, -1) if is_good_point(_bytes(y)))
    yield _key("greatest-y", "the greatest good y", "ok", _bytes(highest))
    about = "the greatest good y with the sign bit set"
    yield _key("greatest-y-signed", about, "ok", _bytes(highest + SIGN))
    for place in (1, 30):
        almost = (P - 1) - (1 << 8 * place)
        near = next(y for y in range(almost + 1, almost + 20) if is_good_point(_bytes(y)))
        about = f"only byte {place} tells it from a y that is not canonical"
        yield _key(f"near-p-in-byte-{place}", about, "ok", _bytes(near))


def _forgeries() -> Iterator[Vector]:
    """What would verify for everybody if such a key were let in."""
    body = list(root_body(signer=MALLORY, holder=MALLORY))
    body[2] = IDENTITY
    forged = signed_root(pack(body), signer=MALLORY, holder=MALLORY, issuer=IDENTITY)
    yield verify(
        "key-root-of-small-order",
        "a trusted root of order 1, under which every message verifies",
        "malformed",
        spec="token.md 2",
        chain=forged.resigned(0, FORGED),
        roots=[{"key": IDENTITY.hex(), "unrevocable": 86_400}],
    )
    named = list(hop_body())
    named[2] = IDENTITY
    weak = signed_hop(PLANNERS, pack(named))
    yield verify(
        "key-holder-of-small-order",
        "a block names a holder of order 1",
        "malformed",
        spec="token.md 2",
        text=present(weak),
        now=NOW,
    )
    next_hop = signed_hop(weak, pack(hop_body(holder=MALLORY)), holder=MALLORY)
    yield verify(
        "key-hop-of-small-order",
        "a hop with a forged signature follows a holder of order 1",
        "malformed",
        spec="token.md 2",
        chain=next_hop.resigned(2, FORGED),
    )


def _key(name: str, about: str, expect: str, data: bytes) -> Vector:
    return decode(f"key-{name}", about, expect, "key", data, "token.md 2")


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "little")
