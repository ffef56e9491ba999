"""Between real services and a real follower: streams cut and held up, and lists that are not it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from chaincred import Bearer, RevocationView
from chaincred.files import FileFloor
from chaincred.follow import Follower
from tests.follow_party import eventually
from tests.verifier.cable import Cable
from tests.verifier.running import Keys, Running
from tests.verifier.test_follow_service import ERASE, Server, view_of

SOON = 15.0


@pytest.fixture
def cable(running: Running) -> Iterator[Cable]:
    with Cable(running.port) as cable:
        yield cable


def complains(follower: Follower, of: str = "") -> bool:
    """Whether it comes to say that something is wrong."""

    def does() -> bool:
        error = follower.state.last_error
        return error is not None and of in error

    return eventually(does, within=SOON)


def number(follower: Follower, wanted: int) -> bool:
    return eventually(lambda: follower.state.number == wanted, within=SOON)


def revoked(service: Running, *bearers: Bearer) -> None:
    for each in bearers:
        answer = service.revoke(what="chain", link=each.token.root_id.hex())
        assert answer.status_code == 201


def test_what_is_revoked_while_the_stream_is_cut_again_and_again_arrives(running, cable):
    chains = [running.keys.chain(f"a{n}")[0] for n in range(10)]
    view = view_of(running)
    with Follower(cable.url, view) as follower:
        assert follower.wait_until_fresh(SOON)
        for count, bearer in enumerate(chains, 1):
            cable.cut()
            revoked(running, bearer)
            if count % 3 == 0:
                cable.cut()
            assert number(follower, count)
            assert Server(running, view).says(bearer) == "revoked"


def test_a_stream_that_is_held_up_makes_a_list_stale_and_goes_on_where_it_was(running, cable):
    dead, alive = (running.keys.chain(name)[0] for name in ("dead", "alive"))
    view = view_of(running)
    server = Server(running, view)
    with Follower(cable.url, view) as follower:
        assert follower.wait_until_fresh(SOON)
        cable.hold()
        revoked(running, dead)
        # Nobody can know of it; and within its bound nobody acts on what cannot be undone.
        assert eventually(lambda: server.says(dead, ERASE) == "stale", within=SOON)
        assert follower.state.number == 0 and server.says(alive) == "ok"
        cable.release()
        assert number(follower, 1)
        assert [server.says(each) for each in (dead, alive)] == ["revoked", "ok"]


@pytest.mark.parametrize("length", [0, 17, 150, 400, 700, 1_200, 2_000])
def test_a_list_that_was_cut_short_is_not_relied_on(running, cable, length):
    chains = [running.keys.chain(f"a{n}")[0] for n in range(60)]
    revoked(running, *chains)
    cable.length = length
    view = view_of(running)
    server = Server(running, view)
    with Follower(cable.url, view) as follower:
        assert complains(follower)
        time.sleep(0.3)
        # All of it or nothing.
        assert (follower.state.number, server.says(chains[-1])) in ((0, "stale"), (60, "revoked"))
        cable.length = None
        assert number(follower, 60)
        assert server.says(chains[-1]) == "revoked"


class Past:
    """What a service is at a moment, to be started a second time from."""

    def __init__(self, service: Running, name: str) -> None:
        """The service is stopped."""
        folder = service.keys.folder
        self.store, self.floor = folder / f"{name}.db", folder / f"{name}.floor"
        shutil.copy(folder / "service.db", self.store)
        shutil.copy(folder / "floor", self.floor)

    def again(self, keys: Keys) -> Running:
        return Running(keys, store=f"sqlite:///{self.store}", floor=self.floor)


def test_a_list_that_is_another_an_older_or_a_fork_is_not_relied_on(running, cable, tmp_path):
    keys = running.keys
    first, second, other, alive = (keys.chain(name)[0] for name in ("1", "2", "other", "alive"))
    (tmp_path / "else").mkdir()
    running.stop()
    old = Past(running, "old")
    running.start()
    revoked(running, first)
    running.stop()
    fork = Past(running, "fork")
    running.start()
    revoked(running, second)

    path = tmp_path / "follower.floor"
    view = view_of(running, FileFloor(path))
    server = Server(running, view)

    def holds_on() -> None:
        assert view.seq == 2
        assert [server.says(each) for each in (first, second, alive)] == [
            "revoked",
            "revoked",
            "ok",
        ]

    with Follower(cable.url, view) as follower:
        assert number(follower, 2)
        with (
            old.again(keys) as older,
            fork.again(keys) as forked,
            Running(Keys(tmp_path / "else")) as another,
        ):
            revoked(forked, other)
            for service, code in (
                (older, "list_rollback"),
                (forked, "list_forked"),
                (another, "list_untrusted"),
            ):
                cable.lead_to(service.port)
                assert complains(follower, code), follower.state
                holds_on()
                # And once more as one that has forgotten all but its floor.
                fresh = RevocationView([running.list_key], floor=FileFloor(path))
                with Follower(cable.url, fresh) as restarted:
                    assert complains(restarted)
                    assert Server(running, fresh).says(alive) == "stale"
                cable.lead_to(running.port)
                assert eventually(lambda: follower.state.mode in ("stream", "poll"), within=SOON)
        third = keys.chain("3")[0]
        revoked(running, third)
        assert number(follower, 3)
        assert server.says(third) == "revoked"
