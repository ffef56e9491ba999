"""Alive, ready, numbers and logs, for whoever runs the service (specs/service.md 12)."""

import json
import re
import shutil
import socket
import sqlite3
import time
from contextlib import closing, contextmanager

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chaincred import Entry, SigningKey
from chaincred.files import write_key
from chaincred.idtable import IdTable
from chaincred.revocation import Floor, Head, Issuers, Snapshot
from chaincred_verifier import published
from chaincred_verifier.doctor.store import ReadOnly
from tests.verifier.operated import section
from tests.verifier.running import Keys, Running

PATIENCE = 15


def ready(running):
    answer = running.client.get("/readyz")
    said = answer.json()
    assert answer.status_code == (200 if said["ready"] else 503)
    assert said["ready"] == (not said["unfit"])
    return said["unfit"]


def until(running, wanted):
    """Waits until exactly these are unfit."""
    end = time.monotonic() + PATIENCE
    found = None
    while time.monotonic() < end:
        try:
            found = ready(running)
        except httpx2.TransportError:
            found = "not up"
        if found == wanted:
            return
        time.sleep(0.05)
    raise AssertionError(f"unfit: {found}\n{running.log()}")


@contextmanager
def started(keys, **settings):
    """A service that may never be ready."""
    running = Running(keys, **settings)
    try:
        yield running.start(wait=False)
    finally:
        running.client.close()
        running.kill()


def store(keys):
    return closing(sqlite3.connect(keys.folder / "service.db", isolation_level=None))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """An installation that ran, and was stopped at number 1."""
    keys = Keys(tmp_path_factory.mktemp("stopped"))
    with Running(keys) as running:
        running.revoke(what="task", task="t")
        running.stop()
    return keys


@pytest.fixture
def desk(stopped, tmp_path):
    """A copy of it, whose floor and store can be spoilt."""
    shutil.copy(stopped.folder / "service.db", tmp_path)
    shutil.copy(stopped.folder / "floor", tmp_path)
    keys = Keys.__new__(Keys)
    keys.__dict__.update(stopped.__dict__)
    keys.folder = tmp_path
    shutil.copy(stopped.folder / "list.key", tmp_path)
    return keys


def test_one_that_can_do_everything_is_alive_and_ready(shared):
    answer = shared.client.get("/healthz")
    assert (answer.status_code, answer.json()["alive"]) == (200, True)
    assert ready(shared) == []


