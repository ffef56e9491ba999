"""Macaroons minted at a domain's edge (specs/macaroon.md)."""

from __future__ import annotations

import base64
import copy
import hmac
import pickle
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pymacaroons
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymacaroons.serializers import BinarySerializer, JsonSerializer

from chaincred import (
    Args,
    Audience,
    Budget,
    Caveat,
    CaveatRefused,
    ChaincredError,
    Context,
    Entry,
    Exact,
    Expires,
    Freshness,
    Malformed,
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
    unrevocable,
)
from chaincred.encoding import pack, to_text
from chaincred.macaroon import DomainSecret, Macaroon, MacaroonVerifier, mint
from tests.cast import (
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    ROOT,
    WORKER,
    WRITE,
    planners,
    shown,
    verifier,
    view,
    workers,
)

SECRET = DomainSecret.from_bytes(sha256(b"domain").digest())
INNER = "store.inside"


def admitted(token=None, key=WORKER, request=READ, **more):
    presentation = shown(token or workers(), key, request)
    return verifier(**more).verify(presentation, request, now=NOW)


def minted(token=None, key=WORKER, request=READ):
    return mint(SECRET, admitted(token, key, request), now=NOW)


def inner(*entries, roots=None, **more):
    trusted = {ROOT.public_key: view(*entries)} if roots is None else roots
    return MacaroonVerifier(secret=SECRET, audience=INNER, roots=trusted, **more)


def verified(macaroon, request=READ, *entries, now=NOW, **more):
    return inner(*entries, **more).verify(macaroon.reveal(), request, now=now)


@contextmanager
def refused(code, failures=None):
    with pytest.raises(ChaincredError) as caught:
        yield
    assert caught.value.code == code
    if failures is not None:
        assert isinstance(caught.value, CaveatRefused)
        assert [(each.hop, each.kind) for each in caught.value.failures] == failures


# The format of section 4 and the signature, written a second time.


def hmac256(key, message):
    return hmac.digest(key, message, "sha256")


def field(kind, content):
    size = len(content)
    low = bytes([size & 127 | 128, size >> 7]) if size > 127 else bytes([size])
    return bytes([kind]) + low + content


def by_hand(identifier, caveats=(), *, secret=SECRET, location=b"chaincred", tail=None):
    """A macaroon with first-party caveats (bytes) and third-party ones (location, cid, vid)."""
    signature = hmac256(hmac256(b"macaroons-key-generator", secret.reveal()), identifier)
    body = b"\x02" + field(1, location) + field(2, identifier) + b"\0"
    for caveat in caveats:
        if isinstance(caveat, bytes):
            signature = hmac256(signature, caveat)
            body += field(2, caveat) + b"\0"
            continue
        where, cid, vid = caveat
        signature = hmac256(signature, hmac256(signature, vid) + hmac256(signature, cid))
        body += field(1, where) + field(2, cid) + field(4, vid) + b"\0"
    return body + b"\0" + field(6, signature if tail is None else tail)


def said(caveat):
    """The text of a caveat, or of any value put in its place."""
    wire = caveat.to_wire() if isinstance(caveat, Caveat) else caveat
    return b"cc1:" + base64.urlsafe_b64encode(pack(wire)).rstrip(b"=")


def fields_of(token, expires_at=NOW + 900):
    chain = token.chain
    holders = [block.holder.digest[:16] for block in chain.blocks]
    return [1, chain.issuer.digest[:16], NOW, list(chain.links), holders, expires_at]


TOKEN = workers([Tools(["read_file"])])
IDENTIFIER = pack(fields_of(TOKEN))
MINTED = minted(TOKEN)
TEXTS = tuple(
    map(
        said,
        (
            Expires(NOW + 900),
            Tools(["read_file", "write_file"]),
            Resources(["docs/**"]),
            Tools(["read_file"]),
        ),
    )
)


def test_a_macaroon_is_byte_for_byte_what_the_specification_says():
    assert MINTED.reveal_bytes() == by_hand(IDENTIFIER, TEXTS)


