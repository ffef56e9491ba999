"""Revocation lists as bytes (specs/revocation.md 1 to 5)."""

import tracemalloc
from hashlib import sha256

import pytest

from chaincred import Entry, ListRefused
from chaincred.encoding import pack
from chaincred.idtable import IdTable
from chaincred.keys import Context
from chaincred.revocation import (
    Floor,
    Footing,
    Head,
    Issuers,
    Place,
    Signed,
    Snapshot,
    Update,
    list_id,
    task_id,
)
from tests.cast import LIST_KEY, MALLORY, NOW, PLANNER, ROOT, planners

ID = bytes(16)
PLACE = Place.start(list_id(LIST_KEY.public_key))
ENTRIES = [
    Entry.chain(bytes(range(32)), until=5, reason="lost"),
    Entry.holder(PLANNER.public_key),
    Entry.issuer(ROOT.public_key, before=NOW),
    Entry.task("t1", until=0),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.what))
def test_an_entry_comes_back_from_its_bytes(entry):
    assert Entry.from_bytes(entry.to_bytes()) == entry


def test_an_id_is_the_start_of_a_hash():
    assert ENTRIES[0].id == bytes(range(16))
    holder = sha256(b"chaincred/v1/key\0" + bytes(PLANNER.public_key)).digest()
    assert ENTRIES[1].id == holder[:16]
    assert ENTRIES[3].id == sha256(b"chaincred/v1/task\0t1").digest()[:16] == task_id("t1")


def test_a_footing_names_everything_a_chain_stands_on():
    token = planners()
    footing = Footing.of(token.chain, ["t1"])
    assert footing.issuer == ENTRIES[2].id
    assert footing.ids == (token.chain.root_id[:16], ENTRIES[1].id, ENTRIES[3].id)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Entry(4, ID, 0),
        lambda: Entry(True, ID, 0),
        lambda: Entry(0, bytes(15), 0),
        lambda: Entry(0, ID, 2**32),
        lambda: Entry(0, ID, True),
        lambda: Entry(0, ID, 0, "r" * 201),
        lambda: Entry(0, ID, 0, "", 5),
        lambda: Entry(2, ID, 0, ""),
        lambda: Entry(2, ID, 0, "", -1),
        lambda: Entry.chain(ID),
        lambda: Entry.task(""),
    ],
)
def test_an_entry_that_cannot_be_is_a_value_error(make):
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        make()


def head(*fields):
    return [PLACE.list_id, 0, PLACE.hash, NOW, NOW + 1, *fields]


def snapshot(**change):
    fields = {"seq": 0, "taken_at": NOW, "issuers": [], "ids": b"", "untils": b"", **change}
    seq, *rest = fields.values()
    return [PLACE.list_id, seq, PLACE.hash, *rest]


LOOSE = [
    ("an entry of three", Entry.from_bytes, [0, ID, 0]),
    ("an entry of six", Entry.from_bytes, [2, ID, 0, "", 1, 1]),
    ("a chain with nil for before", Entry.from_bytes, [0, ID, 0, "", None]),
    ("an entry of kind 4", Entry.from_bytes, [4, ID, 0, ""]),
    ("an entry that is an integer", Entry.from_bytes, 5),
    ("an entry that is too long", Entry.from_bytes, [0, ID, 0, "r" * 600]),
    ("a head of six", Head.from_body, head(1)),
    ("a head that was never fresh", Head.from_body, [*head()[:4], NOW]),
    ("a head of time true", Head.from_body, [*head()[:3], True, NOW]),
    ("a head with a short list id", Head.from_body, [bytes(15), *head()[1:]]),
    ("a head with a short hash", Head.from_body, [*head()[:2], bytes(31), NOW, NOW + 1]),
    ("a head with a negative seq", Head.from_body, [PLACE.list_id, -1, PLACE.hash, 1, 2]),
    ("a head that is a str", Head.from_body, "head"),
    ("a snapshot of six", Snapshot.from_body, snapshot()[:-1]),
    ("a snapshot of time nil", Snapshot.from_body, snapshot(taken_at=None)),
    ("ids that are a str", Snapshot.from_body, snapshot(ids="")),
    ("untils that are a list", Snapshot.from_body, snapshot(untils=[])),
    ("ids without untils", Snapshot.from_body, snapshot(ids=ID)),
    ("issuers that are a map", Snapshot.from_body, snapshot(issuers={})),
    ("an issuer of two", Snapshot.from_body, snapshot(issuers=[[ID, 1]])),
    ("an issuer with a short id", Snapshot.from_body, snapshot(issuers=[[ID[:15], 1, 1]])),
    ("an issuer with until true", Snapshot.from_body, snapshot(issuers=[[ID, True, 1]])),
    ("an issuer twice", Snapshot.from_body, snapshot(issuers=[[ID, 1, 1], [ID, 1, 1]])),
    ("1025 issuers", Snapshot.from_body, snapshot(issuers=[[ID, 1, 1]] * 1025)),
    ("an update of three", Update.from_bytes, [b"", 0, []]),
    ("an update from true", Update.from_bytes, [b"", True, [], b""]),
    ("entries that are not packed", Update.from_bytes, [b"", 0, [[0]], b""]),
    ("a signature of 63", Signed.from_bytes, [b"", bytes(63)]),
    ("a body that is not packed", Signed.from_bytes, [[], bytes(64)]),
    ("a floor of three", Floor.from_bytes, [PLACE.list_id, 0, PLACE.hash]),
    ("a floor of time nil", Floor.from_bytes, [PLACE.list_id, 0, PLACE.hash, None]),
]


