"""Blocks bound together by hashes (specs/token.md 3.2).

A chain is what its signatures make of a list of blocks. It never learns what a caveat means.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from chaincred.block import Block
from chaincred.errors import BrokenChain, Malformed, Untrusted
from chaincred.keys import Context, PublicKey


class Chain(NamedTuple):
    """Blocks in order and their links, in the right shape; whether they are signed is not said."""

    issuer: PublicKey
    blocks: tuple[Block, ...]
    links: tuple[bytes, ...]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Chain:
        """The chain that `blocks` spell. Raises Malformed unless a root comes first, and once."""
        issuer = blocks[0].issuer if blocks else None
        if issuer is None or any(block.issuer is not None for block in blocks[1:]):
            raise Malformed("the first block is a root and every other one a hop")
        links = []
        link = bytes(issuer)
        for block in blocks:
            link = block.link(link)
            links.append(link)
        return cls(issuer, tuple(blocks), tuple(links))

    def followed_by(self, block: Block) -> Chain:
        """This chain and a hop after it."""
        link = block.link(self.links[-1])
        return Chain(self.issuer, (*self.blocks, block), (*self.links, link))

    @property
    def root_id(self) -> bytes:
        """32 bytes: the name of the whole tree."""
        return self.links[0]

    @property
    def holder(self) -> PublicKey:
        """The last holder, whose proof the chain asks for."""
        return self.blocks[-1].holder

    def signer(self, hop: int) -> PublicKey:
        """The key that block `hop` has to be signed by."""
        return self.issuer if hop == 0 else self.blocks[hop - 1].holder

    def check_signatures(self, trusted: Container[PublicKey], known: int = 0) -> None:
        """Raises Untrusted or BrokenChain unless every signature from hop `known` on is right."""
        if self.issuer not in trusted:
            raise Untrusted(f"{self.issuer!r} is not a trusted root")
        for hop in range(known, len(self.blocks)):
            signature = self.blocks[hop].signature
            if self.signer(hop).verify(Context.BLOCK, self.links[hop], signature):
                continue
            if hop == 0:
                raise Untrusted(f"block 0 is not signed by {self.issuer!r}")
            raise BrokenChain(f"block {hop} is not signed by the holder before it")
