"""The clock of a running service is moved, forward and back: it admits nobody by a wrong time.

`libfaketime` moves it; what counts only seconds that pass goes on as it did.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from chaincred import Bearer, Request
from tests.verifier.running import AUDIENCE, Keys, Running, check

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
AWAY = 400
"""Seconds: long enough for any list to be stale, and a token is still alive."""
SOON = 15.0
REQUEST = Request("read_file", effect="read")

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="libfaketime is not installed here")


class Moved:
    """A service whose clock can be moved. `now` is what it takes as the present, in seconds."""

    def __init__(self, keys: Keys, **settings: object) -> None:
        self._file = keys.folder / "clock"
        self.move(0)
        under = [
            "env",
            f"LD_PRELOAD={LIBRARY}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        ]
        self.service = Running(keys, under=under, **settings)

    def move(self, seconds: int) -> None:
        """Moves the clock to so many seconds from the right time."""
        self._seconds = seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @property
    def now(self) -> int:
        return int(time.time()) + self._seconds

    def shown(self, bearer: Bearer) -> dict[str, object]:
        """A proof made now, by the service's clock."""
        return check(str(bearer.present(REQUEST, audience=AUDIENCE, now=self.now)), REQUEST)

    def code(self, shown: dict[str, object]) -> str:
        answer = self.service.client.post("/v1/verify", json=shown)
        return str(answer.json().get("code", "ok"))

    @property
    def unfit(self) -> list[str]:
        try:
            found: list[str] = self.service.client.get("/readyz").json()["unfit"]
        except httpx2.TransportError:
            return ["starting"]
        return found


def until(true: Callable[[], bool]) -> None:
    """Returns once it is true."""
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def test_a_clock_that_is_moved_admits_nobody_by_a_wrong_time(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    # Believed after a second, as a clock that is set right is after minutes.
    moved = Moved(keys, clock_patience=1)
    with moved.service:
        link = worker.token.chain.links[-1].hex()
        assert moved.service.revoke(what="chain", link=link).status_code == 201
        before = moved.shown(planner)
        assert moved.code(before) == "ok"
        assert moved.code(before) == "proof_replayed"

        # Forward: its list is too old until it signs another, and proofs are from the past.
        moved.move(AWAY)
        assert moved.code(before) in ("unavailable", "proof_time", "proof_replayed")
        while (said := moved.code(moved.shown(planner))) != "ok":
            assert said in ("unavailable", "stale")
            time.sleep(0.05)
        until(lambda: moved.unfit == [])
        ahead = moved.shown(planner)
        assert moved.code(ahead) == "ok"
        assert moved.code(moved.shown(worker)) == "revoked"

        # A little back, as when a clock is corrected.
        moved.move(AWAY - 20)
        assert moved.code(moved.shown(planner)) == "ok"
        assert moved.code(moved.shown(worker)) == "revoked"
        assert moved.unfit == []

        # Back: its head is from the future, and what it has forgotten does not live again.
        moved.move(0)
        until(lambda: "clock" in moved.unfit)
        head = moved.service.client.get("/v1/list/head").content
        for _ in range(4):
            assert moved.code(before) == "proof_replayed"
            assert moved.code(ahead) == "proof_time"
            for each in (planner, worker):
                assert moved.code(moved.shown(each)) in ("stale", "proof_replayed")
            time.sleep(0.3)
        assert moved.service.client.get("/v1/list/head").content == head

        # Right again.
        moved.move(AWAY)
        assert moved.code(ahead) in ("unavailable", "proof_replayed")
        until(lambda: moved.unfit == [])
        assert moved.code(ahead) == "proof_replayed"
        assert moved.code(moved.shown(planner)) == "ok"
        assert moved.code(moved.shown(worker)) == "revoked"
        assert '"fault"' not in moved.service.log()
        assert "Traceback" not in moved.service.log()


def test_a_clock_that_is_ahead_for_a_moment_leaves_nothing_behind(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    moved = Moved(keys)
    with moved.service:
        link = worker.token.chain.links[-1].hex()
        assert moved.service.revoke(what="chain", link=link).status_code == 201
        before = moved.shown(planner)
        assert moved.code(before) == "ok"
        metrics = moved.service.client.get("/metrics").text
        assert "chaincred_list_age_seconds NaN" not in metrics

        moved.move(86_400)
        until(lambda: moved.unfit == ["clock"])
        head = moved.service.client.get("/v1/list/head").content
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert moved.code(moved.shown(planner)) == "unavailable"
            answer = moved.service.revoke(what="task", task="t")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            time.sleep(0.1)
        assert moved.service.client.get("/v1/list/head").content == head
        assert "chaincred_list_age_seconds NaN" in moved.service.client.get("/metrics").text
        assert "has leapt 86400 s ahead" in moved.service.log()

        moved.move(0)
        until(lambda: moved.unfit == [])
        assert moved.code(before) == "proof_replayed"
        assert moved.code(moved.shown(planner)) == "ok"
        assert moved.code(moved.shown(worker)) == "revoked"
        assert moved.service.revoke(what="task", task="t").status_code == 201
        assert "Traceback" not in moved.service.log()


def test_after_a_clock_that_was_ahead_for_long_it_goes_on_from_a_backup(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    moved = Moved(keys, clock_patience=0)
    with moved.service as service:
        link = worker.token.chain.links[-1].hex()
        assert service.revoke(what="chain", link=link).status_code == 201
        service.stop()
        store, floor = keys.folder / "service.db", keys.folder / "floor"
        backup = shutil.copy(store, keys.folder / "backup")

        moved.move(86_400)
        service.start()
        until(lambda: moved.unfit == [])
        service.stop()
        moved.move(0)
        service.start(wait=False)
        until(lambda: "clock" in moved.unfit)
        assert moved.code(moved.shown(planner)) in ("stale", "proof_replayed")
        service.stop()

        for path in [floor, *keys.folder.glob("service.db*")]:
            path.unlink()
        shutil.copy(backup, store)
        service.start()
        until(lambda: moved.unfit == [])
        assert moved.code(moved.shown(planner)) == "ok"
        assert moved.code(moved.shown(worker)) == "revoked"