def test_what_is_admitted_names_the_chain_that_it_was_minted_from():
    result = verified(MINTED)
    assert result.root_id == TOKEN.chain.root_id
    assert result.links == TOKEN.chain.links
    assert (result.expires_at, result.list_seq, result.list_age) == (NOW + 900, 0, 0)


def test_text_and_bytes_are_two_forms_of_one_macaroon():
    assert MINTED.reveal().startswith("cc1m_")
    assert Macaroon.parse(MINTED.reveal()).reveal_bytes() == MINTED.reveal_bytes()
    assert inner().verify(MINTED.reveal_bytes(), READ, now=NOW) == verified(MINTED)


def test_minting_twice_from_one_chain_gives_one_macaroon():
    assert minted(TOKEN).reveal() == MINTED.reveal()


def test_a_caveat_that_two_blocks_say_is_carried_once():
    once = planners([NotBefore(NOW - 1)])
    twice = workers([NotBefore(NOW - 1)], parent=once)
    assert minted(twice).reveal_bytes().count(said(NotBefore(NOW - 1))) == 1


def test_hops_are_counted_by_the_edge_and_not_after_it():
    token = workers(parent=planners([MaxHops(1)]))
    macaroon = minted(token)
    assert said(MaxHops(1)) not in macaroon.reveal_bytes()
    assert verified(macaroon)


def test_the_earliest_expiry_of_the_chain_is_the_macaroons():
    macaroon = minted(workers([Expires(NOW + 30)]))
    assert verified(macaroon, now=NOW + 29).expires_at == NOW + 30
    with refused("caveat", [(0, "expires_at"), (0, "Expires")]):
        verified(macaroon, now=NOW + 30)


def test_nothing_is_minted_from_a_token_that_no_verifier_has_admitted():
    unverified: Any = TOKEN
    with pytest.raises(TypeError, match="admitted"):
        mint(SECRET, unverified, now=NOW)


def test_nothing_is_minted_from_a_chain_that_has_expired_since():
    with pytest.raises(ValueError, match="expired"):
        mint(SECRET, admitted(TOKEN), now=NOW + 900)


def test_nothing_is_minted_that_would_be_too_long_to_be_read():
    long = planners([Resources(["docs/*", *["x" * 1000 + str(n) for n in range(7)]])])
    with pytest.raises(ValueError, match="at most 8192"):
        minted(long, PLANNER)


# Attenuation


def test_anyone_can_narrow_a_macaroon_without_the_secret():
    narrower = MINTED.attenuate([Resources(["docs/q3.md"]), MaxEffect("read")])
    assert narrower.reveal_bytes() == by_hand(
        IDENTIFIER, [*TEXTS, said(Resources(["docs/q3.md"])), said(MaxEffect("read"))]
    )
    assert verified(narrower)
    other = Request("read_file", effect="read", resource="docs/q4.md")
    assert verified(MINTED, other)
    with refused("caveat", [(0, "Resources")]):
        verified(narrower, other)


def test_an_expiry_added_later_ends_it_sooner():
    assert verified(MINTED.attenuate([Expires(NOW + 9)])).expires_at == NOW + 9
    assert verified(MINTED.attenuate([Expires(NOW + 9999)])).expires_at == NOW + 900


def test_attenuating_leaves_the_macaroon_as_it_was():
    before = MINTED.reveal()
    MINTED.attenuate([Task("t")])
    assert MINTED.reveal() == before


def test_a_plain_macaroon_library_can_read_and_narrow_what_was_minted():
    plain = BinarySerializer().deserialize_raw(MINTED.reveal_bytes())
    plain.add_first_party_caveat(said(Tools(["write_file"])).decode())
    narrowed = BinarySerializer().serialize_raw(plain)
    with refused("caveat", [(0, "Tools")]):
        inner().verify(narrowed, READ, now=NOW)
    exact = pymacaroons.Verifier()
    exact.satisfy_general(lambda predicate: predicate.startswith("cc1:"))
    assert exact.verify(plain, SECRET.reveal())


