"""The store is full, locked, gone, replaced, garbage or of yesterday: nobody is admitted by it.

The service says so, keeps answering, and goes on once the store is whole again.
"""

import os
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from chaincred import Bearer, ListRefused, Request, RevocationView, Stale
from chaincred.audit import check as check_export
from chaincred.files import FileFloor
from chaincred_verifier.audit_log import Record
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.published import begin, id_of
from chaincred_verifier.store import migrate
from chaincred_verifier.store.sqlite import DatabaseFile, SqliteConnection
from chaincred_verifier.writer import Settling, settle_all
from tests.verifier.running import AUDIENCE, Keys, Running, check

NAME = "service.db"
SOON = 10.0
"""Seconds in which a service has noticed."""


def link(bearer: Bearer) -> str:
    return bearer.token.chain.links[-1].hex()


def until(true: Callable[[], bool], seconds: float = SOON) -> None:
    """Returns once it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def unfit(service: Running) -> list[str]:
    """What is not ready."""
    found: list[str] = service.client.get("/readyz").json()["unfit"]
    return found


def code(service: Running, bearer: Bearer) -> str:
    """What is decided about `bearer`."""
    answer = service.verify(bearer)
    assert answer.status_code in (200, 403, 503), answer.text
    return str(answer.json().get("code", "ok"))


def require_whole(service: Running) -> None:
    """The list goes on and the audit log is a chain."""
    view = RevocationView([service.list_key], floor=FileFloor(service.keys.folder / "follower"))
    view.update(service.client.get("/v1/list").content, now=int(time.time()))
    lines = service.read("/v1/audit/export").content.splitlines()
    check_export(lines, [service.list_key])


def never_a_fault(service: Running) -> None:
    assert '"fault"' not in service.log()
    assert "Traceback" not in service.log()


# Full


class Quota:
    """A limit on how long the service's files may get, which the system enforces."""

    def __init__(self, service: Running) -> None:
        self._service = service

    @contextmanager
    def full(self) -> Iterator[None]:
        assert self._service.process is not None
        pid = self._service.process.pid
        size = (self._service.keys.folder / f"{NAME}-wal").stat().st_size
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        yield
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


class SmallDisk:
    """A file system of its own without a byte left."""

    def __init__(self, service: Running) -> None:
        self._folder = service.keys.folder

    @contextmanager
    def full(self) -> Iterator[None]:
        ballast = self._folder / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))
        yield
        ballast.unlink()


@pytest.fixture
def small_folder(tmp_path: Path) -> Iterator[Path]:
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own is not permitted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_nobody_is_admitted_while_no_file_may_grow(keys: Keys):
    _full(keys, Quota)


def test_nobody_is_admitted_while_the_disk_is_full(small_folder: Path):
    _full(Keys(small_folder), SmallDisk)


def _full(keys: Keys, limit: type[Quota] | type[SmallDisk]) -> None:
    planner, worker = keys.chain("planner", "worker")
    with Running(keys, freshness="write=3,irreversible=2") as service:
        assert code(service, worker) == "ok"
        with limit(service).full():
            # A few more fit into what is allotted already.
            until(lambda: code(service, worker) == "unavailable")
            answer = service.revoke(what="chain", link=link(worker))
            assert answer.json()["code"] in ("unavailable", "stale")
            until(lambda: "list" in unfit(service))
            assert service.client.get("/healthz").status_code == 200
        until(lambda: unfit(service) == [])
        assert code(service, worker) == "ok"
        assert service.revoke(what="chain", link=link(worker)).status_code == 201
        assert (code(service, worker), code(service, planner)) == ("revoked", "ok")
        require_whole(service)
        never_a_fault(service)


# Locked


