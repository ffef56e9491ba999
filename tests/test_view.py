"""A verifier's view of a list (specs/revocation.md 5 and 6)."""

import threading
import time

import pytest

from chaincred import (
    Effect,
    Entry,
    Freshness,
    ListRefused,
    NoFloor,
    RevocationList,
    RevocationView,
    Revoked,
    Stale,
)
from chaincred.revocation import Floor, Head, Update
from tests.cast import (
    HELPER,
    LIST_KEY,
    MALLORY,
    NOW,
    PLANNER,
    ROOT,
    WORKER,
    planners,
    view,
    workers,
)

A, B = Entry.task("a"), Entry.task("b")
EMPTY = RevocationList.begin(LIST_KEY, now=NOW - 1)


class Disk:
    """A floor that remembers what was saved, and can fail to."""

    def __init__(self, saved=None, fails=False):
        self.saved = saved
        self.fails = fails

    def load(self):
        return self.saved

    def save(self, floor):
        if self.fails:
            raise OSError("disk full")
        self.saved = floor


def fresh(floor=None):
    return RevocationView([LIST_KEY.public_key], floor=floor or NoFloor())


def refusal(held, data, now=NOW):
    before = (held.place, len(held), held.age(NOW))
    with pytest.raises(ListRefused) as refused:
        held.update(data, now=now)
    assert (held.place, len(held), held.age(NOW)) == before
    return refused.value.code


def test_a_view_without_a_key_cannot_be_made():
    with pytest.raises(ValueError, match="one list key or more"):
        RevocationView([], floor=NoFloor())


def test_an_older_list_is_refused_also_after_a_restart():
    disk = Disk()
    held = fresh(disk)
    old = EMPTY.publish(LIST_KEY, now=NOW)
    held.update(EMPTY.revoke(A).publish(LIST_KEY, now=NOW), now=NOW)
    assert refusal(held, old) == "list_rollback"
    assert refusal(fresh(disk), old) == "list_rollback"
    earlier = EMPTY.revoke(A).publish(LIST_KEY, now=NOW - 1)
    assert refusal(fresh(disk), earlier) == "list_rollback"


def test_another_past_is_refused():
    held = fresh()
    held.update(EMPTY.revoke(A).publish(LIST_KEY, now=NOW), now=NOW)
    assert refusal(held, EMPTY.revoke(B).publish(LIST_KEY, now=NOW)) == "list_forked"
    longer = EMPTY.revoke(B).revoke(A)
    assert refusal(held, longer.publish(LIST_KEY, now=NOW)) == "list_forked"
    assert refusal(held, longer.publish(LIST_KEY, now=NOW, since=1)) == "list_forked"
    same_place = EMPTY.revoke(B).compact(NOW).publish(LIST_KEY, now=NOW)
    assert refusal(held, same_place) == "list_forked"


def test_an_entry_that_goes_before_its_time_is_refused():
    held = fresh()
    issuer = Entry.issuer(ROOT.public_key, before=NOW, until=NOW + 9)
    held.update(EMPTY.revoke(A).revoke(issuer).publish(LIST_KEY, now=NOW), now=NOW)
    compact = EMPTY.revoke(A).revoke(issuer).compact(NOW)
    for base in (
        EMPTY.base,
        EMPTY.revoke(A).compact(NOW).base,
        EMPTY.revoke(issuer).compact(NOW).base,
    ):
        forged = RevocationList.from_snapshot(
            type(base)(compact.base.place, NOW, base.issuers, base.table)
        )
        assert refusal(held, forged.publish(LIST_KEY, now=NOW)) == "list_missing"
    held.update(compact.publish(LIST_KEY, now=NOW), now=NOW)