def test_hops_cannot_be_limited_in_a_macaroon():
    with pytest.raises(ValueError, match="does not count hops"):
        MINTED.attenuate([MaxHops(15)])
    with refused("caveat", [(0, "MaxHops")]):
        inner().verify(by_hand(IDENTIFIER, [*TEXTS, said(MaxHops(15))]), READ, now=NOW)


def test_a_macaroon_does_not_grow_past_what_can_be_read():
    with pytest.raises(ValueError, match="at most 8192"):
        MINTED.attenuate([Tools(["x" * 250 + str(n)]) for n in range(30)])


WIDE = Request(
    "files/read",
    effect="write",
    resource="docs/a",
    args={"n": 1},
    task="t",
    context=bytes(32),
)
narrowing = st.sampled_from(
    [
        Expires(NOW + 5),
        NotBefore(NOW + 5),
        Tools(["read_file"]),
        Tools(["**"]),
        Resources(["docs/*"]),
        MaxEffect("read"),
        Audience([INNER]),
        Audience(["other"]),
        Task("t"),
        Context(bytes(32)),
        Args({"n": Exact(1)}, closed=True),
        MaxUses(1),
        Budget("eur", 1),
        ThirdParty([HELPER.public_key], 1, "approved", "request", 60),
        Unknown((13, "x")),
    ]
)


@given(
    st.lists(narrowing, max_size=6),
    st.lists(narrowing, max_size=3),
    st.sampled_from([READ, WRITE, WIDE]),
    st.sampled_from([NOW, NOW + 5, NOW + 900]),
)
def test_what_is_attenuated_never_allows_more(first, more, request, now):
    parent = MINTED.attenuate(first)
    child = parent.attenuate(more)
    try:
        verified(child, request, now=now, freshness=Freshness(999, 999, 999), roots=LISTLESS)
    except ChaincredError:
        return
    assert verified(parent, request, now=now, roots=LISTLESS)


LISTLESS = {ROOT.public_key: unrevocable(max_lifetime=900)}


# 1. malformed

PACKED = fields_of(TOKEN)


def changed(place, value):
    return pack([*PACKED[:place], value, *PACKED[place + 1 :]])


LONGEST = 8192 - len(by_hand(IDENTIFIER, [b"x" * 128])) + 128

MALFORMED = [
    ("no bytes", b""),
    ("8193 bytes", by_hand(IDENTIFIER, [b"x" * (LONGEST + 1)])),
    ("text in the place of bytes", MINTED.reveal().encode()),
    ("version 3", b"\x03" + MINTED.reveal_bytes()[1:]),
    ("another location", by_hand(IDENTIFIER, TEXTS, location=b"http://example.org/")),
    ("no location", by_hand(IDENTIFIER, TEXTS, location=b"")),
    ("location left out", b"\x02" + by_hand(IDENTIFIER, TEXTS)[12:]),
    ("a location that is not UTF-8", by_hand(IDENTIFIER, TEXTS, location=b"\xff")),
    ("no identifier", b"\x02" + field(1, b"chaincred") + b"\0\0" + field(6, bytes(32))),
    ("a signature of 31 bytes", by_hand(IDENTIFIER, TEXTS, tail=bytes(31))),
    ("a signature of 33 bytes", by_hand(IDENTIFIER, TEXTS, tail=bytes(33))),
    ("no signature", by_hand(IDENTIFIER, TEXTS, tail=b"")),
    ("a length in two bytes for one", b"\x02\x01\x89\0" + MINTED.reveal_bytes()[3:]),
    ("a length that never ends", b"\x02\x01" + b"\xff" * 8000),
    ("a discharge behind it", MINTED.reveal_bytes() + by_hand(b"approved")),
    ("a first-party caveat with a location", MINTED.reveal_bytes()[:-35] + b"\x01\x01x\x02\x01y\0"),
    ("an identifier of another profile", by_hand(b"keyid")),
    ("an identifier that is no array", by_hand(pack("keyid"))),
    ("an identifier of five", by_hand(pack(PACKED[:5]))),
    ("an identifier of seven", by_hand(pack([*PACKED, 0]))),
    ("version 2 of the identifier", by_hand(changed(0, 2))),
    ("true for version 1", by_hand(changed(0, True))),
    ("an issuer of 15 bytes", by_hand(changed(1, bytes(15)))),
    ("an issuer as text", by_hand(changed(1, "x" * 16))),
    ("a negative time", by_hand(changed(2, -1))),
    ("no links and no holders", by_hand(pack([*PACKED[:3], [], [], 0]))),
    ("17 links", by_hand(pack([*PACKED[:3], [bytes(32)] * 17, [bytes(16)] * 17, 0]))),
    ("a link of 16 bytes", by_hand(changed(3, [bytes(16)] * 2))),
    ("links as bytes", by_hand(changed(3, bytes(32)))),
    ("a holder less than links", by_hand(changed(4, PACKED[4][:1]))),
    ("a holder of 32 bytes", by_hand(changed(4, [bytes(32)] * 2))),
    ("an expiry past 2**53", by_hand(changed(5, 2**53))),
    ("an expiry as a map", by_hand(changed(5, {}))),
    ("an integer in a longer form", by_hand(IDENTIFIER[:1] + b"\xcc\x01" + IDENTIFIER[2:])),
]


