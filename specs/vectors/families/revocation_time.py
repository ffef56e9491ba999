"""How old a list may be, and which step refuses first (revocation.md 6, token.md 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from families.cast import MALLORY, NOW
from families.log import Log, kill_chain
from families.scenario import (
    DELETE,
    READ,
    WRITE,
    Proof,
    Vector,
    listed_root,
    verify,
)
from families.tree import PLANNERS, add, issue

KILLED = Log((kill_chain(PLANNERS.last.link),))
SPENT = add(PLANNERS, [[0, NOW]])


def vectors() -> Iterator[Vector]:
    yield from _ages()
    yield from _edges()
    yield from _order()


def _ages() -> Iterator[Vector]:
    limits = (("read", READ, 300), ("write", WRITE, 30), ("irreversible", DELETE, 5))
    for effect, request, age in limits:
        about = f"a list of {age} s is recent enough for {effect}"
        roots = [_heard_at(NOW - age)]
        name = f"revocation-age-{age}-{effect}"
        yield verify(name, about, request=request, roots=roots)
        about = f"a list of {age + 1} s is too old for {effect}"
        roots = [_heard_at(NOW - age - 1)]
        name = f"revocation-age-{age + 1}-{effect}"
        yield verify(name, about, "stale", request=request, roots=roots)
    freshness = {"read": 10, "write": 10, "irreversible": 0}
    for name, about, request, age, expect in (
        ("own-limit", "the verifier's own limit", READ, 10, "ok"),
        ("own-limit-passed", "a second past it", READ, 11, "stale"),
        ("own-limit-0", "a list of this second", DELETE, 0, "ok"),
        ("own-limit-0-passed", "a list of the second before", DELETE, 1, "stale"),
    ):
        yield verify(
            f"revocation-{name}",
            about,
            expect,
            request=request,
            roots=[_heard_at(NOW - age)],
            freshness=freshness,
        )


def _edges() -> Iterator[Vector]:
    log = Log()
    about = "no update was ever heard"
    yield _stale("never-heard", about, [])
    about = "the head may be relied on until this second"
    yield _stale("fresh-until-now", about, [(NOW - 1, _head(NOW - 2, NOW))])
    about = "the head may be relied on for one second more"
    roots = [listed_root(updates=[(NOW - 1, _head(NOW - 2, NOW + 1))])]
    yield verify("revocation-fresh-until-next", about, roots=roots)
    about = "the head is a minute ahead of the clock"
    ahead = log.update(issued_at=NOW + 60)
    yield verify("revocation-head-60-ahead", about, roots=[listed_root(updates=[(NOW, ahead)])])
    about = "the head is more than a minute ahead, the clock having gone back"
    far = log.update(issued_at=NOW + 61)
    yield _stale("head-61-ahead", about, [(NOW + 1, far)])
    about = "a heartbeat makes an old list fresh again"
    heard = [(NOW - 400, _head(NOW - 400, NOW)), (NOW, log.update())]
    yield verify("revocation-heartbeat", about, roots=[listed_root(updates=heard)])
    about = "of two roots, the one that signed has the old list"
    old = listed_root(updates=[])
    other = listed_root(key=MALLORY)
    yield verify("revocation-other-root-fresh", about, "stale", roots=[other, old])


def _order() -> Iterator[Vector]:
    revoked = [listed_root(KILLED)]
    about = "revoked, and a caveat forbids"
    yield verify("revocation-before-caveat", about, "revoked", chain=SPENT, roots=revoked)
    about = "revoked, and the policy says no"
    yield verify("revocation-before-policy", about, "revoked", roots=revoked, policy=False)
    about = "a caveat forbids, and the policy says no"
    yield verify(
        "revocation-caveat-before-policy",
        about,
        "caveat",
        chain=SPENT,
        policy=False,
        failures=[[1, "Expires"]],
    )
    old = [listed_root(updates=[(NOW - 400, _killed(NOW - 400))])]
    about = "the list names the chain, but is stale"
    yield verify("revocation-stale-before-revoked", about, "stale", roots=old)
    about = "the list is stale, and a caveat forbids"
    yield verify("revocation-stale-before-caveat", about, "stale", chain=SPENT, roots=old)
    about = "a forged proof on a revoked chain"
    forged = Proof(signer=MALLORY)
    yield verify("revocation-after-proof", about, "proof_signature", proof=forged, roots=revoked)
    about = "a broken chain of which a link is revoked"
    broken = add(PLANNERS, signer=MALLORY)
    yield verify("revocation-after-chain", about, "broken_chain", chain=broken, roots=revoked)
    about = "mallory's own root, a forged proof, a stale list and the policy's no"
    own = issue(signer=MALLORY)
    yield verify(
        "revocation-untrusted-first",
        about,
        "untrusted",
        chain=own,
        proof=forged,
        roots=old,
        policy=False,
    )
    about = "a request that is not in normal form under an untrusted root"
    yield verify(
        "revocation-malformed-first",
        about,
        "malformed",
        chain=own,
        request=replace(READ, resource="a/../b"),
        normal=False,
    )


def _killed(issued_at: int) -> bytes:
    return KILLED.update(issued_at=issued_at)


def _heard_at(issued_at: int) -> dict[str, object]:
    return listed_root(updates=[(issued_at, Log().update(issued_at=issued_at))])


def _head(issued_at: int, fresh_until: int) -> bytes:
    return Log().update(head=Log().head(issued_at, fresh_until))


def _stale(name: str, about: str, updates: Sequence[tuple[int, bytes]]) -> Vector:
    roots = [listed_root(updates=updates)]
    return verify(f"revocation-{name}", about, "stale", roots=roots)