def test_an_update_that_does_not_join_is_refused():
    two = EMPTY.revoke(A).revoke(B)
    assert refusal(fresh(), two.publish(LIST_KEY, now=NOW, since=1)) == "list_gap"
    whole = Update.from_bytes(two.publish(LIST_KEY, now=NOW))
    short = Update(whole.snapshot, 0, whole.entries[:1], whole.head).to_bytes()
    assert refusal(fresh(), short) == "list_gap"
    apart = Update(whole.snapshot, 1, whole.entries[1:], whole.head).to_bytes()
    assert refusal(fresh(), apart) == "list_malformed"


def test_only_the_lists_keys_sign_for_it():
    assert refusal(fresh(), EMPTY.publish(MALLORY, now=NOW)) == "list_untrusted"
    head = Head(EMPTY.place, NOW, NOW + 9)
    forged = Update(EMPTY.base.sign(MALLORY), 0, (), head.sign(LIST_KEY)).to_bytes()
    assert refusal(fresh(), forged) == "list_untrusted"
    rotated = RevocationView(
        [MALLORY.public_key, LIST_KEY.public_key],
        floor=NoFloor(),
        list_id=EMPTY.place.list_id,
    )
    rotated.update(EMPTY.publish(LIST_KEY, now=NOW), now=NOW)
    rotated.update(EMPTY.publish(MALLORY, now=NOW), now=NOW)


def test_another_list_is_refused_even_under_the_same_key():
    other = RevocationList.begin(MALLORY, now=NOW)
    assert refusal(fresh(), other.publish(LIST_KEY, now=NOW)) == "list_other"
    with pytest.raises(ListRefused, match="another list"):
        fresh(Disk(Floor(other.place, NOW).to_bytes()))


def test_a_list_from_the_future_or_the_past_is_refused():
    assert refusal(fresh(), EMPTY.publish(LIST_KEY, now=NOW + 61)) == "list_future"
    fresh().update(EMPTY.publish(LIST_KEY, now=NOW + 60), now=NOW)
    assert refusal(fresh(), with_snapshot_of(NOW + 61)) == "list_future"
    assert refusal(fresh(), EMPTY.publish(LIST_KEY, now=NOW), NOW + 300) == "list_stale"
    fresh().update(EMPTY.publish(LIST_KEY, now=NOW), now=NOW + 299)


def with_snapshot_of(taken_at, listed=EMPTY):
    """A head of NOW and a snapshot of another second, both rightly signed."""
    snapshot = listed.compact(taken_at).base.sign(LIST_KEY)
    head = Head(listed.place, NOW, NOW + 300).sign(LIST_KEY)
    return Update(snapshot, listed.place.seq, (), head).to_bytes()


def test_a_head_is_not_older_than_its_snapshot():
    fresh().update(with_snapshot_of(NOW), now=NOW)
    assert refusal(fresh(), with_snapshot_of(NOW + 1)) == "list_rollback"


def test_a_clock_that_is_set_back_finds_nothing_alive_that_was_revoked():
    until = NOW + 100
    revoked = EMPTY.revoke(Entry.chain(TOKEN.chain.root_id, until=until))
    held = fresh()
    held.update(revoked.publish(LIST_KEY, now=NOW, fresh_for=9000), now=NOW)
    # The entry is over and has left the snapshot; the head is of when it was not.
    joined = with_snapshot_of(until + 61, revoked)
    assert refusal(held, joined, until + 61) == "list_rollback"
    with pytest.raises(Revoked):
        held.require_alive(TOKEN.footing, "t1")


def test_of_two_updates_at_once_the_older_is_not_adopted_last():
    newer = EMPTY.revoke(A).publish(LIST_KEY, now=NOW)
    older = EMPTY.publish(LIST_KEY, now=NOW)

    class Slow(Disk):
        """Lets the other thread come in while the floor is being written."""

        def save(self, floor):
            writing.set()
            time.sleep(0.05)
            super().save(floor)

    writing, refusals = threading.Event(), []
    held = fresh(Slow())

    def late():
        writing.wait()
        with pytest.raises(ListRefused) as refused:
            held.update(older, now=NOW)
        refusals.append(refused.value.code)

    other = threading.Thread(target=late)
    other.start()
    held.update(newer, now=NOW)
    other.join()
    assert refusals == ["list_rollback"]
    assert held.seq == 1