@pytest.mark.parametrize(("about", "data"), MALFORMED, ids=[about for about, _ in MALFORMED])
def test_bytes_that_are_not_one_macaroon_of_this_profile_are_malformed(about, data):
    with refused("malformed"):
        inner().verify(data, READ, now=NOW)


def test_the_longest_macaroon_that_can_be_read_has_8192_bytes():
    longest = by_hand(IDENTIFIER, [b"x" * LONGEST])
    assert len(longest) == 8192
    with refused("caveat", [(0, "Unknown")]):
        inner().verify(longest, READ, now=NOW)


def test_version_1_and_json_are_malformed():
    old = pymacaroons.Macaroon(location="chaincred", identifier="keyid", key=SECRET.reveal())
    for data in (BinarySerializer().serialize_raw(old), old.serialize(JsonSerializer()).encode()):
        with pytest.raises(Malformed, match="version 2 binary"):
            Macaroon.from_bytes(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cc1_" + MINTED.reveal()[5:],
        MINTED.reveal()[5:],
        MINTED.reveal() + "=",
        MINTED.reveal() + "\n",
        " " + MINTED.reveal(),
        "cc1m_",
        "cc1m_" + "A" * 20_000,
        "cc1m_é",
    ],
)
def test_a_text_that_is_not_a_macaroons_is_malformed(text):
    with refused("malformed"):
        inner().verify(text, READ, now=NOW)


def test_no_prefix_of_a_macaroon_and_none_with_a_tail_is_one():
    data = MINTED.reveal_bytes()
    for cut in range(len(data)):
        with refused("malformed"):
            Macaroon.from_bytes(data[:cut])
    for tail in (b"\0", b"\n", data):
        with refused("malformed"):
            Macaroon.from_bytes(data + tail)


@given(st.integers(0, len(MINTED.reveal_bytes()) * 8 - 1))
def test_no_macaroon_with_a_flipped_bit_is_admitted(bit):
    data = bytearray(MINTED.reveal_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ChaincredError) as caught:
        inner().verify(bytes(data), READ, now=NOW)
    assert caught.value.code in ("malformed", "macaroon_signature")


sections = st.lists(
    st.tuples(st.integers(0, 7), st.binary(max_size=6)).map(lambda each: field(*each))
    | st.just(b"\0")
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)


@given(
    st.binary(max_size=200)
    | sections
    | sections.map(lambda rest: b"\x02" + rest)
    | sections.map(lambda rest: MINTED.reveal_bytes()[:-35] + rest)
)
@example(b"\x02\xff")
@example(b"\x02" + field(1, b"\xff") + field(2, b"") + b"\0\0" + field(6, bytes(32)))
def test_bytes_from_anywhere_raise_our_errors_and_no_others(data):
    with pytest.raises(ChaincredError):
        inner().verify(data, READ, now=NOW)


