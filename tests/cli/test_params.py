"""Durations, moments and the forms of arguments: each spelling means one thing."""

import click
import pytest

from chaincred import Args, Exact, Host, OneOf, Optional, PathBelow, Pattern, Range
from chaincred.cli.limits import caveats_of
from chaincred.cli.params import Duration, Moment
from chaincred.cli.words import ago, moment, span
from tests.cast import NOW

NOTHING = {
    "tool": (),
    "resource": (),
    "effect": None,
    "audience": (),
    "task": None,
    "context": None,
    "arg": (),
    "closed": False,
    "caveat": (),
}


@pytest.mark.parametrize(
    ("said", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400)]
)
def test_a_duration_is_seconds(said, seconds):
    assert Duration().convert(said, None, None) == seconds


@pytest.mark.parametrize("said", ["", "m", "1w", "-1", "1.5h", "1 h", "१", "1" * 13, "0"])
def test_what_is_no_duration_is_refused(said):
    with pytest.raises(click.BadParameter):
        Duration().convert(said, None, None)


@pytest.mark.parametrize(
    ("said", "second"),
    [
        ("now", NOW),
        ("+2h", NOW + 7200),
        ("0", 0),
        (str(NOW), NOW),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T16:13:20+02:00", NOW),
        ("2026-09-21 14:13:20", NOW),
        ("1970-01-02", 86_400),
    ],
)
def test_a_moment_is_a_second(said, second):
    context = click.Context(click.Command("x"))
    context.params["now"] = NOW
    assert Moment().convert(said, None, context) == second


@pytest.mark.parametrize("said", ["", "then", "+", "+x", "2026-13-01", "12:00"])
def test_what_is_no_moment_is_refused(said):
    with pytest.raises(click.BadParameter):
        Moment().convert(said, None, None)


@pytest.mark.parametrize(
    ("said", "constraint"),
    [
        ("a=exact:docs", Exact("docs")),
        ("a=exact:1", Exact(1)),
        ('a=exact:"1"', Exact("1")),
        ("a=exact:true", Exact(True)),
        ("a=exact:a=b:c", Exact("a=b:c")),
        ("a=exact:", Exact("")),
        ("a=exact:NaN", Exact("NaN")),
        ("a=oneof:x,2", OneOf(["x", 2])),
        ('a=oneof:["x,y", 2]', OneOf(["x,y", 2])),
        ("a=range:1..10", Range(1, 10)),
        ("a=range:-5..", Range(-5, None)),
        ("a=range:..10", Range(None, 10)),
        ("a=pattern:docs/*", Pattern("docs/*")),
        ("a=below:file:///docs", PathBelow("file:///docs")),
        ("a=host:a.example,*.b.example", Host(["a.example", "*.b.example"])),
        ("a?=below:docs", Optional(PathBelow("docs"))),
    ],
)
def test_an_argument_is_constrained_in_one_way(said, constraint):
    assert caveats_of(**NOTHING | {"arg": [said]}) == [Args({"a": constraint})]


@pytest.mark.parametrize(
    "said",
    [
        ["a"],
        ["a=b"],
        ["a=like:b"],
        ["a=exact:null"],
        ["a=exact:1.5"],
        ['a=oneof:[{"x": 1}]'],
        ["a=oneof:[1"],
        ["a=oneof:[]"],
        ["a=range:1"],
        ["a=range:.."],
        ["a=range:1..x"],
        ["a=range:2..1"],
        ["a=range:1_0..20"],
        ["a=range:" + "9" * 20 + ".."],
        ["a=pattern:a//b"],
        ["a=below:docs/**"],
        ["a=host:A.example"],
        ["=exact:1"],
        ["a=exact:1", "a?=exact:2"],
    ],
)
def test_what_is_no_constraint_is_refused(said):
    with pytest.raises(ValueError, match=r"\w"):
        caveats_of(**NOTHING | {"arg": said})


def test_spans_and_moments_are_short():
    assert [span(each) for each in (-20, 0, 59, 60, 3661, 90_061)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert (ago(10, 15), ago(15, 10), ago(10, 10)) == ("5 s ago", "in 5 s", "0 s ago")
    assert moment(0) == "1970-01-01 00:00:00Z"
