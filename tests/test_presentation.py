"""Presentations (specs/token.md 5)."""

import pytest

from chaincred import Malformed, Presentation, ProofRefused
from chaincred.encoding import from_text, pack, to_text, unpack
from tests.cast import NOW, READ, SERVER, WORKER, shown, verifier, workers


def test_a_presentation_comes_back_from_its_text():
    presented = workers().present(WORKER, READ, audience=SERVER, now=NOW)
    assert Presentation.parse(str(presented)) == presented


def test_what_was_parsed_of_a_text_is_verified_like_the_text():
    token = workers()
    text = shown(token, WORKER)
    parsed = Presentation.parse(text)
    assert Presentation.of(text) == Presentation.of(parsed) == parsed
    server = verifier()
    assert server.verify(parsed, READ, now=NOW).token == token
    with pytest.raises(ProofRefused) as refused:
        server.verify(text, READ, now=NOW)
    assert refused.value.code == "proof_replayed"
    assert verifier().identify(parsed, READ, now=NOW) == token


def test_discharges_have_to_be_none():
    text = str(workers().present(WORKER, READ, audience=SERVER, now=NOW))
    token, proof, none = unpack(from_text("cc1p_", text, 9999), 9999)
    for raw in ([token, proof], [token, proof, [b""]], [token, proof, b""], [token, none, proof]):
        with pytest.raises(Malformed):
            Presentation.parse(to_text("cc1p_", pack(raw)))