@given(st.lists(st.binary(max_size=12) | st.tuples(*[st.binary(max_size=6)] * 3), max_size=4))
def test_signed_caveats_of_any_kind_raise_our_errors_and_no_others(caveats):
    try:
        inner().verify(by_hand(IDENTIFIER, caveats), READ, now=NOW)
    except ChaincredError:
        return
    assert not caveats


# 2. macaroon_signature, untrusted


def test_another_domains_macaroon_is_refused():
    other = mint(DomainSecret.generate(), admitted(TOKEN), now=NOW)
    with refused("macaroon_signature"):
        verified(other)


TAIL = MINTED.reveal_bytes()[-32:]
FORGED = [
    ("the last caveat taken off", by_hand(IDENTIFIER, TEXTS[:-1], tail=TAIL)),
    ("all caveats taken off", by_hand(IDENTIFIER, tail=TAIL)),
    ("a caveat added without signing", by_hand(IDENTIFIER, [*TEXTS, TEXTS[0]], tail=TAIL)),
    ("one of another library, unsigned", by_hand(IDENTIFIER, [*TEXTS, b"x"], tail=TAIL)),
    ("caveats in another order", by_hand(IDENTIFIER, TEXTS[::-1], tail=TAIL)),
    ("a caveat changed", by_hand(IDENTIFIER, [*TEXTS[:-1], said(Tools(["**"]))], tail=TAIL)),
    ("a later expiry", by_hand(changed(5, NOW + 9999), TEXTS, tail=TAIL)),
    ("another chain's links", by_hand(changed(3, [bytes(32)] * 2), TEXTS, tail=TAIL)),
    ("unsigned and not UTF-8", by_hand(IDENTIFIER, [b"\xff"], tail=TAIL)),
    ("a third party's, unsigned", by_hand(IDENTIFIER, [*TEXTS, (b"x", b"y", b"z")], tail=TAIL)),
]


@pytest.mark.parametrize(("about", "data"), FORGED, ids=[about for about, _ in FORGED])
def test_what_the_secret_did_not_sign_is_refused_before_it_is_understood(about, data):
    with refused("macaroon_signature"):
        inner(Entry.chain(TOKEN.chain.root_id)).verify(data, WRITE, now=NOW + 9999)


def test_a_library_that_left_a_caveat_out_of_the_signature_is_not_believed(monkeypatch):
    monkeypatch.setattr(pymacaroons.Verifier, "verify", lambda *_: True)
    with refused("macaroon_signature"):
        verified(MINTED)


def test_a_library_that_answers_anything_but_true_is_not_believed(monkeypatch):
    right = pymacaroons.Verifier.verify
    monkeypatch.setattr(pymacaroons.Verifier, "verify", lambda *said: right(*said) and 1)
    with refused("macaroon_signature"):
        verified(MINTED)


def test_a_root_that_the_inner_service_does_not_trust_is_refused():
    with refused("untrusted"):
        verified(MINTED, roots={MALLORY.public_key: view()})


# 3. stale, revoked

BOUND = workers(parent=planners([Task("t")]))
FOR_TASK = Request("read_file", effect="read", resource="docs/q3.md", task="t")


@pytest.mark.parametrize(
    "entry",
    [
        Entry.chain(BOUND.chain.links[0]),
        Entry.chain(BOUND.chain.links[1]),
        Entry.holder(PLANNER.public_key),
        Entry.holder(WORKER.public_key),
        Entry.issuer(ROOT.public_key, before=NOW + 1),
        Entry.task("t"),
    ],
    ids=["root", "link", "middle holder", "last holder", "issuer", "task"],
)
def test_whatever_kills_the_chain_kills_what_was_minted_from_it(entry):
    macaroon = minted(BOUND, request=FOR_TASK)
    assert verified(macaroon, FOR_TASK)
    with refused("revoked"):
        verified(macaroon, FOR_TASK, entry)


