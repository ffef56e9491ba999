"""Who signed what, and after what (token.md 3.2 and 8, step 2)."""

from collections.abc import Iterator

from families.cast import (
    HELPER,
    MALLORY,
    NEXT_ROOT,
    OTHER_ROOT,
    PLANNER,
    ROOT,
    WORKER,
    tagged_hash,
    unreduced,
)
from families.log import Log
from families.packing import pack
from families.scenario import Proof, Vector, listed_root, unlisted_root, verify
from families.tree import PLANNERS, WORKERS, Chain, add, hop_body, issue

HELPERS = add(WORKERS, holder=HELPER, agent="helper")
SECOND_TREE = add(issue(tree="second tree"))
OTHER_CHILD = add(PLANNERS, purpose="read another file")
NEXT_TREE = add(issue(signer=NEXT_ROOT))

BOTH_ROOTS = [listed_root(), listed_root(key=NEXT_ROOT)]


def vectors() -> Iterator[Vector]:
    yield from _sound()
    yield from _untrusted()
    yield from _broken()
    yield from _altered()
    yield from _cut()


def _sound() -> Iterator[Vector]:
    longest = PLANNERS
    for number in range(15):
        longest = add(longest, holder=(WORKER, HELPER)[number % 2])
    to_itself = add(PLANNERS, holder=PLANNER, agent="planner")
    to_root = add(PLANNERS, holder=ROOT, agent="root")
    rows = (
        ("of-one", "a root block alone", PLANNERS),
        ("of-two", "the planner hands on to the worker", WORKERS),
        ("of-three", "the worker hands on to the helper", HELPERS),
        ("of-16", "the longest chain", longest),
        ("to-the-same-holder", "a holder hands on to itself", to_itself),
        ("to-the-root-key", "the root's key may hold a block too", to_root),
    )
    for name, about, chain in rows:
        yield _chain(name, about, "ok", chain)
    about = "two roots are trusted and the first signed"
    yield _chain("under-first-root", about, "ok", WORKERS, roots=BOTH_ROOTS)
    about = "two roots are trusted and the second signed"
    yield _chain("under-second-root", about, "ok", NEXT_TREE, roots=BOTH_ROOTS)
    alone = [unlisted_root(86_400)]
    about = "a root with no list"
    yield _chain("under-unlisted-root", about, "ok", WORKERS, roots=alone)


def _untrusted() -> Iterator[Vector]:
    claim = issue(signer=MALLORY, issuer=ROOT.public)
    wrong_claim = issue(issuer=NEXT_ROOT.public)
    unlinked = PLANNERS.resigned(0, _signed_without_key())
    old_only = [listed_root(key=OTHER_ROOT)]
    rows = (
        ("own-root", "mallory is her own root", issue(signer=MALLORY)),
        (
            "own-root-with-our-name",
            "mallory signed a block that names our root as its issuer",
            claim,
        ),
        ("wrong-issuer", "our root signed a block that names another issuer", wrong_claim),
        ("link-without-key", "link 0 leaves the root's key out", unlinked),
        ("signed-by-holder", "the holder signed its own root block", _self_signed()),
    )
    for name, about, chain in rows:
        yield _chain(name, about, "untrusted", chain)
    about = "the root that signed is not trusted here"
    yield _chain("other-root", about, "untrusted", WORKERS, roots=old_only)
    about = "no root is trusted at all"
    yield _chain("no-roots", about, "untrusted", WORKERS, roots=[])
    about = "both roots are trusted, but block 0 names one and the other signed"
    crossed = add(issue(signer=NEXT_ROOT, issuer=ROOT.public))
    yield _chain("crossed-roots", about, "untrusted", crossed, roots=BOTH_ROOTS)
    about = "the old root has been taken out"
    rotated = [listed_root(Log(), key=NEXT_ROOT)]
    yield _chain("root-rotated-out", about, "untrusted", WORKERS, roots=rotated)
    about = "block 0 is untrusted and block 1 is broken"
    both = add(issue(signer=MALLORY), signer=HELPER)
    yield _chain("untrusted-and-broken", about, "untrusted", both)


