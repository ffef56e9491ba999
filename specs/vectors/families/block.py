"""What a block consists of, field by field (token.md 3.1)."""

from collections.abc import Iterator, Sequence

from families.cast import PLANNER, ROOT, WORKER
from families.packing import Raw, Value, pack, text_form
from families.scenario import Vector, decode
from families.tree import (
    EXPIRES,
    ISSUED,
    LIVES,
    PLANNERS,
    WORKERS,
    Chain,
    add,
    hop_body,
    issue,
    root_body,
    signed_hop,
    signed_root,
)

# Rows: name, what is wrong, the element of the root body and what it is instead.
WRONG_IN_ROOT: tuple[tuple[str, str, int, Value], ...] = (
    ("root-type-2", "a block of type 2", 0, 2),
    ("root-type-false", "the type of a root is false instead of 0", 0, False),
    ("version-0", "a version before the first", 1, 0),
    ("version-2", "a version yet unknown", 1, 2),
    ("version-true", "the version is true instead of 1", 1, True),
    ("version-text", "the version is a text", 1, "1"),
    ("issuer-of-31", "an issuer of 31 bytes", 2, ROOT.public[:31]),
    ("issuer-of-33", "an issuer of 33 bytes", 2, ROOT.public + b"\0"),
    ("issuer-text", "an issuer that is a text", 2, "r" * 32),
    ("issuer-of-order-2", "an issuer of small order", 2, b"\xec" + b"\xff" * 30 + b"\x7f"),
    ("nonce-of-15", "a nonce of 15 bytes", 3, bytes(15)),
    ("nonce-of-17", "a nonce of 17 bytes", 3, bytes(17)),
    ("nonce-text", "a nonce that is a text", 3, "n" * 16),
    ("issued-at-negative", "a time before 1970", 4, -1),
    ("issued-at-2-53", "a time one past the last", 4, 2**53),
    ("issued-at-true", "a time that is true", 4, True),
    ("issued-at-text", "a time that is a text", 4, str(ISSUED)),
    ("issued-at-float", "a time with a fraction", 4, ISSUED + 0.5),
    ("holder-of-31", "a holder of 31 bytes", 5, PLANNER.public[:31]),
    ("holder-of-33", "a holder of 33 bytes", 5, PLANNER.public + b"\0"),
    ("holder-text", "a holder that is a text", 5, "h" * 32),
    ("holder-of-order-2", "a holder of small order", 5, b"\xec" + b"\xff" * 30 + b"\x7f"),
    ("agent-empty", "an agent without a name", 6, ""),
    ("agent-of-129", "an agent's name of 129 bytes", 6, "a" * 129),
    ("agent-of-65-letters", "65 letters that are 130 bytes", 6, "\u00e9" * 65),
    ("agent-bin", "an agent that is a byte string", 6, b"planner"),
    ("purpose-of-257", "a purpose of 257 bytes", 7, "p" * 257),
    ("purpose-bin", "a purpose that is a byte string", 7, b"plan"),
    ("purpose-nil", "a purpose that is nil", 7, None),
    ("caveats-nil", "the caveats are nil", 8, None),
    ("caveats-bin", "the caveats are a byte string", 8, pack(LIVES)),
    ("caveats-map", "the caveats are a map", 8, {"expires": EXPIRES}),
)

# The same for the body of a hop.
WRONG_IN_HOP: tuple[tuple[str, str, int, Value], ...] = (
    ("hop-type-true", "the type of a hop is true instead of 1", 0, True),
    ("hop-type-2", "a second block of type 2", 0, 2),
    ("hop-issued-at-2-53", "a hop's time one past the last", 1, 2**53),
    ("hop-issued-at-negative", "a hop's time before 1970", 1, -1),
    ("hop-holder-of-31", "a hop's holder of 31 bytes", 2, WORKER.public[:31]),
    ("hop-agent-empty", "a hop's agent without a name", 3, ""),
    ("hop-agent-of-129", "a hop's agent of 129 bytes", 3, "a" * 129),
    ("hop-purpose-of-257", "a hop's purpose of 257 bytes", 4, "p" * 257),
    ("hop-caveats-nil", "a hop's caveats are nil", 5, None),
)