@pytest.mark.parametrize(
    "entry",
    [
        Entry.chain(bytes(32)),
        Entry.holder(HELPER.public_key),
        Entry.issuer(ROOT.public_key, before=NOW),
        Entry.issuer(WORKER.public_key, before=NOW + 1),
        Entry.task("t"),
    ],
    ids=["another chain", "another holder", "issuer before", "a holder as issuer", "another task"],
)
def test_what_kills_other_chains_leaves_it_alive(entry):
    assert verified(MINTED, READ, entry).list_seq == 1


def test_a_revoked_task_ends_every_request_for_it():
    with refused("revoked"):
        verified(MINTED, FOR_TASK, Entry.task("t"))


def test_a_task_in_an_attenuation_can_be_revoked():
    with refused("revoked"):
        verified(MINTED.attenuate([Task("later")]), READ, Entry.task("later"))


def test_a_stale_list_refuses_before_anything_is_looked_up():
    entry = Entry.chain(TOKEN.chain.root_id)
    with refused("stale"):
        verified(MINTED, READ, entry, roots={ROOT.public_key: view(entry, now=NOW - 301)})


def test_freshness_depends_on_the_effect_and_can_be_narrowed():
    roots = {ROOT.public_key: view(now=NOW - 31)}
    wide = minted(workers(), request=WRITE)
    assert verified(wide, READ, roots=roots).list_age == 31
    with refused("stale"):
        verified(wide, WRITE, roots=roots)
    with refused("stale"):
        verified(wide, READ, roots=roots, freshness=Freshness(read=30))


def test_each_root_is_answered_for_by_its_own_list():
    dead = view(Entry.chain(TOKEN.chain.root_id))
    roots = {MALLORY.public_key: view(), ROOT.public_key: dead}
    with refused("revoked"):
        verified(MINTED, roots=roots)


# 4. caveat


def test_without_a_list_a_macaroon_lives_no_longer_than_the_service_says():
    result = verified(MINTED, roots={ROOT.public_key: unrevocable(max_lifetime=900)})
    assert (result.list_seq, result.list_age) == (None, None)
    with refused("caveat", [(0, "lifetime")]):
        verified(MINTED, roots={ROOT.public_key: unrevocable(max_lifetime=899)})


FOREIGN = [
    ("a plain predicate", b"account = 3735928559"),
    ("nothing", b""),
    ("the beginning alone", b"cc1:"),
    ("capitals", b"CC1:" + said(Expires(NOW + 9))[4:]),
    ("padding", said(Tools(["read_file"])) + b"="),
    ("a space before it", b" " + said(Expires(NOW + 9))),
    ("a newline after it", said(Expires(NOW + 9)) + b"\n"),
    ("stray bits", said(Expires(NOW + 9))[:-1] + b"z"),
    ("not UTF-8", b"\xff\xfe"),
    ("not MessagePack", b"cc1:wQ"),
    ("not an array", said("Expires")),
    ("an empty array", said([])),
    ("true for kind 1", said([True, NOW - 9])),
    ("a kind as text", said(["0", NOW + 9])),
    ("kind 256", said([256])),
    ("no fields", said([0])),
    ("a field too many", said([0, NOW + 9, 1])),
    ("a time as text", said([0, str(NOW + 9)])),
    ("patterns out of order", said([2, ["read_file", "a"]])),
    ("a map for patterns", said([2, {"read_file": None}])),
    ("a kind that is not known", said([13, "x"])),
    ("a kind that is not known, with nil", said([13, None])),
]


@pytest.mark.parametrize(("about", "text"), FOREIGN, ids=[about for about, _ in FOREIGN])
def test_a_caveat_that_is_not_of_this_profile_forbids(about, text):
    with refused("caveat", [(0, "Unknown")]):
        inner().verify(by_hand(IDENTIFIER, [*TEXTS, text]), READ, now=NOW)


THIRD = [
    ("somebody's", (b"http://auth.example/", b"approved", bytes(72))),
    ("without a key", (b"http://auth.example/", b"approved", b"")),
    ("one that names its own macaroon", (b"chaincred", IDENTIFIER, bytes(72))),
    ("one that spells a caveat that holds", (b"chaincred", TEXTS[0], bytes(72))),
]


