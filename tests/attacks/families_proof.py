"""Attacks on the proof of possession (specs/token.md 5 and 8, step 3)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chaincred import InMemoryReplay, PolicyRefused, ProofRefused, PublicKey, Request, Verifier
from chaincred.proof import Proof
from tests.attacks.cast import (
    IRREVERSIBLE,
    MALLORY,
    NOW,
    PLANNER,
    ROOT,
    SERVER,
    WORKER,
    WRITE,
    Ask,
    chain,
    extended,
    ground,
    hop_body,
    links_of,
    nonce_of,
    presented,
    proof,
    root_body,
    shown,
)
from tests.attacks.family import ASK, Attack, Family, Run, always, at_ground, family, shows, under

BLOCKS = under()
LINK = links_of(BLOCKS)[-1]
NONCE = nonce_of("one proof")
MADE = proof(WORKER, LINK, ASK, nonce=NONCE)
SHOWN = presented(BLOCKS, MADE)
MAIL = "mail.example"

# Broken verifiers. Each calls the real check with just one thing made right.


def audience_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    checked = Verifier._check_proof

    def check(self: Verifier, token: Any, proof: Proof, request: Request, now: int) -> None:
        deceived = copy.copy(self)
        deceived._audience = proof.audience
        checked(deceived, token, proof, request, now)

    patch.setattr(Verifier, "_check_proof", check)


def time_is_taken_as(when: Callable[[int, int], int]) -> Callable[[pytest.MonkeyPatch], None]:
    """The proof is checked at the time that `when` makes of its own time and the clock's."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        checked = Verifier._check_proof

        def check(self: Verifier, token: Any, proof: Proof, request: Request, now: int) -> None:
            checked(self, token, proof, request, when(proof.issued_at, now))

        patch.setattr(Verifier, "_check_proof", check)

    return broken


def signature_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Proof, "is_signed_by", always(True))


