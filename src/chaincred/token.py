"""Tokens: chains together with what their caveats say (specs/token.md 3).

A `Token` is what someone handed over, not what somebody checked: it can be passed on, narrowed
and used by its holder. Only a `Verifier` says what it is worth.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from chaincred.authority import Authority
from chaincred.block import MAX_TOKEN, NONCE_SIZE, Block, Statement
from chaincred.caveats import MAX_BLOCKS, Caveat, Expires, MaxHops, NotBuilt, Task, Unknown, decode
from chaincred.chain import Chain
from chaincred.encoding import from_text, pack, to_text, unpack
from chaincred.errors import Malformed
from chaincred.keys import PublicKey, SigningKey
from chaincred.presentation import Presentation
from chaincred.proof import Proof
from chaincred.request import Request
from chaincred.revocation import Footing

PREFIX: Final = "cc1_"
LIFETIME: Final = 900
"""Seconds. Long enough for one task of an agent, short enough to forget about."""
HOPS: Final = 3

Caveats = tuple[tuple[Caveat, ...], ...]
"""Those of each block, in order."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One delegation, as its delegator signed it.

    `delegator` handed over to `holder`, whom it calls `agent`, to do `purpose`, at `issued_at`
    (seconds) and under `caveats`. `link` is 32 bytes: what to revoke to end this hop.
    """

    delegator: PublicKey
    holder: PublicKey
    agent: str
    purpose: str
    issued_at: int
    caveats: tuple[Caveat, ...]
    link: bytes


class Token:
    """A chain of blocks, each naming a holder and adding caveats. Immutable; safe to log."""

    __slots__ = ("_authority", "_caveats", "_chain", "_footing", "_root_expires_at")

    def __init__(self, chain: Chain, parent: Token | None = None) -> None:
        """The token of `chain`; `parent` is the one it goes on from, which is read already."""
        if parent is None:
            caveats = tuple([decode(block.caveats) for block in chain.blocks])
        elif parent.chain.links == chain.links[:-1]:
            caveats = (*parent.caveats, decode(chain.blocks[-1].caveats))
        else:
            raise ValueError("the chain does not go on from its parent")
        expiries = [caveat.at for caveat in caveats[0] if isinstance(caveat, Expires)]
        if not expiries:
            raise Malformed("a root without Expires")
        self._chain = chain
        self._caveats: Caveats = caveats
        self._root_expires_at = min(expiries)
        self._authority = parent.authority.narrowed(caveats[-1]) if parent else None
        self._footing: Footing | None = None

    @classmethod
    def issue(
        cls,
        root_key: SigningKey,
        *,
        holder: PublicKey,
        agent: str,
        purpose: str,
        now: int,
        caveats: Sequence[Caveat],
        lifetime: int = LIFETIME,
        max_hops: int = HOPS,
    ) -> Token:
        """A new chain for `holder`, called `agent`, to do `purpose`.

        It expires `lifetime` seconds after `now` and may be passed on `max_hops` times. `caveats`
        say what else it is for; without any, it is for everything. Raises ValueError if it could
        never be used.
        """
        _require_built(caveats)
        limits = [Expires(now + lifetime), MaxHops(max_hops)]
        statement = _statement(holder, agent, purpose, [*limits, *caveats], now)
        block = statement.root(root_key, secrets.token_bytes(NONCE_SIZE))
        return _usable(cls(Chain.of([block])), now)

    def attenuate(
        self,
        key: SigningKey,
        *,
        holder: PublicKey,
        agent: str,
        purpose: str,
        now: int,
        caveats: Sequence[Caveat] = (),
    ) -> Token:
        """This token passed on to `holder` under further caveats, signed by its holder's `key`.

        Raises ValueError if `key` is not the holder's, if the child could never be used, or if
        it asks for a later expiry than this token has.
        """
        self.require_holder(key)
        _require_built(caveats)
        own = self.authority
        for caveat in caveats:
            if isinstance(caveat, Expires) and caveat.at > own.expires_at:
                raise ValueError(f"it would expire at {caveat.at}, its parent at {own.expires_at}")
            if isinstance(caveat, MaxHops) and caveat.hops >= own.hops_left:
                raise ValueError(f"{caveat.hops} more hops than are left after this one")
        statement = _statement(holder, agent, purpose, caveats, now)
        if len(self.chain.blocks) == MAX_BLOCKS:
            raise ValueError(f"a token has at most {MAX_BLOCKS} blocks")
        block = statement.hop(key, self.chain.links[-1])
        return _usable(Token(self.chain.followed_by(block), self), now)

    def present(
        self, key: SigningKey, request: Request, *, audience: str, now: int
    ) -> Presentation:
        """This token with a proof that its holder's `key` makes `request` of `audience` now.

        Good for one verification within 60 seconds. Raises ValueError if `key` is not the
        holder's.
        """
        self.require_holder(key)
        proof = Proof.sign(key, self.chain.links[-1], request, audience=audience, now=now)
        return Presentation(self.to_bytes(), proof)

    # Read only: a verifier remembers tokens, and hands out the ones it remembers.
    @property
    def chain(self) -> Chain:
        return self._chain

    @property
    def caveats(self) -> Caveats:
        """Those of each block, in order."""
        return self._caveats

    @property
    def root_expires_at(self) -> int:
        """The earliest expiry that block 0 sets, in seconds."""
        return self._root_expires_at

    @property
    def root_id(self) -> bytes:
        """32 bytes: the name of the whole tree, and what to revoke to end it."""
        return self._chain.root_id

    @property
    def authority(self) -> Authority:
        """What all blocks together leave to the holder, as far as the blocks can be believed."""
        if self._authority is None:
            self._authority = Authority.of(self.caveats)
        return self._authority

    @property
    def hops(self) -> tuple[Hop, ...]:
        """What each block says; whether it is signed is a verifier's to tell."""
        chain = self.chain
        return tuple(
            Hop(
                chain.signer(hop),
                block.holder,
                block.agent,
                block.purpose,
                block.issued_at,
                self.caveats[hop],
                chain.links[hop],
            )
            for hop, block in enumerate(chain.blocks)
        )

    @property
    def footing(self) -> Footing:
        """What this token stands on: revoke any of it and the token is dead."""
        if self._footing is None:
            tasks = [each.id for block in self.caveats for each in block if isinstance(each, Task)]
            self._footing = Footing.of(self.chain, tasks)
        return self._footing

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token that a `cc1_` text spells. Raises Malformed."""
        return cls.from_bytes(from_text(PREFIX, text, MAX_TOKEN))

    @classmethod
    def from_bytes(cls, data: bytes) -> Token:
        """The token that `data` packs. Raises Malformed."""
        return cls.from_wire(unpack(data, MAX_TOKEN))

    @classmethod
    def from_wire(cls, raw: Any) -> Token:
        """The token in an unpacked array of blocks. Raises Malformed."""
        if type(raw) is not list or not 1 <= len(raw) <= MAX_BLOCKS:
            raise Malformed(f"a token is an array of 1 to {MAX_BLOCKS} blocks")
        return cls(Chain.of([Block.from_wire(block) for block in raw]))

    def to_wire(self) -> list[list[bytes]]:
        return [block.to_wire() for block in self.chain.blocks]

    def to_bytes(self) -> bytes:
        return pack(self.to_wire())

    def require_holder(self, key: SigningKey) -> None:
        """Raises ValueError unless `key` is the last holder's."""
        if key.public_key != self.chain.holder:
            raise ValueError(f"the holder's key is {self.chain.holder!r}, not {key.public_key!r}")

    def __str__(self) -> str:
        return to_text(PREFIX, self.to_bytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self.chain == other.chain

    def __hash__(self) -> int:
        return hash(self.chain.links)

    def __repr__(self) -> str:
        last = self.chain.blocks[-1]
        return (
            f"Token(root {self.chain.root_id[:4].hex()}…, {len(self.chain.blocks)} blocks, "
            f"for {last.agent!r})"
        )


def _statement(
    holder: PublicKey, agent: str, purpose: str, caveats: Sequence[Caveat], now: int
) -> Statement:
    return Statement(now, holder, agent, purpose, [caveat.to_wire() for caveat in caveats])


def _require_built(caveats: Sequence[Caveat]) -> None:
    # Of a parent they are passed on: another verifier may know them.
    for caveat in caveats:
        if isinstance(caveat, NotBuilt | Unknown):
            message = f"{caveat.name} is not built yet: it forbids everything"
            raise ValueError(message)  # noqa: TRY004 - the type is right, the time is not


def _usable(token: Token, now: int) -> Token:
    authority = token.authority
    contradiction = authority.contradiction()
    if contradiction is None and authority.expires_at <= now:
        contradiction = f"it expired at {authority.expires_at}"
    if contradiction:
        raise ValueError(f"this token could never be used: {contradiction}")
    size = len(token.to_bytes())
    if size > MAX_TOKEN:
        raise ValueError(f"a token of {size} bytes, at most {MAX_TOKEN} are allowed")
    return token
