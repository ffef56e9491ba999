"""Two services, one with two workers, on one PostgreSQL that is stopped, restarted and hung."""

from __future__ import annotations

import os
import signal
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chaincred import Bearer, Entry, NoFloor, Request, RevocationView
from chaincred.audit import check as check_export
from chaincred.revocation import Head, Signed, Update
from chaincred_verifier import published
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.store import connector
from tests.verifier.postgres import Postgres
from tests.verifier.running import AUDIENCE, Keys, Running, check

PATIENCE = 20.0


@dataclass
class Pair:
    """Two services with the same keys and store, each with a floor of its own."""

    one: Running
    two: Running
    database: str

    @property
    def both(self) -> tuple[Running, Running]:
        return self.one, self.two

    @property
    def keys(self) -> Keys:
        return self.one.keys


@pytest.fixture(scope="module")
def pair(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    keys = Keys(tmp_path_factory.mktemp("pair"))
    name = postgres.database(migrated=False)
    more = {"store": postgres.url(name), "refused_per_second": 100_000}
    one = Running(keys, floor=keys.folder / "floor-one", workers=2, **more)
    two = Running(keys, floor=keys.folder / "floor-two", **more)
    try:
        # At once, on an empty database.
        for each in (one, two):
            each.start(wait=False)
        for each in (one, two):
            each.wait_until_ready()
        yield Pair(one, two, name)
    finally:
        for each in (one, two):
            each.client.close()
            each.kill()
    postgres.give_back(name)


def shown(bearer: Bearer, tool: str = "read_file", effect: str = "read") -> dict[str, Any]:
    """The body of a call to /v1/verify with a fresh presentation."""
    request = Request(tool, effect=effect)
    presentation = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
    return check(str(presentation), request)


def ask(service: Running, body: dict[str, Any]) -> str:
    """The code of a decision, over a connection of its own: so by any of the workers."""
    answer = post(service, body)
    return "ok" if answer.status_code == 200 else str(answer.json()["code"])


def post(service: Running, body: dict[str, Any]) -> httpx2.Response:
    with anew(service) as client:
        return client.post("/v1/verify", json=body)


def anew(service: Running) -> httpx2.Client:
    """A client without connections."""
    return httpx2.Client(base_url=service.url, timeout=PATIENCE, verify=False)


def link_of(bearer: Bearer) -> str:
    return bearer.token.chain.links[-1].hex()


def eventually(holds: Callable[[], bool], patience: float = PATIENCE) -> float:
    """Waits until it holds, and gives the seconds that it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < patience
        time.sleep(0.03)
    return time.monotonic() - begun


def is_ready(service: Running) -> bool:
    return service.client.get("/readyz").status_code == 200


# Together


def test_a_proof_shown_to_all_at_once_passes_once(pair: Pair) -> None:
    (bearer,) = pair.keys.chain("planner")
    with ThreadPoolExecutor(6) as pool:
        for _ in range(8):
            body = shown(bearer)
            where = [pair.one, pair.two] * 3
            codes = sorted(pool.map(ask, where, [body] * len(where)))
            assert codes == ["ok"] + ["proof_replayed"] * 5


def test_what_one_revokes_the_other_refuses_as_soon_as_it_is_answered(pair: Pair) -> None:
    for number in range(8):
        revoking, other = pair.both if number % 2 else (pair.two, pair.one)
        planner, worker = pair.keys.chain("planner", "worker")
        assert ask(other, shown(worker)) == "ok"
        assert revoking.revoke(what="chain", link=link_of(planner)).status_code == 201
        codes = [ask(each, shown(worker)) for each in (other, other, other, revoking, revoking)]
        assert codes == ["revoked"] * 5


def test_a_revocation_made_twice_at_once_is_one_entry(pair: Pair) -> None:
    (bearer,) = pair.keys.chain("planner")
    with ThreadPoolExecutor(4) as pool:
        said = list(
            pool.map(lambda each: each.revoke(what="chain", link=link_of(bearer)), pair.both * 2)
        )
    assert sorted(each.status_code for each in said) == [200, 200, 200, 201]
    assert len({each.json()["number"] for each in said}) == 1


def test_a_revocation_that_is_asked_again_later_is_still_one_entry(pair: Pair) -> None:
    # Nobody has shown this chain: when it ends is reckoned from when it is revoked.
    (bearer,) = pair.keys.chain("planner")
    asked = {"what": "chain", "link": link_of(bearer)}
    first = pair.one.revoke(**asked)
    time.sleep(1.1)
    again = pair.two.revoke(**asked)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"]


@contextmanager
def followed(service: Running) -> Iterator[RevocationView]:
    """A view that follows the stream of a service."""
    view = RevocationView([service.list_key], floor=NoFloor())
    view.update(service.client.get("/v1/list").content, now=int(time.time()))
    client = anew(service)

    def follow() -> None:
        with (
            suppress(httpx2.TransportError, httpx2.StreamClosed, OSError),
            client.stream("GET", "/v1/list/stream", params={"since": view.seq}) as stream,
        ):
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    text = line.removeprefix("data: ")
                    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
                    view.update(data, now=int(time.time()))
                if done.is_set():
                    return

    done = threading.Event()
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield view
    done.set()
    thread.join(PATIENCE)  # a heartbeat comes every second
    client.close()
    assert not thread.is_alive()


def _holds(views: tuple[RevocationView, ...], number: int) -> bool:
    return all(view.seq >= number for view in views)


def test_the_streams_of_both_tell_what_one_revoked(pair: Pair) -> None:
    with followed(pair.one) as first, followed(pair.two) as second:
        for revoking in pair.both:
            (bearer,) = pair.keys.chain("planner")
            number = revoking.revoke(what="chain", link=link_of(bearer)).json()["number"]
            eventually(partial(_holds, (first, second), number), 5)
            entry = Entry.chain(bearer.token.chain.links[-1])
            assert first.holds(entry.id) and second.holds(entry.id)


def test_the_head_never_goes_back_and_is_signed_by_one_at_a_time(pair: Pair) -> None:
    seen: list[tuple[float, float, tuple[int, int]]] = []
    end = time.monotonic() + 4

    def watch(service: Running) -> None:
        while time.monotonic() < end:
            begun = time.monotonic()
            with anew(service) as client:
                data = client.get("/v1/list/head").content
            head = Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)
            seen.append((begun, time.monotonic(), (head.place.seq, head.issued_at)))

    before = int(time.time())
    with ThreadPoolExecutor(4) as pool:
        watching = [pool.submit(watch, each) for each in pair.both * 2]
        for revoking in pair.both * 2:
            (bearer,) = pair.keys.chain("planner")
            assert revoking.revoke(what="chain", link=link_of(bearer)).status_code == 201
        for each in watching:
            each.result()
    # Who asked after another was answered was not told of an earlier head.
    latest, ended = (0, 0), sorted((answered, head) for _, answered, head in seen)
    for begun, _, head in sorted(seen):
        while ended and ended[0][0] < begun:
            latest = max(latest, ended.pop(0)[1])
        assert head >= latest
    heads = {head for _, _, head in seen}
    # A heartbeat a second, for all of them together, and one head for each of four entries.
    assert 3 <= len(heads) <= int(time.time()) - before + 2 + 4


# A wake-up only


def numbers(pair: Pair) -> list[int]:
    """How far each service's own view is."""
    return [each.client.get("/healthz").json()["list"] for each in pair.both]


class Quiet(Writing):
    """Writes, and wakes nobody."""

    def wake(self) -> None:
        pass


def test_an_entry_that_nobody_was_notified_of_is_found_all_the_same(
    pair: Pair, postgres: Postgres
) -> None:
    (bearer,) = pair.keys.chain("planner")
    connection = connector(postgres.url(pair.database))()
    with connection.writing():
        state = published.state(connection)
        assert state is not None
        list_id, now = state.place.list_id, int(time.time())
        writing = Quiet(connection, Known(), list_id=list_id, now=now, capacity=1)
        entry = Entry.chain(bearer.token.chain.links[-1])
        number = published.append(writing, pair.keys.list, entry, made_by="", fresh_for=300)
    connection.close()
    assert [ask(each, shown(bearer)) for each in pair.both] == ["revoked"] * 2
    eventually(lambda: min(numbers(pair)) >= number, 3)


def test_who_listens_no_more_hears_of_it_all_the_same(pair: Pair, postgres: Postgres) -> None:
    listening = "query LIKE 'LISTEN%%'"
    assert postgres.end_connections(pair.database, where=listening) == 3
    (bearer,) = pair.keys.chain("planner")
    number = pair.one.revoke(what="chain", link=link_of(bearer)).json()["number"]
    eventually(lambda: min(numbers(pair)) >= number, 3)
    eventually(lambda: len(postgres.sql(
        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE 'LISTEN%%'",
        pair.database,
    )) == 3)  # fmt: skip


# Without the database


def test_connections_that_were_ended_are_not_noticed(pair: Pair, postgres: Postgres) -> None:
    (bearer,) = pair.keys.chain("planner")
    for _ in range(2):
        assert postgres.end_connections(pair.database) > 3
        with ThreadPoolExecutor(8) as pool:
            paths = ["/v1/list", "/v1/list/head", "/v1/list?since=0", "/readyz"] * 6
            assert {each.status_code for each in pool.map(pair.two.client.get, paths)} == {200}
        assert ask(pair.two, shown(bearer)) == "ok"


def test_without_the_database_nobody_is_admitted_and_then_all_goes_on(
    pair: Pair, postgres: Postgres
) -> None:
    planner, worker = pair.keys.chain("planner", "worker")
    assert ask(pair.one, shown(worker)) == "ok"
    postgres.stop("immediate")
    try:
        eventually(lambda: not any(map(is_ready, pair.both)))
        for each in pair.both:
            begun = time.monotonic()
            assert ask(each, shown(worker)) == "unavailable"
            answer = each.revoke(what="chain", link=link_of(planner))
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert each.client.get("/v1/list").status_code == 503
            assert "store" in each.client.get("/readyz").json()["unfit"]
            assert each.client.get("/healthz").status_code == 200
            assert time.monotonic() - begun < 5
    finally:
        postgres.start()
    eventually(lambda: all(map(is_ready, pair.both)), 10)
    assert [ask(each, shown(worker)) for each in pair.both] == ["ok", "ok"]


@dataclass
class Outcome:
    """What clients were told, until nothing was left to do."""

    revoked: dict[str, int] = field(default_factory=dict)
    admitted: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    failed: int = 0


def keeps_revoking(service: Running, links: list[str], outcome: Outcome) -> None:
    """Revokes each, again and again until it is told that it is done."""
    for link in links:
        while link not in outcome.revoked:
            try:
                answer = service.revoke(what="chain", link=link)
            except httpx2.TransportError:
                outcome.failed += 1
                continue
            if answer.status_code in (200, 201):
                outcome.revoked[link] = answer.json()["number"]
            else:
                assert answer.status_code == 503, answer.text
                outcome.failed += 1
                time.sleep(0.02)


def keeps_asking(service: Running, bearer: Bearer, end: threading.Event, outcome: Outcome) -> None:
    """Shows proof after proof."""
    while not end.is_set():
        body = shown(bearer)
        answer = post(service, body)
        if answer.status_code == 200:
            outcome.admitted.append((answer.json()["audit"], body))
        else:
            assert answer.status_code == 503, answer.text
            outcome.failed += 1
            time.sleep(0.02)


def test_a_restart_under_load_loses_nothing_that_was_answered(
    pair: Pair, postgres: Postgres
) -> None:
    doomed = [pair.keys.chain(f"agent-{n}")[0] for n in range(120)]
    links = [link_of(each) for each in doomed]
    (bearer,) = pair.keys.chain("planner")
    outcome, end = Outcome(), threading.Event()
    with ThreadPoolExecutor(8) as pool:
        # Each is revoked through both services, as by two who know of the same incident.
        revoking = [
            pool.submit(keeps_revoking, each, part, outcome)
            for each in pair.both
            for part in (links[::2], links[1::2])
        ]
        asking = [
            pool.submit(keeps_asking, each, bearer, end, outcome)
            for each in pair.both
            for _ in "ab"
        ]
        for mode in ("immediate", "fast"):
            time.sleep(0.7)
            postgres.restart(mode)
        for each in revoking:
            each.result(PATIENCE * 3)
        end.set()
        for each in asking:
            each.result(PATIENCE)
    eventually(lambda: all(map(is_ready, pair.both)), 10)
    assert outcome.failed and outcome.admitted

    rows = postgres.sql("SELECT number, id FROM entries ORDER BY number", database=pair.database)
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    ids = [bytes(id) for _, id in rows]
    for link, number in outcome.revoked.items():
        id = Entry.chain(bytes.fromhex(link)).id
        assert ids.count(id) == 1 and ids[number - 1] == id
    assert set(outcome.revoked) == set(links)
    view = RevocationView([pair.one.list_key], floor=NoFloor())
    view.update(pair.two.client.get("/v1/list").content, now=int(time.time()))
    assert view.seq == len(rows) and all(map(view.holds, ids))

    # What was admitted is in the log under the number that was told, and is not admitted again.
    export = pair.two.read("/v1/audit/export").content.splitlines()
    checked = check_export(export, [pair.one.list_key])
    recorded = {int(line.split(b",")[0].removeprefix(b'{"n":')): line for line in export[1:]}
    assert checked.last >= len(outcome.admitted)
    for n, _ in outcome.admitted:
        assert (
            b'"what":"verify","code":"ok"' in recorded[n]
            and link_of(bearer).encode() in recorded[n]
        )
    for number, (_, body) in enumerate(outcome.admitted[-20:]):
        assert ask(pair.both[number % 2], body) == "proof_replayed"


@pytest.mark.long
def test_a_database_that_hangs_is_one_that_does_not_answer(pair: Pair, postgres: Postgres) -> None:
    (bearer,) = pair.keys.chain("planner")
    postgres.hang()
    try:
        begun = time.monotonic()
        assert ask(pair.two, shown(bearer)) == "unavailable"
        assert time.monotonic() - begun < 20
        ready = pair.two.client.get("/readyz")
        assert ready.status_code == 503 and "store" in ready.json()["unfit"]
    finally:
        postgres.go_on()
    eventually(lambda: all(map(is_ready, pair.both)), PATIENCE)
    assert [ask(each, shown(bearer)) for each in pair.both] == ["ok", "ok"]


def test_a_service_whose_worker_cannot_start_anew_ends_and_says_so(
    pair: Pair, postgres: Postgres
) -> None:
    process = pair.one.process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    # Python's own helper for processes is one of them.
    workers = [
        int(each)
        for each in children
        if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]
    assert len(workers) == 2
    postgres.stop()
    try:
        os.kill(workers[0], signal.SIGKILL)
        # Not 0: then nobody would start it again.
        assert process.wait(PATIENCE * 2) == 3
    finally:
        postgres.start()


def test_a_service_ends_as_it_is_told(pair: Pair) -> None:
    # By the signal that it was sent, once it has ended gracefully.
    assert pair.two.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in pair.two.log() and "ResourceWarning" not in pair.two.log()


# At the start


@pytest.fixture(scope="module")
def locked(postgres: Postgres) -> str:
    """A URL that asks for a password, and has the wrong one."""
    postgres.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    rules = postgres.data / "pg_hba.conf"
    rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
    postgres.reload()
    return postgres.url(user="locked", password="hunter2")


@pytest.mark.parametrize(
    ("url", "said", "workers"),
    [
        ("", "the password is refused", 1),
        ("postgresql://u:hunter2@127.0.0.1:1/db", "no connection", 2),
        ("postgresql://u:hunter2@127.0.0.1/db?nonsense=1", "not the URL", 1),
    ],
    ids=["wrong password", "nobody there", "not a url"],
)
def test_a_store_that_cannot_be_used_is_told_at_the_start_and_without_its_password(
    keys: Keys, locked: str, url: str, said: str, workers: int
) -> None:
    service = Running(keys, store=url or locked, workers=workers)
    service.start(wait=False)
    assert service.process is not None
    try:
        assert service.process.wait(PATIENCE) not in (0, -9)
    finally:
        service.kill()
        service.client.close()
    log = service.log()
    assert "CHAINCRED_STORE" in log and said in log
    assert "hunter2" not in log and "Traceback" not in log
