"""Acknowledgements of followers (specs/service.md 8.2)."""

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import Malformed
from chaincred.ack import MAX_ACK, Ack, is_follower_name
from chaincred.encoding import MAX_TIME, pack, unpack
from chaincred.keys import Context
from chaincred.revocation import Place, list_id
from tests.cast import LIST_KEY, MALLORY, NOW, WORKER

PLACE = Place.start(list_id(LIST_KEY.public_key))
ACK = Ack("files-1.example", PLACE, NOW - 1, NOW)


def signed(*fields, key=WORKER):
    """An acknowledgement of a body with these fields, rightly signed."""
    body = pack(list(fields))
    return pack([body, key.sign(Context.ACK, sha256(body).digest())])


def test_what_was_signed_is_read_and_known_to_be_its_signers():
    read = Ack.from_bytes(ACK.sign(WORKER))
    assert read == ACK
    assert read.is_signed_by(WORKER.public_key)
    assert not read.is_signed_by(MALLORY.public_key)


def test_its_bytes_are_those_of_the_specification():
    body, signature = unpack(ACK.sign(WORKER), MAX_ACK)
    assert unpack(body, MAX_ACK) == ["files-1.example", PLACE.list_id, 0, PLACE.hash, NOW - 1, NOW]
    assert len(signature) == 64


def test_nobody_signed_what_was_not_read_from_bytes():
    assert not ACK.is_signed_by(WORKER.public_key)


def test_the_signature_of_another_use_is_not_one_of_an_acknowledgement():
    body, _ = unpack(ACK.sign(WORKER), MAX_ACK)
    head = pack([body, WORKER.sign(Context.HEAD, sha256(body).digest())])
    assert not Ack.from_bytes(head).is_signed_by(WORKER.public_key)


def test_the_longest_is_within_the_limit():
    longest = Ack("n" * 128, Place(PLACE.list_id, MAX_TIME, PLACE.hash), MAX_TIME, MAX_TIME)
    data = longest.sign(WORKER)
    assert Ack.from_bytes(data) == longest
    assert len(data) <= MAX_ACK


FIELDS = ["name", PLACE.list_id, 3, PLACE.hash, NOW, NOW]


@pytest.mark.parametrize(
    ("about", "data"),
    [
        ("nothing", b""),
        ("too long", b"\x00" * (MAX_ACK + 1)),
        ("not an array", pack(7)),
        ("a short signature", pack([pack(FIELDS), bytes(63)])),
        ("a body that is not an array", pack([pack(7), bytes(64)])),
        ("five fields", signed(*FIELDS[:5])),
        ("seven fields", signed(*FIELDS, 0)),
        ("a name with a space", signed("a b", *FIELDS[1:])),
        ("a name with a line break", signed("a\n", *FIELDS[1:])),
        ("an empty name", signed("", *FIELDS[1:])),
        ("a name that is bytes", signed(b"name", *FIELDS[1:])),
        ("a short list id", signed("name", bytes(15), *FIELDS[2:])),
        ("a number that is true", signed(*FIELDS[:2], True, *FIELDS[3:])),
        ("a negative number", signed(*FIELDS[:2], -1, *FIELDS[3:])),
        ("a short hash", signed(*FIELDS[:3], bytes(31), NOW, NOW)),
        ("a head's time too large", signed(*FIELDS[:4], MAX_TIME + 1, NOW)),
        ("a time that is true", signed(*FIELDS[:5], True)),
        ("a time that is a list", signed(*FIELDS[:5], [NOW])),
    ],
)
def test_what_is_not_an_acknowledgement_is_malformed(about, data):
    with pytest.raises(Malformed):
        Ack.from_bytes(data)


def test_no_prefix_and_no_tail_of_one_is_one():
    data = ACK.sign(WORKER)
    for cut in [*(data[:size] for size in range(len(data))), data + b"\0"]:
        with pytest.raises(Malformed):
            Ack.from_bytes(cut)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data):
    with suppress(Malformed):
        Ack.from_bytes(data)


@pytest.mark.parametrize("fields", [("a/b", NOW, NOW), ("name", -1, NOW), ("name", NOW, 1.0)])
def test_one_that_nobody_would_take_cannot_be_made(fields):
    name, issued_at, at = fields
    with pytest.raises(ValueError, match=r"follower|whole seconds"):
        Ack(name, PLACE, issued_at, at)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("A.b-c_9", True), ("n" * 129, False), ("é", False), ("٣", False), ("a\n", False), (7, False)],
)
def test_names_are_of_ascii_letters_digits_and_three_marks(name, is_one):
    assert is_follower_name(name) is is_one
