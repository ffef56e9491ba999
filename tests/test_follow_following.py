"""What a follower does next (specs/service.md 7 and 8)."""

from itertools import pairwise

import pytest

from chaincred import ListRefused, Malformed
from chaincred.follow.following import (
    LONGEST_PAUSE,
    LONGEST_WHOLE,
    MAX_DELTA,
    STREAM_AGAIN,
    STREAM_AGAIN_AT_LAST,
    Following,
    Listen,
    NotReached,
    NotTaken,
    Reset,
    Take,
    Wait,
    in_words,
)

BASE = "https://verifier.example"
WHOLE = Take(f"{BASE}/v1/list", 1000, whole=True)
ENTRIES = Take(f"{BASE}/v1/list?since=3", MAX_DELTA, whole=False)
STREAM = Listen(f"{BASE}/v1/list/stream?since=3")
CUT = ConnectionResetError("cut")
GAP = ListRefused("list_gap", "begins elsewhere")


def following(*urls, draw=1.0):
    return Following(urls or (BASE,), poll=1.0, max_list=1000, draw=lambda: draw)


def step(plan, number=3, now=0.0):
    """The next step that is not to wait."""
    found = plan.next_step(number, now)
    return plan.next_step(number, now) if isinstance(found, Wait) else found


def fails(plan, error=CUT, now=0.0, number=3):
    done = step(plan, number, now)
    plan.failed(done, error)
    return done


def takes(plan, now=0.0, number=3):
    done = step(plan, number, now)
    assert isinstance(done, Take)
    plan.took(now)
    return done


def test_a_view_that_has_seen_no_list_takes_the_whole_one_and_then_listens():
    plan = following()
    assert takes(plan, number=None) == WHOLE
    assert plan.next_step(3, 0.0) == STREAM


def test_a_view_that_holds_a_list_listens_at_once():
    assert following().next_step(3, 0.0) == STREAM


def test_a_stream_that_was_heard_is_begun_anew_where_it_was_cut():
    plan = following()
    step(plan)
    plan.heard(0.0)
    assert plan.mode == "stream"
    plan.failed(STREAM, CUT)
    assert plan.mode == "waiting"
    assert plan.next_step(3, 0.0) == Wait(0.1)
    assert plan.next_step(3, 0.0) == STREAM


def test_after_a_silent_stream_the_entries_are_asked_for():
    plan = following()
    assert fails(plan) == STREAM
    assert step(plan) == ENTRIES


def test_two_silent_streams_of_a_service_that_answers_make_it_poll():
    plan = following()
    for _ in range(2):
        assert fails(plan) == STREAM
        assert takes(plan) == ENTRIES
    assert plan.mode == "poll"
    assert plan.next_step(3, 0.0) == Wait(1.0)
    assert takes(plan) == ENTRIES


def test_no_stream_is_blamed_for_a_service_that_is_down():
    plan = following()
    for _ in range(10):
        assert fails(plan, NotReached("refused")) == STREAM
    for _ in range(10):
        assert fails(plan) == STREAM
        assert fails(plan) == ENTRIES
    assert fails(plan) == STREAM
    assert takes(plan) == ENTRIES
    assert step(plan) == STREAM


def test_the_stream_is_tried_again_later_and_ever_later():
    plan, now = following(), 0.0
    tried: list[float] = []
    while len(tried) < 9:
        found = plan.next_step(3, now)
        if isinstance(found, Wait):
            now += found.seconds
        elif isinstance(found, Listen):
            tried.append(now)
            plan.failed(found, CUT)
        else:
            plan.took(now)
    gaps = [round(later - earlier) for earlier, later in pairwise(tried)]
    assert gaps == [0, 30, 60, 120, 240, 480, 600, 600]
    assert (gaps[1], gaps[-1]) == (STREAM_AGAIN, STREAM_AGAIN_AT_LAST)


def test_a_stream_that_comes_through_again_ends_the_polling():
    plan = following()
    for _ in range(2):
        fails(plan)
        takes(plan)
    assert step(plan, now=STREAM_AGAIN) == STREAM
    plan.heard(STREAM_AGAIN)
    assert plan.mode == "stream"
    plan.failed(STREAM, CUT)
    assert step(plan, now=STREAM_AGAIN) == STREAM