def _broken() -> Iterator[Vector]:
    spliced = Chain((*SECOND_TREE.take(0).blocks, *WORKERS.take(1).blocks))
    under_other = Chain((*OTHER_CHILD.blocks, HELPERS.blocks[2]))
    rows = (
        ("stranger", "mallory signed the worker's block", add(PLANNERS, signer=MALLORY)),
        ("signed-by-root", "the root signed a hop", add(PLANNERS, signer=ROOT)),
        ("signed-by-new-holder", "the worker let itself in", add(PLANNERS, signer=WORKER)),
        ("skipped-holder", "the planner signed in the worker's place", _skipped()),
        ("spliced", "a hop comes from another tree of this root", spliced),
        ("other-sibling", "a hop comes from a sibling's chain", under_other),
        ("gap", "the middle block is gone", HELPERS.take(0, 2)),
        ("reordered", "two hops have changed places", HELPERS.take(0, 2, 1)),
        ("twice", "the same hop twice", WORKERS.take(0, 1, 1)),
        ("link-of-body-before", "the link covers one body only", _short_link()),
    )
    for name, about, chain in rows:
        yield _chain(name, about, "broken_chain", chain)
    about = "a hop comes from a tree of another trusted root"
    foreign = Chain((*PLANNERS.blocks, NEXT_TREE.blocks[1]))
    yield _chain("other-tree", about, "broken_chain", foreign, roots=BOTH_ROOTS)


def _altered() -> Iterator[Vector]:
    first, second, third = HELPERS.blocks
    agent = second.body.replace(b"worker", b"master")
    free = first.body.replace(b"planner", b"blanner")
    freed = add(PLANNERS, [[4, 0]]).rewritten(1, pack(hop_body()))
    swapped = HELPERS.resigned(1, third.signature).resigned(2, second.signature)
    crossed = WORKERS.resigned(0, second.signature).resigned(1, first.signature)
    zero = bytes(64)
    other_use = PLANNER.sign("proof", second.link)
    bare = PLANNER.sign_bytes(second.link)
    rows = (
        ("altered-root", "a byte of block 0 is another", HELPERS.rewritten(0, free), 0),
        ("altered-hop", "the name in block 1 is another", HELPERS.rewritten(1, agent), 1),
        ("caveat-removed", "a caveat has been taken out of block 1", freed, 1),
        ("swapped-root", "the signatures of blocks 0 and 1 are swapped", crossed, 0),
        ("swapped-hops", "the signatures of blocks 1 and 2 are swapped", swapped, 1),
        ("zero-root", "block 0 is signed with zeros", WORKERS.resigned(0, zero), 0),
        ("zero-hop", "block 1 is signed with zeros", WORKERS.resigned(1, zero), 1),
        ("other-context", "signed as a proof", WORKERS.resigned(1, other_use), 1),
        ("no-context", "signed without a context", WORKERS.resigned(1, bare), 1),
        ("root-s-unreduced", "S is not below L", _lax(WORKERS, 0), 0),
        ("hop-s-unreduced", "a hop's S is not below L", _lax(WORKERS, 1), 1),
        ("flipped-bit", "a bit of the last signature", _flipped(HELPERS, 2), 2),
    )
    for name, about, chain, place in rows:
        expect = "broken_chain" if place else "untrusted"
        yield _chain(name, about, expect, chain)


def _cut() -> Iterator[Vector]:
    about = "the last block is dropped and its holder's proof kept"
    old = Proof(signer=WORKER, link=WORKERS.last.link)
    yield _chain("dropped-with-old-proof", about, "proof_signature", PLANNERS, old)
    about = "the last block is dropped, and its holder signs for the shorter chain"
    new = Proof(signer=WORKER)
    yield _chain("dropped-by-its-holder", about, "proof_signature", PLANNERS, new)
    about = "the planner uses its own block without the worker's"
    yield _chain("dropped-by-the-one-before", about, "ok", PLANNERS)
    about = "a broken chain with a proof for another audience"
    strange = add(PLANNERS, signer=MALLORY)
    other = Proof(audience="mail.example")
    yield _chain("broken-and-other-audience", about, "broken_chain", strange, other)


def _chain(
    name: str,
    about: str,
    expect: str,
    chain: Chain,
    proof: Proof | None = None,
    roots: list[dict[str, object]] | None = None,
) -> Vector:
    return verify(f"chain-{name}", about, expect, chain=chain, proof=proof or Proof(), roots=roots)


def _self_signed() -> Chain:
    block = PLANNERS.last
    return PLANNERS.resigned(0, PLANNER.sign("block", block.link))


def _signed_without_key() -> bytes:
    return ROOT.sign("block", tagged_hash("link", PLANNERS.last.body))


def _short_link() -> Chain:
    link = tagged_hash("link", PLANNERS.last.body, WORKERS.last.body)
    return WORKERS.resigned(1, PLANNER.sign("block", link))


def _skipped() -> Chain:
    return add(WORKERS, signer=PLANNER, holder=HELPER)


def _lax(chain: Chain, place: int) -> Chain:
    return chain.resigned(place, unreduced(chain.blocks[place].signature))


def _flipped(chain: Chain, place: int) -> Chain:
    signature = chain.blocks[place].signature
    return chain.resigned(place, bytes([signature[0] ^ 1]) + signature[1:])