def test_an_id_is_16_bytes():
    with pytest.raises(ValueError, match="16 bytes"):
        view(A).holds(A.id[:15])


def test_what_nobody_signed_is_not_read():
    whole = Update.from_bytes(EMPTY.revoke(A).publish(LIST_KEY, now=NOW))
    unsigned = Update(b"", 0, (b"\xc0",), Head(EMPTY.place, NOW, NOW + 9).sign(MALLORY))
    assert refusal(fresh(), unsigned.to_bytes()) == "list_untrusted"
    signed = Update(b"", 0, (b"\xc0",), whole.head)
    assert refusal(fresh(), signed.to_bytes()) == "list_malformed"


def test_nothing_is_relied_on_before_the_floor_is_on_disk():
    held = fresh(Disk(fails=True))
    with pytest.raises(OSError, match="disk full"):
        held.update(EMPTY.revoke(A).publish(LIST_KEY, now=NOW), now=NOW)
    assert held.seq == 0 and held.age(NOW) is None


def test_how_old_a_list_may_be_depends_on_the_effect():
    held, limits = view(fresh_for=1000), Freshness()
    for effect, limit in ((Effect.READ, 300), (Effect.WRITE, 30), (Effect.IRREVERSIBLE, 5)):
        held.require_fresh(effect, limits, NOW + limit)
        with pytest.raises(Stale, match=f"allows {limit} s"):
            held.require_fresh(effect, limits, NOW + limit + 1)
    assert held.age(NOW + 7) == 7


def test_a_list_answers_only_while_it_is_fresh():
    held, patient = view(fresh_for=10), Freshness(read=1000)
    held.require_fresh(Effect.READ, patient, NOW + 9)
    held.require_fresh(Effect.READ, patient, NOW - 60)
    for now in (NOW + 10, NOW - 61):
        with pytest.raises(Stale, match="the list is fresh until"):
            held.require_fresh(Effect.READ, patient, now)
    with pytest.raises(Stale, match="no revocation list"):
        fresh().require_fresh(Effect.READ, patient, NOW)


TOKEN = workers()


@pytest.mark.parametrize(
    "entry",
    [
        Entry.chain(TOKEN.chain.links[0]),
        Entry.chain(TOKEN.chain.links[1]),
        Entry.holder(PLANNER.public_key),
        Entry.holder(WORKER.public_key),
        Entry.issuer(ROOT.public_key, before=NOW + 1),
        Entry.task("t1"),
    ],
    ids=["root", "hop", "holder", "last holder", "issuer", "task"],
)
def test_revoking_anything_a_chain_stands_on_ends_it(entry):
    with pytest.raises(Revoked):
        view(entry).require_alive(TOKEN.footing, "t1")
    assert view(entry).holds(entry.id)


@pytest.mark.parametrize(
    "entry",
    [
        Entry.chain(planners().chain.root_id),
        Entry.holder(HELPER.public_key),
        Entry.holder(ROOT.public_key),
        Entry.issuer(ROOT.public_key, before=NOW),
        Entry.issuer(PLANNER.public_key, before=NOW + 1),
        Entry.task("t2"),
    ],
    ids=["other tree", "other holder", "root as holder", "issuer earlier", "other issuer", "task"],
)
def test_revoking_something_else_leaves_a_chain_alive(entry):
    view(entry).require_alive(TOKEN.footing, "t1")
    view(entry).require_alive(TOKEN.footing, "")


def test_a_view_that_holds_nothing_yet_is_not_taken_for_none():
    empty = RevocationView([LIST_KEY.public_key], floor=NoFloor())
    assert empty.head is None
    assert len(empty) == 0 and bool(empty)
