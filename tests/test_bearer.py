"""Bearer tokens: a token and its key (specs/token.md 3.3)."""

import pytest

from chaincred import Bearer, Malformed, Tools
from chaincred.encoding import from_text, pack, to_text, unpack
from tests.cast import HELPER, MALLORY, NOW, READ, ROOT, SERVER, WORKER, planners, verifier, workers


def bearer():
    return Bearer(workers(), WORKER).hand_over(agent="helper", purpose="look", now=NOW)


def test_a_bearer_token_is_an_ordinary_chain():
    held = Bearer.parse(bearer().reveal())
    shown = str(held.present(READ, audience=SERVER, now=NOW))
    assert verifier().verify(shown, READ, now=NOW).agent == "helper"


def test_a_bearer_token_can_be_issued_and_attenuated():
    held = Bearer.issue(ROOT, agent="a", purpose="", now=NOW, caveats=[Tools(["t"])])
    child = held.attenuate(holder=HELPER.public_key, agent="b", purpose="", now=NOW)
    assert child.chain.signer(1) == held.key.public_key


def test_each_bearer_token_has_a_key_of_its_own():
    assert bearer().key.public_key != bearer().key.public_key


def test_a_key_that_is_not_the_holders_is_the_callers_slip():
    with pytest.raises(ValueError, match="the holder's key"):
        Bearer(planners(), MALLORY)


def test_a_bearer_token_is_not_shown():
    held = bearer()
    seed = held.key.reveal_seed()
    for text in (repr(held), str(held), f"{held}"):
        assert seed.hex() not in text and held.reveal() not in text


def spoilt():
    token, seed = unpack(from_text("cc1s_", bearer().reveal(), 9999), 9999)
    yield [token]
    yield [token, seed, seed]
    yield [token, seed[:31]]
    yield [token, "s" * 32]
    yield [token, MALLORY.reveal_seed()]
    yield [[], seed]
    yield token


@pytest.mark.parametrize("raw", list(spoilt()))
def test_what_is_no_bearer_token_is_malformed(raw):
    with pytest.raises(Malformed):
        Bearer.parse(to_text("cc1s_", pack(raw)))
