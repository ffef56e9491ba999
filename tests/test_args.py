"""The `Args` caveat and its constraints (specs/token.md 6.4)."""

import pytest

from chaincred import Args, Exact, Host, OneOf, Optional, PathBelow, Pattern, Range, Request
from chaincred.caveats import Asked, decode
from chaincred.encoding import pack, unpack
from chaincred.errors import Malformed

CONSTRAINTS = [
    (Exact("r"), ["r"], ["R", b"r", 1, None, ["r"]]),
    (Exact(1), [1], [True, 1.5, "1", 0]),
    (Exact(True), [True], [1, False]),
    (Exact(b"\0"), [b"\0"], ["\0", b""]),
    (OneOf([2, "a", True]), [2, "a", True], [1, False, "b", 2.5, None]),
    (Range(1, 3), [1, 3, 1.5], [0, 4, 3.5, True, "2", None, [2]]),
    (Range(low=2**53 + 1), [2**53 + 1, 2.0**54], [2**53, 2.0**53]),
    (Range(high=-1), [-1, -1.5, -(2**63)], [0, -0.5]),
    (Pattern("docs/*"), ["docs/a"], ["docs", "docs/a/b", "docs//a", "docs/..", 5, None]),
    (PathBelow("docs"), ["docs", "docs/a/b"], ["doc", "docs2", "docs/../x", "/docs", 5]),
    (Host(["a.example", "*.b.example"]), ["https://a.example/x", "http://c.b.example"],
     ["https://b.example/", "a.example", "https://a.example:443/", 5, None]),
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "allowed", "forbidden"), CONSTRAINTS, ids=str)
def test_a_constraint_allows_what_it_says_and_nothing_else(constraint, allowed, forbidden):
    for value in allowed:
        assert held(Args({"x": constraint}), {"x": value}), value
        assert held(Args({"x": Optional(constraint)}), {"x": value}), value
    for value in forbidden:
        assert not held(Args({"x": constraint}), {"x": value}), value
        assert not held(Args({"x": Optional(constraint)}), {"x": value}), value


@pytest.mark.parametrize(("constraint", "allowed", "_"), CONSTRAINTS, ids=str)
def test_a_constraint_comes_back_from_its_bytes(constraint, allowed, _):
    args = Args({"x": constraint, "y": Optional(constraint)}, closed=True)
    assert decode([unpack(pack(args.to_wire()), 999)]) == (args,)
    assert len({args, Args({"y": Optional(constraint), "x": constraint}, closed=True)}) == 1


def test_a_required_argument_may_not_be_missing_and_an_optional_one_may():
    assert not held(Args({"x": Exact(1)}), {})
    assert held(Args({"x": Optional(Exact(1))}), {})


def test_closed_forbids_what_is_not_named():
    assert held(Args({"x": Exact(1)}), {"x": 1, "y": 2})
    assert not held(Args({"x": Exact(1)}, closed=True), {"x": 1, "y": 2})
    assert held(Args({}, closed=True), {})


def test_what_is_given_names_arguments_and_shows_no_values():
    args = Args({"a": Exact(1), "b": Exact(2), "c": Optional(Exact(3))}, closed=True)
    asked = Asked(Request("t", effect="read", args={"b": "secret", "d": "secret"}), 0, "x", 0)
    assert args.given(asked) == "no a, another b, also 'd'"
    assert args.wanted() == "a exactly 1, b exactly 2, c (if given) exactly 3, nothing else"


def test_a_hundred_thousand_names_cost_a_refusal_and_no_more():
    many = Request("t", effect="read", args={str(n): n for n in range(50_000)})
    asked = Asked(many, 0, "x", 0)
    args = Args({"a": Exact(1)}, closed=True)
    assert not args.holds(asked)
    assert args.given(asked) == "no a, also '0', also '1', and more"


def test_constraints_are_equal_by_type_too():
    assert Exact(1) == Exact(1)
    assert Exact(1) != Exact(True)
    assert Exact(1) != Optional(Exact(1))
    assert Exact(1) != 1
    assert len({Exact(1), Exact(True), Exact(1)}) == 2
    assert OneOf(each for each in (2, 1)) == OneOf([1, 2])
    assert Host(each for each in ["a"]) == Host(["a"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Exact(2**64),
        lambda: Exact("\ud800"),
        lambda: OneOf([]),
        lambda: OneOf("abc"),
        lambda: Range(),
        lambda: Range(3, 2),
        lambda: Range(low=2**64),
        lambda: Pattern("a*"),
        lambda: PathBelow("docs/*"),
        lambda: Host([]),
        lambda: Host("a.example"),
        lambda: Host(["A"]),
        lambda: Args({}),
        lambda: Args({"": Exact(1)}),
    ],
)
def test_a_constraint_that_cannot_be_is_a_value_error(make):
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Exact(1.5),
        lambda: Exact(None),
        lambda: OneOf([[1]]),
        lambda: Range("a"),
        lambda: Range(True, 2),
        lambda: Optional(1),
        lambda: Optional(Optional(Exact(1))),
        lambda: Args({"x": 1}),
        lambda: Args({"x": Exact(1)}, closed=1),
    ],
)
def test_a_constraint_of_another_type_is_a_type_error(make):
    with pytest.raises(TypeError):
        make()


LOOSE = [
    ("unsorted names", [["b", True, [0, 1]], ["a", True, [0, 1]]], False),
    ("a name twice", [["a", True, [0, 1]], ["a", True, [0, 2]]], False),
    ("required is 1", [["a", 1, [0, 1]]], False),
    ("closed is 1", [["a", True, [0, 1]]], 1),
    ("nothing named, not closed", [], False),
    ("an unknown constraint", [["a", True, [6, 1]]], False),
    ("a constraint called false", [["a", True, [False, 1]]], False),
    ("no constraint", [["a", True, []]], False),
    ("two fields", [["a", True]], False),
    ("a str for a list", [["a", True, [1, "ab"]]], False),
    ("unsorted values", [["a", True, [1, [2, 1]]]], False),
    ("two lows", [["a", True, [2, [1, 2], []]]], False),
    ("no bounds", [["a", True, [2, [], []]]], False),
    ("a boolean bound", [["a", True, [2, [True], []]]], False),
    ("a float", [["a", True, [0, 1.5]]], False),
    ("nil", [["a", True, [0, None]]], False),
    ("an entry that is an integer", [1], False),
    ("entries that are a str", "ab", False),
]


@pytest.mark.parametrize(("about", "listed", "closed"), LOOSE, ids=[row[0] for row in LOOSE])
def test_arguments_have_one_spelling(about, listed, closed):
    with pytest.raises(Malformed):
        decode([[9, listed, closed]])


def held(args, given):
    request = Request("t", effect="read", args=given)
    return args.holds(Asked(request, 0, "x", 0))
