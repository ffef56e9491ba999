"""Attacks on what a chain allows: caveats, lifetimes, the policy (specs/token.md 6 and 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chaincred import (
    Args,
    Audience,
    Context,
    Exact,
    Expires,
    Host,
    MaxEffect,
    MaxHops,
    NotBefore,
    OneOf,
    PathBelow,
    Pattern,
    PolicyRefused,
    PublicKey,
    Range,
    Resources,
    Task,
    Tools,
    Unknown,
    Verifier,
    unrevocable,
)
from chaincred import verify as verify_module
from chaincred.caveats import NotBuilt, decode
from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    CONTEXT,
    EXPIRES,
    IRREVERSIBLE,
    MALLORY,
    MAX_EFFECT,
    MAX_HOPS,
    NOT_BEFORE,
    NOW,
    PLANNER,
    READ,
    RESOURCES,
    ROOT,
    SERVER,
    TASK,
    TOOLS,
    WORKER,
    WRITE,
    chain,
    extended,
    hop_body,
    root_body,
    shown,
)
from tests.attacks.family import (
    ASK,
    Attack,
    Family,
    always,
    at_ground,
    family,
    forbids,
    shows,
    under,
)


def kind(caveat: type, *attacks: Attack, name: str = "") -> Family:
    """A family on one kind of caveat; broken is a verifier for which that kind always holds."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(caveat, "holds", always(True))

    return family(name or f"caveat {caveat.__name__}", broken, *attacks)


def given(constraint: list[Any], value: Any, about: str) -> Attack:
    """The argument `n` is under `constraint` and comes with `value`."""
    return forbids(about, [ARGS, [["n", True, constraint]], False], ASK.but(args={"n": value}))


def constraint(made: type, *attacks: Attack) -> Family:
    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(made, "allows", always(True))

    return family(f"argument {made.__name__}", broken, *attacks)


