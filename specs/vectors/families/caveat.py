"""What each kind of caveat allows and forbids (token.md 6.1 to 6.3, and 8, steps 5, 6)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from families.cast import HELPER, NOW, SERVER
from families.packing import Value
from families.scenario import (
    DELETE,
    READ,
    WRITE,
    Request,
    Vector,
    unlisted_root,
    verify,
)
from families.tree import EXPIRES, ISSUED, LIVES, PLANNERS, Chain, add, issue

NO_RESOURCE = replace(READ, resource="")
FOR_TASK = replace(READ, task="task-7")
DIGEST = bytes(range(32))
IN_CONTEXT = replace(READ, context=DIGEST)

# Rows: name, what is said of it, the caveat, and the request. Each is put into block 1.
ALLOW: tuple[tuple[str, str, Value, Request], ...] = (
    ("expires-next-second", "a second is left", [0, NOW + 1], READ),
    ("not-before-now", "it begins just now", [1, NOW], READ),
    ("tools-same", "the tool is named", [2, ["files/read"]], READ),
    ("tools-second", "the second matches", [2, ["a", "files/*"]], READ),
    ("tools-any", "any tool without a scheme", [2, ["**"]], READ),
    ("resources-same", "the resource is named", [3, ["docs/report.md"]], READ),
    ("resources-below", "the resource is below", [3, ["docs/**", "x"]], READ),
    ("max-effect-read", "a read under read", [4, 0], READ),
    ("max-effect-write", "a write under write", [4, 1], WRITE),
    ("max-effect-read-under-write", "a read under write", [4, 1], READ),
    ("max-effect-irreversible", "all under irreversible", [4, 2], DELETE),
    ("max-hops-0-at-the-end", "no block follows the last", [5, 0], READ),
    ("max-hops-15", "fifteen may follow", [5, 15], READ),
    ("audience-same", "the server is named", [6, [SERVER]], READ),
    ("audience-one-of", "the server is the second", [6, ["a.example", SERVER]], READ),
    ("task-same", "the task is named", [7, "task-7"], FOR_TASK),
    ("context-same", "the digest is the same", [8, DIGEST], IN_CONTEXT),
)

# The same with the name of the kind that forbids.
FORBID: tuple[tuple[str, str, Value, Request, str], ...] = (
    ("expires-now", "it expires just now", [0, NOW], READ, "Expires"),
    ("expires-before", "it has expired", [0, NOW - 1], READ, "Expires"),
    ("expires-at-0", "it expired in 1970", [0, 0], READ, "Expires"),
    ("not-before-next", "a second early", [1, NOW + 1], READ, "NotBefore"),
    ("tools-other", "another tool", [2, ["files/write"]], READ, "Tools"),
    ("tools-shorter", "a segment is not enough", [2, ["files"]], READ, "Tools"),
    ("tools-case", "case matters", [2, ["Files/read"]], READ, "Tools"),
    ("tools-scheme", "the scheme differs", [2, ["mcp://**"]], READ, "Tools"),
    ("resources-other", "another resource", [3, ["docs/*/a"]], READ, "Resources"),
    ("resources-none", "no resource at all", [3, ["**"]], NO_RESOURCE, "Resources"),
    ("max-effect-of-read", "a write under read", [4, 0], WRITE, "MaxEffect"),
    ("max-effect-of-write", "a deletion under write", [4, 1], DELETE, "MaxEffect"),
    ("audience-other", "another server", [6, ["mail.example"]], READ, "Audience"),
    ("audience-case", "byte for byte", [6, ["Files.example"]], READ, "Audience"),
    ("audience-star", "a star is no pattern", [6, ["*"]], READ, "Audience"),
    ("task-other", "another task", [7, "task-8"], FOR_TASK, "Task"),
    ("task-none", "the request names no task", [7, "task-7"], READ, "Task"),
    ("context-other", "another digest", [8, bytes(32)], IN_CONTEXT, "Context"),
    ("context-none", "the request has no digest", [8, DIGEST], READ, "Context"),
    ("max-uses", "a kind not built", [10, 2**32 - 1], READ, "MaxUses"),
    ("budget", "a kind not built", [11, "eur", 2**53 - 1], READ, "Budget"),
    (
        "third-party",
        "a kind not built",
        [12, [HELPER.public], 1, "approved", 0, 60],
        READ,
        "ThirdParty",
    ),
    ("unknown-13", "the first kind that is not known", [13], READ, "Unknown"),
    ("unknown-255", "the last kind there can be", [255, "x", 1], READ, "Unknown"),
)


def vectors() -> Iterator[Vector]:
    for name, what, caveat, request in ALLOW:
        about = f"the caveat holds: {what}"
        chain = add(PLANNERS, [caveat])
        yield verify(f"caveat-{name}", about, spec="token.md 6.2", chain=chain, request=request)
    for name, what, caveat, request, kind in FORBID:
        about = f"the caveat forbids: {what}"
        chain = add(PLANNERS, [caveat])
        yield _forbidden(name, about, chain, [[1, kind]], request)
    yield from _hops()
    yield from _together()
    yield from _issue_times()
    yield from _lifetimes()
    yield from _policies()


def _hops() -> Iterator[Vector]:
    for allowed, hops in ((0, 1), (1, 2), (14, 15)):
        chain = issue([*LIVES, [5, allowed]])
        for _ in range(hops):
            chain = add(chain)
        about = f"{hops} blocks follow where {allowed} may"
        name = f"max-hops-{allowed}-and-{hops}"
        yield _forbidden(name, about, chain, [[0, "MaxHops"]])
        shorter = chain.take(*range(hops))
        about = f"{allowed} blocks follow where {allowed} may"
        yield verify(f"caveat-max-hops-{allowed}-and-{allowed}", about, chain=shorter)
    chain = add(add(PLANNERS, [[5, 0]]), holder=HELPER)
    about = "a hop may forbid hops too"
    yield _forbidden("max-hops-in-a-hop", about, chain, [[1, "MaxHops"]])


def _together() -> Iterator[Vector]:
    spent = issue([[0, NOW - 1]])
    about = "block 0 has expired and its child says otherwise"
    child = add(spent, LIVES)
    yield _forbidden("parent-expired", about, child, [[0, "Expires"]])
    about = "a child allows every tool and its parent one"
    wider = add(issue([*LIVES, [2, ["files/list"]]]), [[2, ["**"]]])
    yield _forbidden("parent-narrower", about, wider, [[0, "Tools"]])
    about = "what each of two blocks allows, both allow"
    both = add(issue([*LIVES, [2, ["files/*"]]]), [[2, ["*/read"]]])
    yield verify("caveat-both-allow", about, spec="token.md 6.1", chain=both)
    about = "two lists of tools that have none in common"
    neither = add(PLANNERS, [[2, ["files/read"]], [2, ["files/write"]]])
    yield _forbidden("no-tool-in-common", about, neither, [[1, "Tools"]])
    about = "a caveat repeated changes nothing"
    again = add(PLANNERS, [[4, 0], [4, 0]])
    yield verify("caveat-repeated", about, spec="token.md 6.1", chain=again)
    about = "caveats in any order"
    order = add(issue([[4, 0], [2, ["**"]], *LIVES]), [[5, 0], [1, 0]])
    yield verify("caveat-in-any-order", about, spec="token.md 6.1", chain=order)
    about = "a kind that is not known, in block 0"
    unknown = add(issue([*LIVES, [99, 1]]))
    yield _forbidden("unknown-in-root", about, unknown, [[0, "Unknown"]])
    about = "everything that forbids, in order of hops and then of caveats"
    first = issue([[200], [0, NOW], [4, 0]], issued_at=NOW + 61)
    many = add(first, [[7, "t"], [10, 1], [2, ["a"]], [200]], issued_at=NOW + 62)
    hops = ((0, "Unknown Expires MaxEffect"), (1, "Task MaxUses Tools Unknown"))
    caveats: list[list[int | str]] = [[hop, kind] for hop, kinds in hops for kind in kinds.split()]
    failures: list[list[int | str]] = [[0, "issued_at"], [1, "issued_at"], *caveats]
    yield _forbidden("everything", about, many, failures, WRITE)


def _issue_times() -> Iterator[Vector]:
    for name, ahead, failing in (("60", 60, False), ("61", 61, True)):
        for hop, chain in (
            (0, add(issue(issued_at=NOW + ahead))),
            (1, add(PLANNERS, issued_at=NOW + ahead)),
        ):
            about = f"block {hop} was issued {name} s ahead of the clock"
            title = f"issued-{name}-ahead-in-{hop}"
            if failing:
                yield _forbidden(title, about, chain, [[hop, "issued_at"]])
                continue
            yield verify(f"caveat-{title}", about, chain=chain)
    about = "a block may be older than the one before it"
    yield verify("caveat-issued-before-parent", about, chain=add(PLANNERS, issued_at=0))


def _lifetimes() -> Iterator[Vector]:
    day = 86_400
    rows = (
        ("day", "a day, the longest", day, None, None),
        ("day-and-1", "a second more than a day", day + 1, [[0, "lifetime"]], None),
        ("own", "the verifier's own longest", 600, None, 600),
        ("own-passed", "a second more than that", 601, [[0, "lifetime"]], 600),
    )
    for name, about, life, failures, longest in rows:
        chain = issue([[0, ISSUED + life]])
        yield verify(
            f"caveat-lifetime-{name}",
            about,
            "caveat" if failures else "ok",
            chain=chain,
            max_lifetime=longest,
            failures=failures,
        )
    for name, about, life, stated, failures in (
        ("at", "without a list, the stated lifetime", 600, 600, None),
        ("passed", "a second more than stated", 601, 600, [[0, "lifetime"]]),
        ("long", "the stated one may be longer than a day", 2 * day, 2 * day, None),
    ):
        yield verify(
            f"caveat-unrevocable-{name}",
            about,
            "caveat" if failures else "ok",
            chain=issue([[0, ISSUED + life]]),
            roots=[unlisted_root(stated)],
            failures=failures,
        )
    about = "the earliest Expires of block 0 counts"
    two = issue([[0, EXPIRES], [0, ISSUED + 10 * day]])
    yield verify("caveat-lifetime-earliest", about, chain=two)
    about = "an Expires of a later block does not shorten the lifetime of block 0"
    hop = add(issue([[0, ISSUED + day + 1]]), [[0, EXPIRES]])
    yield verify(
        "caveat-lifetime-of-a-hop",
        about,
        "caveat",
        chain=hop,
        failures=[[0, "lifetime"]],
    )
    about = "an irreversible request under a root without a list"
    yield verify(
        "caveat-unrevocable-irreversible",
        about,
        request=DELETE,
        roots=[unlisted_root(86_400)],
    )


def _policies() -> Iterator[Vector]:
    yield verify("caveat-policy-yes", "the server's policy agrees", policy=True)
    about = "the server's policy does not agree"
    yield verify("caveat-policy-no", about, "policy", policy=False)


def _forbidden(
    name: str,
    about: str,
    chain: Chain,
    failures: Sequence[Sequence[int | str]],
    request: Request = READ,
) -> Vector:
    return verify(
        f"caveat-{name}",
        about,
        "caveat",
        spec="token.md 6",
        chain=chain,
        request=request,
        failures=failures,
    )
