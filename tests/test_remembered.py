"""Remembered chains: bounded, and true to the byte."""

from chaincred.remembered import RememberedChains
from tests.cast import HELPER, NOW, WORKER, planners, workers


def test_a_chain_is_known_by_its_bytes_and_its_prefixes_by_their_signatures():
    remembered, token = RememberedChains(9999), workers()
    assert remembered.token(token.to_bytes()) is None
    assert remembered.signed_blocks(token.chain) == 0
    remembered.add(token.to_bytes(), token)
    assert remembered.token(token.to_bytes()) is token
    longer = token.attenuate(WORKER, holder=HELPER.public_key, agent="h", purpose="", now=NOW)
    assert remembered.signed_blocks(longer.chain) == 2
    assert remembered.signed_blocks(planners().chain) == 0


def test_a_known_chain_with_another_signature_is_not_known():
    remembered, token = RememberedChains(9999), workers()
    remembered.add(token.to_bytes(), token)
    first, second = token.chain.blocks
    for blocks, known in (
        ((first, second._replace(signature=bytes(64))), 1),
        ((first._replace(signature=bytes(64)), second), 0),
    ):
        assert remembered.signed_blocks(token.chain._replace(blocks=blocks)) == known


def test_the_oldest_go_first():
    tokens = [planners() for _ in range(3)]
    remembered = RememberedChains(2 * len(tokens[0].to_bytes()))
    for token in tokens:
        remembered.add(token.to_bytes(), token)
    known = [remembered.token(token.to_bytes()) is not None for token in tokens]
    assert known == [False, True, True]
    remembered.add(tokens[1].to_bytes(), tokens[1])
    assert remembered.token(tokens[2].to_bytes()) is tokens[2]


def test_the_oldest_prefixes_go_first(monkeypatch):
    monkeypatch.setattr("chaincred.remembered._LINKS", 2)
    remembered, tokens = RememberedChains(9999), [planners() for _ in range(3)]
    for token in tokens:
        remembered.add(token.to_bytes(), token)
    assert [remembered.signed_blocks(token.chain) for token in tokens] == [0, 1, 1]


def test_nothing_may_be_remembered():
    remembered, token = RememberedChains(0), workers()
    remembered.add(token.to_bytes(), token)
    assert remembered.token(token.to_bytes()) is None
    assert remembered.signed_blocks(token.chain) == 0
