"""Followers of the real service (specs/service.md 7 and 8)."""

from __future__ import annotations

import time

import pytest

from chaincred import (
    ChaincredError,
    InMemoryReplay,
    NoFloor,
    Request,
    RevocationView,
    SigningKey,
    Verifier,
)
from chaincred.files import FileFloor
from chaincred.follow import Follower
from tests.follow_party import eventually
from tests.verifier.running import AUDIENCE, Running

READ = Request("read_file", effect="read", resource="docs/q3.md")
ERASE = Request("erase", effect="irreversible", resource="docs/q3.md")


def view_of(service, floor=None):
    return RevocationView([service.list_key], floor=floor or NoFloor())


class Server:
    """A resource server that verifies by a view of the service's list."""

    def __init__(self, service, view):
        self._verifier = Verifier(
            audience=AUDIENCE,
            roots={service.root_key.public_key: view},
            replay=InMemoryReplay(),
        )

    def says(self, bearer, request=READ):
        """`ok`, or the code of the refusal."""
        now = int(time.time())
        shown = str(bearer.present(request, audience=AUDIENCE, now=now))
        try:
            self._verifier.verify(shown, request, now=now)
        except ChaincredError as refused:
            return refused.code
        return "ok"


@pytest.fixture
def worker(keys):
    """A worker's token; its planner's is the one before."""
    return keys.chain("planner", "worker")[-1]


def test_a_servers_verifier_refuses_what_the_service_revoked(running, worker):
    view = view_of(running)
    server = Server(running, view)
    assert server.says(worker) == "stale"
    with Follower(running.url, view) as follower:
        assert follower.wait_until_fresh(10)
        assert server.says(worker, ERASE) == "ok"
        begun = time.monotonic()
        assert (
            running.revoke(what="chain", link=worker.token.chain.root_id.hex()).status_code == 201
        )
        assert eventually(lambda: server.says(worker) == "revoked", within=2)
        assert time.monotonic() - begun < 2
        assert follower.state.mode == "stream"
        assert follower.state.number == 1


def test_the_stream_keeps_a_list_fresh_enough_for_what_cannot_be_undone(running, worker):
    view = view_of(running)
    server = Server(running, view)
    with Follower(running.url, view) as follower:
        assert follower.wait_until_fresh(10)
        for _ in range(25):
            assert server.says(worker, ERASE) == "ok"
            time.sleep(0.25)
        assert follower.state.last_error is None


def test_a_service_that_was_killed_is_found_again_once_it_is_back(running, worker):
    view = view_of(running)
    server = Server(running, view)
    with Follower(running.url, view) as follower:
        assert follower.wait_until_fresh(10)
        assert server.says(worker, ERASE) == "ok"
        running.kill()
        assert eventually(lambda: server.says(worker, ERASE) == "stale")
        assert follower.state.mode == "waiting"
        assert "not reached" in (follower.state.last_error or "")
        running.start()
        assert eventually(lambda: server.says(worker, ERASE) == "ok", within=2)
        assert running.revoke(what="task", task="t").status_code == 201
        assert eventually(lambda: follower.state.number == 1, within=2)


def test_an_older_list_is_refused_after_a_restart_of_the_follower(keys, worker, tmp_path):
    path = tmp_path / "follower.floor"
    with (
        Running(keys) as service,
        Follower(service.url, view_of(service, FileFloor(path))) as follower,
    ):
        assert service.revoke(what="task", task="t").status_code == 201
        assert eventually(lambda: follower.state.number == 1)
    elsewhere = {"store": f"sqlite:///{tmp_path / 'new.db'}", "floor": tmp_path / "new.floor"}
    with Running(keys, **elsewhere) as service:
        view = view_of(service, FileFloor(path))
        with Follower(service.url, view) as follower:
            assert eventually(lambda: "list_rollback" in (follower.state.last_error or ""))
            assert Server(service, view).says(worker) == "stale"


def test_where_the_service_gives_no_stream_its_list_is_polled(keys):
    with (
        Running(keys, max_streams=1) as service,
        Follower(service.url, view_of(service)) as first,
    ):
        assert eventually(lambda: first.state.mode == "stream")
        with Follower(service.url, view_of(service)) as second:
            assert eventually(lambda: second.state.mode == "poll")
            assert second.state.last_error == "http 503 unavailable"
            assert service.revoke(what="task", task="t").status_code == 201
            assert eventually(lambda: second.state.number == 1, within=3)


def test_a_revocation_is_closed_once_every_follower_has_acknowledged_it(running):
    keys = {name: SigningKey.generate() for name in ("files-1", "files-2")}
    for name, key in keys.items():
        named = running.call(
            "PUT",
            f"/v1/followers/{name}",
            tool="chaincred.followers",
            effect="write",
            json={"key": key.public_key.hex()},
        )
        assert named.status_code == 200

    def closure():
        return running.read("/v1/revocations/1/closure").json()

    def follow(name):
        return Follower(running.url, view_of(running), acknowledge=(name, keys[name]))

    with follow("files-1") as first:
        assert eventually(lambda: first.state.acknowledged == 0)
        assert running.revoke(what="task", task="t").status_code == 201
        assert eventually(lambda: closure()["enforced"], within=3)
        found = closure()
        assert found["state"] == "partial"
        assert [each["name"] for each in found["enforced"]] == ["files-1"]
        assert [each["name"] for each in found["silent"]] == ["files-2"]
        with follow("files-2") as second:
            assert eventually(lambda: closure()["state"] == "closed", within=5)
            assert second.state.acknowledged == first.state.acknowledged == 1


def test_a_follower_that_nobody_named_follows_all_the_same(running):
    stranger = ("stranger", SigningKey.generate())
    with Follower(running.url, view_of(running), acknowledge=stranger) as follower:
        assert eventually(lambda: follower.state.ack_error == "http 403 untrusted")
        assert running.revoke(what="task", task="t").status_code == 201
        assert eventually(lambda: follower.state.number == 1)
