"""What is sent to a verifier: a token and the proof that its holder asks (specs/token.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chaincred.block import MAX_TOKEN
from chaincred.encoding import from_text, pack, to_text, unpack
from chaincred.errors import Malformed
from chaincred.proof import Proof

PREFIX: Final = "cc1p_"
MAX_PRESENTATION: Final = MAX_TOKEN + 1024
"""Packed bytes: the token, and a proof of at most 350."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """A token and a proof, good for one request at one verifier.

    The token is kept as its packed bytes: a verifier may know it already by them.
    """

    token: bytes
    proof: Proof

    @classmethod
    def parse(cls, text: str) -> Presentation:
        """The presentation that a `cc1p_` text spells. Raises Malformed."""
        data = from_text(PREFIX, text, MAX_PRESENTATION)
        raw = unpack(data, MAX_PRESENTATION)
        if type(raw) is not list or len(raw) != 3 or raw[2] != []:
            raise Malformed("a presentation is [token, proof, []]")
        # A value has one spelling, so the token is what comes before the proof and the empty array.
        return cls(data[1 : -1 - len(pack(raw[1]))], Proof.from_wire(raw[1]))

    @classmethod
    def of(cls, said: str | Presentation) -> Presentation:
        """What a `cc1p_` text spells, or what was parsed of one before. Raises Malformed."""
        return said if isinstance(said, Presentation) else cls.parse(said)

    def __str__(self) -> str:
        # Spliced, like the request into a proof: the token's bytes go out as they came in.
        return to_text(PREFIX, b"\x93" + self.token + pack(self.proof.to_wire()) + b"\x90")
