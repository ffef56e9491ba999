"""Proofs that a workload has the key it asks a token for (specs/service.md 10.2)."""

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import Malformed
from chaincred.encoding import pack, to_text
from chaincred.key_proof import KeyProof
from chaincred.keys import Context
from tests.cast import MALLORY, NOW, SERVER, WORKER

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3b3JrZXIifQ.c2lnbmF0dXJl"


def signed(**change):
    said = {"audience": SERVER, "now": NOW, **change}
    return KeyProof.sign(WORKER, JWT, **said)


def holds(proof, holder=WORKER, jwt=JWT, *, audience=SERVER, now=NOW):
    return proof.holds(holder.public_key, jwt, audience=audience, now=now)


def test_a_key_proof_is_of_one_key_for_one_jwt_at_one_service():
    proof = signed()
    assert holds(proof) is True
    assert holds(proof, MALLORY) is False
    assert holds(proof, jwt=JWT + "x") is False
    assert holds(proof, jwt="\ud800") is False
    assert holds(proof, audience="other.example") is False


@pytest.mark.parametrize("change", [{"issued_at": NOW + 1}, {"nonce": bytes(16)}])
def test_a_key_proof_covers_its_own_fields(change):
    assert not holds(signed()._replace(**change))


@pytest.mark.parametrize(("late", "good"), [(-61, False), (-60, True), (60, True), (61, False)])
def test_a_key_proof_is_good_for_sixty_seconds_either_way(late, good):
    assert holds(signed(), now=NOW + late) is good


def test_a_key_proof_is_signed_as_the_specification_says():
    proof = signed()
    said = pack([SERVER, NOW, proof.nonce, sha256(JWT.encode()).digest()])
    assert WORKER.public_key.verify(Context.HOLDER, sha256(said).digest(), proof.signature)
    assert not WORKER.public_key.verify(Context.PROOF, sha256(said).digest(), proof.signature)


def test_two_key_proofs_of_one_second_are_remembered_as_two():
    one, other = signed(), signed()
    assert one.replay_key(WORKER.public_key) != other.replay_key(WORKER.public_key)
    assert len(one.replay_key(WORKER.public_key)) == 48
    assert one.remembered_until == NOW + 60


def test_the_nonce_of_one_key_does_not_use_up_that_of_another():
    proof = signed()
    assert proof.replay_key(WORKER.public_key) != proof.replay_key(MALLORY.public_key)


def test_a_key_proof_comes_back_from_its_text():
    proof = signed()
    assert KeyProof.parse(str(proof)) == proof


def test_the_longest_key_proof_fits():
    proof = signed(now=2**53 - 1)
    assert KeyProof.parse(str(proof)) == proof


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        [],
        [NOW, bytes(16)],
        [NOW, bytes(16), bytes(64), 0],
        [True, bytes(16), bytes(64)],
        [-1, bytes(16), bytes(64)],
        [2**53, bytes(16), bytes(64)],
        [str(NOW), bytes(16), bytes(64)],
        [NOW, bytes(15), bytes(64)],
        [NOW, "n" * 16, bytes(64)],
        [NOW, bytes(16), bytes(63)],
        [NOW, bytes(16), "s" * 64],
    ],
)
def test_a_key_proof_has_one_form(raw):
    with pytest.raises(Malformed):
        KeyProof.parse(to_text("", pack(raw)))


@pytest.mark.parametrize("change", ["{}=", " {}", "{}\n", "cc1_{}", "{}A", "{}é", ""])
def test_a_key_proof_has_one_spelling(change):
    with pytest.raises(Malformed):
        KeyProof.parse(change.format(signed()))


@given(st.text() | st.binary(max_size=120).map(lambda data: to_text("", data)))
def test_whatever_comes_is_a_key_proof_or_malformed(text):
    with suppress(Malformed):
        assert str(KeyProof.parse(text)) == text


@pytest.mark.parametrize("change", [{"audience": ""}, {"now": -1}, {"now": 1.5}])
def test_a_key_proof_that_nobody_would_take_is_not_signed(change):
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        signed(**change)
