"""Requests in normal form and not (token.md 4), each with a proof for just that."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from families.packing import Value
from families.scenario import READ, Request, Vector, verify

LONGEST = 1_048_576

RIGHT: tuple[tuple[str, str, Request], ...] = (
    ("tool-of-1", "the shortest tool", replace(READ, tool="a")),
    ("tool-of-256", "the longest tool", replace(READ, tool="a" * 256)),
    ("tool-with-scheme", "a tool with a scheme", replace(READ, tool="mcp://files/read")),
    ("resource-empty", "no resource", replace(READ, resource="")),
    ("resource-of-1024", "the longest resource", replace(READ, resource="r" * 1024)),
    ("resource-absolute", "a path from the root", replace(READ, resource="/etc/hosts")),
    ("task-of-128", "the longest task", replace(READ, task="t" * 128)),
    ("effect-write", "a request that writes", replace(READ, effect=1)),
    ("effect-irreversible", "one that nobody can undo", replace(READ, effect=2)),
    ("context-of-32", "a digest of the agent", replace(READ, context=bytes(32))),
)

WRONG: tuple[tuple[str, str, Request], ...] = (
    ("tool-empty", "a request for no tool", replace(READ, tool="")),
    ("tool-of-257", "a tool of 257 bytes", replace(READ, tool="a" * 257)),
    ("tool-of-129-letters", "258 bytes", replace(READ, tool="\u00e9" * 129)),
    ("tool-with-dots", "a tool is above itself", replace(READ, tool="files/../mail")),
    ("tool-with-star", "a tool that is a pattern", replace(READ, tool="files/*")),
    ("tool-with-newline", "a tool of two lines", replace(READ, tool="files\nread")),
    ("resource-of-1025", "1,025 bytes", replace(READ, resource="r" * 1025)),
    ("resource-with-dots", "climbs up", replace(READ, resource="docs/../secret")),
    ("resource-ends-in-slash", "an empty end", replace(READ, resource="docs/")),
    ("resource-encoded-dots", "hidden dots", replace(READ, resource="docs/%2E%2E/a")),
    ("resource-not-nfc", "not composed", replace(READ, resource="cafe\u0301")),
    ("task-of-129", "a task of 129 bytes", replace(READ, task="t" * 129)),
    ("task-hidden", "a task holds a mark that hides", replace(READ, task="a\u200eb")),
    ("context-of-31", "a digest of 31 bytes", replace(READ, context=bytes(31))),
    ("context-of-33", "a digest of 33 bytes", replace(READ, context=bytes(33))),
    ("context-of-16", "a digest of 16 bytes", replace(READ, context=bytes(16))),
)

RIGHT_ARGS: tuple[tuple[str, str, Mapping[str, Value]], ...] = (
    (
        "of-every-type",
        "a value of every type",
        {
            "nil": None,
            "bool": True,
            "int": -7,
            "float": 0.25,
            "str": "\u202e any str is allowed here",
            "bin": b"\x00\xff",
            "array": [1, [2, []]],
            "map": {"b": 1, "a": {}},
        },
    ),
    ("in-any-order", "the packed keys are sorted", {"b": 1, "aa": 2, "a": 3, "": 4}),
    ("key-order", "in utf-8 U+FB00 is first", {"\U00010000": 1, "\ufb00": 2}),
    ("one-as-float", "1.0 is packed as 1", {"n": 1.0}),
    ("minus-zero", "-0.0 is packed as 0", {"n": -0.0}),
    ("2-53-as-float", "2^53 as a float is packed as an integer", {"n": 2.0**53}),
    ("huge-float", "10^300 stays a float", {"n": 1e300}),
    ("widest-ints", "the widest integers", {"a": -(2**63), "b": 2**64 - 1}),
    # The request's array and the map of the arguments are two of the sixteen; the
    # digest of the proof packs one array more around them.
    ("depth-16", "16 deep with the request itself", {"a": [[[[[[[[[[[[[[]]]]]]]]]]]]]]}),
)

WRONG_ARGS: tuple[tuple[str, str, Mapping[str, Value]], ...] = (
    ("depth-17", "17 deep with the request itself", {"a": [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}),
)


def vectors() -> Iterator[Vector]:
    for name, about, request in RIGHT:
        yield _request(name, about, "ok", request)
    for name, about, request in WRONG:
        yield _request(name, about, "malformed", request)
    for name, about, args in RIGHT_ARGS:
        yield _request(f"args-{name}", about, "ok", replace(READ, args=args))
    for name, about, args in WRONG_ARGS:
        yield _request(f"args-{name}", about, "malformed", replace(READ, args=args))
    yield from _too_wide()
    around = len(replace(READ, args={"a": "x" * 70_000}).packed) - 70_000
    fits = replace(READ, args={"a": "x" * (LONGEST - around)})
    yield _request("longest", "a request of 1,048,576 bytes", "ok", fits)
    past = replace(READ, args={"a": "x" * (LONGEST - around + 1)})
    yield _request("too-long", "a request of 1,048,577 bytes", "malformed", past)


def _too_wide() -> Iterator[Vector]:
    """Integers that MessagePack cannot hold, so the proof is for a request without."""
    for name, number in (("2-64", 2**64), ("minus-2-63-less-1", -(2**63) - 1)):
        vector = _request(f"args-{name}", "an integer too wide", "malformed", READ)
        vector["request"]["args"] = {"n": {"$int": str(number)}}
        yield vector


def _request(name: str, about: str, expect: str, request: Request) -> Vector:
    said = "in normal form" if expect == "ok" else "not in normal form"
    return verify(
        f"proof-request-{name}",
        f"a request {said}: {about}",
        expect,
        spec="token.md 4",
        request=request,
        normal=expect == "ok",
    )
