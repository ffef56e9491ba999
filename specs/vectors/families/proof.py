"""The proof of possession: for whom, when, by whom, once (token.md 5 and 8, step 3)."""

from collections.abc import Iterator
from dataclasses import replace

from families.cast import (
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    ROOT,
    SERVER,
    WORKER,
    nonce,
    unreduced,
)
from families.log import Log
from families.packing import Value
from families.scenario import (
    PROOF,
    READ,
    WRITE,
    Proof,
    Request,
    Vector,
    listed_root,
    present,
    presentation,
    seen,
    verify,
)
from families.tree import PLANNERS, WORKERS, add

FULL = Request("files/write", "docs/report.md", 1, {"size": 3}, "task-7", bytes(range(32)))
SECOND = replace(PROOF, nonce=nonce("second call"))

# What the fresh list of these vectors says: signed early, good for a long time.
LONG_LIVED = Log().update(head=Log().head(NOW - 200, NOW + 600))

WRONG_PROOFS: tuple[tuple[str, str, int, Value], ...] = (
    ("audience-empty", "an audience without a name", 0, ""),
    ("audience-of-257", "an audience's name of 257 bytes", 0, "a" * 257),
    ("audience-bin", "an audience that is a byte string", 0, SERVER.encode()),
    ("audience-hidden", "an audience with a hidden character", 0, SERVER + "\u200e"),
    ("issued-at-negative", "a proof made before 1970", 1, -1),
    ("issued-at-2-53", "a proof's time one past the last", 1, 2**53),
    ("issued-at-true", "a proof's time that is true", 1, True),
    ("issued-at-float", "a proof's time with a fraction", 1, NOW + 0.5),
    ("nonce-of-15", "a nonce of 15 bytes", 2, bytes(15)),
    ("nonce-of-17", "a nonce of 17 bytes", 2, bytes(17)),
    ("nonce-text", "a nonce that is a text", 2, "n" * 16),
    ("signature-of-63", "a short signature", 3, bytes(63)),
    ("signature-of-65", "a long signature", 3, bytes(65)),
)


def vectors() -> Iterator[Vector]:
    yield from _audience_and_time()
    yield from _requests()
    yield from _signers()
    yield from _changed_afterwards()
    yield from _replays()
    yield from _order_of_steps()
    for name, about, place, value in WRONG_PROOFS:
        fields = PROOF.fields(WORKERS, READ)
        fields[place] = value
        yield _proof(name, about, "malformed", text=presentation(WORKERS, fields))
    fields = PROOF.fields(WORKERS, READ)
    about = "a proof has a fifth element"
    text = presentation(WORKERS, [*fields, 0])
    yield _proof("of-five", about, "malformed", text=text)
    about = "a proof lacks its nonce"
    text = presentation(WORKERS, [*fields[:2], fields[3]])
    yield _proof("of-three", about, "malformed", text=text)


def _audience_and_time() -> Iterator[Vector]:
    for name, about, audience in (
        ("other-audience", "made for another server", "mail.example"),
        ("audience-in-capitals", "the name is compared byte for byte", "Files.example"),
        ("audience-cut", "the name is cut short", SERVER[:-1]),
        ("audience-longer", "the name goes on", SERVER + "."),
    ):
        proof = Proof(audience=audience)
        yield _proof(name, about, "proof_audience", proof=proof)
    for length in (1, 256):
        audience = "a" * length
        yield _proof(
            f"audience-of-{length}",
            f"a server with a name of {length} bytes",
            "ok",
            proof=Proof(audience=audience),
            audience=audience,
        )
    for name, about, offset, expect in (
        ("60-seconds-old", "a minute old is recent", -60, "ok"),
        ("61-seconds-old", "a second more is not", -61, "proof_time"),
        ("60-seconds-ahead", "a minute ahead is a clock that differs", 60, "ok"),
        ("61-seconds-ahead", "a second more is the future", 61, "proof_time"),
        ("at-0", "made in 1970", -NOW, "proof_time"),
    ):
        proof = Proof(issued_at=NOW + offset)
        yield _proof(name, about, expect, proof=proof)


def _requests() -> Iterator[Vector]:
    yield _proof("full-request", "a request with every field", "ok", request=FULL)
    for name, changed in (
        ("tool", replace(FULL, tool="files/writf")),
        ("resource", replace(FULL, resource="docs/secret.md")),
        ("no-resource", replace(FULL, resource="")),
        ("effect", replace(FULL, effect=0)),
        ("args", replace(FULL, args={"size": 4})),
        ("an-argument-more", replace(FULL, args={"size": 3, "force": True})),
        ("type-of-an-argument", replace(FULL, args={"size": "3"})),
        ("task", replace(FULL, task="task-8")),
        ("no-task", replace(FULL, task="")),
        ("context", replace(FULL, context=bytes(32))),
        ("no-context", replace(FULL, context=b"")),
    ):
        about = f"what the verifier is about to do differs: {name.replace('-', ' ')}"
        yield _proof(f"other-{name}", about, "proof_signature", request=changed, signed=FULL)


