"""Caveats and times as the page says them."""

from __future__ import annotations

import pytest

from chaincred import (
    Args,
    Audience,
    Context,
    Exact,
    Expires,
    MaxEffect,
    MaxHops,
    NotBefore,
    PathBelow,
    Resources,
    Task,
    Tools,
)
from chaincred.caveat_json import caveat_json
from chaincred.caveats import Unknown
from chaincred_verifier.page import words
from tests.cast import NOW

SAID = [
    (Expires(NOW), "Time", "before 2026-"),
    (NotBefore(NOW), "Time", "from 2026-"),
    (Tools(["a", "b/*"]), "Tools", "a or b/*"),
    (Resources(["docs/**"]), "Resources", "docs/**"),
    (MaxEffect("read"), "Effect", "read only"),
    (MaxEffect("write"), "Effect", "nothing that cannot be undone"),
    (MaxEffect("irreversible"), "Effect", "anything"),
    (MaxHops(0), "Handing over", "not any further"),
    (MaxHops(2), "Handing over", "at most 2 more"),
    (Audience(["files.example"]), "Server", "files.example"),
    (Task("q3"), "Task", "q3"),
    (Context(bytes(32)), "Context", "only while its digest is 0000000000000000…"),
    (Args({"path": PathBelow("docs"), "n": Exact(1)}), "Arguments", "path docs or below"),
    (Args({}, closed=True), "Arguments", "nothing else"),
    (Unknown([99, "x"]), "Unknown", "kind 99, which nobody here knows: it forbids everything"),
]


@pytest.mark.parametrize(("caveat", "kind", "part"), SAID)
def test_every_kind_of_caveat_is_said_in_words(caveat, kind, part):
    said, text = words.caveat(caveat_json(caveat))
    assert said == kind and part in text


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        ({"kind": "MaxUses", "uses": 3}, "Uses", "at most 3, with all below"),
        ({"kind": "Budget", "unit": "EUR", "limit": 9}, "Budget", "at most 9 EUR, with all below"),
        (
            {
                "kind": "ThirdParty",
                "keys": ["00", "11"],
                "threshold": 1,
                "says": "approved",
                "binds": "request",
                "max_age": 60,
            },
            "Approval",
            "1 of 2 keys say “approved” of this request, at most 60 s ago",
        ),
        ({"kind": "Newer", "x": 1}, "Newer", "something that cannot be told here"),
    ],
)
def test_what_is_counted_or_asked_of_others_is_said_too(said, kind, text):
    assert words.caveat(said) == (kind, text)


def test_a_caveat_without_end_is_cut():
    long = Args({f"argument-{n}": Exact(n) for n in range(200)})
    _, text = words.caveat(caveat_json(long))
    assert len(text) == 241 and text.endswith("…")


def test_a_time_that_no_calendar_has_is_still_told():
    assert "second 9007199254740991" in words.when(2**53 - 1)
    assert "never" in words.when(None)
    assert words.exactly(0) == "<time>1970-01-01 00:00:00Z</time>"


def test_an_id_is_told_by_its_beginning():
    assert words.short("ab" * 32) == "abababababab…"
    assert words.short(None) == ""
