"""Proof of possession: the last holder asks for this, here, now (specs/token.md 5)."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Any, Final, NamedTuple

from chaincred.caveats import MAX_AUDIENCE
from chaincred.encoding import is_text, is_uint, pack
from chaincred.errors import Malformed
from chaincred.keys import SIGNATURE_SIZE, Context, PublicKey, SigningKey
from chaincred.request import Request

WINDOW: Final = 60
"""Seconds that a proof may be old, or ahead of the verifier's clock: what NTP-less hosts drift."""
NONCE_SIZE: Final = 16


class Proof(NamedTuple):
    """A holder's signature over one request. `issued_at` is in seconds, `nonce` 16 bytes."""

    audience: str
    issued_at: int
    nonce: bytes
    signature: bytes

    @classmethod
    def sign(
        cls, key: SigningKey, link: bytes, request: Request, *, audience: str, now: int
    ) -> Proof:
        """A new proof by `key` on the chain whose last link is `link`. Raises ValueError."""
        if not is_text(audience, 1, MAX_AUDIENCE):
            raise ValueError("the name of an audience is a text of 1 to 256 bytes")
        if not is_uint(now):
            raise ValueError("now is whole seconds since 1970")
        # Random, not a counter: two calls in one second are two calls, on any number of hosts.
        nonce = secrets.token_bytes(NONCE_SIZE)
        digest = _digest(link, audience, now, nonce, request)
        return cls(audience, now, nonce, key.sign(Context.PROOF, digest))

    @classmethod
    def from_wire(cls, raw: Any) -> Proof:
        """The proof in an unpacked array. Raises Malformed."""
        if type(raw) is not list or len(raw) != 4:
            raise Malformed("a proof is [audience, issued_at, nonce, signature]")
        audience, issued_at, nonce, signature = raw
        if not is_text(audience, 1, MAX_AUDIENCE):
            raise Malformed("the audience is not a text of 1 to 256 bytes")
        if not is_uint(issued_at):
            raise Malformed("the time of the proof is not a time")
        if type(nonce) is not bytes or len(nonce) != NONCE_SIZE:
            raise Malformed("the nonce of a proof is 16 bytes")
        if type(signature) is not bytes or len(signature) != SIGNATURE_SIZE:
            raise Malformed("a signature is 64 bytes")
        return cls(audience, issued_at, nonce, signature)

    def to_wire(self) -> list[Any]:
        return [self.audience, self.issued_at, self.nonce, self.signature]

    def is_signed_by(self, key: PublicKey, link: bytes, request: Request) -> bool:
        """Whether `key` signed this request on the chain whose last link is `link`."""
        digest = _digest(link, self.audience, self.issued_at, self.nonce, request)
        return key.verify(Context.PROOF, digest, self.signature)


def _digest(link: bytes, audience: str, issued_at: int, nonce: bytes, request: Request) -> bytes:
    # The request's bytes are spliced in as the fifth element; packing it twice is most of the cost.
    head = pack([link, audience, issued_at, nonce])
    return sha256(b"\x95" + head[1:] + request.packed).digest()