def test_a_store_that_another_process_holds_is_not_waited_for_long(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    with Running(keys) as service:
        assert code(service, worker) == "ok"
        with (
            closing(sqlite3.connect(keys.folder / NAME, isolation_level=None)) as other,
            ThreadPoolExecutor(12) as people,
        ):
            other.execute("BEGIN EXCLUSIVE")
            begun = time.monotonic()
            decided = [people.submit(code, service, worker) for _ in range(4)]
            # Each of these is a transaction of its own.
            revoked = [people.submit(service.revoke, what="task", task="t") for _ in range(8)]
            time.sleep(0.5)
            asked_at = time.monotonic()
            assert service.client.get("/healthz").status_code == 200
            assert service.client.get("/v1/list").status_code == 200
            assert time.monotonic() - asked_at < 2
            assert {each.result() for each in decided} == {"unavailable"}
            assert {each.result().status_code for each in revoked} == {503}
            assert time.monotonic() - begun < 15
            other.execute("ROLLBACK")
        until(lambda: code(service, worker) == "ok")
        # Its last head is too old for what cannot be taken back, until it has signed another.
        until(lambda: service.revoke(what="chain", link=link(worker)).status_code == 201)
        assert (code(service, worker), code(service, planner)) == ("revoked", "ok")
        require_whole(service)
        never_a_fault(service)


# Gone, replaced, garbage


def test_a_store_that_is_taken_away_is_not_begun_anew(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    path, away = keys.folder / NAME, keys.folder / "away.db"
    with Running(keys) as service:
        assert service.revoke(what="chain", link=link(worker)).status_code == 201
        for other in (None, b"", b"not a database" * 1_000):
            assert (code(service, worker), code(service, planner)) == ("revoked", "ok")
            path.rename(away)
            if other is not None:
                path.write_bytes(other)
            until(lambda: unfit(service) == ["store"])
            assert {code(service, planner) for _ in range(5)} == {"unavailable"}
            assert service.revoke(what="task", task="t").json()["code"] == "unavailable"
            assert service.client.get("/healthz").status_code == 200
            assert (path.read_bytes() if path.exists() else None) == other
            away.replace(path)
            until(lambda: unfit(service) == [])
        assert (code(service, worker), code(service, planner)) == ("revoked", "ok")
        require_whole(service)
        never_a_fault(service)


def test_a_store_that_is_garbage_admits_nobody_who_is_revoked_and_starts_no_service(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    with Running(keys) as service:
        assert service.revoke(what="chain", link=link(worker)).status_code == 201
        _scramble(keys.folder)
        for _ in range(10):
            # What lies in memory may still be right.
            assert code(service, worker) in ("revoked", "unavailable", "stale")
            assert code(service, planner) in ("ok", "unavailable", "stale")
        assert service.client.get("/healthz").status_code == 200
        never_a_fault(service)
        assert service.stop() in (0, -15)
    _scramble(keys.folder)
    again = Running(keys)
    try:
        process = again.start(wait=False).process
        assert process is not None and process.wait(20) not in (0, -9)
    finally:
        again.client.close()
        again.kill()


def _scramble(folder: Path) -> None:
    for path in folder.glob(f"{NAME}*"):
        if not path.name.endswith("-shm"):
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))


def test_a_floor_that_cannot_be_kept_admits_nobody_on_the_list_that_it_would_be_of(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    floors, away = keys.folder / "floors", keys.folder / "away"
    floors.mkdir()
    with Running(keys, floor=floors / "floor", workers=2) as service:
        until(lambda: service.log().count('"started"') == 2)
        floors.rename(away)
        until(lambda: service.revoke(what="chain", link=link(worker)).status_code == 201)
        assert {code(service, each) for each in (worker, planner) * 5} <= {"unavailable", "stale"}
        until(lambda: "store" in unfit(service))
        away.rename(floors)
        until(lambda: unfit(service) == [] and code(service, planner) == "ok")
        for _ in range(10):
            # Each of the workers follows again.
            assert (code(service, worker), code(service, planner)) == ("revoked", "ok")
        require_whole(service)
        never_a_fault(service)


# Of yesterday


def test_a_store_that_was_set_back_admits_nothing_that_it_has_forgotten(keys: Keys):
    planner, worker, helper = keys.chain("planner", "worker", "helper")
    request = Request("read_file", effect="read")
    old, late = keys.folder / "old", keys.folder / "late"
    with Running(keys) as service:
        assert service.revoke(what="chain", link=link(helper)).status_code == 201
        _copy(keys.folder, old)
        assert service.revoke(what="chain", link=link(worker)).status_code == 201
        _copy(keys.folder, late)
        head = service.client.get("/v1/list/head").content
        until(lambda: service.client.get("/v1/list/head").content != head)
        shown = str(planner.present(request, audience=AUDIENCE, now=int(time.time())))
        assert service.client.post("/v1/verify", json=check(shown, request)).status_code == 200
        assert service.stop() in (0, -15)

    # An entry is missing: it decides nothing, and signs nothing that a follower would take.
    _put_back(old, keys.folder)
    with _started(keys) as service:
        until(lambda: "floor" in unfit(service))
        assert {code(service, each) for each in (planner, worker, helper)} == {"stale"}
        refused = service.revoke(what="chain", link=link(worker)).json()["code"]
        assert refused in ("stale", "unavailable")
        head = service.client.get("/v1/list/head").content
        time.sleep(1.2)
        assert service.client.get("/v1/list/head").content == head
        view = RevocationView([service.list_key], floor=FileFloor(keys.folder / "floor"))
        with pytest.raises(ListRefused, match="older"):
            view.update(service.client.get("/v1/list").content, now=int(time.time()))
        assert service.stop() in (0, -15)

    # No entry is missing, but the proofs since are.
    _put_back(late, keys.folder)
    with Running(keys) as service:
        answer = service.client.post("/v1/verify", json=check(shown, request))
        assert answer.json()["code"] == "proof_replayed"
        # One that is made now cannot have been seen.
        until(lambda: code(service, planner) == "ok")
        assert (code(service, worker), code(service, helper)) == ("revoked", "revoked")
        require_whole(service)
        never_a_fault(service)


def test_a_decision_on_a_list_that_is_ahead_of_the_store_admits_nobody(keys: Keys):
    # As when a database falls back to a copy that is behind, under a service that runs.
    connection = SqliteConnection(DatabaseFile(str(keys.folder / NAME)))
    migrate(connection)
    now = int(time.time())
    said = Record(now, "verify", "ok", {})
    ahead = Settling(proof=(bytes(48), now + 60), admitted=True, list_seq=1, record=said)
    own = id_of(keys.list)
    with connection.writing():
        writing = Writing(connection, Known(), list_id=own, now=now, capacity=1_000)
        begin(writing, keys.list, fresh_for=300)
        with pytest.raises(Stale):
            settle_all(writing, [ahead])
    assert connection.rows("SELECT count(*) FROM audit") == [(0,)]
    connection.close()


@contextmanager
def _started(keys: Keys) -> Iterator[Running]:
    """A service that answers, ready or not."""
    service = Running(keys).start(wait=False)
    try:
        until(lambda: _answers(service))
        yield service
    finally:
        service.client.close()
        service.kill()


def _answers(service: Running) -> bool:
    try:
        return service.client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def _copy(folder: Path, to: Path) -> None:
    """A backup as an operator makes one."""
    to.mkdir()
    with (
        closing(sqlite3.connect(folder / NAME)) as source,
        closing(sqlite3.connect(to / NAME)) as backup,
    ):
        source.backup(backup)


def _put_back(backup: Path, folder: Path) -> None:
    for path in folder.glob(f"{NAME}*"):
        path.unlink()
    shutil.copy(backup / NAME, folder / NAME)