@pytest.mark.parametrize(("about", "read", "raw"), LOOSE, ids=[row[0] for row in LOOSE])
def test_what_is_not_in_its_form_is_malformed(about, read, raw):
    with pytest.raises(ListRefused) as refused:
        read(pack(raw))
    assert refused.value.code == "list_malformed"


def test_too_many_ids_are_malformed(monkeypatch):
    monkeypatch.setattr("chaincred.revocation.MAX_IDS", 1)
    one = snapshot(ids=ID, untils=bytes(4))
    assert len(Snapshot.from_body(pack(one)).table) == 1
    with pytest.raises(ListRefused):
        Snapshot.from_body(pack(snapshot(ids=ID + b"\1" * 16, untils=bytes(8))))


def test_a_head_and_a_snapshot_are_signed_for_their_own_use():
    issuers = Issuers({}).adding([ENTRIES[2]])
    made = Snapshot(PLACE, NOW, issuers, IdTable.empty().adding({ID: 5}))
    signed = Signed.from_bytes(made.sign(LIST_KEY))
    assert Snapshot.from_body(signed.body).issuers == issuers
    assert signed.is_signed_by(Context.SNAPSHOT, [MALLORY.public_key, LIST_KEY.public_key])
    assert not signed.is_signed_by(Context.HEAD, [LIST_KEY.public_key])
    assert not signed.is_signed_by(Context.SNAPSHOT, [MALLORY.public_key])
    heartbeat = Signed.from_bytes(Head(PLACE, NOW, NOW + 1).sign(LIST_KEY))
    assert Head.from_body(heartbeat.body) == Head(PLACE, NOW, NOW + 1)


def test_an_issuers_entry_lengthens_and_never_shortens():
    longer = Entry.issuer(ROOT.public_key, before=9, until=9)
    shorter = Entry.issuer(ROOT.public_key, before=5, until=5)
    assert Issuers({}).adding([longer, shorter]) == Issuers({longer.id: (9, 9)})


def test_an_issuers_entry_may_kill_everything_under_the_key():
    assert Entry.issuer(ROOT.public_key).before == 2**53 - 1


def test_an_update_takes_memory_in_proportion_to_its_bytes():
    for nested in (
        b"\xdd\x00\x0f\xff\xff" * 1000,
        b"\x94" + b"\x90" * 2**20,
        b"\x94\xc4\x00\x00\x91\x90",
    ):
        tracemalloc.start()
        with pytest.raises(ListRefused) as refused:
            Update.from_bytes(nested)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert refused.value.code == "list_malformed"
        assert peak < 2**20 + 20 * len(nested)


def test_an_update_has_so_many_entries_and_no_more(monkeypatch):
    monkeypatch.setattr("chaincred.revocation.MAX_ENTRIES", 2)
    assert len(Update.from_bytes(pack([b"", 0, [b"", b""], b""])).entries) == 2
    for raw in ([b"", 0, [b"", b"", b""], b""], []):
        with pytest.raises(ListRefused):
            Update.from_bytes(pack(raw))
    monkeypatch.setattr("chaincred.revocation.MAX_UPDATE", 5)
    with pytest.raises(ListRefused):
        Update.from_bytes(pack([b"", 0, [b""], b""]))


def test_a_floor_comes_back_from_its_bytes():
    assert Floor.from_bytes(Floor(PLACE, NOW).to_bytes()) == Floor(PLACE, NOW)


def test_an_entry_of_an_update_is_bytes():
    with pytest.raises(ListRefused):
        Update.from_bytes(pack([b"", 0, [7], b""]))
