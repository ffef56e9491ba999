"""Blocks (specs/token.md 3.1)."""

import pytest

from chaincred import Malformed
from chaincred.block import Block, Statement
from chaincred.encoding import pack
from chaincred.keys import Context
from tests.cast import NOW, PLANNER, ROOT, WORKER

SIGNATURE = bytes(64)
ROOT_BODY = [
    0, 1, bytes(ROOT.public_key), bytes(16), NOW, bytes(PLANNER.public_key), "planner", "plan", []
]  # fmt: skip
HOP_BODY = [1, NOW, bytes(WORKER.public_key), "worker", "", [[99, "x"]]]


def test_a_root_says_who_issued_it_and_a_hop_does_not():
    root = Block.from_wire([pack(ROOT_BODY), SIGNATURE])
    assert (root.issuer, root.holder, root.agent) == (
        ROOT.public_key,
        PLANNER.public_key,
        "planner",
    )
    hop = Block.from_wire([pack(HOP_BODY), SIGNATURE])
    assert (hop.issuer, hop.caveats) == (None, ([99, "x"],))
    assert hop.to_wire() == [pack(HOP_BODY), SIGNATURE]


def altered(body, at, value):
    return [*body[:at], value, *body[at + 1 :]]


BODIES = [
    ("no array", "x"),
    ("nothing", []),
    ("of type true", altered(HOP_BODY, 0, True)),
    ("of type 2", altered(HOP_BODY, 0, 2)),
    ("a hop with one field more", [*HOP_BODY, 1]),
    ("a root with one field less", ROOT_BODY[:-1]),
    ("of version 2", altered(ROOT_BODY, 1, 2)),
    ("of version true", altered(ROOT_BODY, 1, True)),
    ("an issuer of 31 bytes", altered(ROOT_BODY, 2, bytes(31))),
    ("an issuer of small order", altered(ROOT_BODY, 2, bytes(32))),
    ("a nonce of 15 bytes", altered(ROOT_BODY, 3, bytes(15))),
    ("a nonce that is a str", altered(ROOT_BODY, 3, "n" * 16)),
    ("a time that is true", altered(HOP_BODY, 1, True)),
    ("a time that is a float", altered(HOP_BODY, 1, 0.5)),
    ("a holder of small order", altered(HOP_BODY, 2, bytes(32))),
    ("a holder that is a str", altered(HOP_BODY, 2, "h" * 32)),
    ("an agent without a name", altered(HOP_BODY, 3, "")),
    ("an agent with a newline", altered(HOP_BODY, 3, "a\n")),
    ("a purpose that is nil", altered(HOP_BODY, 4, None)),
    ("a purpose of 257 bytes", altered(HOP_BODY, 4, "p" * 257)),
    ("caveats that are a map", altered(HOP_BODY, 5, {})),
    ("33 caveats", altered(HOP_BODY, 5, [[0, 1]] * 33)),
    ("a caveat that is an integer", altered(HOP_BODY, 5, [0])),
    ("an empty caveat", altered(HOP_BODY, 5, [[]])),
    ("a kind of 256", altered(HOP_BODY, 5, [[256]])),
    ("a kind that is true", altered(HOP_BODY, 5, [[True]])),
]


@pytest.mark.parametrize(("about", "body"), BODIES, ids=[about for about, _ in BODIES])
def test_a_body_has_one_form(about, body):
    with pytest.raises(Malformed):
        Block.from_wire([pack(body), SIGNATURE])


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        [pack(HOP_BODY)],
        [pack(HOP_BODY), bytes(63)],
        [pack(HOP_BODY), "s" * 64],
        [HOP_BODY, SIGNATURE],
        [pack(HOP_BODY) + b"\0", SIGNATURE],
        {"body": 1, "signature": 2},
    ],
)
def test_a_block_is_a_body_and_a_signature(raw):
    with pytest.raises(Malformed):
        Block.from_wire(raw)


def test_a_block_is_signed_over_its_link():
    block = Statement(NOW, WORKER.public_key, "worker", "", []).hop(PLANNER, bytes(32))
    link = block.link(bytes(32))
    assert PLANNER.public_key.verify(Context.BLOCK, link, block.signature)
    assert not PLANNER.public_key.verify(Context.BLOCK, block.link(bytes(31)), block.signature)


def test_nothing_is_signed_that_would_be_malformed():
    with pytest.raises(ValueError, match="the agent is not a text"):
        Statement(NOW, WORKER.public_key, "", "", []).hop(PLANNER, bytes(32))
