"""What each constraint on an argument allows and forbids (token.md 6.4)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from families.packing import Value
from families.scenario import READ, Vector, verify
from families.tree import PLANNERS, add

EXACT_1: Value = [0, 1]
SIZES: Value = [2, [1], [10]]
BELOW: Value = [4, "docs"]
BIG = 2**60

# Rows: name, what is said of it, the constraint on `x`, and the argument's value.
ALLOW: tuple[tuple[str, str, Value, Value], ...] = (
    ("exact-int", "the same integer", EXACT_1, 1),
    ("exact-int-as-1.0", "1.0 is packed as 1", EXACT_1, 1.0),
    ("exact-zero-as-minus-zero", "-0.0 is packed as 0", [0, 0], -0.0),
    ("exact-str", "the same str", [0, "a"], "a"),
    ("exact-empty-str", "the empty str", [0, ""], ""),
    ("exact-hidden-str", "any str, also one that is no text", [0, "\u200e"], "\u200e"),
    ("exact-bool", "the same bool", [0, False], False),
    ("exact-bin", "the same bytes", [0, b"\x00\xff"], b"\x00\xff"),
    ("exact-widest", "the greatest integer", [0, 2**64 - 1], 2**64 - 1),
    ("exact-least", "the least integer", [0, -(2**63)], -(2**63)),
    ("one-of-one", "the only one", [1, [1]], 1),
    ("range-low", "the low end", SIZES, 1),
    ("range-high", "the high end", SIZES, 10),
    ("range-float", "a float between", SIZES, 1.5),
    ("range-one-value", "low and high are the same", [2, [7], [7]], 7),
    ("range-no-low", "no low end", [2, [], [10]], -(2**63)),
    ("range-no-high", "no high end", [2, [1], []], 2**64 - 1),
    ("range-no-high-float", "a float far above", [2, [1], []], 1e300),
    ("range-2-53-and-1", "an integer that no float is", [2, [2**53 + 1], []], 2**53 + 1),
    ("range-big-float", "a float just at the low end", [2, [BIG], []], float(BIG)),
    ("range-2-64-less-1", "a float below", [2, [], [2**64 - 1]], float(2**64 - 2048)),
    ("pattern", "a str that matches", [3, "docs/*"], "docs/a"),
    ("pattern-of-8192", "the longest str that matches", [3, "**"], "a" * 8192),
    ("path-of-8192", "the longest path", BELOW, "docs/" + "a" * 8187),
    ("host-of-8192", "the longest URL", [5, ["a"]], "https://a/" + "b" * 8182),
    ("path-itself", "the path itself", BELOW, "docs"),
    ("path-below", "a str below", BELOW, "docs/a/b"),
    ("path-absolute", "below a path from the root", [4, "/srv/docs"], "/srv/docs/a"),
    ("path-scheme", "below in a scheme", [4, "file:///srv"], "file:///srv/a"),
)

FORBID: tuple[tuple[str, str, Value, Value], ...] = (
    ("exact-other", "another integer", EXACT_1, 2),
    ("exact-true-for-1", "true is not 1", EXACT_1, True),
    ("exact-1-for-true", "1 is not true", [0, True], 1),
    ("exact-false-for-0", "false is not 0", [0, 0], False),
    ("exact-str-for-1", "a digit is not a number", EXACT_1, "1"),
    ("exact-bin-for-str", "bytes are not a str", [0, "a"], b"a"),
    ("exact-str-for-bin", "a str is not bytes", [0, b"a"], "a"),
    ("exact-nil", "nil is not the empty str", [0, ""], None),
    ("exact-array", "an array that holds it", EXACT_1, [1]),
    ("exact-float-for-int", "a float of the same size", [0, BIG], float(BIG)),
    ("exact-nearby", "a float next to it", EXACT_1, 1.0000000000000002),
    ("exact-rounded", "equal only as floats", [0, 2**53 + 1], 2**53),
    ("exact-not-composed", "no composing", [0, "caf\u00e9"], "cafe\u0301"),
    ("one-of-none", "none of them", [1, [1, 2]], 3),
    ("one-of-true", "true is not 1 here either", [1, [1, 2]], True),
    ("range-below", "one below", SIZES, 0),
    ("range-above", "one above", SIZES, 11),
    ("range-just-above", "a float just above", SIZES, 10.000000000000002),
    ("range-true", "true is no number", SIZES, True),
    ("range-str", "a digit is no number", SIZES, "5"),
    ("range-nil", "nil is no number", SIZES, None),
    ("range-array", "an array is no number", SIZES, [5]),
    ("range-2-53", "one below, equal as floats", [2, [2**53 + 1], []], 2**53),
    ("range-big", "one above, equal as floats", [2, [], [2**53]], 2**53 + 1),
    ("range-big-float", "a float one below", [2, [BIG + 1], []], float(BIG)),
    ("range-2-64", "a float one above", [2, [], [2**64 - 1]], float(2**64)),
    ("pattern-of-8193", "a str that is too long", [3, "**"], "a" * 8193),
    ("path-of-8193", "a path that is too long", BELOW, "docs/" + "a" * 8188),
    ("host-of-8193", "a URL that is too long", [5, ["a"]], "https://a/" + "b" * 8183),
    ("pattern-other", "a str that does not match", [3, "docs/*"], "docs/a/b"),
    ("pattern-not-normal", "dots", [3, "docs/**"], "docs/../secret"),
    ("pattern-int", "a number is no str", [3, "*"], 1),
    ("pattern-bin", "bytes are no str", [3, "*"], b"a"),
    ("pattern-empty", "an empty str is no name", [3, "**"], ""),
    ("pattern-star", "a star is no name", [3, "**"], "docs/*"),
    ("pattern-hidden", "a str that is no text", [3, "**"], "docs/\u202e"),
    ("path-other", "somewhere else", BELOW, "secret/a"),
    ("path-prefix", "the first letters only", BELOW, "docs2/a"),
    ("path-above", "above", [4, "docs/a"], "docs"),
    ("path-dots", "dots lead out", BELOW, "docs/../secret"),
    ("path-backslash", "a backslash", BELOW, "docs/..\\secret"),
    ("path-trailing-slash", "an empty end", BELOW, "docs/"),
    ("path-absolute", "a path from the root", BELOW, "/docs/a"),
    ("path-scheme", "a scheme that was not there", BELOW, "x://docs/a"),
    ("path-case", "case matters", BELOW, "Docs/a"),
    ("path-bin", "bytes are no str", BELOW, b"docs/a"),
)


def vectors() -> Iterator[Vector]:
    for name, about, constraint, value in ALLOW:
        yield _args(name, about, True, [["x", True, constraint]], {"x": value})
    for name, about, constraint, value in FORBID:
        yield _args(f"{name}-not", about, False, [["x", True, constraint]], {"x": value})
    yield from _one_of()
    yield from _names()


def _one_of() -> Iterator[Vector]:
    # In ascending order as packed: 01, a1 61, c3, c4 01 61.
    of_every_type: Value = [1, [1, "a", True, b"a"]]
    for name, value in (("int", 1), ("str", "a"), ("bool", True), ("bin", b"a")):
        about = f"the {name} of four values of four types"
        entries: Value = [["x", True, of_every_type]]
        yield _args(f"one-of-{name}", about, True, entries, {"x": value})


def _names() -> Iterator[Vector]:
    two: Value = [["a", True, EXACT_1], ["b", False, EXACT_1]]
    rows: tuple[tuple[str, str, bool, bool, Mapping[str, Value]], ...] = (
        ("required-missing", "a required name is missing", False, False, {"b": 1}),
        ("optional-missing", "an optional one is missing", True, False, {"a": 1}),
        ("optional-wrong", "an optional one is wrong", False, False, {"a": 1, "b": 2}),
        ("both", "both are there", True, True, {"a": 1, "b": 1}),
        ("open-and-more", "more than is listed", True, False, {"a": 1, "c": 9}),
        ("closed-and-more", "more than is listed", False, True, {"a": 1, "c": 9}),
        ("closed-and-case", "case matters", False, True, {"a": 1, "B": 1}),
        ("required-nil", "nil is there but wrong", False, False, {"a": None}),
        ("no-args", "there is no argument", False, False, {}),
    )
    for name, about, allowed, closed, args in rows:
        yield _args(name, about, allowed, two, args, closed)
    about = "no argument may be given and none is"
    yield _args("closed-and-empty", about, True, [], {}, True)
    about = "no argument may be given and one is"
    yield _args("closed-and-one", about, False, [], {"a": 1}, True)
    about = "a name inside a map is not an argument"
    nested: Mapping[str, Value] = {"m": {"a": 1}}
    yield _args("nested-name", about, False, two, nested)


def _args(
    name: str,
    about: str,
    allowed: bool,
    entries: Value,
    args: Mapping[str, Value],
    closed: bool = False,
) -> Vector:
    said = "allow" if allowed else "forbid"
    return verify(
        f"caveat-args-{name}",
        f"the constraints {said} the arguments: {about}",
        "ok" if allowed else "caveat",
        spec="token.md 6.4",
        chain=add(PLANNERS, [[9, entries, closed]]),
        request=replace(READ, args=args),
        failures=None if allowed else [[1, "Args"]],
    )
