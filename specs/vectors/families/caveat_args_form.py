"""Args that are not as their section says (token.md 6.4)."""

from collections.abc import Iterator

from families.packing import Raw, Value
from families.scenario import Vector, decode
from families.tree import LIVES, issue

ONE: Value = [0, 1]

# Rows: name, what is wrong, and the two fields of the caveat.
WRONG_FIELDS: tuple[tuple[str, str, Value, Value], ...] = (
    ("empty-and-open", "nothing is asked for", [], False),
    ("closed-0", "closed is 0 instead of false", [["a", True, ONE]], 0),
    ("required-1", "required is 1 instead of true", [["a", 1, ONE]], False),
    ("name-twice", "a name twice", [["a", True, ONE], ["a", True, ONE]], False),
    ("names-unsorted", "not in order", [["b", True, ONE], ["a", True, ONE]], False),
    ("names-by-length", "not by length", [["b", True, ONE], ["aa", True, ONE]], False),
    ("name-empty", "a name of nothing", [["", True, ONE]], False),
    ("name-of-129", "a name of 129 bytes", [["n" * 129, True, ONE]], False),
    ("name-bin", "a name that is a byte string", [[b"a", True, ONE]], False),
    ("name-hidden", "a name with a hidden character", [["a\u200e", True, ONE]], False),
    ("entry-of-two", "an entry without a constraint", [["a", True]], False),
    ("entry-of-four", "an entry with a fourth element", [["a", True, ONE, 0]], False),
    ("entry-text", "an entry that is a text", ["a"], False),
    ("entries-text", "a text instead of an array", "a", False),
)

WRONG_CONSTRAINTS: tuple[tuple[str, str, Value], ...] = (
    ("unknown", "a constraint that is not known", [6, 1]),
    ("negative", "a constraint below the first", [-1, 1]),
    ("false", "false is not the constraint 0", [False, 1]),
    ("empty", "a constraint of nothing", []),
    ("text", "a constraint that is a text", "1"),
    ("exact-without", "no value", [0]),
    ("exact-of-two", "two values", [0, 1, 2]),
    ("exact-array", "an array is no value here", [0, [1]]),
    ("exact-float", "nor a float", [0, 0.5]),
    ("exact-nil", "nor nil", [0, None]),
    ("exact-map", "nor a map", [0, {}]),
    ("exact-1.0", "1 written as a float", [0, Raw(b"\xcb\x3f\xf0" + bytes(6))]),
    ("one-of-nothing", "no value to choose", [1, []]),
    ("one-of-twice", "a value twice", [1, [1, 1]]),
    ("one-of-unsorted", "not in order as packed", [1, [2, 1]]),
    ("one-of-by-number", "-1 is packed after 1", [1, [-1, 1]]),
    ("one-of-by-type", "a bin is packed after a bool", [1, [b"a", True]]),
    ("one-of-array", "an array to choose", [1, [[1]]]),
    ("one-of-no-array", "a value instead of an array", [1, 1]),
    ("range-no-ends", "neither end", [2, [], []]),
    ("range-reversed", "low is above high", [2, [2], [1]]),
    ("range-two-lows", "two low ends", [2, [1, 2], [3]]),
    ("range-bare", "the ends are not in arrays", [2, 1, 2]),
    ("range-of-one", "one end only", [2, [1]]),
    ("range-of-three", "a third end", [2, [1], [2], [3]]),
    ("range-true", "an end that is true", [2, [True], [2]]),
    ("range-text", "an end that is a text", [2, ["1"], []]),
    ("range-float", "an end that is a float", [2, [0.5], []]),
    ("pattern-bad", "a star inside a segment", [3, "docs/a*"]),
    ("pattern-empty", "an empty pattern", [3, ""]),
    ("pattern-of-1025", "a pattern of 1,025 bytes", [3, "a" * 1025]),
    ("pattern-array", "several patterns", [3, ["a", "b"]]),
    ("path-star", "a path is not a pattern", [4, "docs/*"]),
    ("path-empty", "an empty path", [4, ""]),
    ("path-not-normal", "a path that climbs", [4, "docs/.."]),
    ("path-trailing-slash", "a path with an empty end", [4, "docs/"]),
    ("path-of-1025", "a path of 1,025 bytes", [4, "a" * 1025]),
    ("path-bin", "a path that is a byte string", [4, b"docs"]),
    ("host-nothing", "no host", [5, []]),
    ("host-no-array", "a host instead of an array", [5, "a.example"]),
    ("host-twice", "a host twice", [5, ["a.example", "a.example"]]),
    ("host-unsorted", "hosts not in order", [5, ["b.example", "a.example"]]),
)

RIGHT: tuple[tuple[str, str, Value], ...] = (
    ("exact-greatest", "the greatest integer", [0, 2**64 - 1]),
    ("exact-any-str", "a str that is no text", [0, "a\u202e\n"]),
    ("one-of-in-order", "1, -1, a str, a bool, a bin", [1, [1, "a", True, b"a", -1]]),
    ("range-widest", "from end to end", [2, [-(2**63)], [2**64 - 1]]),
    ("pattern-of-1024", "the longest pattern", [3, "a" * 1024]),
    ("path-of-1024", "the longest path", [4, "a" * 1024]),
    ("host-in-order", "hosts in order", [5, ["*.example", "a.example", "b.example:8"]]),
)


def vectors() -> Iterator[Vector]:
    for name, about, entries, closed in WRONG_FIELDS:
        yield _args(name, about, "malformed", [9, entries, closed])
    one: Value = [["a", True, ONE]]
    yield _args("without-closed", "a field is missing", "malformed", [9, one])
    more: Value = [9, one, True, 0]
    yield _args("with-a-third-field", "a field too many", "malformed", more)
    for name, about, constraint in WRONG_CONSTRAINTS:
        yield _args(name, about, "malformed", [9, [["a", True, constraint]], False])
    for name, about, constraint in RIGHT:
        yield _args(name, about, "ok", [9, [["a", True, constraint]], False])
    yield _args("empty-and-closed", "no argument at all", "ok", [9, [], True])
    longest: Value = [9, [["n" * 128, False, ONE]], False]
    yield _args("name-of-128", "the longest name", "ok", longest)
    order: Value = [9, [["B", True, ONE], ["aa", True, ONE], ["b", True, ONE]], False]
    yield _args("names-in-order", "names in order of bytes", "ok", order)


def _args(name: str, about: str, expect: str, caveat: Value) -> Vector:
    text = issue([*LIVES, caveat]).text
    title = f"caveat-args-form-{name}"
    said = "in their form" if expect == "ok" else "not in their form"
    return decode(title, f"args {said}: {about}", expect, "token", text, "token.md 6.4")
