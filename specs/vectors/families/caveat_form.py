"""Caveats of a known kind that are not as their section says (token.md 6.2)."""

from collections.abc import Iterator

from families.cast import HELPER, MALLORY, WORKER
from families.packing import Value
from families.scenario import Vector, decode
from families.tree import LIVES, issue

KEYS = sorted([HELPER.public, MALLORY.public, WORKER.public])
SMALL_ORDER = bytes(32)
MAX = 2**32 - 1

WRONG: tuple[tuple[str, str, Value], ...] = (
    ("expires-without-time", "no time", [0]),
    ("expires-with-two-times", "two times", [0, 1, 2]),
    ("expires-negative", "a time before 1970", [0, -1]),
    ("expires-2-53", "a time one past the last", [0, 2**53]),
    ("expires-text", "a time that is a text", [0, "tomorrow"]),
    ("expires-true", "a time that is true", [0, True]),
    ("not-before-without-time", "no time", [1]),
    ("not-before-2-53", "a time one past the last", [1, 2**53]),
    ("tools-empty", "no tool at all", [2, []]),
    ("tools-twice", "a tool twice", [2, ["a", "a"]]),
    ("tools-unsorted", "tools not in order", [2, ["b", "a"]]),
    ("tools-by-length", "order is of bytes, not of length", [2, ["b", "aa"]]),
    ("tools-no-array", "a text instead of an array", [2, "a"]),
    ("tools-side-by-side", "patterns as fields", [2, "a", "b"]),
    ("tools-bin", "a pattern that is a byte string", [2, [b"a"]]),
    ("tools-of-257", "a pattern of 257 bytes", [2, ["a" * 257]]),
    ("tools-bad-pattern", "a star inside a segment", [2, ["files/r*"]]),
    ("tools-empty-pattern", "an empty pattern", [2, [""]]),
    ("tools-second-is-bad", "the second pattern is none", [2, ["a", "b/"]]),
    ("resources-empty", "no resource at all", [3, []]),
    ("resources-twice", "a resource twice", [3, ["a", "a"]]),
    ("resources-unsorted", "resources not in order", [3, ["b", "a"]]),
    ("resources-of-1025", "a pattern of 1,025 bytes", [3, ["a" * 1025]]),
    ("resources-empty-pattern", "an empty pattern", [3, [""]]),
    ("max-effect-3", "an effect that does not exist", [4, 3]),
    ("max-effect-negative", "an effect below read", [4, -1]),
    ("max-effect-false", "an effect that is false", [4, False]),
    ("max-effect-text", "an effect by its name", [4, "read"]),
    ("max-hops-16", "more than can follow", [5, 16]),
    ("max-hops-negative", "fewer than none", [5, -1]),
    ("max-hops-true", "hops that are true", [5, True]),
    ("audience-empty", "no server at all", [6, []]),
    ("audience-twice", "a server twice", [6, ["a", "a"]]),
    ("audience-unsorted", "servers not in order", [6, ["b", "a"]]),
    ("audience-nameless", "a server without a name", [6, [""]]),
    ("audience-of-257", "a name of 257 bytes", [6, ["a" * 257]]),
    ("audience-hidden", "a name with a hidden character", [6, ["a\u200e"]]),
    ("task-empty", "no task", [7, ""]),
    ("task-of-129", "a task of 129 bytes", [7, "t" * 129]),
    ("task-bin", "a task that is a byte string", [7, b"t"]),
    ("task-with-newline", "a task of two lines", [7, "a\nb"]),
    ("context-of-31", "a digest of 31 bytes", [8, bytes(31)]),
    ("context-of-33", "a digest of 33 bytes", [8, bytes(33)]),
    ("context-empty", "an empty digest", [8, b""]),
    ("context-text", "a digest that is a text", [8, "c" * 32]),
    ("max-uses-0", "never to be used", [10, 0]),
    ("max-uses-2-32", "one use too many", [10, 2**32]),
    ("max-uses-without-n", "no number", [10]),
    ("budget-without-unit", "a unit without a name", [11, "", 1]),
    ("budget-unit-of-33", "a unit of 33 bytes", [11, "u" * 33, 1]),
    ("budget-of-0", "nothing to spend", [11, "eur", 0]),
    ("budget-of-2-53", "one too much to spend", [11, "eur", 2**53]),
    ("budget-without-limit", "no limit", [11, "eur"]),
    ("third-party-no-keys", "nobody", [12, [], 1, "says", 0, 60]),
    ("third-party-key-of-31", "a short key", [12, [bytes(31)], 1, "says", 0, 60]),
    ("third-party-weak-key", "small order", [12, [SMALL_ORDER], 1, "says", 0, 60]),
    ("third-party-unsorted", "not in order", [12, KEYS[::-1], 1, "says", 0, 60]),
    ("third-party-twice", "twice", [12, [KEYS[0], KEYS[0]], 1, "says", 0, 60]),
    ("third-party-threshold-0", "none needed", [12, KEYS, 0, "says", 0, 60]),
    ("third-party-threshold-4", "four of three", [12, KEYS, 4, "says", 0, 60]),
    ("third-party-says-nothing", "no words", [12, KEYS, 1, "", 0, 60]),
    ("third-party-says-65", "65 bytes of words", [12, KEYS, 1, "s" * 65, 0, 60]),
    ("third-party-binds-3", "to nothing known", [12, KEYS, 1, "says", 3, 60]),
    ("third-party-age-0", "no age at all", [12, KEYS, 1, "says", 0, 0]),
    ("third-party-age-2-32", "a second too old", [12, KEYS, 1, "says", 0, MAX + 1]),
    ("third-party-without-age", "a field is missing", [12, KEYS, 1, "says", 0]),
)

RIGHT: tuple[tuple[str, str, Value], ...] = (
    ("expires-0", "the first time there is", [0, 0]),
    ("expires-2-53-less-1", "the last time there is", [0, 2**53 - 1]),
    ("tools-of-256", "the longest pattern of a tool", [2, ["a" * 256]]),
    ("resources-of-1024", "the longest pattern", [3, ["a" * 1024]]),
    ("tools-in-order", "order is of bytes", [2, ["*", "B", "a", "aa", "b", "\u00e9"]]),
    ("audience-of-256", "the longest name", [6, ["a" * 256]]),
    ("task-of-128", "the longest task", [7, "t" * 128]),
    ("max-uses-1", "a single use", [10, 1]),
    ("budget-least", "the least budget", [11, "u", 1]),
    ("budget-most", "the greatest budget", [11, "u" * 32, 2**53 - 1]),
    ("third-party-least", "the least of each", [12, KEYS[:1], 1, "s", 0, 1]),
    ("third-party-most", "the most of each", [12, KEYS, 3, "s" * 64, 2, MAX]),
)


def vectors() -> Iterator[Vector]:
    for name, about, caveat in WRONG:
        yield _caveat(name, f"a caveat not in its form: {about}", "malformed", caveat)
    for name, about, caveat in RIGHT:
        yield _caveat(name, f"a caveat in its form: {about}", "ok", caveat)


def _caveat(name: str, about: str, expect: str, caveat: Value) -> Vector:
    text = issue([*LIVES, caveat]).text
    title = f"caveat-form-{name}"
    return decode(title, about, expect, "token", text, "token.md 6.2")
