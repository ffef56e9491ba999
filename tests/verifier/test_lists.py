"""Publishing (specs/service.md 7): what is fetched convinces a verifier's own view."""

from __future__ import annotations

import gzip
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from chaincred import ListRefused, NoFloor, RevocationView
from chaincred.revocation import Head, Signed, Update, task_id
from tests.verifier.running import Keys, Running


def view_of(service: Running) -> RevocationView:
    return RevocationView([service.list_key], floor=NoFloor())


def take(service: Running, view: RevocationView, path: str) -> httpx2.Response:
    answer = service.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.chaincred.list"
    view.update(answer.content, now=int(time.time()))
    return answer


def test_the_whole_list_and_then_deltas(running: Running):
    view = view_of(running)
    take(running, view, "/v1/list")
    assert view.seq == 0
    for task in ("a", "b", "c"):
        running.revoke(what="task", task=task)
    take(running, view, "/v1/list?since=0")
    assert view.seq == 3 and all(view.holds(task_id(task)) for task in "abc")
    take(running, view, "/v1/list/head")
    fresh = view_of(running)
    take(running, fresh, "/v1/list")
    assert fresh.place == view.place


def test_a_delta_ends_with_the_head_that_was_signed_for_it(running: Running):
    running.revoke(what="task", task="a")
    update = Update.from_bytes(running.client.get("/v1/list?since=0").content)
    head = Head.from_body(Signed.from_bytes(update.head).body)
    assert (update.start, len(update.entries), head.place.seq) == (0, 1, 1)


def test_what_is_ahead_is_not_found(running: Running):
    answer = running.client.get("/v1/list?since=1")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["since=-1", "since=x", "since=1&since=1", "sinse=1", "since="])
