"""The decision (specs/token.md 8).

`Verifier.verify` takes the specification's steps in the specification's order and either returns
a `Verified` or raises the error of the step that refused. There is nothing to check afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from chaincred.caveats import MAX_AUDIENCE, Asked
from chaincred.encoding import is_text, is_uint, require_seconds
from chaincred.errors import (
    CaveatRefused,
    ChaincredError,
    Failure,
    PolicyRefused,
    ProofRefused,
)
from chaincred.keys import PublicKey
from chaincred.presentation import Presentation
from chaincred.proof import WINDOW, Proof
from chaincred.remembered import RememberedChains
from chaincred.replay import ReplayMemory
from chaincred.request import Request
from chaincred.token import Hop, Token
from chaincred.view import SKEW, Freshness, RevocationView

MAX_LIFETIME: Final = 86_400
"""Seconds a root block may live unless the verifier is told otherwise: one day."""
REMEMBERED: Final = 2**20
"""Packed bytes of chains remembered: some 1,500 ordinary ones, and at most 64 MB once read."""


@dataclass(frozen=True, slots=True)
class Unrevocable:
    """Says that no list answers for a root; its tokens live at most `max_lifetime` seconds."""

    max_lifetime: int


def unrevocable(*, max_lifetime: int) -> Unrevocable:
    """Trusts a root without a revocation list: what it issued dies only by expiring.

    `max_lifetime` (seconds, counted from block 0's issued_at) is how long a stolen key can be
    used. Raises ValueError unless it is positive.
    """
    if not is_uint(max_lifetime) or max_lifetime == 0:
        raise ValueError("a lifetime is a positive number of seconds")
    return Unrevocable(max_lifetime)


@dataclass(frozen=True, slots=True)
class Verified:
    """An admitted request: who asked, and through whom. What `Verifier.verify` returns.

    `list_seq` and `list_age` (seconds) are those of the revocation list that was asked, None for
    an unrevocable root.
    """

    token: Token
    request: Request
    list_seq: int | None
    list_age: int | None

    @property
    def root_id(self) -> bytes:
        """32 bytes: the name of the whole tree."""
        return self.token.chain.root_id

    @property
    def agent(self) -> str:
        """What the last holder is called by the one who delegated to it."""
        return self.token.chain.blocks[-1].agent

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every delegation, from the issuer's on."""
        return self.token.hops


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each step had to say. It admits nobody, even where nothing refused.

    `refusals` are in the order of the steps; `failures` are all caveats that forbid; `hops` is
    empty unless the chain is rightly signed.
    """

    refusals: tuple[ChaincredError, ...]
    failures: tuple[Failure, ...]
    hops: tuple[Hop, ...]

    @property
    def code(self) -> str:
        """What `verify` refuses with, replays apart; `ok` where it does not."""
        return self.refusals[0].code if self.refusals else "ok"


Policy = Callable[[Verified, Request], bool]


class Verifier:
    """Admits or refuses requests made to the server called `audience`.

    `roots` names each trusted root key and what answers for its revocations: a view of its list,
    or `unrevocable(...)`. `replay` is shared by all that verify for this audience. `freshness`
    says how old a list may be for each effect; `max_lifetime` (seconds) how long a root block
    may live; `policy`, if given, has the last word and admits with exactly True: it sees what is
    not admitted yet. `remember` is how many packed bytes of chains are kept whose signatures were
    found right. Raises TypeError or ValueError for what could never answer.
    """

    def __init__(
        self,
        *,
        audience: str,
        roots: Mapping[PublicKey, RevocationView | Unrevocable],
        replay: ReplayMemory,
        freshness: Freshness | None = None,
        max_lifetime: int = MAX_LIFETIME,
        policy: Policy | None = None,
        remember: int = REMEMBERED,
    ) -> None:
        if not is_text(audience, 1, MAX_AUDIENCE):
            raise ValueError("the name of an audience is a text of 1 to 256 bytes")
        for root, view in roots.items():
            if not isinstance(root, PublicKey):
                raise TypeError("a root is a PublicKey")
            if not isinstance(view, RevocationView | Unrevocable):
                raise TypeError("for a root answers a RevocationView, or unrevocable(...)")
        if not is_uint(max_lifetime) or not is_uint(remember):
            raise ValueError("max_lifetime is in seconds and remember in bytes")
        self._audience = audience
        self._roots = dict(roots)
        self._replay = replay
        self._freshness = freshness or Freshness()
        self._max_lifetime = max_lifetime
        self._policy = policy
        self._remembered = RememberedChains(remember)

    def verify(self, presentation: str | Presentation, request: Request, *, now: int) -> Verified:
        """What is admitted, with its provenance. Raises Malformed, or the Denied of a step.

        `presentation` is a `cc1p_` text, or what was parsed of one; `request` what the server is
        about to do, `now` the time in whole seconds.
        """
        require_seconds(now)

        # 1. malformed
        presented = Presentation.of(presentation)
        proof = presented.proof
        known = self._remembered.token(presented.token)
        token = known or Token.from_bytes(presented.token)

        # 2. untrusted, broken_chain
        if known is None:
            signed = self._remembered.signed_blocks(token.chain)
            token.chain.check_signatures(self._roots, signed)

        # 3. proof_audience, proof_time, proof_signature, proof_replayed
        self._check_proof(token, proof, request, now)
        self._check_replay(token, proof, now)
        if known is None:
            self._remembered.add(presented.token, token)

        return self._admitted(token, request, now)

    def recheck(self, verified: Verified, request: Request, *, now: int) -> Verified:
        """Steps 4 to 6 anew, for a chain that this verifier admitted before.

        For a session that began with a proof, and for a decision that a newer list overtook: no
        proof is asked, so who sends `request` is the caller's to know. Raises the Denied of a step.
        """
        require_seconds(now)
        return self._admitted(verified.token, request, now)

    def identify(self, presentation: str | Presentation, request: Request, *, now: int) -> Token:
        """The token whose holder made `request`, by steps 1 to 3. It says nothing of what it may.

        For what every holder may do with its own chain, as to revoke it. Raises Malformed, or the
        Denied of a step.
        """
        require_seconds(now)
        presented = Presentation.of(presentation)
        token = Token.from_bytes(presented.token)
        token.chain.check_signatures(self._roots)
        self._check_proof(token, presented.proof, request, now)
        self._check_replay(token, presented.proof, now)
        return token

    def _admitted(self, token: Token, request: Request, now: int) -> Verified:
        # 4. stale, revoked
        verified = self._check_list(token, request, now)

        # 5. caveat
        failures = tuple(self._failures(token, request, now))
        if failures:
            raise CaveatRefused(failures)

        # 6. policy
        self._check_policy(verified)
        return verified

    def explain(self, presentation: str, request: Request, *, now: int) -> Explanation:
        """Every reason to refuse, not only the first. Admits nobody.

        Changes nothing, but asks the policy if nothing else refuses. Replays are not looked for:
        what is explained was usually verified, and refused, before.
        """
        require_seconds(now)
        try:
            presented = Presentation.parse(presentation)
            token = Token.from_bytes(presented.token)
            token.chain.check_signatures(self._roots)
        except ChaincredError as error:
            return Explanation((error,), (), ())
        refusals: list[ChaincredError] = []
        try:
            self._check_proof(token, presented.proof, request, now)
        except ProofRefused as error:
            refusals.append(error)
        verified = None
        try:
            verified = self._check_list(token, request, now)
        except ChaincredError as error:
            refusals.append(error)
        failures = tuple(self._failures(token, request, now))
        if failures:
            refusals.append(CaveatRefused(failures))
        if verified and not refusals:
            try:
                self._check_policy(verified)
            except PolicyRefused as error:
                refusals.append(error)
        return Explanation(tuple(refusals), failures, token.hops)

    def _check_proof(self, token: Token, proof: Proof, request: Request, now: int) -> None:
        if proof.audience != self._audience:
            raise ProofRefused("proof_audience", f"made for {proof.audience!r}")
        if not proof.issued_at - WINDOW <= now <= proof.issued_at + WINDOW:
            raise ProofRefused("proof_time", f"made at {proof.issued_at}, it is {now}")
        if not proof.is_signed_by(token.chain.holder, token.chain.links[-1], request):
            raise ProofRefused("proof_signature", "the holder did not sign this request")

    def _check_replay(self, token: Token, proof: Proof, now: int) -> None:
        key = token.chain.links[-1] + proof.nonce
        try:
            new = self._replay.add(key, proof.issued_at + WINDOW, now)
        except Exception as error:
            raise ProofRefused("proof_replayed", "the replay memory failed") from error
        # Exactly True: a store that answers anything else has not said that the proof is new.
        if new is not True:
            raise ProofRefused("proof_replayed", "seen before, or the memory is full or ahead")

    def _check_list(self, token: Token, request: Request, now: int) -> Verified:
        view = self._roots[token.chain.issuer]
        if isinstance(view, Unrevocable):
            return Verified(token, request, None, None)
        # Read before asking: if an update comes in between, a newer list was asked than is told.
        verified = Verified(token, request, view.seq, view.age(now))
        view.require_fresh(request.effect, self._freshness, now)
        view.require_alive(token.footing, request.task)
        return verified

    def _failures(self, token: Token, request: Request, now: int) -> Iterator[Failure]:
        blocks = token.chain.blocks
        for hop, block in enumerate(blocks):
            if block.issued_at > now + SKEW:
                yield Failure(hop, "issued_at", f"at most {now + SKEW}", str(block.issued_at))
        view = self._roots[token.chain.issuer]
        longest = view.max_lifetime if isinstance(view, Unrevocable) else self._max_lifetime
        lifetime = token.root_expires_at - blocks[0].issued_at
        if lifetime > longest:
            yield Failure(0, "lifetime", f"at most {longest} s", f"{lifetime} s")
        for hop, caveats in enumerate(token.caveats):
            asked = Asked(request, now, self._audience, below=len(blocks) - hop - 1)
            for caveat in caveats:
                # Exactly True: a caveat forbids unless it says that it holds.
                if caveat.holds(asked) is not True:
                    yield Failure(hop, caveat.name, caveat.wanted(), caveat.given(asked))

    def _check_policy(self, verified: Verified) -> None:
        if self._policy is None:
            return
        try:
            answer = self._policy(verified, verified.request)
        except Exception as error:
            raise PolicyRefused("the policy failed") from error
        if answer is not True:
            raise PolicyRefused("the policy did not agree")
