"""One signed statement: the holder of this key may go on, under these caveats (specs/token.md 3).

A block is read without learning what its caveats mean, so that a holder can pass on a token
whose caveats it does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from chaincred.encoding import MAX_ELEMENTS, is_text, is_uint, pack, unpack
from chaincred.errors import Malformed
from chaincred.keys import SIGNATURE_SIZE, Context, PublicKey, SigningKey

VERSION: Final = 1
NONCE_SIZE: Final = 16
MAX_TOKEN: Final = 8192
"""Packed bytes. Proxies commonly cap one header line at 8 KiB."""
MAX_CAVEATS: Final = 32
MAX_AGENT: Final = 128
MAX_PURPOSE: Final = 256
MAX_KIND: Final = 255

_ROOT: Final = 0
_HOP: Final = 1


class Block(NamedTuple):
    """A block as it came: `body` is what was signed, the rest is what it says.

    `issuer` is the root key that block 0 claims, and None in every other block. `caveats` are
    `[kind, fields...]`, not yet understood. `issued_at` is in seconds since 1970.
    """

    body: bytes
    signature: bytes
    issuer: PublicKey | None
    issued_at: int
    holder: PublicKey
    agent: str
    purpose: str
    caveats: Sequence[list[Any]]

    @classmethod
    def from_wire(cls, raw: Any) -> Block:
        """The block in an unpacked `[body, signature]`. Raises Malformed."""
        if type(raw) is not list or len(raw) != 2 or set(map(type, raw)) != {bytes}:
            raise Malformed("a block is [body, signature]")
        body, signature = raw
        if len(signature) != SIGNATURE_SIZE:
            raise Malformed("a signature is 64 bytes")
        fields = unpack(body, MAX_TOKEN, MAX_ELEMENTS)
        issuer, said = _split(fields)
        issued_at, holder, agent, purpose, caveats = said
        if not is_uint(issued_at):
            raise Malformed("the time of a block is not a time")
        if not is_text(agent, 1, MAX_AGENT):
            raise Malformed("the agent is not a text of 1 to 128 bytes")
        if not is_text(purpose, 0, MAX_PURPOSE):
            raise Malformed("the purpose is not a text of 0 to 256 bytes")
        _check_caveats(caveats)
        key = PublicKey(holder)
        return cls(body, signature, issuer, issued_at, key, agent, purpose, tuple(caveats))

    def to_wire(self) -> list[bytes]:
        return [self.body, self.signature]

    def link(self, before: bytes) -> bytes:
        """The 32 bytes that stand for the chain up to this block.

        `before` is the link of the block before, for block 0 the issuer's public key.
        """
        return sha256(b"chaincred/v1/link\0" + before + self.body).digest()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a new block is to say; `signed` makes the block."""

    issued_at: int
    holder: PublicKey
    agent: str
    purpose: str
    caveats: Sequence[list[Any]]

    def root(self, key: SigningKey, nonce: bytes) -> Block:
        """Block 0 of a new chain, signed by a root key. Raises ValueError."""
        head = [_ROOT, VERSION, bytes(key.public_key), nonce]
        return self._signed(head, key, bytes(key.public_key))

    def hop(self, key: SigningKey, before: bytes) -> Block:
        """The block after the one whose link is `before`, signed by its holder."""
        return self._signed([_HOP], key, before)

    def _signed(self, head: list[Any], key: SigningKey, before: bytes) -> Block:
        said = [self.issued_at, bytes(self.holder), self.agent, self.purpose, list(self.caveats)]
        body = pack([*head, *said])
        # Read back before signing: nothing is signed that a verifier would refuse as malformed.
        try:
            unsigned = Block.from_wire([body, bytes(SIGNATURE_SIZE)])
        except Malformed as error:
            raise ValueError(str(error)) from error
        return unsigned._replace(signature=key.sign(Context.BLOCK, unsigned.link(before)))


def _split(fields: Any) -> tuple[PublicKey | None, list[Any]]:
    # Types first: True == 1 and 0 == False in Python, and a match would take them.
    if type(fields) is not list or not fields or type(fields[0]) is not int:
        raise Malformed("a body is an array that begins with 0 or 1")
    if fields[0] == _HOP and len(fields) == 6:
        return None, fields[1:]
    if fields[0] != _ROOT or len(fields) != 9:
        raise Malformed("neither the body of a root nor of a hop")
    _, version, issuer, nonce, *said = fields
    if type(version) is not int or version != VERSION:
        raise Malformed("another version than 1")
    if type(nonce) is not bytes or len(nonce) != NONCE_SIZE:
        raise Malformed("a nonce is 16 bytes")
    return PublicKey(issuer), said


def _check_caveats(caveats: Any) -> None:
    if type(caveats) is not list or len(caveats) > MAX_CAVEATS:
        raise Malformed(f"caveats are an array of at most {MAX_CAVEATS}")
    for caveat in caveats:
        if type(caveat) is not list or not caveat or not is_uint(caveat[0], MAX_KIND):
            raise Malformed("a caveat is [kind, fields...]")
