"""Keys as types (specs/token.md 2)."""

import copy
import pickle

import pytest

from chaincred import Malformed, PublicKey, SigningKey
from chaincred.keys import Context
from tests.cast import MALLORY, PLANNER, ROOT

MESSAGE = bytes(range(32))


def test_a_signature_verifies_under_its_key_for_its_use_only():
    signature = ROOT.sign(Context.BLOCK, MESSAGE)
    assert ROOT.public_key.verify(Context.BLOCK, MESSAGE, signature)
    assert not MALLORY.public_key.verify(Context.BLOCK, MESSAGE, signature)
    assert not ROOT.public_key.verify(Context.BLOCK, MESSAGE[::-1], signature)
    for other in set(Context) - {Context.BLOCK}:
        assert not ROOT.public_key.verify(other, MESSAGE, signature)


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_a_signature_of_another_length_does_not_verify(size):
    signature = (ROOT.sign(Context.BLOCK, MESSAGE) * 2)[:size]
    assert not ROOT.public_key.verify(Context.BLOCK, MESSAGE, signature)


def test_a_generated_key_is_new_and_comes_back_from_its_seed():
    one, other = SigningKey.generate(), SigningKey.generate()
    assert one.public_key != other.public_key
    assert SigningKey.from_seed(one.reveal_seed()).public_key == one.public_key


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), "0" * 32])
def test_a_seed_is_32_bytes(seed):
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(seed)


@pytest.mark.parametrize("raw", [b"", bytes(31), b"\2" * 33, "2" * 32, bytearray(b"\2" * 32)])
def test_a_public_key_is_32_bytes(raw):
    with pytest.raises(Malformed):
        PublicKey(raw)


def test_a_public_key_has_one_spelling_in_hexadecimal():
    assert PublicKey.from_hex(ROOT.public_key.hex()) == ROOT.public_key
    for text in (ROOT.public_key.hex().upper(), ROOT.public_key.hex()[:-1] + " 0", "", "zz"):
        with pytest.raises(Malformed):
            PublicKey.from_hex(text)


def test_a_public_key_shows_its_first_bytes_and_a_private_one_nothing():
    assert repr(ROOT.public_key) == f"PublicKey({ROOT.public_key.hex()[:8]}…)"
    assert repr(ROOT) == str(ROOT) == f"{ROOT}" == "SigningKey(hidden)"


def test_keys_compare_by_value_and_are_no_bytes():
    assert PublicKey(bytes(ROOT.public_key)) == ROOT.public_key
    assert len({ROOT.public_key, PublicKey(bytes(ROOT.public_key)), PLANNER.public_key}) == 2
    assert ROOT.public_key != bytes(ROOT.public_key)


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_private_key_cannot_be_pickled_or_copied(leave):
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        leave(ROOT)