def test_the_store_is_for_its_owner_only(running):
    for path in running.keys.folder.glob("service.db*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_it_is_unfit_without_its_store_and_fit_again_with_it(keys):
    with Running(keys) as running:
        (bearer,) = keys.chain("a")
        (keys.folder / "service.db").rename(keys.folder / "moved.db")
        until(running, ["store"])
        assert running.client.get("/healthz").status_code == 200
        assert running.verify(bearer).status_code == 503
        (keys.folder / "moved.db").rename(keys.folder / "service.db")
        until(running, [])
        assert running.verify(bearer).status_code == 200


def test_it_is_unfit_when_no_head_can_be_signed(keys):
    with Running(keys, freshness="write=2,irreversible=2") as running:
        (bearer,) = keys.chain("a")
        with store(keys) as other:
            other.execute("BEGIN IMMEDIATE")
            until(running, ["list"])
            other.execute("ROLLBACK")
        until(running, [])
        assert running.verify(bearer).status_code == 200


def test_it_is_unfit_with_a_list_that_none_of_its_keys_signed(desk):
    write_key(desk.folder / "new.key", SigningKey.generate())
    with started(desk, list_key=desk.folder / "new.key") as running:
        until(running, ["list", "list_key"])
        (bearer,) = desk.chain("a")
        assert running.verify(bearer).json()["code"] == "stale"


def test_it_is_unfit_with_a_head_from_the_future(desk):
    with store(desk) as opened:
        state = published.state(_Reading(opened))
        assert state is not None
        ahead = int(time.time()) + 600
        head = Head(state.place, ahead, ahead + 300)
        opened.execute(
            "UPDATE list_state SET head = ?, issued_at = ?, fresh_until = ?",
            (head.sign(desk.list), head.issued_at, head.fresh_until),
        )
    with started(desk) as running:
        until(running, ["clock", "list"])
        (bearer,) = desk.chain("a")
        assert running.verify(bearer).json()["code"] == "stale"


def test_it_is_unfit_with_a_store_behind_its_floor(desk):
    floor = Floor.from_bytes((desk.folder / "floor").read_bytes())
    place = floor.place.after(b"an entry that the store has lost")
    (desk.folder / "floor").write_bytes(Floor(place, floor.issued_at).to_bytes())
    with started(desk) as running:
        until(running, ["floor", "list"])
        (bearer,) = desk.chain("a")
        assert running.verify(bearer).json()["code"] == "stale"
        assert running.client.get("/v1/list/head").status_code == 200
        time.sleep(1.5)
        with store(desk) as opened:
            ((issued_at,),) = opened.execute("SELECT issued_at FROM list_state").fetchall()
        assert issued_at <= floor.issued_at, "it signed a head"


def list_state(keys):
    with store(keys) as opened:
        return opened.execute("SELECT seq, hash, head FROM list_state").fetchone()


def test_nothing_is_signed_over_entries_that_somebody_else_wrote(desk):
    with store(desk) as opened:
        state = published.state(_Reading(opened))
        assert state is not None
        entry = Entry.task("nobody revoked this").to_bytes()
        place = state.place.after(entry)
        opened.execute(
            "INSERT INTO entries SELECT 2, what, id, until, before_time, reason, ?, ?, made_at, "
            "made_by, contained_at FROM entries WHERE number = 1",
            (entry, place.hash),
        )
        opened.execute("UPDATE list_state SET seq = 2, hash = ?", (place.hash,))
    before = list_state(desk)
    with started(desk) as running:
        until(running, ["floor", "list"])
        time.sleep(2)
        (bearer,) = desk.chain("a")
        assert running.verify(bearer).json()["code"] == "stale"
        assert list_state(desk) == before


def test_a_snapshot_that_somebody_else_made_is_not_signed_anew(desk):
    now = int(time.time())
    with store(desk) as opened:
        state = published.state(_Reading(opened))
        assert state is not None
        # It leaves out what is revoked.
        forged = Snapshot(state.place, state.issued_at, Issuers({}), IdTable.empty())
        signed = forged.sign(SigningKey.generate())
        opened.execute("UPDATE list_snapshot SET seq = 1, taken_at = ?, signed = ?", (now, signed))
        opened.execute("DELETE FROM entries")
    with started(desk) as running:
        until(running, ["list", "list_key"])
        time.sleep(2)
        (bearer,) = desk.chain("a")
        assert running.verify(bearer).json()["code"] == "stale"
        with store(desk) as opened:
            assert opened.execute("SELECT signed FROM list_snapshot").fetchone() == (signed,)
        assert "no_upkeep" in running.log()


class _Reading:
    def __init__(self, opened):
        self.rows = lambda sql, *values: opened.execute(sql, values).fetchall()


def test_the_page_says_what_to_do_for_each_word():
    words = re.findall(r"^\| `([a-z_]+)` \| .* \| .+ \|$", section("## Monitor"), re.MULTILINE)
    assert {"store", "list", "list_key", "clock", "floor"} == set(words)


def metrics(running):
    """Each sample's value, by its name and labels."""
    answer = running.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_numbers_are_prometheus_text_and_count_what_happens(keys):
    with Running(keys) as running:
        good, dead = (keys.chain(name)[0] for name in ("good", "dead"))
        running.revoke(what="chain", link=dead.token.root_id.hex())
        for bearer in (good, good, dead):
            running.verify(bearer)
        running.client.get("/nowhere")
        found = metrics(running)
        assert found["chaincred_ready",] == 1
        assert found["chaincred_list_number",] == found["chaincred_list_entries",] == 1
        assert 0 <= found["chaincred_list_age_seconds",] <= 3
        assert found["chaincred_revocations_total",] == 1
        assert found["chaincred_decisions_total", ("code", "ok")] == 2
        assert found["chaincred_decisions_total", ("code", "revoked")] == 1
        by = ("route", "/v1/verify")
        assert found["chaincred_calls_total", by, ("status", "200")] == 2
        assert found["chaincred_calls_total", by, ("status", "403")] == 1
        assert found["chaincred_call_seconds_count", by] == 3
        named = set(re.findall(r"`(chaincred_\w+)`", section("## Monitor")))
        assert named and named <= {name.removesuffix("_count") for name, *_ in found}


def test_numbers_hold_no_paths_of_callers(shared):
    for path in ("/a/very/own/path", "/v1/chains/" + "00" * 32, "/v1/followers/secret-name"):
        shared.client.get(path)
    text = shared.client.get("/metrics").text
    assert "very/own" not in text and "00" * 32 not in text and "secret-name" not in text


def test_numbers_can_be_kept_to_oneself(keys):
    with Running(keys, metrics="off") as running:
        assert running.client.get("/metrics").status_code == 404


def test_two_workers_count_together(keys):
    with Running(keys, workers=2) as running:
        bearers = [keys.chain(name)[0] for name in "abcd"]
        last = 0.0
        for count, bearer in enumerate(bearers * 5, 1):
            # A new connection each time, so that either worker answers.
            with httpx2.Client(base_url=running.url) as client:
                running.client, old = client, running.client
                assert ready(running) == []
                assert running.verify(bearer).status_code == 200
                found = metrics(running)
                running.client = old
            last = found["chaincred_decisions_total", ("code", "ok")]
            assert last == count
        assert found["chaincred_ready",] == 1
        assert found["chaincred_call_seconds_count", ("route", "/v1/verify")] == last


def lines(running):
    return [json.loads(line) for line in running.log().splitlines()]


def test_logs_are_lines_of_json_without_secrets(keys):
    with Running(keys) as running:
        (bearer,) = keys.chain("a")
        shown = []

        def remembered(request):
            shown.append(request.headers.get("authorization", "").partition(" ")[2])

        running.client.event_hooks["request"].append(remembered)
        signed_in = running.call("POST", "/v1/sessions", tool="chaincred.sign_in", effect="read")
        secrets = [signed_in.cookies["chaincred_session"], signed_in.json()["csrf"]]
        running.verify(bearer, args={"password": "hunter2"})
        running.verify(bearer, audience="another.example")
        running.call("GET", "/v1/audit", tool="chaincred.revoke", effect="read")
        running.client.post("/v1/verify", content=b'{"presentation": "cc1s_hunter2')
        running.client.get("/v1/chains?agent=hunter2", headers={"Authorization": "Basic hunter2"})
        running.client.get("/v1/" + bearer.reveal())
        running.stop()
        said = lines(running)
        assert {"started", "refused", "stopped"} <= {each["event"] for each in said}
        assert all({"event", "level", "timestamp"} <= each.keys() for each in said)
        secrets += [each for each in shown if each]
        secrets += [(keys.folder / "list.key").read_text().strip(), "hunter2", bearer.reveal()]
        log = running.log()
        assert len(secrets) >= 6 and not [each for each in secrets if each[:40] in log]


def test_what_the_server_says_by_itself_is_a_line_of_the_log_too(keys, tmp_path):
    with Running(keys) as running:
        (tmp_path / "second").mkdir()
        second = Running(Keys(tmp_path / "second"), port=running.port).start(wait=False)
        assert second.process is not None and second.process.wait(20) not in (0, None)
        said = lines(second)
        assert [each["event"] for each in said] == ["started", "server", "stopped"]
        assert "address already in use" in said[1]["detail"]


def test_logs_can_be_for_people(keys):
    with Running(keys, log="text") as running:
        running.client.get("/nowhere")
        running.stop()
        assert "started" in running.log() and "refused" in running.log()
        assert not running.log().startswith("{")


def test_a_call_under_way_is_answered_before_it_stops(keys):
    with Running(keys) as running:
        body = b'{"checks": []}'
        with socket.create_connection(("127.0.0.1", running.port)) as peer:
            peer.sendall(
                b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            time.sleep(0.3)
            assert running.process is not None
            running.process.terminate()
            time.sleep(0.3)
            peer.sendall(body)
            peer.settimeout(10)
            assert peer.recv(4096).startswith(b"HTTP/1.1 400 ")
        running.stop()
        assert lines(running)[-1]["event"] == "stopped"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_does_not_keep_it_from_stopping(keys, workers):
    with (
        Running(keys, workers=workers) as running,
        running.client.stream("GET", "/v1/list/stream") as stream,
    ):
        next(stream.iter_raw())
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 10


def test_the_store_that_was_stopped_is_whole(stopped):
    reading = ReadOnly(stopped.folder / "service.db")
    assert reading.rows("PRAGMA integrity_check") == [("ok",)]
    reading.close()
