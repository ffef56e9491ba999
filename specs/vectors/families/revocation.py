"""What is on the list, and what it kills (revocation.md 1 and token.md 8, step 4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from families.cast import (
    HELPER,
    MALLORY,
    NEXT_LIST_KEY,
    NEXT_ROOT,
    NOW,
    OTHER_LIST_KEY,
    PLANNER,
    ROOT,
    WORKER,
)
from families.log import (
    NEVER,
    Entry,
    Log,
    kill_chain,
    kill_holder,
    kill_issuer,
    kill_task,
    list_id,
)
from families.scenario import READ, Request, Vector, listed_root, verify
from families.tree import ISSUED, LIVES, PLANNERS, WORKERS, Chain, add, issue

HELPERS = add(WORKERS, holder=HELPER, agent="helper")
SIBLING = add(PLANNERS, holder=HELPER, agent="helper")
SECOND_TREE = add(issue(tree="second tree"))
TASKED = add(issue([*LIVES, [7, "task-7"]]))
FOR_TASK = replace(READ, task="task-7")

OTHER_LOG = Log(signer=OTHER_LIST_KEY, id=list_id(OTHER_LIST_KEY))


def vectors() -> Iterator[Vector]:
    yield from _chains()
    yield from _holders()
    yield from _issuers()
    yield from _tasks()
    yield from _lists()


def _chains() -> Iterator[Vector]:
    root, hop, last = (block.link for block in HELPERS.blocks)
    rows = (
        ("root", "the root id kills all that stands on it", root),
        ("middle-hop", "the middle link kills the block after it", hop),
        ("last-hop", "the last link kills", last),
    )
    for name, about, link in rows:
        yield _verify(name, about, "revoked", [kill_chain(link)], HELPERS)
    yield _verify("root-alone", "a block alone", "revoked", [kill_chain(root)], PLANNERS)
    about = "revoking a hop spares the block before it"
    yield _verify("child-only", about, "ok", [kill_chain(hop)], PLANNERS)
    about = "revoking a hop spares its sibling"
    yield _verify("sibling-lives", about, "ok", [kill_chain(hop)], SIBLING)
    about = "revoking a tree spares the root's other tree"
    yield _verify("second-tree-lives", about, "ok", [kill_chain(root)], SECOND_TREE)
    about = "the id is of the first 16 bytes of the link, not the last"
    entries = [Entry(0, root[16:])]
    yield _verify("other-half-of-link", about, "ok", entries, WORKERS)
    about = "one of many entries"
    many = [kill_task(f"done-{n}") for n in range(20)]
    entries = [*many[:10], kill_chain(hop), *many[10:]]
    yield _verify("among-others", about, "revoked", entries, HELPERS)
    about = "an entry kills also after its until"
    entries = [kill_chain(root, until=NOW - 1000)]
    yield _verify("after-until", about, "revoked", entries, WORKERS)
    about = "the planner has made a new chain for the worker with other words"
    again = add(PLANNERS, purpose="read one file, again")
    yield _verify("made-anew", about, "ok", [kill_chain(hop)], again)


def _holders() -> Iterator[Vector]:
    rows = (
        ("holder-last", "the last holder's key", WORKER, WORKERS, "revoked"),
        ("holder-first", "the key of a holder before", PLANNER, HELPERS, "revoked"),
        ("holder-other", "the key of somebody else", MALLORY, WORKERS, "ok"),
        ("holder-is-root", "the root's key as a holder's", ROOT, WORKERS, "ok"),
        ("holder-of-sibling", "the sibling's holder", WORKER, SIBLING, "ok"),
        ("holder-any-tree", "in every tree", WORKER, SECOND_TREE, "revoked"),
    )
    for name, about, holder, chain, expect in rows:
        yield _verify(name, about, expect, [kill_holder(holder)], chain)


def _issuers() -> Iterator[Vector]:
    rows = (
        ("after", "issued a second before the time", ISSUED + 1, "revoked"),
        ("at", "issued just at the time", ISSUED, "ok"),
        ("before", "issued a second after the time", ISSUED - 1, "ok"),
        ("last-time", "the last time there is", 2**53 - 1, "revoked"),
    )
    for name, about, before, expect in rows:
        entries = [kill_issuer(ROOT, before)]
        yield _verify(f"issuer-{name}", about, expect, entries, WORKERS)
    about = "block 0 is older than the time, though block 1 is not"
    entries = [kill_issuer(ROOT, ISSUED + 5)]
    yield _verify("issuer-before-the-hop", about, "revoked", entries, WORKERS)
    about = "a holder's key as a root's"
    entries = [kill_issuer(PLANNER, 2**53 - 1)]
    yield _verify("issuer-is-holder", about, "ok", entries, WORKERS)
    about = "another root's key"
    entries = [kill_issuer(NEXT_ROOT, 2**53 - 1)]
    yield _verify("issuer-other", about, "ok", entries, WORKERS)
    about = "a later entry with an earlier time shortens nothing"
    entries = [kill_issuer(ROOT, ISSUED + 1), kill_issuer(ROOT, 0)]
    yield _verify("issuer-shortened", about, "revoked", entries, WORKERS)
    about = "a later entry with a later time counts"
    entries = [kill_issuer(ROOT, 0), kill_issuer(ROOT, ISSUED + 1)]
    yield _verify("issuer-lengthened", about, "revoked", entries, WORKERS)


def _tasks() -> Iterator[Vector]:
    entries = [kill_task("task-7")]
    about = "the task of a caveat and of the request"
    yield _verify("task", about, "revoked", entries, TASKED, FOR_TASK)
    about = "the task of a caveat, which the request does not name"
    yield _verify("task-in-caveat", about, "revoked", entries, TASKED)
    about = "the task of the request, which no caveat names"
    yield _verify("task-in-request", about, "revoked", entries, WORKERS, FOR_TASK)
    about = "the task of a hop's caveat"
    in_hop = add(PLANNERS, [[7, "task-7"]])
    yield _verify("task-in-hop", about, "revoked", entries, in_hop, FOR_TASK)
    about = "the second of two tasks"
    both = add(TASKED, [[7, "task-8"]], signer=WORKER, holder=HELPER)
    entries = [kill_task("task-8")]
    yield _verify("task-second", about, "revoked", entries, both, FOR_TASK)
    about = "another task"
    yield _verify("task-other", about, "ok", entries, TASKED, FOR_TASK)
    about = "a task that begins alike"
    entries = [kill_task("task-77"), kill_task("task-")]
    yield _verify("task-alike", about, "ok", entries, TASKED, FOR_TASK)


def _lists() -> Iterator[Vector]:
    root = PLANNERS.last.link
    kill = kill_chain(root)
    first = Log().update()
    second = Log((kill,))
    heard = [(NOW - 2, first), (NOW - 1, second.update())]
    about = "a first update is empty and a second revokes"
    yield _heard("in-second-update", about, "revoked", heard)
    snapshot = second.update(1, snapshot=second.snapshot())
    about = "the entry is in a snapshot only"
    yield _heard("in-snapshot", about, "revoked", [(NOW - 1, snapshot)])
    issuer = Log((kill_issuer(ROOT, ISSUED + 1),))
    held = issuer.update(1, snapshot=issuer.snapshot())
    about = "the issuer is in a snapshot only"
    yield _heard("issuer-in-snapshot", about, "revoked", [(NOW - 1, held)])
    holder = Log((kill_holder(ROOT),))
    held = holder.update(1, snapshot=holder.snapshot())
    about = "a snapshot keeps holders and issuers apart"
    yield _heard("holder-is-root-in-snapshot", about, "ok", [(NOW - 1, held)])
    gone = Log((kill_chain(root, until=NOW - 100),))
    without = gone.snapshot(without=gone.entries)
    about = "the entry has outlived its until and left the snapshot"
    left = [(NOW - 1, gone.update(1, snapshot=without))]
    yield _heard("left-the-snapshot", about, "ok", left)

    foreign = replace(OTHER_LOG, entries=(kill, kill_issuer(ROOT, NEVER)))
    roots = [
        listed_root(),
        listed_root(foreign, key=NEXT_ROOT),
    ]
    about = "another issuer's list names this tree, this root"
    yield verify("revocation-other-list", about, chain=WORKERS, roots=roots)
    next_tree = add(issue(signer=NEXT_ROOT))
    own = replace(OTHER_LOG, entries=(kill_chain(next_tree.blocks[0].link),))
    about = "of two roots the second's list names its tree"
    roots = [listed_root(), listed_root(own, key=NEXT_ROOT)]
    yield verify("revocation-second-root", about, "revoked", chain=next_tree, roots=roots)
    about = "the new list key signed the head"
    rotated = replace(second, signer=NEXT_LIST_KEY)
    heard = [(NOW - 2, first), (NOW - 1, rotated.update())]
    roots = [listed_root(updates=heard, more_keys=[NEXT_LIST_KEY])]
    yield verify("revocation-list-key-rotated", about, "revoked", chain=WORKERS, roots=roots)


def _verify(
    name: str,
    about: str,
    expect: str,
    entries: Sequence[Entry],
    chain: Chain,
    request: Request = READ,
) -> Vector:
    about = f"{'spared' if expect == 'ok' else 'killed'} by the list: {about}"
    roots = [listed_root(Log(tuple(entries)))]
    return verify(f"revocation-{name}", about, expect, chain=chain, request=request, roots=roots)


def _heard(name: str, about: str, expect: str, updates: Sequence[tuple[int, bytes]]) -> Vector:
    roots = [listed_root(updates=updates)]
    return verify(f"revocation-{name}", about, expect, chain=WORKERS, roots=roots)
