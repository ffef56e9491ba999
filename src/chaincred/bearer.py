"""A token together with the key that uses it (specs/token.md 3.3).

What an agent works with; and what is handed to one that has no key of its own. It is the same
chain and the same verification path. The text form is a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chaincred.block import MAX_TOKEN
from chaincred.caveats import Caveat
from chaincred.encoding import from_text, pack, to_text, unpack
from chaincred.errors import Malformed
from chaincred.keys import KEY_SIZE, PublicKey, SigningKey
from chaincred.presentation import Presentation
from chaincred.request import Request
from chaincred.token import HOPS, LIFETIME, Token

PREFIX: Final = "cc1s_"
MAX_BEARER: Final = MAX_TOKEN + 64


class Bearer:
    """A token and the key that uses it. Raises ValueError if the key is not its holder's."""

    __slots__ = ("key", "token")

    def __init__(self, token: Token, key: SigningKey) -> None:
        token.require_holder(key)
        self.token = token
        self.key = key

    @classmethod
    def issue(
        cls,
        root_key: SigningKey,
        *,
        agent: str,
        purpose: str,
        now: int,
        caveats: Sequence[Caveat],
        lifetime: int = LIFETIME,
        max_hops: int = HOPS,
    ) -> Bearer:
        """`Token.issue` to a fresh key, which travels with the token."""
        key = SigningKey.generate()
        token = Token.issue(
            root_key,
            holder=key.public_key,
            agent=agent,
            purpose=purpose,
            now=now,
            caveats=caveats,
            lifetime=lifetime,
            max_hops=max_hops,
        )
        return cls(token, key)

    def attenuate(
        self,
        *,
        holder: PublicKey,
        agent: str,
        purpose: str,
        now: int,
        caveats: Sequence[Caveat] = (),
    ) -> Token:
        """`Token.attenuate` for an agent that has a key of its own, `holder`."""
        return self.token.attenuate(
            self.key, holder=holder, agent=agent, purpose=purpose, now=now, caveats=caveats
        )

    def hand_over(
        self, *, agent: str, purpose: str, now: int, caveats: Sequence[Caveat] = ()
    ) -> Bearer:
        """`Token.attenuate` for an agent without a key: a fresh one travels with the token."""
        key = SigningKey.generate()
        child = self.attenuate(
            holder=key.public_key, agent=agent, purpose=purpose, now=now, caveats=caveats
        )
        return Bearer(child, key)

    def present(self, request: Request, *, audience: str, now: int) -> Presentation:
        """`Token.present` with the key that travels along."""
        return self.token.present(self.key, request, audience=audience, now=now)

    @classmethod
    def parse(cls, text: str) -> Bearer:
        """The bearer token that a `cc1s_` text spells. Raises Malformed."""
        raw = unpack(from_text(PREFIX, text, MAX_BEARER), MAX_BEARER)
        if type(raw) is not list or len(raw) != 2:
            raise Malformed("a bearer token is [token, holder_seed]")
        wire, seed = raw
        if type(seed) is not bytes or len(seed) != KEY_SIZE:
            raise Malformed("a holder's seed is 32 bytes")
        token, key = Token.from_bytes(pack(wire)), SigningKey.from_seed(seed)
        if token.chain.holder != key.public_key:
            raise Malformed("the seed is not that of the token's holder")
        return cls(token, key)

    def reveal(self) -> str:
        """The `cc1s_` text. Whoever reads it holds the token."""
        return to_text(PREFIX, pack([self.token.to_wire(), self.key.reveal_seed()]))

    def __repr__(self) -> str:
        # Also of one that was refused before it had a token: a traceback may show it.
        return f"Bearer({getattr(self, 'token', None)!r}, key hidden)"
