"""Caveats: conditions that can only forbid (specs/token.md 6)."""

import pytest

from chaincred import (
    Args,
    Audience,
    Budget,
    Context,
    Effect,
    Exact,
    Expires,
    MaxEffect,
    MaxHops,
    MaxUses,
    NotBefore,
    Request,
    Resources,
    Task,
    ThirdParty,
    Tools,
    Unknown,
)
from chaincred.caveats import KINDS, Asked, decode
from chaincred.encoding import pack, unpack
from chaincred.errors import Malformed
from tests.cast import MALLORY, NOW, PLANNER, ROOT

DIGEST = bytes(range(32))
ASKED = Asked(
    Request("fs/read", effect="write", resource="docs/a", task="t1", context=DIGEST),
    NOW,
    "files.example",
    below=2,
)
NOTHING = Asked(Request("fs/read", effect="write"), NOW, "files.example", below=2)
KEYS = [PLANNER.public_key, MALLORY.public_key]

HOLDS = [
    Expires(NOW + 1),
    NotBefore(NOW),
    Tools(["fs/read"]),
    Tools(["x", "fs/*"]),
    Resources(["docs/**"]),
    MaxEffect("write"),
    MaxEffect(Effect.IRREVERSIBLE),
    MaxHops(2),
    Audience(["b", "files.example"]),
    Task("t1"),
    Context(DIGEST),
    Args({}, closed=True),
]
FORBIDS = [
    Expires(NOW),
    NotBefore(NOW + 1),
    Tools(["fs", "fs/write"]),
    Resources(["docs"]),
    MaxEffect("read"),
    MaxHops(1),
    Audience(["Files.example"]),
    Task("t2"),
    Context(bytes(32)),
    Args({"x": Exact(1)}),
    MaxUses(5),
    Budget("usd", 10),
    ThirdParty(KEYS, 1, "approved", "request", 60),
    Unknown((13, "anything", [True, b"x"])),
]


@pytest.mark.parametrize("caveat", HOLDS, ids=str)
def test_a_caveat_holds_when_its_condition_does(caveat):
    assert caveat.holds(ASKED) is True


@pytest.mark.parametrize("caveat", FORBIDS, ids=str)
def test_a_caveat_forbids_unless_its_condition_holds(caveat):
    assert caveat.holds(ASKED) is False
    assert caveat.wanted()
    assert caveat.given(ASKED)
    assert str(caveat).startswith(caveat.name)


@pytest.mark.parametrize("caveat", [Resources(["**"]), Task("t1"), Context(DIGEST)], ids=str)
def test_what_the_request_leaves_out_is_forbidden(caveat):
    assert caveat.holds(NOTHING) is False
    assert caveat.given(NOTHING).startswith("no ")


@pytest.mark.parametrize("caveat", HOLDS + FORBIDS, ids=str)
def test_a_caveat_comes_back_from_its_bytes(caveat):
    wire = unpack(pack(caveat.to_wire()), 999)
    assert decode([wire]) == (caveat,)
    assert pack(decode([wire])[0].to_wire()) == pack(wire)
    assert hash(decode([wire])[0]) == hash(caveat)
    assert pack(caveat.fields()) == pack(wire[1:])


def test_the_kinds_are_numbered_as_in_the_specification():
    by_number = {caveat.kind: caveat.name for caveat in HOLDS + FORBIDS if caveat.name != "Unknown"}
    assert sorted(by_number) == sorted(KINDS) == list(range(13))


def test_caveats_are_equal_by_kind_and_bytes():
    assert Args({"x": Exact(1)}) != Args({"x": Exact(True)})
    assert Unknown((0, 5)) != Expires(5)
    assert Expires(5) != 5
    assert Tools(each for each in "ba") == Tools(["a", "b"])


def test_a_list_is_sorted_and_each_thing_stands_once():
    assert Tools(["b", "a", "b"]) == Tools(("a", "b"))
    assert Audience(["b", "a"]).fields() == [["a", "b"]]
    keys = ThirdParty([ROOT.public_key, *KEYS, *KEYS], 2, "ok", "chain", 1).fields()[0]
    assert keys == sorted(keys) and len(keys) == 3


LOOSE = [
    ("no fields", [0]),
    ("a field too many", [0, 1, 2]),
    ("a time that is true", [0, True]),
    ("a time that is a float", [0, 1.0]),
    ("a time past the last", [1, 2**53]),
    ("no pattern", [2, []]),
    ("a pattern that is none", [2, ["a*"]]),
    ("a pattern that is too long", [2, ["a" * 257]]),
    ("patterns out of order", [2, ["b", "a"]]),
    ("a pattern twice", [3, ["a", "a"]]),
    ("a str for patterns", [3, "a"]),
    ("bytes for patterns", [3, [b"a"]]),
    ("an integer for patterns", [3, 5]),
    ("a map for patterns", [3, {"a": None}]),
    ("a map for audiences", [6, {"a": None}]),
    ("a map for keys", [12, {bytes(PLANNER.public_key): 1}, 1, "ok", 0, 1]),
    ("an effect of 3", [4, 3]),
    ("an effect that is true", [4, True]),
    ("an effect by name", [4, "read"]),
    ("16 hops", [5, 16]),
    ("a negative number of hops", [5, -1]),
    ("an audience without a name", [6, [""]]),
    ("audiences out of order", [6, ["b", "a"]]),
    ("a task without a name", [7, ""]),
    ("a task that is bytes", [7, b"t"]),
    ("a context of 31 bytes", [8, bytes(31)]),
    ("a context that is a str", [8, "0" * 32]),
    ("no uses", [10, 0]),
    ("no unit", [11, "", 1]),
    ("no limit", [11, "usd", 0]),
    ("no keys", [12, [], 1, "ok", 0, 1]),
    ("keys out of order", [12, sorted(map(bytes, KEYS))[::-1], 1, "ok", 0, 1]),
    ("a key of small order", [12, [bytes(32)], 1, "ok", 0, 1]),
    ("a key that is an integer", [12, [1], 1, "ok", 0, 1]),
    ("a threshold of none", [12, [bytes(PLANNER.public_key)], 0, "ok", 0, 1]),
    ("a threshold past the keys", [12, [bytes(PLANNER.public_key)], 2, "ok", 0, 1]),
    ("says nothing", [12, [bytes(PLANNER.public_key)], 1, "", 0, 1]),
    ("binds nothing", [12, [bytes(PLANNER.public_key)], 1, "ok", 3, 1]),
    ("binds true", [12, [bytes(PLANNER.public_key)], 1, "ok", True, 1]),
    ("no age", [12, [bytes(PLANNER.public_key)], 1, "ok", 0, 0]),
    ("an unknown kind with nil", [13, None]),
    ("an unknown kind with a map", [13, [{}]]),
    ("an unknown kind with a float", [255, 0.5]),
]


@pytest.mark.parametrize(("about", "raw"), LOOSE, ids=[about for about, _ in LOOSE])
def test_a_caveat_has_one_spelling(about, raw):
    with pytest.raises(Malformed):
        decode([raw])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tools("read_file"),
        lambda: Tools([]),
        lambda: Tools([5]),
        lambda: Expires("tomorrow"),
        lambda: Expires(True),
    ],
)
def test_a_caveat_of_another_type_is_the_callers_slip(make):
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tools(["a//b"]),
        lambda: MaxEffect("delete"),
        lambda: ThirdParty([b"x"], 1, "ok", "request", 1),
        lambda: ThirdParty(KEYS, 1, "ok", "everything", 1),
    ],
)
def test_a_caveat_that_cannot_be_is_a_value_error(make):
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        make()
