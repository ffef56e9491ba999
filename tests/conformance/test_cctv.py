"""Edge cases of Ed25519 points, from the Community Cryptography Test Vectors.

Keys of small order or in a non-canonical encoding are refused wherever a key enters. For the
other keys the verdict is that of libsodium, on record here so that a change shows.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chaincred import Malformed, Presentation, PublicKey
from chaincred.encoding import pack, unpack
from chaincred.keys import Context, SigningKey
from chaincred.proof import Proof
from tests.cast import NOW, PLANNER, READ, ROOT, SERVER, WORKER, planners, verifier, workers
from tests.conformance.outside import NO_CONTEXT, outside

VECTORS: list[dict[str, Any]] = json.loads(
    (outside("cctv-ed25519") / "ed25519vectors.json").read_text()
)
REFUSED = {"low_order_A", "non_canonical_A"}
SHORT = {
    "low_order_R": "small R",
    "non_canonical_R": "odd R",
    "low_order_component_A": "mixed A",
    "low_order_component_R": "mixed R",
    "low_order_residue": "residue",
    "reencoded_k": "other k",
}

# By the vector's flags, in the order of SHORT: how many there are, and whether they verify.
VERDICTS = {
    "": (1, True),
    "small R": (1, False),
    "mixed A": (7, True),
    "small R, mixed A": (7, False),
    "small R, odd R": (3, False),
    "mixed A, mixed R": (35, True),
    "mixed A, residue": (7, False),
    "mixed R, residue": (7, False),
    "small R, mixed A, mixed R": (35, False),
    "small R, mixed A, residue": (7, False),
    "small R, odd R, mixed A": (21, False),
    "small R, mixed R, residue": (7, False),
    "small R, odd R, other k": (3, False),
    "mixed A, mixed R, residue": (49, False),
    "small R, mixed A, mixed R, residue": (49, False),
    "small R, odd R, mixed A, mixed R": (19, False),
    "small R, odd R, mixed A, residue": (21, False),
    "small R, odd R, mixed A, other k": (3, False),
    "small R, odd R, mixed R, residue": (3, False),
    "small R, odd R, mixed A, mixed R, residue": (21, False),
    "small R, odd R, mixed A, mixed R, other k": (6, False),
    "small R, odd R, mixed A, residue, other k": (39, False),
    "small R, odd R, mixed R, residue, other k": (3, False),
    "small R, odd R, mixed A, mixed R, residue, other k": (34, False),
}


def is_refused(vector: dict[str, Any]) -> bool:
    return not REFUSED.isdisjoint(vector["flags"] or ())


def flags(vector: dict[str, Any]) -> str:
    return ", ".join(short for flag, short in SHORT.items() if flag in (vector["flags"] or ()))


def verifies(vector: dict[str, Any]) -> bool:
    key, signature = bytes.fromhex(vector["key"]), bytes.fromhex(vector["sig"])
    return PublicKey(key).verify(NO_CONTEXT, vector["msg"].encode(), signature)


WEAK = sorted({vector["key"] for vector in VECTORS if is_refused(vector)})
SOUND = sorted({vector["key"] for vector in VECTORS if not is_refused(vector)})


def presented_with(place: str, key: bytes, signer: SigningKey) -> str:
    """A presentation by `signer` of a chain that is whole but for `key`, put in at `place`."""
    chain = (workers() if place == "hop" else planners()).chain
    body = unpack(chain.blocks[-1].body, 8192)
    body[{"issuer": 2, "root": 5, "hop": 2}[place]] = key
    before = {"issuer": key, "root": bytes(ROOT.public_key), "hop": chain.links[0]}[place]
    block = chain.blocks[-1]._replace(body=pack(body))
    link = block.link(before)
    owner = PLANNER if place == "hop" else ROOT
    signed = [*chain.blocks[:-1], block._replace(signature=owner.sign(Context.BLOCK, link))]
    proof = Proof.sign(signer, link, READ, audience=SERVER, now=NOW)
    return str(Presentation(pack([each.to_wire() for each in signed]), proof))


def test_the_vectors_are_all_there():
    assert (len(VECTORS), len(WEAK), len(SOUND)) == (914, 14, 8)
    assert sum(map(is_refused, VECTORS)) == 526


@pytest.mark.parametrize("key", WEAK)
def test_a_key_of_small_order_or_not_canonical_is_refused_as_a_key(key):
    with pytest.raises(Malformed, match="small order or in a non-canonical encoding"):
        PublicKey(bytes.fromhex(key))


@pytest.mark.parametrize("key", WEAK)
@pytest.mark.parametrize("place", ["issuer", "root", "hop"])
def test_a_chain_that_names_such_a_key_is_malformed(place, key):
    text = presented_with(place, bytes.fromhex(key), WORKER)
    with pytest.raises(Malformed, match="small order or in a non-canonical encoding"):
        verifier().verify(text, READ, now=NOW)


@pytest.mark.parametrize(
    ("place", "key", "signer"),
    [
        ("issuer", ROOT.public_key, PLANNER),
        ("root", WORKER.public_key, WORKER),
        ("hop", WORKER.public_key, WORKER),
    ],
)
def test_the_same_chain_with_a_sound_key_is_admitted(place, key, signer):
    text = presented_with(place, bytes(key), signer)
    assert verifier().verify(text, READ, now=NOW).token.chain.issuer == ROOT.public_key


@pytest.mark.parametrize("key", SOUND)
def test_a_key_that_has_a_large_component_is_a_key(key):
    assert PublicKey(bytes.fromhex(key)).hex() == key


def test_the_verdict_under_the_other_keys_is_the_one_on_record():
    found = Counter((flags(each), verifies(each)) for each in VECTORS if not is_refused(each))
    assert found == {(about, good): count for about, (count, good) in VERDICTS.items()}