def _signers() -> Iterator[Vector]:
    for name, about, signer in (
        ("by-stranger", "mallory signed", MALLORY),
        ("by-root", "the root signed, which holds nothing", ROOT),
        ("by-holder-before", "the planner signed with the worker's chain", PLANNER),
    ):
        yield _proof(name, about, "proof_signature", proof=Proof(signer=signer))
    other = add(PLANNERS, purpose="read another file")
    for name, about, link in (
        ("other-link", "made for the worker's other chain", other.last.link),
        ("link-before", "made for the link before the last", PLANNERS.last.link),
        ("root-id", "made for the root id's first 16 bytes", PLANNERS.last.link[:16]),
    ):
        yield _proof(name, about, "proof_signature", proof=Proof(link=link))


def _changed_afterwards() -> Iterator[Vector]:
    good = PROOF.fields(WORKERS, READ)
    signature = good[3]
    assert isinstance(signature, bytes)
    block_use = WORKER.sign("block", WORKERS.last.link)
    for name, about, place, value in (
        ("moved-in-time", "issued_at is a second later than signed", 1, NOW + 1),
        ("other-nonce", "the nonce is not the one signed", 2, nonce("second call")),
        ("zero-signature", "the signature is zeros", 3, bytes(64)),
        ("s-unreduced", "S is not below L", 3, unreduced(signature)),
        ("signed-as-a-block", "signed as a block", 3, block_use),
    ):
        fields = [*good[:place], value, *good[place + 1 :]]
        text = presentation(WORKERS, fields)
        yield _proof(name, about, "proof_signature", text=text)
    moved = Proof(audience="mail.example").fields(WORKERS, READ)
    text = presentation(WORKERS, [SERVER, *moved[1:]])
    about = "the audience is not the one signed"
    yield _proof("audience-changed", about, "proof_signature", text=text)


def _replays() -> Iterator[Vector]:
    first = present(WORKERS)
    rows = (
        ("replayed", "seen in the same second", first, PROOF, NOW),
        ("nonce-again", "the nonce was used for another request", None, PROOF, NOW),
        ("replayed-at-60", "seen a minute ago", first, PROOF, NOW + 60),
    )
    for name, about, text, proof, now in rows:
        before = seen(text or present(WORKERS, WRITE), READ if text else WRITE)
        yield _proof(name, about, "proof_replayed", proof=proof, now=now, seen=[before])
    ahead = replace(PROOF, issued_at=NOW + 60)
    before = seen(present(WORKERS, proof=ahead))
    about = "seen two minutes ago, when it was a minute ahead"
    yield _proof(
        "replayed-at-120",
        about,
        "proof_replayed",
        proof=ahead,
        now=NOW + 120,
        roots=[listed_root(updates=[(NOW - 1, LONG_LIVED)])],
        freshness={"read": 600, "write": 30, "irreversible": 5},
        seen=[before],
    )
    later = replace(PROOF, issued_at=NOW + 1)
    about = "the nonce again in a proof of another second"
    yield _proof(
        "nonce-again-later",
        about,
        "proof_replayed",
        proof=later,
        now=NOW + 1,
        seen=[seen(first)],
    )
    about = "two calls in one second, with a nonce each"
    yield _proof("two-calls", about, "ok", proof=SECOND, seen=[seen(first)])
    other = add(PLANNERS, purpose="read another file")
    about = "the nonce was used on another chain"
    yield _proof("nonce-of-another-chain", about, "ok", seen=[seen(present(other))])
    helper = add(WORKERS, holder=HELPER, agent="helper")
    about = "the nonce was used by the holder after this one"
    yield _proof("nonce-of-next-holder", about, "ok", seen=[seen(present(helper))])
    about = "a minute after, a proof that expired is late and not only seen"
    yield _proof("replayed-late", about, "proof_time", now=NOW + 61, seen=[seen(first)])


def _order_of_steps() -> Iterator[Vector]:
    other = Proof(audience="mail.example", issued_at=NOW - 3600, signer=MALLORY)
    about = "the audience comes before the time and the signature"
    yield _proof("audience-first", about, "proof_audience", proof=other)
    late = Proof(issued_at=NOW - 3600, signer=MALLORY)
    about = "the time comes before the signature"
    yield _proof("time-before-signature", about, "proof_time", proof=late)
    stale = [listed_root(updates=[])]
    about = "the signature comes before the list's age"
    forged = Proof(signer=MALLORY)
    yield _proof("signature-before-stale", about, "proof_signature", proof=forged, roots=stale)
    replayed_and_stale = [
        listed_root(updates=[(NOW - 1, Log().update(head=Log().head(NOW - 2, NOW + 5)))])
    ]
    about = "seen before, and by now the list is stale"
    yield _proof(
        "replayed-and-stale",
        about,
        "proof_replayed",
        now=NOW + 10,
        roots=replayed_and_stale,
        seen=[seen(present(WORKERS))],
    )


def _proof(name: str, about: str, expect: str, **more: object) -> Vector:
    return verify(f"proof-{name}", about, expect, **more)  # type: ignore[arg-type]
