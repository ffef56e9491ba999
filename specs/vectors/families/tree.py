"""Blocks, the links between them and the chains that they make (token.md 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from families.cast import NOW, PLANNER, ROOT, WORKER, Actor, nonce, tagged_hash
from families.packing import Value, pack, text_form

ISSUED = NOW - 60
EXPIRES = NOW + 3600
LIVES: tuple[Value, ...] = ([0, EXPIRES],)


@dataclass(frozen=True)
class Block:
    body: bytes
    signature: bytes
    link: bytes
    issued_at: int
    delegator: Actor
    holder: Actor
    agent: str
    purpose: str


@dataclass(frozen=True)
class Chain:
    blocks: tuple[Block, ...]

    @property
    def packed(self) -> bytes:
        return pack([[block.body, block.signature] for block in self.blocks])

    @property
    def text(self) -> str:
        return text_form("cc1_", self.packed)

    @property
    def last(self) -> Block:
        return self.blocks[-1]

    def take(self, *places: int) -> "Chain":
        """The blocks at these places, with whatever signatures they have."""
        return Chain(tuple(self.blocks[place] for place in places))

    def resigned(self, place: int, signature: bytes) -> "Chain":
        """The chain with another signature on one block."""
        return self._replaced(place, replace(self.blocks[place], signature=signature))

    def rewritten(self, place: int, body: bytes) -> "Chain":
        """The chain with another body in one block, under the old signature."""
        return self._replaced(place, replace(self.blocks[place], body=body))

    def _replaced(self, place: int, block: Block) -> "Chain":
        return Chain((*self.blocks[:place], block, *self.blocks[place + 1 :]))


def root_body(
    caveats: Sequence[Value] = LIVES,
    *,
    signer: Actor = ROOT,
    holder: Actor = PLANNER,
    issued_at: int = ISSUED,
    agent: str = "planner",
    purpose: str = "plan the report",
    issuer: bytes | None = None,
    tree: str = "tree",
) -> list[Value]:
    issuer = signer.public if issuer is None else issuer
    start: list[Value] = [0, 1, issuer, nonce(tree), issued_at]
    return [*start, holder.public, agent, purpose, caveats]


def hop_body(
    caveats: Sequence[Value] = (),
    *,
    holder: Actor = WORKER,
    issued_at: int = ISSUED + 10,
    agent: str = "worker",
    purpose: str = "read one file",
) -> list[Value]:
    return [1, issued_at, holder.public, agent, purpose, caveats]


def issue(
    caveats: Sequence[Value] = LIVES,
    *,
    signer: Actor = ROOT,
    holder: Actor = PLANNER,
    issued_at: int = ISSUED,
    agent: str = "planner",
    purpose: str = "plan the report",
    issuer: bytes | None = None,
    tree: str = "tree",
) -> Chain:
    """A chain of one root block."""
    body = root_body(
        caveats,
        signer=signer,
        holder=holder,
        issued_at=issued_at,
        agent=agent,
        purpose=purpose,
        issuer=issuer,
        tree=tree,
    )
    first = signed_root(pack(body), signer=signer, holder=holder, issuer=issuer).last
    return Chain((replace(first, issued_at=issued_at, agent=agent, purpose=purpose),))


def add(
    chain: Chain,
    caveats: Sequence[Value] = (),
    *,
    signer: Actor | None = None,
    holder: Actor = WORKER,
    issued_at: int = ISSUED + 10,
    agent: str = "worker",
    purpose: str = "read one file",
) -> Chain:
    """The chain with one more hop, signed by its last holder or by somebody else."""
    body = hop_body(caveats, holder=holder, issued_at=issued_at, agent=agent, purpose=purpose)
    grown = signed_hop(chain, pack(body), signer=signer, holder=holder)
    last = replace(grown.last, issued_at=issued_at, agent=agent, purpose=purpose)
    return Chain((*chain.blocks, last))


def signed_root(
    body: bytes,
    *,
    signer: Actor = ROOT,
    holder: Actor = PLANNER,
    issuer: bytes | None = None,
) -> Chain:
    """A root block with any body, linked under the issuer that it claims, and signed."""
    link = tagged_hash("link", signer.public if issuer is None else issuer, body)
    signature = signer.sign("block", link)
    block = Block(body, signature, link, ISSUED, signer, holder, "planner", "plan the report")
    return Chain((block,))


def signed_hop(
    chain: Chain,
    body: bytes,
    *,
    signer: Actor | None = None,
    holder: Actor = WORKER,
) -> Chain:
    """A further block with any body, properly linked and signed."""
    signer = signer or chain.last.holder
    link = tagged_hash("link", chain.last.link, body)
    signature = signer.sign("block", link)
    block = Block(body, signature, link, ISSUED + 10, signer, holder, "worker", "read one file")
    return Chain((*chain.blocks, block))


# What most vectors use: the root's block for the planner, the planner's for the worker.
PLANNERS = issue()
WORKERS = add(PLANNERS)