def test_a_query_that_is_none_is_malformed(running: Running, query: str):
    answer = running.client.get(f"/v1/list?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_the_head_is_signed_anew_every_heartbeat_and_never_goes_back(running: Running):
    seen = []
    end = time.monotonic() + 3.5
    while time.monotonic() < end:
        update = Update.from_bytes(running.client.get("/v1/list/head").content)
        seen.append(Head.from_body(Signed.from_bytes(update.head).body).issued_at)
        time.sleep(0.05)
    assert seen == sorted(seen) and len(set(seen)) >= 3
    assert max(abs(second - time.time()) for second in seen[-5:]) < 3


def test_an_unchanged_list_is_not_sent_again(running: Running):
    first = running.client.get("/v1/list")
    again = running.client.get("/v1/list", headers={"If-None-Match": first.headers["etag"]})
    if again.headers["etag"] == first.headers["etag"]:  # else a heartbeat came between
        assert again.status_code == 304 and again.content == b""
    running.revoke(what="task", task="a")
    newer = running.client.get("/v1/list", headers={"If-None-Match": first.headers["etag"]})
    assert newer.status_code == 200


def test_the_list_is_compressed_for_who_takes_it_and_only_then(running: Running):
    running.revoke(what="task", task="a")
    plain = running.client.get("/v1/list", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with running.client.stream("GET", "/v1/list") as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    view = view_of(running)
    view.update(gzip.decompress(raw), now=int(time.time()))
    assert view.seq == 1


def test_the_key_is_told_to_be_compared(running: Running):
    said = running.client.get("/v1/list/key").json()
    assert said["keys"] == [running.list_key.hex()]


def events(answer: httpx2.Response) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            yield event
            event = {}
            continue
        name, _, value = line.partition(": ")
        event[name.rstrip(":")] = value


def decoded(event: dict[str, str]) -> bytes:
    return urlsafe_b64decode(event["data"] + "=" * (-len(event["data"]) % 4))


def test_the_stream_tells_each_change_at_once(running: Running):
    running.revoke(what="task", task="before")
    view = view_of(running)
    take(running, view, "/v1/list")
    with running.client.stream("GET", "/v1/list/stream?since=0") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer)
        first = next(told)
        assert (first["event"], first["id"]) == ("update", "1")
        running.revoke(what="task", task="after")
        begun = time.monotonic()
        for event in told:
            data = decoded(event)
            if int(event["id"]) == 2:
                break
        assert time.monotonic() - begun < 1
        view.update(data, now=int(time.time()))
        assert view.holds(task_id("after"))
        beats = [int(next(told)["id"]) for _ in range(2)]
        assert beats == [2, 2]


def test_a_stream_goes_on_from_the_last_event_id(running: Running):
    for task in ("a", "b"):
        running.revoke(what="task", task=task)
    with running.client.stream(
        "GET", "/v1/list/stream?since=0", headers={"Last-Event-ID": "1"}
    ) as answer:
        update = Update.from_bytes(decoded(next(events(answer))))
    assert (update.start, len(update.entries)) == (1, 1)


def test_what_deltas_do_not_reach_is_gone_and_a_stream_is_reset(keys: Keys):
    with Running(keys, compact_after=10) as service:
        for number in range(25):
            service.revoke(what="task", task=f"t-{number}")
        end = time.monotonic() + 10
        while (answer := service.client.get("/v1/list?since=0")).status_code == 200:
            assert time.monotonic() < end, "the list is never compacted"
            time.sleep(0.2)
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
        with service.client.stream("GET", "/v1/list/stream?since=0") as told:
            assert [event["event"] for event in events(told)] == ["reset"]
        view = view_of(service)
        take(service, view, "/v1/list")
        assert view.seq == 25 and view.holds(task_id("t-0"))


def test_a_views_floor_refuses_a_service_that_starts_over(keys: Keys):
    with Running(keys) as service:
        service.revoke(what="task", task="a")
        view = view_of(service)
        take(service, view, "/v1/list")
        service.kill()
        for path in keys.folder.glob("service.db*"):
            path.unlink()
        (keys.folder / "floor").unlink()
        service.start()
        with pytest.raises(ListRefused) as refused:
            view.update(service.client.get("/v1/list").content, now=int(time.time()))
        assert refused.value.code == "list_rollback"


def test_one_address_does_not_take_all_streams(keys: Keys):
    with Running(keys, max_streams_each=1, trusted_proxies="127.0.0.1") as service:

        def stream(address: str) -> Any:
            headers = {"X-Forwarded-For": address}
            return service.client.stream("GET", "/v1/list/stream", headers=headers)

        with stream("2001:db8::1") as held, stream("2001:db8::2") as more, stream("::1") as other:
            kept = events(held), events(other)
            next(kept[0]), next(kept[1])
            assert [each.status_code for each in (held, more, other)] == [200, 503, 200]


def test_streams_are_limited(keys: Keys):
    with Running(keys, max_streams=2) as service:
        with (
            service.client.stream("GET", "/v1/list/stream") as one,
            service.client.stream("GET", "/v1/list/stream") as two,
        ):
            # Kept: a stream ends with whoever reads it.
            first, second = events(one), events(two)
            next(first), next(second)
            answer = service.client.get("/v1/list/stream")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with service.client.stream("GET", "/v1/list/stream") as again:
                if again.status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("a stream that ended is never given back")


@pytest.mark.parametrize("said", ["gzip%sx", "gzip;q=%sx", "x%sgzip", "gzip,%sx"])
@pytest.mark.parametrize("much", [" " * 60_000, "0" * 60_000, ", " * 30_000])
def test_a_long_header_takes_no_longer_than_it_is(shared: Running, said: str, much: str):
    begun = time.monotonic()
    answer = shared.client.get("/v1/list", headers={"Accept-Encoding": said % much})
    assert answer.status_code == 200
    # Milliseconds; a pattern that goes back and forth would take minutes.
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("gzip", True),
        ("GZIP ; Q=1", True),
        ("deflate, gzip", True),
        ("br, gzip;q=0.5", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("xgzip", False),
    ],
)
def test_a_long_delta_is_compressed_for_who_takes_it(shared: Running, said: str, taken: bool):
    for number in range(20):
        shared.revoke(what="task", task=f"long-{number}", reason="x" * 100)
    end = shared.client.get("/healthz").json()["list"]
    answer = shared.client.get(f"/v1/list?since={end - 20}", headers={"Accept-Encoding": said})
    assert (answer.headers.get("content-encoding") == "gzip") == taken
    update = Update.from_bytes(answer.content)
    assert (update.start, len(update.entries)) == (end - 20, 20)