def test_polling_is_never_slower_than_it_was_set_up():
    for draw, seconds in ((0.0, 0.75), (1.0, 1.0)):
        plan = following(draw=draw)
        for _ in range(2):
            fails(plan)
            takes(plan)
        assert plan.next_step(3, 0.0) == Wait(seconds)


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ("entries that do not join", GAP),
        ("gone", NotTaken("http 410", further=True)),
        ("too long", NotTaken("more than 9 bytes", further=True)),
    ],
)
def test_what_does_not_join_is_made_good_by_asking_for_more(about, error):
    plan = following()
    step(plan)
    plan.heard(0.0)
    plan.failed(STREAM, error)
    assert fails(plan, error) == ENTRIES
    assert fails(plan, error) == WHOLE
    assert takes(plan) == WHOLE
    assert step(plan) == STREAM


def test_after_a_reset_the_whole_list_is_taken():
    plan = following()
    assert fails(plan, Reset("reset")) == STREAM
    assert takes(plan) == WHOLE
    assert step(plan) == STREAM


def test_a_service_that_only_resets_is_polled():
    plan = following()
    for _ in range(2):
        assert fails(plan, Reset("reset")) == STREAM
        assert takes(plan) == WHOLE
    assert (plan.mode, step(plan)) == ("poll", ENTRIES)


def test_a_refused_update_is_asked_for_again_as_it_was():
    plan = following()
    forked = ListRefused("list_forked", "another past")
    for _ in range(3):
        assert fails(plan, forked, number=None) == WHOLE
    takes(plan, number=None)
    assert fails(plan, forked) == STREAM
    assert fails(plan, forked) == ENTRIES
    assert step(plan) == STREAM


def test_pauses_grow_to_a_limit_and_end_with_the_first_success():
    plan, pauses = following(), []
    for _ in range(40):
        fails(plan, number=None)
        pauses.append(plan.next_step(None, 0.0).seconds)
    assert pauses[:6] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert max(pauses) == LONGEST_PAUSE
    takes(plan, number=None)
    fails(plan, number=3)
    assert plan.next_step(3, 0.0) == Wait(0.1)


def test_a_pause_is_anything_up_to_its_limit():
    plan = following(draw=0.5)
    fails(plan)
    assert plan.next_step(3, 0.0) == Wait(0.05)
    idle = following(draw=0.0)
    fails(idle)
    assert idle.next_step(3, 0.0) == ENTRIES


def test_a_stream_that_ends_after_each_update_is_begun_ever_more_slowly():
    plan, pauses = following(), []
    for _ in range(5):
        step(plan)
        plan.heard(0.0)
        plan.failed(STREAM, CUT)
        pauses.append(plan.next_step(3, 0.0).seconds)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0]
    step(plan)
    plan.heard(0.0)
    plan.heard(1.0)
    plan.failed(STREAM, CUT)
    assert plan.next_step(3, 1.0) == Wait(0.1)


def test_a_long_list_is_not_asked_for_again_at_once():
    plan = following()
    assert step(plan, number=None) == WHOLE
    plan.spent(2**24, 100.0)
    plan.failed(WHOLE, CUT)
    assert plan.next_step(None, 100.0) == Wait(0.1)
    assert plan.next_step(None, 100.1) == Wait(pytest.approx(3.9))
    assert plan.next_step(None, 104.0) == WHOLE
    plan.spent(2**29, 200.0)
    assert plan.next_step(None, 200.0) == Wait(LONGEST_WHOLE)


def test_after_a_failure_it_is_the_next_services_turn():
    plan = following("https://a.example", "https://b.example")
    asked = []
    for _ in range(3):
        asked.append(plan.base)
        fails(plan)
    assert asked == ["https://a.example", "https://b.example", "https://a.example"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GAP, "list_gap: begins elsewhere"),
        (Malformed("not base64"), "malformed: not base64"),
        (NotTaken("http 500"), "http 500"),
        (TimeoutError(), "nothing came in time"),
        (OSError("disk full"), "OSError: disk full"),
        (ValueError("a\r\nlevel=admin \x1b[2J"), "ValueError: a??level=admin ?[2J"),
        (ValueError("a" * 1000), "ValueError: " + "a" * 188),
    ],
)
def test_an_error_is_told_in_one_line(error, words):
    assert in_words(error) == words