RIGHT_IN_ROOT: tuple[tuple[str, str, int, Value], ...] = (
    ("issued-at-0", "the first time there is", 4, 0),
    ("issued-at-2-53-less-1", "the last time there is", 4, 2**53 - 1),
    ("agent-of-1", "the shortest name", 6, "a"),
    ("agent-of-128", "the longest name", 6, "a" * 128),
    ("agent-of-64-letters", "64 letters that are 128 bytes", 6, "\u00e9" * 64),
    ("purpose-empty", "no purpose", 7, ""),
    ("purpose-of-256", "the longest purpose", 7, "p" * 256),
)

# Rows: name, what is wrong, and the caveat.
WRONG_CAVEATS: tuple[tuple[str, str, Value], ...] = (
    ("unknown-of-257", "257 elements in an array", [200, [0] * 257]),
    ("unknown-of-257-itself", "a caveat of 257 elements", [200] + [0] * 256),
    ("tools-257", "257 tools", [2, [f"t{n:03}" for n in range(257)]]),
    ("kind-negative", "a caveat's kind below 0", [-1]),
    ("kind-256", "a caveat's kind past 255", [256]),
    ("kind-true", "a caveat's kind that is true", [True]),
    ("kind-text", "a caveat's kind that is a text", ["expires", EXPIRES]),
    ("kind-missing", "a caveat without a kind", []),
    ("caveat-bin", "a caveat that is a byte string", pack([0, EXPIRES])),
    ("caveat-int", "a caveat that is an integer", 0),
    ("unknown-with-nil", "a field of an unknown kind is nil", [200, None]),
    ("unknown-with-float", "a field of an unknown kind is a float", [200, 0.5]),
    ("unknown-with-map", "a field of an unknown kind is a map", [200, {}]),
    ("unknown-with-long-int", "a field has a long header", [200, Raw(b"\xcc\x01")]),
    ("unknown-with-bad-utf-8", "a field is not utf-8", [200, Raw(b"\xa1\xff")]),
    # The body, its caveats and the caveat are three of the sixteen.
    ("unknown-of-depth-17", "17 deep", [200, Raw(b"\x91" * 13 + b"\x90")]),
)
RIGHT_CAVEATS: tuple[tuple[str, str, Value], ...] = (
    ("unknown-255", "the last kind there can be, yet unknown", [255]),
    ("unknown-13", "the first kind that is not known", [13, 1, "a", b"b", True, []]),
    ("unknown-of-depth-16", "16 deep", [200, Raw(b"\x91" * 12 + b"\x90")]),
    ("unknown-of-256", "256 elements in an array", [200, [0] * 256]),
    ("tools-256", "256 tools", [2, [f"t{n:03}" for n in range(256)]]),
    ("unknown-with-any-text", "a str need not be a text here", [200, "\u202e\n"]),
)


def vectors() -> Iterator[Vector]:
    for name, about, place, value in WRONG_IN_ROOT:
        yield _wrong(name, about, _root_with(place, value))
    for name, about, place, value in WRONG_IN_HOP:
        yield _wrong(name, about, _hop_with(place, value))
    for name, about, place, value in RIGHT_IN_ROOT:
        yield _right(name, about, _root_with(place, value))
    for name, about, caveat in WRONG_CAVEATS:
        yield _wrong(name, about, issue([*LIVES, caveat]))
    for name, about, caveat in RIGHT_CAVEATS:
        yield _right(name, about, issue([*LIVES, caveat]))
    yield from _bodies()
    yield from _order()
    yield from _tokens()
    yield from _limits()


def _bodies() -> Iterator[Vector]:
    root, hop = root_body(), hop_body()
    rows: tuple[tuple[str, str, Value], ...] = (
        ("root-without-caveats", "a root body lacks its caveats", root[:-1]),
        ("root-with-a-tenth", "a root body has one element too many", [*root, 0]),
        ("root-empty", "a root body holds nothing", []),
        ("root-as-map", "a root body is a map", {"0": 1}),
        ("root-not-packed", "a root body is no MessagePack", Raw(b"")),
        ("root-trailing-byte", "a byte follows the body", Raw(pack(root) + b"\0")),
        ("root-long-header", "a body's array has a long header", _long_header(root)),
    )
    for name, about, body in rows:
        yield _wrong(name, about, signed_root(pack(body)))
    hops: tuple[tuple[str, str, Value], ...] = (
        ("hop-without-caveats", "a hop body lacks its caveats", hop[:-1]),
        ("hop-with-a-seventh", "a hop body has one element too many", [*hop, 0]),
        ("hop-trailing-byte", "a byte follows the hop body", Raw(pack(hop) + b"\0")),
    )
    for name, about, body in hops:
        yield _wrong(name, about, signed_hop(PLANNERS, pack(body)))


