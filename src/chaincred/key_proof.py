"""Proof that a workload has the key it asks a token for (specs/service.md 10.2).

A workload shows who it is with a JWT, which says nothing of a key: without this signature whoever
sees the JWT could have a token made for somebody else's key, or claim a key that it does not have.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final, NamedTuple

from chaincred.caveats import MAX_AUDIENCE
from chaincred.encoding import from_text, is_text, is_uint, pack, to_text, unpack
from chaincred.errors import Malformed
from chaincred.keys import SIGNATURE_SIZE, Context, PublicKey, SigningKey
from chaincred.proof import NONCE_SIZE, WINDOW

_MAX_PACKED: Final = 94
"""Bytes: a time of 9, a nonce of 18 and a signature of 66, in an array."""


class KeyProof(NamedTuple):
    """A signature by the key that a token is for, over the JWT that the token is asked with.

    `issued_at` is in seconds, `nonce` 16 bytes. As text it is base64url without padding.
    """

    issued_at: int
    nonce: bytes
    signature: bytes

    @classmethod
    def sign(cls, key: SigningKey, subject_token: str, *, audience: str, now: int) -> KeyProof:
        """A new proof by `key`, for the exchange of `subject_token` at the service `audience`.

        Good for one exchange within 60 seconds. Raises ValueError.
        """
        if not is_text(audience, 1, MAX_AUDIENCE):
            raise ValueError("the name of an audience is a text of 1 to 256 bytes")
        if not is_uint(now):
            raise ValueError("now is whole seconds since 1970")
        nonce = secrets.token_bytes(NONCE_SIZE)
        digest = _digest(audience, now, nonce, subject_token)
        return cls(now, nonce, key.sign(Context.HOLDER, digest))

    @classmethod
    def parse(cls, text: str) -> KeyProof:
        """The proof that a text spells. Raises Malformed."""
        raw = unpack(from_text("", text, _MAX_PACKED), _MAX_PACKED)
        if type(raw) is not list or len(raw) != 3:
            raise Malformed("a key proof is [issued_at, nonce, signature]")
        issued_at, nonce, signature = raw
        if not is_uint(issued_at):
            raise Malformed("the time of the key proof is not a time")
        if type(nonce) is not bytes or len(nonce) != NONCE_SIZE:
            raise Malformed("the nonce of a key proof is 16 bytes")
        if type(signature) is not bytes or len(signature) != SIGNATURE_SIZE:
            raise Malformed("a signature is 64 bytes")
        return cls(issued_at, nonce, signature)

    def holds(self, holder: PublicKey, subject_token: str, *, audience: str, now: int) -> bool:
        """Whether `holder` signed it for this JWT and this service, within 60 seconds of `now`.

        Whether it was shown before is for a replay memory to say, by `replay_key` until
        `remembered_until`.
        """
        if not -WINDOW <= now - self.issued_at <= WINDOW:
            return False
        digest = _digest(audience, self.issued_at, self.nonce, subject_token)
        return holder.verify(Context.HOLDER, digest, self.signature)

    def replay_key(self, holder: PublicKey) -> bytes:
        """48 bytes to remember it by."""
        return holder.digest + self.nonce

    @property
    def remembered_until(self) -> int:
        """The last second, inclusive, in which it could be shown again."""
        return self.issued_at + WINDOW

    def __str__(self) -> str:
        return to_text("", pack([self.issued_at, self.nonce, self.signature]))


def _digest(audience: str, issued_at: int, nonce: bytes, subject_token: str) -> bytes:
    # What is no JWT must not raise here: that is for whoever reads it to say.
    token = sha256(subject_token.encode(errors="surrogatepass")).digest()
    return sha256(pack([audience, issued_at, nonce, token])).digest()
