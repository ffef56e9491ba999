"""Macaroons of superfly/macaroon: another format around the same chain of HMACs.

    macaroon = [nonce, location, [type, body, type, body, ...], tail]      MessagePack
    tail     = HMAC(... HMAC(HMAC(key, nonce), [type, body]) ..., [type, body])

The key is that of the file, or travels in the nonce, sealed for the third party.
"""

import base64
import hmac
import json
from dataclasses import dataclass

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError

from chaincred import Malformed
from chaincred.macaroon import Macaroon
from tests.conformance.outside import outside

FOLDER = outside("superfly-macaroon")

CASES = json.loads((FOLDER / "vectors.json").read_text())


@dataclass(frozen=True)
class Foreign:
    """A macaroon in parts: `nonce` and each of `caveats` are the bytes that were signed."""

    nonce: bytes
    caveats: list[bytes]
    tail: bytes

    @property
    def key_id(self):
        return msgpack.unpackb(self.nonce)[0]

    @property
    def is_proof(self):
        return msgpack.unpackb(self.nonce)[2:] == [True]


def parts(data):
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(data)

    def raw(count):
        start = unpacker.tell()
        for _ in range(count):
            unpacker.skip()
        return data[start : unpacker.tell()]

    assert unpacker.read_array_header() == 4
    nonce = raw(1)
    unpacker.skip()
    caveats = [b"\x92" + raw(2) for _ in range(unpacker.read_array_header() // 2)]
    foreign = Foreign(nonce, caveats, unpacker.unpack())
    assert unpacker.tell() == len(data)
    return foreign


def macaroons(header):
    tokens = header.removeprefix("FlyV1 ").split(",")
    return [base64.b64decode(token.removeprefix("fm2_")) for token in tokens]


def key_of(foreign):
    """The key that the chain begins with; None where the file does not hold it."""
    if foreign.key_id == base64.b64decode(CASES["kid"]):
        return base64.b64decode(CASES["key"])
    nonce, sealed = foreign.key_id[:12], foreign.key_id[12:]
    try:
        opened = crypto_aead_chacha20poly1305_ietf_decrypt(
            sealed, None, nonce, base64.b64decode(CASES["tp_key"])
        )
    except (CryptoError, ValueError):
        return None
    return msgpack.unpackb(opened)[0]


def recomputed(foreign, key):
    tail = hmac.digest(key, foreign.nonce, "sha256")
    for caveat in foreign.caveats:
        tail = hmac.digest(tail, caveat, "sha256")
    if foreign.is_proof:
        return hmac.digest(b"proof-signature-finalization", tail, "sha256")
    return tail


HEADERS = [
    *CASES["macaroons"].items(),
    *[pair for attenuated in CASES["attenuation"].values() for pair in attenuated.items()],
    ("with_tps", CASES["with_tps"]),
]
ALL = [(about, data) for about, header in HEADERS for data in macaroons(header)]
KNOWN = [(about, data) for about, data in ALL if key_of(parts(data)) is not None]
UNKNOWN = {about for about, data in ALL if key_of(parts(data)) is None}


def test_the_file_holds_the_keys_of_all_but_other_services_macaroons():
    assert (len(CASES["macaroons"]), len(ALL), len(KNOWN)) == (21, 80, 39)
    # Macaroons of another service beside each attenuated one, and discharges sealed for one.
    (attenuated,) = CASES["attenuation"].values()
    assert {*attenuated, "FlyioUserID", "GitHubUserID", "GoogleUserID"} == UNKNOWN


@pytest.mark.parametrize(("about", "data"), KNOWN, ids=[about for about, _ in KNOWN])
def test_the_hmac_chain_recomputes_to_the_tail(about, data):
    foreign = parts(data)
    assert recomputed(foreign, key_of(foreign)) == foreign.tail


@pytest.mark.parametrize("about", CASES["macaroons"])
def test_each_caveat_is_the_one_that_the_file_lists(about):
    (data,) = macaroons(CASES["macaroons"][about])
    assert parts(data).caveats == [base64.b64decode(CASES["caveats"][about])]


def test_an_attenuated_macaroon_follows_from_its_parents_tail_without_the_key():
    ((before, attenuated),) = CASES["attenuation"].items()
    parent = parts(macaroons(before)[1])
    for added, after in attenuated.items():
        tail = parent.tail
        # What is added is a set of caveats, each of which is signed by itself.
        child = parts(macaroons(after)[1])
        assert child.nonce == parent.nonce
        for caveat in child.caveats:
            tail = hmac.digest(tail, caveat, "sha256")
        assert tail == child.tail
        assert base64.b64decode(added) in (b"\x90", *child.caveats)


@given(st.sampled_from(ALL), st.binary(max_size=3))
@example(("", b""), b"")
def test_foreign_macaroons_are_malformed_in_our_profile_whatever_stands_before_them(case, before):
    for data in (case[1], before + case[1], b"\x02" + case[1]):
        with pytest.raises(Malformed):
            Macaroon.from_bytes(data)
