"""`kill -9` at random moments of a hundred revocations: what was answered holds ever after."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random, SystemRandom

import httpx2
import pytest

from chaincred import Bearer, Request, RevocationView
from chaincred.audit import AuditHead, check
from chaincred.encoding import from_text
from chaincred.files import FileFloor
from chaincred.revocation import chain_id
from tests.verifier.running import AUDIENCE, Keys, Running
from tests.verifier.running import check as asked

REVOCATIONS = 100
AT_ONCE = 4


class Team:
    """Security people who revoke from a list of theirs, several at once, and keep at it."""

    def __init__(self, doomed: list[Bearer]) -> None:
        self.left: SimpleQueue[Bearer] = SimpleQueue()
        for each in doomed:
            self.left.put(each)
        self.answered: list[Bearer] = []
        self.cut_off = 0
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self, service: Running) -> Iterator[None]:
        """Revokes until nothing is left or the service is gone."""
        with ThreadPoolExecutor(AT_ONCE) as people:
            working = [people.submit(self._work, service) for _ in range(AT_ONCE)]
            yield
            for each in working:
                each.result()

    def _work(self, service: Running) -> None:
        while True:
            try:
                bearer = self.left.get_nowait()
            except Empty:
                return
            try:
                answer = service.revoke(what="chain", link=link(bearer).hex())
            except httpx2.TransportError:
                self.left.put(bearer)
                self.cut_off += 1
                return
            if answer.status_code == 503:
                # Its list is of before the kill until it has signed a head.
                self.left.put(bearer)
                time.sleep(0.05)
                continue
            assert answer.status_code in (200, 201), answer.text
            with self._lock:
                self.answered.append(bearer)

    def wait_for(self, more: int) -> None:
        """Returns once so many more are answered, or all are."""
        enough = min(len(self.answered) + more, REVOCATIONS)
        end = time.monotonic() + 20
        while len(self.answered) < enough and time.monotonic() < end:
            time.sleep(0.0005)


def link(bearer: Bearer) -> bytes:
    return bearer.token.chain.links[-1]


def codes(service: Running, bearers: list[Bearer]) -> list[str]:
    """What the service decides about each."""
    request = Request("read_file", effect="read")
    now = int(time.time())
    checks = [
        asked(str(each.present(request, audience=AUDIENCE, now=now)), request) for each in bearers
    ]
    results = service.client.post("/v1/verify", json={"checks": checks}).json()["results"]
    return [each.get("code", "ok") for each in results]


@pytest.mark.parametrize("kills", [6, pytest.param(25, marks=pytest.mark.long)])
def test_what_was_answered_survives_kill_9_at_any_moment(keys: Keys, tmp_path: Path, kills: int):
    seed = SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201 - what repeats a failure, as far as moments repeat
    chance = Random(seed)
    planner = keys.chain("planner")[0]
    now = int(time.time())
    spared, *doomed = (
        planner.hand_over(agent=f"worker-{number}", purpose="p", now=now)
        for number in range(REVOCATIONS + 1)
    )
    team = Team(doomed)
    view = RevocationView([keys.list.public_key], floor=FileFloor(tmp_path / "follower"))
    heads: list[AuditHead] = []
    for number in range(kills + 1):
        service = Running(keys, workers=2 if number == kills // 2 else 1)
        try:
            service.start()
            if number == 0:
                # Of those that were shown it is known when they die, of the others it is not.
                assert set(codes(service, doomed[::2])) == {"ok"}
            _require_whole(service, team, view, heads, spared)
            with team.at_work(service):
                if number < kills:
                    team.wait_for(chance.randrange(2 * REVOCATIONS // kills))
                    time.sleep(chance.uniform(0, 0.005))
                    service.kill()
            if number == kills:
                _require_whole(service, team, view, heads, spared, some=99)
                _require_once(service, doomed)
        finally:
            service.client.close()
            service.kill()
    assert len(team.answered) == REVOCATIONS
    # Otherwise no moment was one to be killed at.
    assert team.cut_off > 0


def _require_whole(
    service: Running,
    team: Team,
    view: RevocationView,
    heads: list[AuditHead],
    spared: Bearer,
    some: int = 20,
) -> None:
    """The list goes on from what a follower holds, and everything answered is on it.

    The last `some` are shown to the service as well.
    """
    view.update(service.client.get("/v1/list").content, now=int(time.time()))
    answered = list(team.answered)
    assert [each for each in answered if not view.holds(chain_id(link(each)))] == []
    # Each of these decisions waits for the disk.
    shown = answered[-some:]
    assert codes(service, [spared, *shown]) == ["ok"] + ["revoked"] * len(shown)
    lines = service.read("/v1/audit/export").content.splitlines()
    check(lines, [service.list_key], kept=heads)
    said = service.read("/v1/audit/head").json()
    heads.append(AuditHead.signed_by(from_text("", said["head"], 256), [service.list_key]))


def _require_once(service: Running, doomed: list[Bearer]) -> None:
    """Each is on the list once, however often it was asked for."""
    found = service.read("/v1/revocations?limit=1000").json()["revocations"]
    assert sorted(each["id"] for each in found) == sorted(chain_id(link(e)).hex() for e in doomed)
    assert [each["number"] for each in found] == list(range(1, REVOCATIONS + 1))
    records = service.read("/v1/audit?what=revoke&limit=500").json()["records"]
    assert len(records) == REVOCATIONS