@pytest.mark.parametrize(("about", "caveat"), THIRD, ids=[about for about, _ in THIRD])
def test_a_third_partys_caveat_forbids_and_is_not_followed(about, caveat):
    with refused("caveat", [(0, "Unknown")]):
        inner().verify(by_hand(IDENTIFIER, [*TEXTS, caveat]), READ, now=NOW)


def test_a_third_partys_caveat_of_another_library_forbids():
    plain = BinarySerializer().deserialize_raw(MINTED.reveal_bytes())
    plain.add_third_party_caveat("http://auth.example/", "a key of theirs", "approved")
    with refused("caveat", [(0, "Unknown")]):
        inner().verify(BinarySerializer().serialize_raw(plain), READ, now=NOW)


HOLDS = Request(
    "read_file",
    effect="read",
    resource="docs/q3.md",
    args={"n": 1},
    task="t",
    context=bytes(32),
)


@pytest.mark.parametrize(
    ("allows", "forbids"),
    [
        (Expires(NOW + 1), Expires(NOW)),
        (NotBefore(NOW), NotBefore(NOW + 1)),
        (Tools(["read_file"]), Tools(["write_file"])),
        (Resources(["docs/*"]), Resources(["other/**"])),
        (MaxEffect("read"), None),
        (Audience([INNER]), Audience(["files.example"])),
        (Task("t"), Task("u")),
        (Context(bytes(32)), Context(bytes([1]) * 32)),
        (Args({"n": Exact(1)}, closed=True), Args({"n": Exact(2)})),
        (None, MaxUses(1)),
        (None, Budget("eur", 1)),
        (None, ThirdParty([HELPER.public_key], 1, "approved", "request", 60)),
    ],
)
def test_every_kind_means_in_a_macaroon_what_it_means_in_a_chain(allows, forbids):
    if allows:
        assert verified(MINTED.attenuate([allows]), HOLDS)
    if forbids:
        with refused("caveat", [(0, forbids.name)]):
            verified(MINTED.attenuate([forbids]), HOLDS)


def test_a_refusal_names_everything_that_forbids_in_order():
    macaroon = MINTED.attenuate([Task("t"), MaxEffect("read"), NotBefore(NOW + 9999)])
    expected = ["expires_at", "lifetime", "Expires", "Tools", "Task", "MaxEffect"]
    roots = {ROOT.public_key: unrevocable(max_lifetime=1)}
    with refused("caveat", [(0, kind) for kind in expected]):
        verified(macaroon, WRITE, now=NOW + 9999, roots=roots)


def test_a_caveat_that_answers_anything_but_true_forbids(monkeypatch):
    monkeypatch.setattr(Expires, "holds", lambda *_: 1)
    with refused("caveat", [(0, "Expires")]):
        verified(MINTED)


# Keys and setting up


def test_neither_a_secret_nor_a_macaroon_shows_itself_unasked():
    for held in (SECRET, MINTED):
        assert repr(held) == f"{type(held).__name__}(hidden)"
        assert str(held) == repr(held)
        for leak in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                leak(held)


def test_a_domain_secret_is_32_bytes():
    assert len(DomainSecret.generate().reveal()) == 32
    wrong: Any
    for wrong in (b"", bytes(31), bytes(33), bytearray(32), "x" * 32):
        with pytest.raises(ValueError, match="32 bytes"):
            DomainSecret.from_bytes(wrong)


def test_a_verifier_needs_a_name():
    with pytest.raises(ValueError, match="audience"):
        MacaroonVerifier(secret=SECRET, audience="", roots={ROOT.public_key: view()})


def test_the_text_of_another_form_does_not_become_a_macaroon():
    with refused("malformed"):
        Macaroon.parse(to_text("cc1m_", TOKEN.to_bytes()))
    with refused("malformed"):
        Macaroon.parse(str(TOKEN))


def test_what_was_verified_cannot_be_changed():
    result = verified(MINTED)
    assert replace(result, expires_at=0) != result
    with pytest.raises(AttributeError):
        result.expires_at = 0