def request_is_signed_without(part: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Whatever is about to be done, this part of it is taken to be what the holder signed."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        checked = Proof.is_signed_by

        def check(self: Proof, key: PublicKey, link: bytes, request: Request) -> bool:
            effect = ("read", "write", "irreversible").index(request.effect.label)
            asked = Ask(
                request.tool, request.resource, effect, request.args, request.task, request.context
            )
            return checked(self, key, link, asked.but(**{part: getattr(ASK, part)}).request())

        patch.setattr(Proof, "is_signed_by", check)

    return broken


def proof_is_signed_without(part: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """The digest is made as if this field of the proof said `value`."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        checked = Proof.is_signed_by

        def check(self: Proof, key: PublicKey, link: bytes, request: Request) -> bool:
            as_made: Proof = self._replace(**{part: value})
            return checked(as_made, key, link, request)

        patch.setattr(Proof, "is_signed_by", check)

    return broken


def link_is_not_signed(patch: pytest.MonkeyPatch) -> None:
    checked = Proof.is_signed_by
    patch.setattr(
        Proof, "is_signed_by", lambda self, key, _link, request: checked(self, key, LINK, request)
    )


def replays_are_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verifier, "_check_replay", always(None))


def any_answer_but_false_will_do(patch: pytest.MonkeyPatch) -> None:
    def check(self: Verifier, token: Any, proof: Proof, now: int) -> None:
        if (
            self._replay.add(token.chain.links[-1] + proof.nonce, proof.issued_at + 60, now)
            is False
        ):
            raise ProofRefused("proof_replayed", "seen before")

    patch.setattr(Verifier, "_check_replay", check)


def the_clock_may_go_back(patch: pytest.MonkeyPatch) -> None:
    forget = InMemoryReplay._forget_before

    def forget_only(self: InMemoryReplay, now: int) -> None:
        forget(self, now)
        self._latest = 0

    patch.setattr(InMemoryReplay, "_forget_before", forget_only)


def proofs_are_forgotten_early(patch: pytest.MonkeyPatch) -> None:
    forget = InMemoryReplay._forget_before

    def forget_more(self: InMemoryReplay, now: int) -> None:
        forget(self, now + 10)
        self._latest = now

    patch.setattr(InMemoryReplay, "_forget_before", forget_more)


def a_full_memory_makes_room(patch: pytest.MonkeyPatch) -> None:
    added = InMemoryReplay.add

    def add(self: InMemoryReplay, key: bytes, until: int, now: int) -> bool:
        if len(self._seen) >= self._capacity:
            self._seen.clear()
        return added(self, key, until, now)

    patch.setattr(InMemoryReplay, "add", add)


def what_is_refused_later_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    """The replay memory is asked last, when all else agreed."""
    policed, replayed = Verifier._check_policy, Verifier._check_replay
    asked: list[Any] = []
    patch.setattr(Verifier, "_check_replay", lambda self, *proven: asked.append(proven))

    def check(self: Verifier, verified: Any) -> None:
        policed(self, verified)
        replayed(self, *asked.pop())

    patch.setattr(Verifier, "_check_policy", check)


# Attacks that take more than one step.


def again(*times: int, presentation: str = SHOWN, then: str = SHOWN, between: bool = False) -> Run:
    """The same proof at each of `times`; between the last two, maybe somebody else's."""

    def run() -> None:
        server = ground()
        *before, last = times
        for now in before:
            server.verify(presentation, ASK.request(), now=now)
        if between:
            # A proof of later: the memory moves on to its second.
            later = NOW + 200
            server.verify(shown(BLOCKS, WORKER, issued_at=later), ASK.request(), now=later)
        server.verify(then, ASK.request(), now=last)

    return run


def at_two_servers() -> None:
    replay = InMemoryReplay()
    for _ in range(2):
        ground(replay=replay).verify(SHOWN, ASK.request(), now=NOW)


def after_a_refusal() -> None:
    """Refused by the policy, the proof comes again when the policy has changed its mind."""
    answers = iter([False, True])
    server = ground(policy=lambda *_: next(answers))
    with suppress(PolicyRefused):
        server.verify(SHOWN, ASK.request(), now=NOW)
    server.verify(SHOWN, ASK.request(), now=NOW)


def when_full() -> None:
    server = ground(replay=InMemoryReplay(capacity=2))
    server.verify(SHOWN, ASK.request(), now=NOW)
    server.verify(shown(BLOCKS, WORKER), ASK.request(), now=NOW)
    server.verify(SHOWN, ASK.request(), now=NOW)


class Plain(set[bytes]):
    """A replay memory that forgets nothing, so it has no old proofs to refuse by itself."""

    def add(self, key: bytes, until: int, now: int) -> bool:  # type: ignore[override]
        new = key not in self
        super().add(key)
        return new


class Answering:
    """A replay memory that answers everything alike."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def add(self, key: bytes, until: int, now: int) -> Any:
        return self.answer


def altered(part: str, *others: Any) -> Family:
    """The holder signed one request; the server is about to do another."""
    attacks = [
        Attack(f"{part} {other!r}", "proof_signature", shows(SHOWN, ASK.but(**{part: other})))
        for other in others
    ]
    return family(f"altered {part}", request_is_signed_without(part), *attacks)


def proof_with(at: int, value: Any) -> str:
    return presented(BLOCKS, [*MADE[:at], value, *MADE[at + 1 :]])


SAME_HOLDER = chain(
    (ROOT, root_body(PLANNER, nonce=nonce_of("second"))), (PLANNER, hop_body(WORKER))
)
MAILED = proof(WORKER, LINK, ASK, audience=MAIL, nonce=NONCE)
SLOW = proof(WORKER, LINK, ASK, issued_at=NOW - 600, nonce=NONCE)

# A chain of an hour ago: it is only the proof that is from the future.
OLD_CHAIN = shown(chain((ROOT, root_body(WORKER, issued_at=NOW - 3600))), WORKER)

FAMILIES = (
    family(
        "other audience",
        audience_is_not_compared,
        *(
            Attack(
                f"a proof for {name!r}",
                "proof_audience",
                shows(shown(BLOCKS, WORKER, audience=name)),
            )
            for name in (MAIL, SERVER + ".", SERVER.upper(), SERVER[:-1], f" {SERVER}")
        ),
    ),
    family(
        "audience renamed",
        proof_is_signed_without("audience", MAIL),
        Attack(
            "a proof for another, with our name in it",
            "proof_signature",
            shows(presented(BLOCKS, [SERVER, *MAILED[1:]])),
        ),
    ),
    family(
        "old proof",
        time_is_taken_as(min),
        *(
            Attack(
                f"{age} s old",
                "proof_time",
                shows(SHOWN, now=NOW + age, at=lambda: ground(replay=Plain())),
            )
            for age in (61, 62, 3000)
        ),
    ),
    family(
        "future proof",
        time_is_taken_as(max),
        *(
            Attack(f"{ahead} s ahead", "proof_time", shows(OLD_CHAIN, now=NOW - ahead))
            for ahead in (61, 62, 3000)
        ),
    ),
    family(
        "time of the proof moved",
        proof_is_signed_without("issued_at", NOW - 600),
        Attack(
            "an old proof with a new time",
            "proof_signature",
            shows(presented(BLOCKS, [SERVER, NOW, *SLOW[2:]])),
        ),
        Attack(
            "an old proof with a time a second ago",
            "proof_signature",
            shows(presented(BLOCKS, [SERVER, NOW - 1, *SLOW[2:]])),
        ),
    ),
    family(
        "nonce exchanged",
        proof_is_signed_without("nonce", NONCE),
        Attack(
            "a seen proof under another nonce",
            "proof_signature",
            again(NOW, NOW, then=proof_with(2, bytes(16))),
        ),
        Attack("another nonce", "proof_signature", shows(proof_with(2, nonce_of("another")))),
    ),
    family(
        "proof moved to another chain",
        link_is_not_signed,
        Attack(
            "a second chain of the same holder",
            "proof_signature",
            shows(presented(SAME_HOLDER, MADE)),
        ),
        Attack(
            "the chain made longer by the holder",
            "proof_signature",
            shows(presented(extended(BLOCKS, WORKER, hop_body(WORKER)), MADE)),
        ),
    ),
    family(
        "proof by another key",
        signature_is_not_checked,
        *(
            Attack(f"by {key.name}", "proof_signature", shows(shown(BLOCKS, key)))
            for key in (MALLORY, PLANNER, ROOT)
        ),
        Attack("by nobody", "proof_signature", shows(proof_with(3, bytes(64)))),
        Attack(
            "the signature of the last block",
            "proof_signature",
            shows(proof_with(3, BLOCKS[-1][1])),
        ),
    ),
    altered("tool", "write_file", "read_files", "fs/read_file", "Read_file"),
    altered("resource", "docs/q4.md", "docs/q3.md/x", "secrets/pay", "", "/docs/q3.md"),
    altered("effect", WRITE, IRREVERSIBLE),
    altered("args", {"n": 1}, {"": None}, {"args": {}}),
    altered("task", "t1", " "),
    altered("context", bytes(32), bytes(range(32))),
    family(
        "replay",
        replays_are_not_looked_for,
        Attack("at once", "proof_replayed", again(NOW, NOW)),
        Attack("at the last second", "proof_replayed", again(NOW, NOW + 60)),
        Attack("first early, then late", "proof_replayed", again(NOW - 60, NOW + 60)),
        Attack("at another server of the same name", "proof_replayed", at_two_servers),
        Attack("after the policy refused it", "proof_replayed", after_a_refusal),
        Attack("when the memory is full", "proof_replayed", when_full),
    ),
    family(
        "replay after the clock went back",
        the_clock_may_go_back,
        Attack("to the proof's second", "proof_replayed", again(NOW, NOW, between=True)),
        Attack("by some seconds", "proof_replayed", again(NOW, NOW + 50, between=True)),
    ),
    family(
        "replay at the end of the window",
        proofs_are_forgotten_early,
        Attack("at the last second", "proof_replayed", again(NOW, NOW + 60)),
        Attack("the last but one", "proof_replayed", again(NOW, NOW + 59)),
    ),
    family(
        "replay when the memory is full",
        a_full_memory_makes_room,
        Attack("the oldest proof", "proof_replayed", when_full),
    ),
    family(
        "replay of what a later step refused",
        what_is_refused_later_is_not_kept,
        Attack("the policy changed its mind", "proof_replayed", after_a_refusal),
    ),
    family(
        "replay memory that does not say yes",
        any_answer_but_false_will_do,
        *(
            Attack(
                f"it answers {answer!r}",
                "proof_replayed",
                shows(SHOWN, at=at_ground(replay=Answering(answer))),
            )
            for answer in (None, 1, "yes", 0, "OK", False)
        ),
    ),
)