def _order() -> Iterator[Vector]:
    hop_first = signed_root(pack(hop_body()))
    yield _wrong("hop-first", "the first block is a hop", hop_first)
    root_second = signed_hop(PLANNERS, pack(root_body(signer=PLANNER)))
    yield _wrong("root-second", "the second block is a root", root_second)
    yield _wrong("no-expires", "block 0 never expires", issue([]))
    later = add(issue([[4, 0]]), LIVES)
    yield _wrong("expires-in-a-hop-only", "only block 1 expires", later)
    twice = issue([[0, EXPIRES], [0, EXPIRES + 1]])
    yield _right("expires-twice", "block 0 may expire twice", twice)
    yield _right("no-caveats-in-a-hop", "a hop needs no caveat", WORKERS)


def _tokens() -> Iterator[Vector]:
    root = PLANNERS.last
    good: list[Value] = [root.body, root.signature]
    rows: tuple[tuple[str, str, Value], ...] = (
        ("token-empty", "a token without a block", []),
        ("token-as-bin", "a token that is a byte string", b"\x90"),
        ("token-of-an-int", "a block that is an integer", [0]),
        ("block-of-one", "a block without a signature", [[root.body]]),
        ("block-of-three", "a block has a third element", [[*good, 0]]),
        ("body-not-bin", "a body not packed", [[root_body(), root.signature]]),
        ("signature-of-63", "a short signature", [[root.body, root.signature[:63]]]),
        ("signature-of-65", "a long signature", [[root.body, root.signature + b"\0"]]),
        ("signature-empty", "an empty signature", [[root.body, b""]]),
        ("signature-text", "a signature that is a text", [[root.body, "s" * 64]]),
        ("signature-first", "the signature comes first", [good[::-1]]),
    )
    for name, about, token in rows:
        text = text_form("cc1_", pack(token))
        yield decode(f"block-{name}", about, "malformed", "token", text, "token.md 3.1")


def _limits() -> Iterator[Vector]:
    longest = _of_length(16)
    yield _right("16-blocks", "the most blocks", longest, "token.md 1.4")
    yield _wrong("17-blocks", "a block too many", _of_length(17), "token.md 1.4")
    most = issue([[0, EXPIRES + n] for n in range(32)])
    yield _right("32-caveats", "the most caveats", most, "token.md 1.4")
    more = issue([[0, EXPIRES + n] for n in range(33)])
    yield _wrong("33-caveats", "a caveat too many", more, "token.md 1.4")
    hop = add(PLANNERS, [[0, EXPIRES + n] for n in range(33)])
    yield _wrong("33-caveats-in-a-hop", "a hop's caveat too many", hop, "token.md 1.4")


def _of_length(blocks: int) -> Chain:
    chain = PLANNERS
    for _ in range(blocks - 1):
        chain = add(chain)
    return chain


def _root_with(place: int, value: Value) -> Chain:
    return signed_root(pack(_with(root_body(), place, value)))


def _hop_with(place: int, value: Value) -> Chain:
    return signed_hop(PLANNERS, pack(_with(hop_body(), place, value)))


def _with(body: list[Value], place: int, value: Value) -> list[Value]:
    return [*body[:place], value, *body[place + 1 :]]


def _long_header(body: Sequence[Value]) -> Raw:
    return Raw(b"\xdc\x00" + bytes([len(body)]) + pack(body)[1:])


def _right(name: str, about: str, chain: Chain, spec: str = "token.md 3.1") -> Vector:
    return decode(f"block-{name}", about, "ok", "token", chain.text, spec)


def _wrong(name: str, about: str, chain: Chain, spec: str = "token.md 3.1") -> Vector:
    return decode(f"block-{name}", about, "malformed", "token", chain.text, spec)
