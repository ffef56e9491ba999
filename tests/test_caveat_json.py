"""Caveats as JSON: what is shown can be typed again, and nothing else."""

import json

import pytest

from chaincred import (
    Args,
    Audience,
    Budget,
    Context,
    Exact,
    Expires,
    Host,
    Malformed,
    MaxEffect,
    MaxHops,
    MaxUses,
    NotBefore,
    OneOf,
    Optional,
    PathBelow,
    Pattern,
    Range,
    Resources,
    Task,
    ThirdParty,
    Tools,
)
from chaincred.args import Constraint
from chaincred.caveat_json import _constraint_json, caveat_json, caveat_of, parsed
from tests.cast import MALLORY, ROOT

EVERY = [
    Expires(1),
    NotBefore(1),
    Tools(["a", "b"]),
    Resources(["docs/**"]),
    MaxEffect("read"),
    MaxHops(1),
    Audience(["a"]),
    Task("t"),
    Context(bytes(32)),
    Args(
        {
            "a": Exact(b"\xff"),
            "b": OneOf([1, "x", b"", True]),
            "c": Range(None, 3),
            "d": Pattern("docs/*"),
            "e": PathBelow("docs"),
            "f": Host(["a.example"]),
            "g": Optional(Exact("x")),
        }
    ),
    Args({}, closed=True),
    MaxUses(1),
    Budget("eur", 5),
    ThirdParty([ROOT.public_key, MALLORY.public_key], 1, "approved", "chain", 60),
]


@pytest.mark.parametrize("caveat", EVERY, ids=lambda caveat: caveat.name)
def test_a_caveat_comes_back_from_its_json(caveat):
    assert caveat_of(parsed(json.dumps(caveat_json(caveat)))) == caveat


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{}",
        '{"kind": 0, "at": 1}',
        '{"kind": ["Expires"], "at": 1}',
        '{"kind": "Unknown", "raw": [200]}',
        '{"kind": "Expires"}',
        '{"kind": "Expires", "at": 1.5}',
        '{"kind": "Expires", "at": true}',
        '{"kind": "Expires", "at": 1, "more": 2}',
        '{"kind": "Expires", "at": 1, "at": 2}',
        '{"kind": "Tools", "patterns": "**"}',
        '{"kind": "Tools", "patterns": 5}',
        '{"kind": "Context", "digest": "00"}',
        '{"kind": "Context", "digest": {"$bin": "zz"}}',
        '{"kind": "ThirdParty", "keys": 5}',
        '{"kind": "Args", "arguments": 5}',
        '{"kind": "Args", "arguments": {"a": 5}}',
        '{"kind": "Args", "arguments": {"a": {}}}',
        '{"kind": "Args", "arguments": {"a": {"exact": null}}}',
        '{"kind": "Args", "arguments": {"a": {"exact": 1, "below": "x"}}}',
        '{"kind": "Args", "arguments": {"a": {"one_of": "ab"}}}',
        '{"kind": "Args", "arguments": {"a": {"one_of": [1], "more": 1}}}',
        '{"kind": "Args", "arguments": {"a": {"range": [1]}}}',
        '{"kind": "Args", "arguments": {"a": {"range": [1, 2], "more": 1}}}',
        '{"kind": "Args", "arguments": {"a": {"pattern": "x", "more": 1}}}',
        '{"kind": "Args", "arguments": {"a": {"below": "x", "more": 1}}}',
        '{"kind": "Args", "arguments": {"a": {"host": ["a"], "more": 1}}}',
        '{"kind": "Args", "arguments": {"a": {"exact": {"$bin": "00", "more": 1}}}}',
        '{"kind": "Args", "arguments": {"a": {"exact": 1, "required": 0}}}',
    ],
)
def test_what_is_no_caveat_is_refused(said):
    with pytest.raises(ValueError, match=r"\w"):
        caveat_of(parsed(said))


def test_a_key_that_is_refused_everywhere_is_refused_here():
    said = caveat_json(EVERY[-1]) | {"keys": ["00" * 32]}
    with pytest.raises(Malformed):
        caveat_of(said)


def test_a_constraint_that_is_new_to_this_module_is_not_shown_as_another():
    class Newer(Constraint):
        number = 9

        def allows(self, value):
            return False

        def to_wire(self):
            return [self.number]

    with pytest.raises(TypeError, match="Newer"):
        _constraint_json(Newer())
