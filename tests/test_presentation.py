"""Presentations (specs/token.md 5)."""

import pytest

from chaincred import Malformed, Presentation
from chaincred.encoding import from_text, pack, to_text, unpack
from tests.cast import NOW, READ, SERVER, WORKER, workers


def test_a_presentation_comes_back_from_its_text():
    presented = workers().present(WORKER, READ, audience=SERVER, now=NOW)
    assert Presentation.parse(str(presented)) == presented


def test_discharges_have_to_be_none():
    text = str(workers().present(WORKER, READ, audience=SERVER, now=NOW))
    token, proof, none = unpack(from_text("cc1p_", text, 9999), 9999)
    for raw in ([token, proof], [token, proof, [b""]], [token, proof, b""], [token, none, proof]):
        with pytest.raises(Malformed):
            Presentation.parse(to_text("cc1p_", pack(raw)))
