"""Several workers, and several services, on one store are as one: a proof passes once, and what is
revoked at one is refused by all.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Barrier, Event

import httpx2
import pytest

from chaincred import Bearer, Request
from tests.verifier.raw import Raw, post
from tests.verifier.running import AUDIENCE, Keys, Running, check

REQUEST = Request("read_file", effect="read")
AT_ONCE = 50


def shown(bearer: Bearer) -> bytes:
    """A call that asks for a decision, with a proof of its own."""
    presentation = bearer.present(REQUEST, audience=AUDIENCE, now=int(time.time()))
    return post("/v1/verify", json.dumps(check(str(presentation), REQUEST)))


def decided(raw: Raw, call: bytes) -> str:
    return str(json.loads(raw.send(call).answer().body).get("code", "ok"))


class Workers:
    """A service of two processes, and connections to both."""

    def __init__(self, service: Running) -> None:
        self.service = service

    @property
    def pids(self) -> list[int]:
        assert self.service.process is not None
        pid = self.service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        # Python's own helper for processes is one of them.
        return [int(each) for each in children if b"spawn_main" in _command(int(each))]

    @contextmanager
    def connected(self) -> Iterator[list[Raw]]:
        """Connections of which each worker holds a good part."""
        with ExitStack() as stack:
            before = [_files(pid) for pid in self.pids]
            raws: list[Raw] = []
            while len(raws) < AT_ONCE or min(self._more_than(before)) < AT_ONCE // 10:
                assert len(raws) < 500, "one worker takes them all"
                raws.append(stack.enter_context(Raw(self.service.port)))
            yield raws

    def _more_than(self, before: list[int]) -> list[int]:
        time.sleep(0.002)
        return [_files(pid) - was for pid, was in zip(self.pids, before, strict=True)]


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Returns once it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    keys = Keys(tmp_path_factory.mktemp("workers"))
    with Running(keys, workers=2) as service:
        found = Workers(service)
        until(lambda: len(found.pids) == 2 and service.log().count('"started"') >= 2)
        yield found
        assert service.stop() == 0
    assert "Traceback" not in service.log()
    assert '"fault"' not in service.log()


def at_once(raws: list[Raw], call: bytes) -> list[str]:
    """What is decided about one call that is made over all connections at once."""
    barrier = Barrier(len(raws))

    def send(raw: Raw) -> str:
        barrier.wait()
        return decided(raw, call)

    with ThreadPoolExecutor(len(raws)) as people:
        return list(people.map(send, raws))


def test_of_fifty_that_show_one_proof_to_two_workers_one_passes(workers: Workers):
    planner, worker = workers.service.keys.chain("planner", "worker")
    for bearer in (planner, worker, worker):
        with workers.connected() as raws:
            codes = at_once(raws, shown(bearer))
        assert codes.count("ok") == 1
        assert codes.count("proof_replayed") == len(codes) - 1


def test_of_fifty_that_show_one_proof_to_two_services_one_passes(keys: Keys):
    bearer = keys.chain("planner", "worker")[-1]
    with (
        Running(keys) as one,
        Running(keys, floor=keys.folder / "another-floor") as other,
        ExitStack() as stack,
    ):
        raws = [
            stack.enter_context(Raw(service.port))
            for service in (one, other)
            for _ in range(AT_ONCE // 2)
        ]
        for _ in range(3):
            codes = at_once(raws, shown(bearer))
            assert codes.count("ok") == 1
            assert codes.count("proof_replayed") == len(codes) - 1
        link = bearer.token.chain.links[-1].hex()
        assert one.revoke(what="chain", link=link).status_code == 201
        assert set(at_once(raws, shown(bearer))) <= {"revoked", "proof_replayed"}
        assert other.read("/v1/revocations").json()["revocations"][0]["number"] == 1


def test_what_is_revoked_at_one_worker_is_refused_by_all_from_its_answer_on(workers: Workers):
    service = workers.service
    planner = service.keys.chain("planner")[0]
    with workers.connected() as raws, ThreadPoolExecutor(len(raws)) as people:
        for number in range(15):
            now = int(time.time())
            worker = planner.hand_over(agent=f"worker-{number}", purpose="p", now=now)
            calls = [shown(worker) for _ in raws]
            assert decided(raws[0], shown(worker)) == "ok"
            link = worker.token.chain.links[-1].hex()
            assert service.revoke(what="chain", link=link).status_code == 201
            assert set(people.map(decided, raws, calls)) == {"revoked"}


def test_who_asks_without_pause_is_refused_from_the_answer_on(workers: Workers):
    service = workers.service
    worker = service.keys.chain("planner", "worker")[-1]
    link = worker.token.chain.links[-1].hex()
    stop = Event()

    def ask(raw: Raw) -> list[tuple[float, str]]:
        said = []
        while not stop.is_set():
            call = shown(worker)
            asked_at = time.monotonic()
            said.append((asked_at, decided(raw, call)))
        return said

    with workers.connected() as raws, ThreadPoolExecutor(8) as people:
        asking = [people.submit(ask, raw) for raw in raws[::6][:8]]
        time.sleep(0.3)
        assert service.revoke(what="chain", link=link).status_code == 201
        answered_at = time.monotonic()
        time.sleep(0.3)
        stop.set()
        said = [each for asked in asking for each in asked.result()]
    assert {code for _, code in said} == {"ok", "revoked"}
    assert [code for asked_at, code in said if asked_at > answered_at and code == "ok"] == []


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(workers: Workers):
    service = workers.service
    before = workers.pids
    answered = []
    for number in range(30):
        if number == 10:
            os.kill(before[0], signal.SIGKILL)
        # The connection may have been to the one that is gone.
        with suppress(httpx2.TransportError):
            if service.revoke(what="task", task=f"task-{number}").status_code == 201:
                answered.append(number)
    assert len(answered) > 10
    until(lambda: len(workers.pids) == 2 and before[0] not in workers.pids)
    found = service.read("/v1/revocations?limit=1000").json()["revocations"]
    on_list = {each["id"] for each in found}
    assert len(on_list) == len(found)
    again = {service.revoke(what="task", task=f"task-{number}").status_code for number in answered}
    assert again == {200}
