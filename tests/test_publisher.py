"""The issuer's side of a list (specs/revocation.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import FOREVER, Entry, ListRefused, NoFloor, RevocationList, RevocationView
from chaincred.encoding import pack
from chaincred.revocation import Head, Update
from tests.cast import LIST_KEY, MALLORY, NOW, ROOT

LISTED = [LIST_KEY.public_key]
entries = st.lists(
    st.one_of(
        st.builds(
            lambda link, until: Entry.chain(bytes([link]) * 32, until=until),
            st.integers(0, 5),
            st.integers(NOW - 200, NOW + 200) | st.just(FOREVER),
        ),
        st.builds(
            lambda before, until: Entry.issuer(ROOT.public_key, before=before, until=until),
            st.integers(0, 9),
            st.integers(NOW - 200, NOW + 200),
        ),
    ),
    max_size=8,
)


def listed(revoked):
    published = RevocationList.begin(LIST_KEY, now=NOW)
    for entry in revoked:
        published = published.revoke(entry)
    return published


@given(entries, st.integers(0, 8), entries)
def test_a_list_resumes_from_what_it_published(first, compacted_after, second):
    published = listed(first[:compacted_after]).compact(NOW)
    for entry in (*first[compacted_after:], *second):
        published = published.revoke(entry)
    data = published.publish(LIST_KEY, now=NOW)
    resumed = RevocationList.resume(data, LISTED)
    assert resumed.place == published.place
    assert resumed.publish(LIST_KEY, now=NOW) == data


@given(entries)
def test_compacting_leaves_out_only_what_has_died_a_minute_ago(revoked):
    published = listed(revoked)
    compact = published.compact(NOW)
    assert compact.place == published.place and not compact.entries
    for entry in revoked:
        kept = entry.id in compact.base.issuers.by_id or compact.base.table.until(entry.id)
        longest = max(each.until for each in revoked if each.id == entry.id)
        assert bool(kept) == (longest >= NOW - 60)


def test_a_view_follows_by_deltas_and_heartbeats():
    published = listed([])
    view = RevocationView([LIST_KEY.public_key], floor=NoFloor())
    for number in range(3):
        view.update(published.publish(LIST_KEY, now=NOW, since=view.seq), now=NOW)
        view.update(published.publish(LIST_KEY, now=NOW, since=view.seq), now=NOW)
        published = published.revoke(Entry.task(f"t{number}"))
    assert view.seq == 2 and view.holds(Entry.task("t1").id) and not view.holds(Entry.task("t2").id)


def test_a_heartbeat_says_that_nothing_is_new():
    published = listed([Entry.task("a")])
    view = RevocationView(LISTED, floor=NoFloor())
    view.update(published.publish(LIST_KEY, now=NOW), now=NOW)
    beat = published.heartbeat(LIST_KEY, now=NOW + 9)
    view.update(beat, now=NOW + 9)
    assert view.age(NOW + 9) == 0 and len(beat) < 200


def test_what_never_dies_is_never_left_out():
    late = 2**32 + 1000
    kept = listed([Entry.task("a")]).compact(late).base.table
    assert len(kept) == 1


def test_no_list_is_made_that_no_view_takes(monkeypatch):
    published = listed([Entry.issuer(ROOT.public_key), Entry.issuer(MALLORY.public_key)])
    monkeypatch.setattr("chaincred.publisher.MAX_ISSUERS", 1)
    with pytest.raises(ValueError, match="at most 1 issuers"):
        published.compact(NOW)
    monkeypatch.setattr("chaincred.publisher.MAX_ENTRIES", 2)
    with pytest.raises(ValueError, match="compact first"):
        published.revoke(Entry.task("a"))
    for wrong in (0, -1, 1.5):
        with pytest.raises(ValueError, match="positive number"):
            published.publish(LIST_KEY, now=NOW, fresh_for=wrong)
    for late in (lambda now: published.publish(LIST_KEY, now=now), published.compact):
        with pytest.raises(TypeError, match="whole seconds"):
            late(1.5)


@pytest.mark.parametrize("since", [None, 1])
def test_no_head_is_signed_from_before_the_snapshot(since):
    published = listed([Entry.task("a")]).compact(NOW + 1)
    with pytest.raises(ValueError, match=f"before its snapshot, {NOW + 1}"):
        published.publish(LIST_KEY, now=NOW, since=since)
    published.publish(LIST_KEY, now=NOW + 1, since=since)


@pytest.mark.parametrize("since", [-1, 0, 3])
def test_a_list_reaches_back_to_its_snapshot_and_no_further(since):
    published = listed([Entry.task("a")]).compact(NOW).revoke(Entry.task("b"))
    with pytest.raises(ValueError, match="entries 1 to 2"):
        published.publish(LIST_KEY, now=NOW, since=since)


def test_what_is_not_a_whole_list_does_not_resume():
    published = listed([Entry.task("a")])
    delta = published.publish(LIST_KEY, now=NOW, since=0)
    with pytest.raises(ListRefused, match="not a whole list"):
        RevocationList.resume(delta, LISTED)
    whole = Update.from_bytes(published.publish(LIST_KEY, now=NOW))
    shorter = Update(whole.snapshot, 0, (), whole.head).to_bytes()
    with pytest.raises(ListRefused, match="do not lead"):
        RevocationList.resume(shorter, LISTED)
    with pytest.raises(ListRefused):
        RevocationList.resume(pack([]), LISTED)


def test_what_somebody_else_signed_does_not_resume():
    published = listed([Entry.task("a")])
    with pytest.raises(ListRefused) as refused:
        RevocationList.resume(published.publish(MALLORY, now=NOW), LISTED)
    assert refused.value.code == "list_untrusted"
    head = Head(published.place, NOW, NOW + 9).sign(MALLORY)
    whole = Update.from_bytes(published.publish(LIST_KEY, now=NOW))
    mixed = Update(whole.snapshot, 0, whole.entries, head).to_bytes()
    with pytest.raises(ListRefused):
        RevocationList.resume(mixed, LISTED)
    RevocationList.resume(mixed, [*LISTED, MALLORY.public_key])


def test_a_list_is_named_after_the_key_that_began_it():
    one, other = (RevocationList.begin(key, now=NOW) for key in (LIST_KEY, MALLORY))
    assert one.place.list_id != other.place.list_id
