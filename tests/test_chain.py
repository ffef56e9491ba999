"""Chains (specs/token.md 3.2)."""

from hashlib import sha256

import pytest

from chaincred import BrokenChain, Malformed, Untrusted
from chaincred.chain import Chain
from tests.cast import MALLORY, PLANNER, ROOT, WORKER, planners, workers

TRUSTED = {ROOT.public_key}


def test_a_link_stands_for_everything_up_to_its_block():
    chain = workers().chain
    first, second = (block.body for block in chain.blocks)
    root_id = sha256(b"chaincred/v1/link\0" + bytes(ROOT.public_key) + first).digest()
    assert chain.root_id == chain.links[0] == root_id
    assert chain.links[1] == sha256(b"chaincred/v1/link\0" + root_id + second).digest()


def test_each_block_is_signed_by_the_holder_before_it():
    chain = workers().chain
    assert [chain.signer(0), chain.signer(1)] == [ROOT.public_key, PLANNER.public_key]
    assert chain.holder == WORKER.public_key
    chain.check_signatures(TRUSTED)


def test_a_chain_under_another_root_is_untrusted():
    with pytest.raises(Untrusted, match="not a trusted root"):
        workers().chain.check_signatures({MALLORY.public_key})


def test_a_root_block_that_its_issuer_did_not_sign_is_untrusted():
    first = planners().chain.blocks[0]
    with pytest.raises(Untrusted, match="block 0 is not signed"):
        Chain.of([first._replace(signature=bytes(64))]).check_signatures(TRUSTED)


def test_a_hop_that_the_holder_did_not_sign_breaks_the_chain():
    first, second = workers().chain.blocks
    forged = Chain.of([first, second._replace(signature=first.signature)])
    with pytest.raises(BrokenChain, match="block 1"):
        forged.check_signatures(TRUSTED)
    forged.check_signatures(TRUSTED, known=2)


@pytest.mark.parametrize("places", [[], [1], [1, 0], [0, 0], [0, 1, 0]])
def test_the_first_block_and_no_other_is_a_root(places):
    blocks = workers().chain.blocks
    with pytest.raises(Malformed):
        Chain.of([blocks[place] for place in places])
