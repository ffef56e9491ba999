"""Proofs of possession (specs/token.md 5)."""

import pytest

from chaincred import Malformed, Request
from chaincred.proof import Proof
from tests.cast import MALLORY, NOW, READ, SERVER, WORKER

LINK = bytes(range(32))


def test_a_proof_is_of_one_request_on_one_chain():
    proof = Proof.sign(WORKER, LINK, READ, audience=SERVER, now=NOW)
    assert proof.is_signed_by(WORKER.public_key, LINK, READ)
    assert not proof.is_signed_by(MALLORY.public_key, LINK, READ)
    assert not proof.is_signed_by(WORKER.public_key, LINK[::-1], READ)
    for other in (
        Request("read_file", effect="write", resource=READ.resource, args=READ.args),
        Request("read_file", effect="read", resource="docs/q4.md", args=READ.args),
        Request("read_file", effect="read", resource=READ.resource),
        Request("read_file", effect="read", resource=READ.resource, args=READ.args, task="t"),
    ):
        assert not proof.is_signed_by(WORKER.public_key, LINK, other)


@pytest.mark.parametrize(
    "change", [{"audience": "x"}, {"issued_at": NOW + 1}, {"nonce": bytes(16)}]
)
def test_a_proof_covers_its_own_fields(change):
    proof = Proof.sign(WORKER, LINK, READ, audience=SERVER, now=NOW)
    assert not proof._replace(**change).is_signed_by(WORKER.public_key, LINK, READ)


def test_two_proofs_of_one_second_are_two():
    one, other = (Proof.sign(WORKER, LINK, READ, audience=SERVER, now=NOW) for _ in "ab")
    assert one.nonce != other.nonce


def test_a_proof_comes_back_from_its_bytes():
    proof = Proof.sign(WORKER, LINK, READ, audience=SERVER, now=NOW)
    assert Proof.from_wire(proof.to_wire()) == proof


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        ["a", NOW, bytes(16)],
        ["", NOW, bytes(16), bytes(64)],
        ["a", True, bytes(16), bytes(64)],
        ["a", NOW, bytes(15), bytes(64)],
        ["a", NOW, "n" * 16, bytes(64)],
        ["a", NOW, bytes(16), bytes(63)],
        ["a", NOW, bytes(16), "s" * 64],
    ],
)
def test_a_proof_has_one_form(raw):
    with pytest.raises(Malformed):
        Proof.from_wire(raw)


@pytest.mark.parametrize("change", [{"audience": ""}, {"now": -1}, {"now": 1.5}])
def test_a_proof_that_nobody_would_take_is_not_signed(change):
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        Proof.sign(WORKER, LINK, READ, **{"audience": SERVER, "now": NOW, **change})