def args_forbid_nothing_of(word: str) -> Callable[[pytest.MonkeyPatch], None]:
    """What `Args` forbids is passed over where it begins with `word`."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        faults = Args._faults
        patch.setattr(
            Args,
            "_faults",
            lambda self, args: (f for f in faults(self, args) if not f.startswith(word)),
        )
        if word.startswith("also"):
            patch.setattr(Args, "_has_others", always(False))

    return broken


def types_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exact, "allows", lambda self, value: value == self.value)
    patch.setattr(OneOf, "allows", lambda self, value: value in self.values)
    patch.setattr(
        Range, "allows", lambda self, value: (self.low or 0) <= value <= (self.high or 2**64)
    )


def segments_are_not_told_apart(patch: pytest.MonkeyPatch) -> None:
    """`*` and `**` alike stand for any characters."""

    def matches(pattern: str, name: str) -> bool:
        begin, _, end = pattern.partition("*")
        return name.startswith(begin) and name.endswith(end.replace("*", ""))

    patch.setattr("chaincred.caveats.matches", matches)


def only_the_last_block_is_asked(patch: pytest.MonkeyPatch) -> None:
    failures = Verifier._failures

    def last(self: Verifier, token: Any, request: Any, now: int) -> Any:
        end = len(token.chain.blocks) - 1
        return (each for each in failures(self, token, request, now) if each.hop == end)

    patch.setattr(Verifier, "_failures", last)


def only_the_first_block_is_asked(patch: pytest.MonkeyPatch) -> None:
    failures = Verifier._failures

    def first(self: Verifier, token: Any, request: Any, now: int) -> Any:
        return (each for each in failures(self, token, request, now) if each.hop == 0)

    patch.setattr(Verifier, "_failures", first)


def blocks_may_be_of_tomorrow(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify_module, "SKEW", 2**53)


def any_lifetime_will_do(patch: pytest.MonkeyPatch) -> None:
    made = Verifier.__init__

    def init(self: Verifier, **said: Any) -> None:
        made(self, **said)
        self._max_lifetime = 2**53
        for root in self._roots:
            if isinstance(self._roots[root], verify_module.Unrevocable):
                self._roots[root] = unrevocable(max_lifetime=2**53 - 1)

    patch.setattr(Verifier, "__init__", init)


def roots_may_live_forever(patch: pytest.MonkeyPatch) -> None:
    """A root block without `Expires` is read as one that expires at the end of time."""

    def decoded(raw: Any) -> tuple[Any, ...]:
        caveats = decode(raw)
        endless = Expires(2**53 - 1)
        return caveats if any(isinstance(e, Expires) for e in caveats) else (*caveats, endless)

    patch.setattr("chaincred.token.decode", decoded)
    # Else the lifetime, which is another check, would refuse them.
    any_lifetime_will_do(patch)


def the_policy_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verifier, "_check_policy", always(None))


def anything_true_is_yes(patch: pytest.MonkeyPatch) -> None:
    def check(self: Verifier, verified: Any) -> None:
        assert self._policy is not None
        if not self._policy(verified, verified.request):
            raise PolicyRefused("no")

    patch.setattr(Verifier, "_check_policy", check)


def a_failure_is_no_refusal(patch: pytest.MonkeyPatch) -> None:
    checked = Verifier._check_policy

    def check(self: Verifier, verified: Any) -> None:
        try:
            checked(self, verified)
        except PolicyRefused as error:
            if error.__cause__ is None:
                raise

    patch.setattr(Verifier, "_check_policy", check)


def deep(body: Any, hops: int) -> str:
    """A chain with `hops` blocks after one for the worker."""
    blocks = chain((ROOT, body))
    for _ in range(hops):
        blocks = extended(blocks, WORKER, hop_body(WORKER))
    return shown(blocks, WORKER)


def living(seconds: int) -> str:
    return shown(chain((ROOT, root_body(WORKER, expires=NOW + seconds))), WORKER)


def says(answer: Any) -> Any:
    return at_ground(policy=lambda *_: answer)


def fails(*_: Any) -> bool:
    raise KeyError("the policy's own mistake")


HTTP = [5, ["*.b.example", "a.example", "c.example:8080"]]
WORKERS = shown(under(), WORKER)
NO_RESOURCE = ASK.but(resource="")

FAMILIES = (
    kind(
        Expires,
        forbids("a second ago", [EXPIRES, NOW - 1]),
        forbids("this second", [EXPIRES, NOW]),
        forbids("in 1970", [EXPIRES, 0]),
        Attack(
            "the root's, under a child with a later one",
            "caveat",
            shows(
                shown(
                    chain(
                        (ROOT, root_body(PLANNER, expires=NOW)),
                        (PLANNER, hop_body(WORKER, [[EXPIRES, NOW + 900]])),
                    ),
                    WORKER,
                )
            ),
        ),
    ),
    kind(
        NotBefore,
        forbids("in a second", [NOT_BEFORE, NOW + 1]),
        forbids("at the end of time", [NOT_BEFORE, 2**53 - 1]),
    ),
    kind(
        MaxHops,
        *(
            Attack(
                f"{limit} hops, {limit + 1} made",
                "caveat",
                shows(deep(root_body(WORKER, [[MAX_HOPS, limit]]), limit + 1)),
            )
            for limit in (0, 1, 2, 14)
        ),
        Attack(
            "a later block allows itself more",
            "caveat",
            shows(
                shown(
                    chain(
                        (ROOT, root_body(PLANNER, [[MAX_HOPS, 1]])),
                        (PLANNER, hop_body(WORKER, [[MAX_HOPS, 15]])),
                        (WORKER, hop_body(MALLORY)),
                    ),
                    MALLORY,
                )
            ),
        ),
    ),
    kind(
        Tools,
        forbids("another tool", [TOOLS, ["write_file"]]),
        forbids("a tool below", [TOOLS, ["read_file"]], ASK.but(tool="read_file/raw")),
        forbids("a tool above", [TOOLS, ["fs/**"]], ASK.but(tool="fs")),
        forbids("a tool of another case", [TOOLS, ["Read_file"]]),
        forbids("a tool of another scheme", [TOOLS, ["**"]], ASK.but(tool="mcp://read_file")),
        forbids("a beginning of a name", [TOOLS, ["read"]]),
    ),
    kind(
        Resources,
        forbids("another folder", [RESOURCES, ["mail/**"]]),
        forbids("a folder with the same beginning", [RESOURCES, ["doc/**"]]),
        forbids("no resource", [RESOURCES, ["**"]], NO_RESOURCE),
        forbids("deeper than one star", [RESOURCES, ["*"]]),
        forbids("the folder itself", [RESOURCES, ["docs/**"]], ASK.but(resource="docs")),
        forbids("from the root", [RESOURCES, ["docs/**"]], ASK.but(resource="/docs/q3.md")),
        forbids("another scheme", [RESOURCES, ["**"]], ASK.but(resource="file:///docs/q3.md")),
    ),
    family(
        "segments of names",
        segments_are_not_told_apart,
        forbids(
            "a folder with the same beginning",
            [RESOURCES, ["docs/*"]],
            ASK.but(resource="docs/a/b"),
        ),
        forbids("below and beside", [TOOLS, ["fs/*"]], ASK.but(tool="fs/a/delete")),
        forbids("across a star", [RESOURCES, ["a/*/z"]], ASK.but(resource="a/b/c/z")),
        forbids("any scheme", [RESOURCES, ["**"]], ASK.but(resource="file:///etc/passwd")),
    ),
    kind(
        MaxEffect,
        forbids("a write", [MAX_EFFECT, READ], ASK.but(effect=WRITE)),
        forbids("what cannot be undone", [MAX_EFFECT, WRITE], ASK.but(effect=IRREVERSIBLE)),
        forbids("far beyond", [MAX_EFFECT, READ], ASK.but(effect=IRREVERSIBLE)),
    ),
    kind(
        Audience,
        forbids("another server", [AUDIENCE, ["mail.example"]]),
        forbids("another case", [AUDIENCE, [SERVER.upper()]]),
        forbids("a longer name", [AUDIENCE, [SERVER + ".org"]]),
    ),
    kind(
        Task,
        forbids("another task", [TASK, "t1"], ASK.but(task="t2")),
        forbids("no task", [TASK, "t1"]),
        forbids("another case", [TASK, "t1"], ASK.but(task="T1")),
    ),
    kind(
        Context,
        forbids("no context", [CONTEXT, bytes(32)]),
        forbids("another context", [CONTEXT, bytes(32)], ASK.but(context=bytes(range(32)))),
    ),
    kind(
        Args,
        forbids("a missing argument", [ARGS, [["n", True, [0, 1]]], False]),
        forbids("another argument", [ARGS, [], True], ASK.but(args={"n": 1})),
        given([0, 1], 2, "another value"),
    ),
    family(
        "argument required",
        args_forbid_nothing_of("no "),
        forbids("none given", [ARGS, [["n", True, [0, 1]]], False]),
        forbids("another given", [ARGS, [["n", True, [0, 1]]], False], ASK.but(args={"m": 1})),
    ),
    family(
        "arguments closed",
        args_forbid_nothing_of("also "),
        forbids("one", [ARGS, [], True], ASK.but(args={"n": 1})),
        forbids(
            "one beside those listed",
            [ARGS, [["n", True, [0, 1]]], True],
            ASK.but(args={"n": 1, "N": 1}),
        ),
    ),
    constraint(
        Exact,
        given([0, 1], 2, "another number"),
        given([0, "a"], "b", "another str"),
        given([0, "a"], b"a", "a bin for a str"),
        given([0, 1], [1], "in a list"),
        given([0, 1], None, "nil"),
    ),
    constraint(
        OneOf,
        given([1, [1, 2]], 3, "none of them"),
        given([1, ["a", "b"]], ["a", "b"], "all of them"),
    ),
    constraint(
        Range,
        given([2, [1], [9]], 0, "below"),
        given([2, [1], [9]], 10, "above"),
        given([2, [1], []], 0.5, "a float below"),
        given([2, [], [2**53]], 2**53 + 1, "above by less than a float can tell"),
        given([2, [0], [2**60]], float(2**60) * 1.5, "a float above"),
        given([2, [1], [9]], "5", "a str"),
    ),
    family(
        "types of arguments",
        types_are_not_compared,
        given([0, 1], True, "true for 1"),
        given([0, False], 0, "0 for false"),
        given([1, [0, 1]], True, "true for one of 0 and 1"),
        given([2, [0], [9]], True, "true in a range"),
    ),
    constraint(
        Pattern,
        given([3, "docs/*"], "docs/a/b", "deeper"),
        given([3, "docs/**"], "docs/../secrets", "up and down"),
        given([3, "docs/**"], "docs//a", "an empty segment"),
        given([3, "docs/**"], "docs/a%2Fb", "a slash in disguise"),
        given([3, "**"], "a" * 8193, "too long to look at"),
        given([3, "*"], 5, "a number"),
    ),
    constraint(
        PathBelow,
        given([4, "docs"], "docs2", "beside"),
        given([4, "docs"], "docs/../secrets", "up and down"),
        given([4, "docs"], "docs/", "an empty end"),
        given([4, "docs"], "/docs", "from the root"),
        given([4, "file:"], "file:///etc/passwd", "a scheme below a name"),
        given([4, "docs"], b"docs", "a bin"),
    ),
    constraint(
        Host,
        *(
            given(HTTP, url, url)
            for url in (
                "https://evil.example/",
                "https://a.example.evil.example/",
                "https://a.example@evil.example/",
                "https://evil.example#a.example",
                "https://evil.example?a.example",
                "https://evil.example\\a.example",
                "https://A.example/",
                "https://a.example:8080/",
                "https://c.example/",
                "https://b.example/",
                "https://x.y.b.example/",
                "https://a.example./",
                "ftp://a.example/",
                "//a.example/",
                "https:a.example",
                "https:///a.example",
                "https://[a.example]/",
                " https://a.example/",
                "https://a.example/ b",
                "https://a.example\t/",
            )
        ),
    ),
    kind(
        Unknown,
        forbids("kind 13", [13]),
        forbids("kind 255 with fields", [255, ["anything"], b"at all", True]),
    ),
    kind(
        NotBuilt,
        forbids("MaxUses", [10, 1000]),
        forbids("Budget", [11, "EUR", 1000]),
        forbids("ThirdParty", [12, [PLANNER.public], 1, "paid", 0, 60]),
        name="kinds to come",
    ),
    family(
        "caveats of ancestors",
        only_the_last_block_is_asked,
        Attack("the root's", "caveat", shows(shown(under(more=[[TOOLS, ["write_file"]]]), WORKER))),
        Attack(
            "the middle block's",
            "caveat",
            shows(
                shown(extended(under([RESOURCES, ["mail/*"]]), WORKER, hop_body(MALLORY)), MALLORY)
            ),
        ),
        Attack(
            "the same kind again, wider",
            "caveat",
            shows(
                shown(
                    extended(
                        under([MAX_EFFECT, READ]), WORKER, hop_body(MALLORY, [[MAX_EFFECT, 2]])
                    ),
                    MALLORY,
                    ASK.but(effect=WRITE),
                ),
                ASK.but(effect=WRITE),
            ),
        ),
    ),
    family(
        "caveats of descendants",
        only_the_first_block_is_asked,
        forbids("of the last", [TOOLS, ["write_file"]]),
        Attack(
            "of the middle one",
            "caveat",
            shows(shown(extended(under([TASK, "t"]), WORKER, hop_body(MALLORY)), MALLORY)),
        ),
    ),
    family(
        "block of the future",
        blocks_may_be_of_tomorrow,
        Attack(
            "the root",
            "caveat",
            shows(shown(chain((ROOT, root_body(WORKER, issued_at=NOW + 61))), WORKER)),
        ),
        Attack(
            "a hop",
            "caveat",
            shows(
                shown(
                    chain(
                        (ROOT, root_body(PLANNER)), (PLANNER, hop_body(WORKER, issued_at=2**53 - 1))
                    ),
                    WORKER,
                )
            ),
        ),
    ),
    family(
        "lifetime",
        any_lifetime_will_do,
        Attack(
            "a second more than a day",
            "caveat",
            shows(living(86_401), at=at_ground()),
        ),
        Attack("as long as can be", "caveat", shows(living(2**53 - 1 - NOW))),
        Attack(
            "more than an unrevocable root may",
            "caveat",
            shows(
                living(601),
                at=at_ground(roots={PublicKey(ROOT.public): unrevocable(max_lifetime=600)}),
            ),
        ),
        Attack(
            "a root of long ago",
            "caveat",
            shows(shown(chain((ROOT, root_body(WORKER, issued_at=0, expires=NOW + 60))), WORKER)),
        ),
    ),
    family(
        "root without an end",
        roots_may_live_forever,
        Attack(
            "no Expires",
            "malformed",
            shows(shown(chain((ROOT, root_body(WORKER, expires=None))), WORKER)),
        ),
        Attack(
            "Expires in a hop only",
            "malformed",
            shows(
                shown(
                    chain(
                        (ROOT, root_body(PLANNER, expires=None)),
                        (PLANNER, hop_body(WORKER, [[EXPIRES, NOW + 60]])),
                    ),
                    WORKER,
                )
            ),
        ),
    ),
    family(
        "policy",
        the_policy_is_not_asked,
        Attack("it says no", "policy", shows(WORKERS, at=says(False))),
        Attack("it says nothing", "policy", shows(WORKERS, at=says(None))),
        Attack("it fails", "policy", shows(WORKERS, at=at_ground(policy=fails))),
    ),
    family(
        "policy that does not quite say yes",
        anything_true_is_yes,
        *(
            Attack(f"it says {answer!r}", "policy", shows(WORKERS, at=says(answer)))
            for answer in (1, "yes", [True], object, "False")
        ),
    ),
    family(
        "policy that fails",
        a_failure_is_no_refusal,
        Attack("with an error", "policy", shows(WORKERS, at=at_ground(policy=fails))),
    ),
)
