"""What is timed of chaincred: chains of a depth, what their holders do, and the decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nacl.bindings import crypto_sign_open

from bench.rounds import Subject, Timed, fixed
from chaincred import (
    InMemoryReplay,
    NoFloor,
    PublicKey,
    Request,
    Resources,
    RevocationList,
    RevocationView,
    SigningKey,
    Token,
    Tools,
    Verifier,
)
from chaincred.keys import Context

DEPTHS: Final = (0, 1, 3, 8)
"""Hops after block 0."""
NOW: Final = 1_790_000_000
AUDIENCE: Final = "files.example"
AGENT: Final = "agent-of-20-chars-xx"
TOOL: Final = "tool_of_20_chars_xxx"
RESOURCE: Final = "docs/of-20-chars-/**"
ASKED: Final = "docs/of-20-chars-/ab"


@dataclass(frozen=True, slots=True)
class Actors:
    """The keys of an issuer and of nine holders, and the second in which they act."""

    root: SigningKey
    holders: tuple[SigningKey, ...]
    now: int

    @classmethod
    def new(cls, now: int = NOW) -> Actors:
        holders = tuple(SigningKey.generate() for _ in range(max(DEPTHS) + 2))
        return cls(SigningKey.generate(), holders, now)

    def issue(self, purpose: str = "") -> Token:
        return Token.issue(
            self.root,
            holder=self.holders[0].public_key,
            agent=AGENT,
            purpose=purpose,
            now=self.now,
            caveats=[Tools([TOOL]), Resources([RESOURCE])],
            max_hops=max(DEPTHS) + 1,
        )

    def attenuate(self, token: Token, purpose: str = "") -> Token:
        depth = len(token.chain.blocks)
        return token.attenuate(
            self.holders[depth - 1],
            holder=self.holders[depth].public_key,
            agent=AGENT,
            purpose=purpose,
            now=self.now,
            caveats=[Tools([TOOL]), Resources([RESOURCE])],
        )

    def token(self, depth: int, purpose: str = "") -> Token:
        token = self.issue(purpose)
        for _ in range(depth):
            token = self.attenuate(token, purpose)
        return token

    def present(self, token: Token, now: int | None = None) -> str:
        key = self.holders[len(token.chain.blocks) - 1]
        return str(token.present(key, asked(), audience=AUDIENCE, now=now or self.now))


def asked() -> Request:
    return Request(TOOL, effect="read", resource=ASKED, args={"path": ASKED})


def empty_view() -> RevocationView:
    key = SigningKey.generate()
    view = RevocationView([key.public_key], floor=NoFloor())
    view.update(RevocationList.begin(key, now=NOW).publish(key, now=NOW), now=NOW)
    return view


def verifier(root: PublicKey, view: RevocationView) -> Verifier:
    return Verifier(audience=AUDIENCE, roots={root: view}, replay=InMemoryReplay())


def decision(verifier: Verifier, presentation: str) -> Timed:
    """From the text that came to the answer; what is asked is put in words meanwhile."""
    return lambda: verifier.verify(presentation, asked(), now=NOW)


def making(actors: Actors, depth: int) -> list[Subject]:
    """What a holder at this depth does, each up to the text that is sent."""
    parent = actors.token(depth)
    return [
        fixed("issue", lambda: str(actors.issue())),
        fixed("attenuate", lambda: str(actors.attenuate(parent))),
        fixed("present", lambda: actors.present(parent)),
    ]


def deciding(actors: Actors, depth: int) -> list[Subject]:
    """The decision on a chain that is new to the verifier, and on one that it has seen."""
    token = actors.token(depth)
    root, view = actors.root.public_key, empty_view()
    seen = verifier(root, view)
    decision(seen, actors.present(token))()
    return [
        Subject("cold", lambda: decision(verifier(root, view), actors.present(token))),
        Subject("warm", lambda: decision(seen, actors.present(token))),
        fixed("request", asked),
    ]


def libsodium(actors: Actors, depth: int) -> list[Subject]:
    """PyNaCl alone on the signatures of such a decision: one of them, and all of them."""
    token = actors.token(depth)
    chain = token.chain
    signed = [
        (block.signature + Context.BLOCK.value + link, bytes(chain.signer(hop)))
        for hop, (block, link) in enumerate(zip(chain.blocks, chain.links, strict=True))
    ]
    holder = actors.holders[depth]
    # The digest under a proof is 32 bytes like a link, and costs the same whatever it is.
    digest = chain.root_id
    signature = holder.sign(Context.PROOF, digest)
    proof = (signature + Context.PROOF.value + digest, bytes(holder.public_key))
    return [
        fixed("one", _opening([proof])),
        fixed("all", _opening([*signed, proof])),
    ]


def _opening(signed: list[Any]) -> Callable[[], None]:
    def open_all() -> None:
        for message, key in signed:
            crypto_sign_open(message, key)

    return open_all
