"""Server-sent events, as far as a list's stream has them (specs/service.md 7.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred.follow.events import Event, Events
from chaincred.follow.following import NotTaken

STREAM = b": hello\r\nevent: update\nid: 7\ndata: abc\r\rdata:one\rdata: two\n\nevent: reset\n\n\n"
EVENTS = [Event(b"update", b"abc"), Event(b"message", b"one\ntwo"), Event(b"reset", b"")]


def parsed(*chunks, limit=1000):
    events = Events(limit)
    return [event for chunk in chunks for event in events.feed(chunk)]


def test_the_events_of_a_stream_are_its_names_and_data():
    assert parsed(STREAM) == EVENTS


def test_chunks_of_a_stream_may_end_anywhere():
    assert parsed(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == EVENTS
    for cut in range(len(STREAM)):
        assert parsed(STREAM[:cut], STREAM[cut:]) == EVENTS


def test_an_empty_chunk_does_not_make_one_line_end_two():
    assert parsed(b"data: a\r", b"", b"\ndata: b\r\n\r\n") == [Event(b"message", b"a\nb")]


def test_an_event_that_is_cut_off_is_none():
    assert parsed(b"event: update\ndata: abc\n") == []


def test_only_the_first_space_after_a_name_is_not_data():
    assert parsed(b"data:  a \n\n") == [Event(b"message", b" a ")]


@pytest.mark.parametrize(
    ("about", "chunks"),
    [
        ("one line", [b"data: " + b"a" * 95]),
        ("one line in pieces", [b"data: "] + [b"a"] * 95),
        ("many lines", [b"data: a\n"] * 15),
        ("a comment", [b":" + b"a" * 100]),
        ("many comments", [b":\n"] * 101),
        ("a name", [b"event: " + b"a" * 94]),
    ],
)
def test_no_event_is_longer_than_the_limit(about, chunks):
    with pytest.raises(NotTaken) as refused:
        parsed(*chunks, limit=100)
    assert refused.value.further


def test_the_limit_is_of_one_event_not_of_the_stream():
    assert len(parsed(*[b"data: " + b"a" * 94 + b"\n\n"] * 3, limit=100)) == 3


@given(st.lists(st.binary(max_size=20)))
def test_any_bytes_are_taken_apart_alike_however_they_are_cut(chunks):
    assert parsed(*chunks) == parsed(b"".join(chunks))
