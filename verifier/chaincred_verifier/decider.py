"""Decisions, made by the library and made durable here (specs/service.md 4).

The library decides at once, with a replay memory that takes everything; whether the proof was
new, and whether the list moved on meanwhile, is found out in the transaction that makes the
decision durable. A replay is refused whatever later steps said, as the order of steps asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from chaincred import (
    ChaincredError,
    Malformed,
    Presentation,
    ProofRefused,
    PublicKey,
    Request,
    RevocationView,
    Token,
    Verified,
    Verifier,
)
from chaincred.verify import Unrevocable
from chaincred_verifier.audit_log import Record
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.writer import Settled, Settling, Writer

_TRIES: Final = 20
"""Revocations that may overtake one decision before it is given up."""
_TOKENS: Final = 1_024
"""Tokens of which it is remembered whom they name: 1 KB each or so, 8 at most."""
_UNSIGNED: Final = frozenset({"malformed", "untrusted", "broken_chain"})
"""Codes of step 1 and 2: nothing that such a chain says is written down."""


class Recorder:
    """A replay memory that takes every proof and says afterwards which it was."""

    def __init__(self) -> None:
        self.taken: tuple[bytes, int] | None = None

    def add(self, key: bytes, until: int, now: int) -> bool:
        self.taken = (key, until)
        return True


class Decider:
    """Decides for some audiences against some roots. Used on one event loop.

    `make` builds the verifier of an audience around a replay memory; `caught_up` brings the view
    to where the store is.
    """

    def __init__(
        self,
        audiences: tuple[str, ...],
        make: Callable[[str, Recorder], Verifier],
        roots: Mapping[PublicKey, RevocationView | Unrevocable],
        *,
        writer: Writer,
        clock: Callable[[], int],
        caught_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._recorder = Recorder()
        self._verifiers = {name: make(name, self._recorder) for name in audiences}
        self._roots = roots
        self._writer = writer
        self._clock = clock
        self._caught_up = caught_up
        # An agent shows one token again and again, and reading it costs as much as deciding.
        self._issuer = lru_cache(_TOKENS)(issuer_of)
        self.name = audiences[0]

    def verifier(self, audience: str | None) -> Verifier:
        """The verifier of an audience. Raises Malformed if it is not decided for here."""
        found = self._verifiers.get(self.name if audience is None else audience)
        if found is None:
            raise Malformed("not an audience that is decided for here")
        return found

    def claims(self, presentation: str | Presentation) -> bool:
        """Whether a presentation names one of the roots that are trusted here; not more.

        Raises Malformed.
        """
        return self._issuer(Presentation.of(presentation).token) in self._roots

    async def verify(
        self,
        presentation: str,
        request: Request,
        *,
        audience: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> tuple[Verified, int]:
        """What is admitted, and the number of its audit record, once both are durable.

        Raises Malformed, the Denied of a step, or Unavailable. `members` go into the record.
        """
        verifier = self.verifier(audience)
        parsed = Presentation.parse(presentation)

        def decide(now: int) -> Verified:
            return verifier.verify(parsed, request, now=now)

        verified, n = await self._settled(
            decide, parsed, request, audience, members or {}, checks_list=True
        )
        if not isinstance(verified, Verified):
            raise TypeError("a verifier admits with a Verified")
        return verified, n

    async def identify(
        self, presentation: str, request: Request, *, members: Mapping[str, Any] | None = None
    ) -> tuple[Token, int]:
        """The token whose holder made `request`, by steps 1 to 3; its record's number."""
        verifier = self.verifier(None)
        parsed = Presentation.parse(presentation)

        def decide(now: int) -> Token:
            return verifier.identify(parsed, request, now=now)

        token, n = await self._settled(
            decide, parsed, request, None, members or {}, checks_list=False
        )
        if not isinstance(token, Token):
            raise TypeError("a verifier identifies by a Token")
        return token, n

    async def _settled(
        self,
        decide: Callable[[int], Verified | Token],
        presentation: Presentation,
        request: Request,
        audience: str | None,
        members: Mapping[str, Any],
        *,
        checks_list: bool,
    ) -> tuple[Verified | Token, int]:
        for _ in range(_TRIES):
            now = self._clock()
            self._recorder.taken = None
            outcome: Verified | Token | ChaincredError
            try:
                outcome = decide(now)
            except ChaincredError as error:
                if error.code in _UNSIGNED:
                    # Anybody can make such a chain, and as many as they like.
                    raise
                outcome = error
            proof = self._recorder.taken
            token, list_seq = self._known(outcome, presentation, checks_list)
            said = {
                "audience": audience or self.name,
                **asked(request),
                "list_seq": list_seq,
                **members,
            }
            code = outcome.code if isinstance(outcome, ChaincredError) else "ok"
            settled, n = await self._writer.settle(
                Settling(
                    proof=proof,
                    admitted=code == "ok",
                    list_seq=list_seq,
                    record=Record(now, "verify", code, said, token),
                )
            )
            if settled is Settled.OUTDATED or n is None:
                await self._caught_up()
                continue
            if settled is Settled.REPLAYED:
                raise ProofRefused("proof_replayed", "seen before, or the memory is full or ahead")
            if isinstance(outcome, ChaincredError):
                raise outcome
            return outcome, n
        raise Unavailable("the list changes faster than decisions are made")

    def _known(
        self,
        outcome: Verified | Token | ChaincredError,
        presentation: Presentation,
        checks_list: bool,
    ) -> tuple[Token, int | None]:
        """The token, whose chain is rightly signed, and the list's number that was asked."""
        if isinstance(outcome, Verified):
            return outcome.token, outcome.list_seq
        if isinstance(outcome, Token):
            return outcome, None
        token = Token.from_bytes(presentation.token)
        view = self._roots[token.chain.issuer]
        seq = view.seq if checks_list and isinstance(view, RevocationView) else None
        return token, seq


def issuer_of(token: bytes) -> PublicKey:
    """The root that a packed token names. Raises Malformed."""
    return Token.from_bytes(token).chain.issuer


def asked(request: Request) -> dict[str, Any]:
    """What is asked, for a record; its arguments only as a digest."""
    return {
        "tool": request.tool,
        "resource": request.resource,
        "effect": request.effect.label,
        "task": request.task,
        "request": request.digest.hex(),
    }
