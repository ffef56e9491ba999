"""Losing the store, restoring an old backup, and bringing back what it does not have."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaincred import Entry, Request, RevocationList, RevocationView, SigningKey, Task
from chaincred.cli import main
from chaincred.encoding import pack
from chaincred.files import FileFloor, write_key
from chaincred.revocation import Head, Place, Signed, Snapshot, Update
from tests.verifier.operated import chaincred, shown, typed
from tests.verifier.running import AUDIENCE, Keys, Running, check

(BACK_UP, KEEP_THE_LIST, *_) = shown("## Back up and restore")
(RESTORE, *_) = shown("### Restore")
WAYS = {
    "as documented": BACK_UP,
    "vacuum into": "sqlite3 /var/lib/chaincred/service.db "
    "\"VACUUM INTO '/var/backups/chaincred/service.db'\"",
}


@pytest.fixture
def backups(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def done(block, running, backups):
    result = typed(block, running, backups)
    assert result.returncode == 0, result.stderr
    return result


def lost(running):
    """The service ends without a word, and its disk is gone."""
    running.kill()
    for path in running.keys.folder.glob("service.db*"):
        path.unlink()


def unfit(running, what, patience=10):
    """Waits until the service says that `what` is unfit."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            answer = running.client.get("/readyz")
        except Exception:  # noqa: BLE001 - it is starting
            time.sleep(0.05)
            continue
        if what in answer.json()["unfit"]:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} is not unfit:\n{running.log()}")


def restored(running, path):
    """What `chaincred restore` ends in: its exit code and its answer."""
    only = {name: None for name in os.environ if name.startswith("CHAINCRED_")}
    runner = CliRunner(env={**only, **running._settings})
    result = runner.invoke(main, ["restore", str(path), "--json"])
    value = json.loads(result.stdout)
    return result.exit_code, value.get("error", value)


def codes(running, bearers, **said):
    return [running.verify(each, **said).json().get("code", "ok") for each in bearers]


def view_of(running):
    """A resource server's view, as it follows the service by its URL."""
    view = RevocationView(
        [running.list_key], floor=FileFloor(running.keys.folder / "follower.floor")
    )
    followed(view, running)
    return view


def followed(view, running):
    since = f"?since={view.seq}" if view.seq else ""
    answer = running.client.get(f"/v1/list{since}")
    if answer.status_code == 410:
        answer = running.client.get("/v1/list")
    view.update(answer.content, now=int(time.time()))


@pytest.mark.parametrize(
    ("way", "while_it_runs"), [("as documented", False), ("vacuum into", True)]
)
def test_what_was_revoked_stays_so_though_the_store_was_set_back(keys, backups, way, while_it_runs):
    running = Running(keys)
    with running:
        before, chain, below, holder, free = (
            keys.chain(name)[0] for name in ("before", "chain", "below", "holder", "free")
        )
        (issued_early,) = keys.chain("early")
        task = keys.chain("tasked", caveats=[Task("q3")])[0]
        known = [before, chain, holder, free, issued_early]
        assert codes(running, known) == ["ok"] * 5
        assert running.verify(task, task="q3").status_code == 200
        running.revoke(what="chain", link=before.token.root_id.hex())
        view = view_of(running)

        done(WAYS[way], running, backups)

        helper = below.hand_over(agent="helper", purpose="p", now=int(time.time()))
        assert codes(running, [helper]) == ["ok"]
        for said in (
            {"what": "chain", "link": chain.token.root_id.hex(), "reason": "laptop lost"},
            {"what": "chain", "link": below.token.root_id.hex()},
            {"what": "holder", "key": holder.token.chain.holder.hex()},
            {"what": "task", "task": "q3"},
        ):
            assert running.revoke(**said).status_code == 201
        followed(view, running)
        done(KEEP_THE_LIST, running, backups)
        dead = [before, chain, below, helper, holder]
        assert codes(running, dead) == ["revoked"] * 5

        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")
        running.start(wait=False)
        unfit(running, "floor")
        assert codes(running, [*dead, free]) == ["stale"] * 6
        no = running.revoke(what="task", task="new")
        assert (no.status_code, no.json()["code"]) == (503, "stale")
        with closing(sqlite3.connect(keys.folder / "service.db")) as store:
            assert store.execute("SELECT seq FROM list_state").fetchall() == [(1,)]

        if not while_it_runs:
            running.kill()
        code, value = restored(running, backups / "revoked.list")
        # Two chains and a helper's below one, a holder's and a tasked one: the store knows them
        # from its backup, or since they were shown to it after.
        assert (code, value) == (0, {"before": 1, "number": 5, "killed": 5})
        if not while_it_runs:
            running.start(wait=False)
        running.wait_until_ready()

        time.sleep(1)
        assert codes(running, dead) == ["revoked"] * 5
        assert codes(running, [task], task="q3") == ["revoked"]
        assert codes(running, [free, issued_early]) == ["ok", "ok"]
        followed(view, running)
        assert (view.seq, len(view)) == (5, 5)
        again = running.revoke(what="holder", key=free.token.chain.holder.hex())
        assert again.json()["number"] == 6
        followed(view, running)
        assert codes(running, [free]) == ["revoked"]
        assert view.seq == 6

        tree = running.read(f"/v1/chains/{chain.token.root_id.hex()}").json()
        (node,) = tree["nodes"]
        assert not node["alive"] and node["revoked"]["reason"] == "laptop lost"
        records = running.read("/v1/audit?what=restore").json()["records"]
        assert [(each["number"], each["detail"]) for each in records] == [(5, "from number 1")]
        export = running.read("/v1/audit/export").content
        (keys.folder / "audit.jsonl").write_bytes(export)
        checked = chaincred(
            "audit", "verify", "audit.jsonl", "--list-key", running.list_key.hex(), cwd=keys.folder
        )
        assert checked.returncode == 0, checked.stderr


def test_the_commands_of_the_page_bring_everything_back(keys, backups):
    running = Running(keys)
    with running:
        (bearer,) = keys.chain("a")
        done(BACK_UP, running, backups)
        running.revoke(what="chain", link=bearer.token.root_id.hex())
        done(KEEP_THE_LIST, running, backups)
        lost(running)
        assert "numbers 1 to 1" in done(RESTORE, running, backups).stdout
        running.start()
        time.sleep(1)
        assert codes(running, [bearer]) == ["revoked"]


def compacted(running):
    """Lets the service fold its entries into a new snapshot, as it does when there are many."""
    running.stop()
    running.start()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with closing(sqlite3.connect(running.keys.folder / "service.db")) as store:
            ((number,),) = store.execute("SELECT seq FROM list_snapshot").fetchall()
        if number:
            return number
        time.sleep(0.05)
    raise AssertionError("nothing was compacted")


def test_a_snapshot_beyond_the_stores_number_takes_the_place_of_what_it_knew(keys, backups):
    running = Running(keys, compact_after=10)
    with running:
        names = ("early", "chain", "holder", "other", "free")
        early, chain, holder, other, free = (keys.chain(name)[0] for name in names)
        helper = chain.hand_over(agent="helper", purpose="p", now=int(time.time()))
        tasked = keys.chain("tasked", caveats=[Task("q3")])[0]
        second = SigningKey.generate()
        assert codes(running, [early, helper, holder, other, free]) == ["ok"] * 5
        codes(running, [tasked], task="q3")
        # Not shown before the store has lost what killed them.
        late, late_tasked = keys.chain("late")[0], keys.chain("tasked", caveats=[Task("q3")])[0]
        running.revoke(what="chain", link=early.token.root_id.hex())
        view = view_of(running)
        done(BACK_UP, running, backups)

        for said in (
            {"what": "chain", "link": chain.token.root_id.hex()},
            {"what": "holder", "key": holder.token.chain.holder.hex()},
            {"what": "task", "task": "q3"},
            {"what": "issuer", "key": second.public_key.hex()},
            {"what": "chain", "link": late.token.root_id.hex()},
            *({"what": "task", "task": f"t{n}"} for n in range(6)),
        ):
            assert running.revoke(**said).status_code == 201
        assert compacted(running) == 12
        running.revoke(what="holder", key=other.token.chain.holder.hex())
        done(KEEP_THE_LIST, running, backups)
        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")

        code, value = restored(running, backups / "revoked.list")
        # A chain and what stands on it, a holder, a tasked chain; and by the entry after it one.
        assert (code, value) == (0, {"before": 1, "number": 13, "killed": 5})
        running.start()
        time.sleep(1)
        assert codes(running, [early, chain, helper, holder, other]) == ["revoked"] * 5
        assert codes(running, [tasked, late_tasked], task="q3") == ["revoked"] * 2
        assert codes(running, [free, late]) == ["ok", "revoked"]
        followed(view, running)
        assert view.seq == 13
        assert view.holds(Entry.issuer(second.public_key).id)
        assert running.client.get("/v1/list?since=1").status_code == 410
        living = {helper: False, tasked: False, late: False, late_tasked: False, free: True}
        for bearer, alive in living.items():
            tree = running.read(f"/v1/chains/{bearer.token.root_id.hex()}").json()
            assert {node["alive"] for node in tree["nodes"]} == {alive}, bearer


def test_what_an_issuer_signed_before_a_time_is_marked_by_a_snapshot_too(keys, backups):
    running = Running(keys, compact_after=10)
    with running:
        (bearer,), (late,) = keys.chain("a"), keys.chain("late")
        codes(running, [bearer])
        done(BACK_UP, running, backups)
        before = int(time.time()) + 1
        running.revoke(what="issuer", key=keys.root.public_key.hex(), before=before)
        for n in range(10):
            running.revoke(what="task", task=f"t{n}")
        compacted(running)
        done(KEEP_THE_LIST, running, backups)
        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")
        assert restored(running, backups / "revoked.list")[1]["killed"] == 1
        running.start()
        time.sleep(max(1, before - time.time()))
        # Of the two that are shown first now one was issued in time to live.
        (fresh,) = keys.chain("fresh")
        assert codes(running, [late, fresh]) == ["revoked", "ok"]
        for each, alive in ((late, False), (fresh, True)):
            tree = running.read(f"/v1/chains/{each.token.root_id.hex()}").json()
            assert [node["alive"] for node in tree["nodes"]] == [alive]


def test_the_list_alone_begins_a_store_where_there_is_no_backup(keys, backups):
    running = Running(keys)
    with running:
        (dead, alive) = (keys.chain(name)[0] for name in ("dead", "alive"))
        running.revoke(what="chain", link=dead.token.root_id.hex())
        view = view_of(running)
        done(KEEP_THE_LIST, running, backups)
        lost(running)
        code, value = restored(running, backups / "revoked.list")
        assert (code, value) == (0, {"before": 0, "number": 1, "killed": 0})
        running.start()
        time.sleep(1)
        assert codes(running, [dead, alive]) == ["revoked", "ok"]
        followed(view, running)
        running.revoke(what="chain", link=alive.token.root_id.hex())
        followed(view, running)
        assert view.seq == 2


def test_a_delta_from_the_number_of_the_backup_brings_entries_with_their_reasons(keys, backups):
    running = Running(keys)
    with running:
        running.revoke(what="task", task="old")
        done(BACK_UP, running, backups)
        running.revoke(what="task", task="new", reason="why")
        (backups / "delta").write_bytes(running.client.get("/v1/list?since=1").content)
        (backups / "gap").write_bytes(running.client.get("/v1/list?since=2").content)
        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")
        assert restored(running, backups / "gap") == (3, "list_gap")
        assert restored(running, backups / "delta")[0] == 0
        running.start()
        assert running.read("/v1/revocations/2").json()["reason"] == "why"

        (backups / "delta").write_bytes(running.client.get("/v1/list?since=0").content)
        lost(running)
        assert restored(running, backups / "delta") == (3, "list_gap")


def test_a_proof_that_was_used_is_not_taken_again_after_a_restore(keys, backups):
    running = Running(keys)
    with running:
        (bearer,) = keys.chain("a")
        request = Request("read_file", effect="read")
        done(BACK_UP, running, backups)
        running.revoke(what="task", task="new")
        done(KEEP_THE_LIST, running, backups)
        shown_before = str(bearer.present(request, audience=AUDIENCE, now=int(time.time())))
        asked = check(shown_before, request)
        assert running.client.post("/v1/verify", json=asked).status_code == 200
        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")
        time.sleep(1)
        assert restored(running, backups / "revoked.list")[0] == 0
        running.start()
        assert running.client.post("/v1/verify", json=asked).json()["code"] == "proof_replayed"
        time.sleep(1)
        assert codes(running, [bearer]) == ["ok"]


def test_a_session_that_was_ended_does_not_come_back(keys, backups):
    running = Running(keys)
    with running:
        signed_in = running.call("POST", "/v1/sessions", tool="chaincred.sign_in", effect="read")
        cookies = dict(signed_in.cookies)
        done(BACK_UP, running, backups)
        running.client.delete("/v1/sessions")
        running.revoke(what="task", task="new")
        done(KEEP_THE_LIST, running, backups)
        lost(running)
        shutil.copy(backups / "service.db", keys.folder / "service.db")
        assert restored(running, backups / "revoked.list")[0] == 0
        running.start()
        running.client.cookies.update(cookies)
        assert running.client.get("/v1/chains").json()["code"] == "unauthenticated"


def test_two_services_on_postgresql_go_on_after_one_restore(keys, postgres, database, backups):
    with Running(keys, store=postgres.url(database)) as running:
        dead, alive = (keys.chain(name)[0] for name in ("dead", "alive"))
        assert codes(running, [dead, alive]) == ["ok", "ok"]
        running.stop()
    postgres.end_connections(database)
    postgres.sql(f"CREATE DATABASE {database}_old TEMPLATE {database}")
    floors = [{"floor": keys.folder / name} for name in ("floor", "floor.2")]
    try:
        url = postgres.url(database)
        with Running(keys, store=url, **floors[0]) as one, Running(keys, store=url, **floors[1]):
            one.revoke(what="chain", link=dead.token.root_id.hex())
            done(KEEP_THE_LIST, one, backups)
            time.sleep(1)  # the other has heard of it as well
        url = postgres.url(f"{database}_old")
        both = [Running(keys, store=url, **floor) for floor in floors]
        try:
            for each in both:
                each.start(wait=False)
            for each in both:
                unfit(each, "floor")
                assert codes(each, [dead, alive]) == ["stale", "stale"]
            code, value = restored(both[0], backups / "revoked.list")
            assert (code, value) == (0, {"before": 0, "number": 1, "killed": 1})
            for each in both:
                each.wait_until_ready()
            time.sleep(1)
            for each in both:
                assert codes(each, [dead, alive]) == ["revoked", "ok"]
        finally:
            for each in both:
                each.client.close()
                each.kill()
    finally:
        postgres.end_connections(f"{database}_old")
        postgres.sql(f"DROP DATABASE {database}_old")


def test_a_dump_of_postgresql_is_brought_back_as_documented(
    keys, postgres, database, backups, monkeypatch
):
    back_up, restore = shown("### PostgreSQL")
    monkeypatch.setenv("PATH", f"{postgres.programs}:{os.environ['PATH']}")
    running = Running(keys, store=postgres.url(database))
    with running:
        before, after, alive = (keys.chain(name)[0] for name in ("before", "after", "alive"))
        assert codes(running, [before, after, alive]) == ["ok"] * 3
        running.revoke(what="chain", link=before.token.root_id.hex(), reason="first")
        done(back_up, running, backups)
        running.revoke(what="chain", link=after.token.root_id.hex())
        view = view_of(running)
        done(KEEP_THE_LIST, running, backups)
        running.stop()
        assert "numbers 2 to 2" in done(restore, running, backups).stdout
        running.start()
        time.sleep(1)
        assert codes(running, [before, after, alive]) == ["revoked", "revoked", "ok"]
        assert running.read("/v1/revocations/1").json()["reason"] == "first"
        tree = running.read(f"/v1/chains/{alive.token.root_id.hex()}").json()
        assert tree["nodes"][0]["uses"] == 2
        followed(view, running)
        assert view.seq == 2


def test_a_store_set_back_under_a_service_that_runs_is_brought_back_under_it(keys, backups):
    with Running(keys) as running:
        (bearer,) = keys.chain("a")
        done(BACK_UP, running, backups)
        running.revoke(what="chain", link=bearer.token.root_id.hex())
        done(KEEP_THE_LIST, running, backups)
        with (
            closing(sqlite3.connect(backups / "service.db")) as old,
            closing(sqlite3.connect(keys.folder / "service.db")) as store,
        ):
            old.backup(store)
        unfit(running, "floor")
        assert restored(running, backups / "revoked.list")[0] == 0
        running.wait_until_ready()
        time.sleep(1)
        assert codes(running, [bearer]) == ["revoked"]
        assert running.revoke(what="task", task="t").json()["number"] == 2


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """A store at number 2 whose service has published number 4; and the list at each number."""
    keys = Keys(tmp_path_factory.mktemp("behind"))
    running = Running(keys)
    lists = {}
    with running:
        for n in range(1, 5):
            running.revoke(what="task", task=f"t{n}")
            lists[n] = running.client.get("/v1/list").content
            if n == 2:
                with closing(sqlite3.connect(keys.folder / "service.db")) as store:
                    store.execute("VACUUM INTO ?", (str(keys.folder / "old.db"),))
        running.kill()
    return running, lists


@pytest.fixture
def desk(behind):
    """The store put back to number 2."""
    running, lists = behind
    for path in running.keys.folder.glob("service.db*"):
        path.unlink()
    shutil.copy(running.keys.folder / "old.db", running.keys.folder / "service.db")
    return running, lists


def refused(running, data, code):
    """The copy is refused with a code, and the store is as it was."""
    path = running.keys.folder / "copy"
    path.write_bytes(data)
    before = dumped(running)
    assert restored(running, path) == (3, code)
    assert dumped(running) == before


def dumped(running):
    with closing(sqlite3.connect(running.keys.folder / "service.db")) as store:
        return list(store.iterdump())


def list_at(keys, tasks, *, key=None, until=2**32 - 1, now=None):
    """A list of our own making, signed by the list key."""
    key = key or keys.list
    now = int(time.time()) if now is None else now
    held = RevocationList.begin(key, now=now)
    for task in tasks:
        held = held.revoke(Entry.task(task, until=until))
    return held.publish(key, now=now)


def test_an_older_list_is_refused(desk):
    running, lists = desk
    refused(running, lists[1], "list_rollback")


def test_one_that_ends_before_what_was_published_is_refused(desk):
    running, lists = desk
    refused(running, lists[3], "list_rollback")


def test_the_list_at_the_stores_own_number_has_nothing_to_bring(desk):
    running, lists = desk
    (running.keys.folder / "copy").write_bytes(lists[2])
    before = dumped(running)
    same = {"before": 2, "number": 2, "killed": 0}
    assert restored(running, running.keys.folder / "copy") == (0, same)
    assert dumped(running) == before
    result = chaincred("restore", "copy", environment=running._settings, cwd=running.keys.folder)
    assert result.stdout == "nothing to bring back: the store is at number 2\n"


def test_a_fork_is_refused(desk):
    running, _ = desk
    refused(running, list_at(running.keys, ["t1", "x", "t3", "t4", "t5"]), "list_forked")


def test_a_fork_behind_the_store_is_refused(desk):
    # It goes on rightly from the store, and not from there as was published.
    running, lists = desk
    store = Update.from_bytes(lists[2])
    place = Head.from_body(Signed.from_bytes(store.head).body).place
    entries = list(store.entries)
    for task in ("x", "y", "z"):
        entries.append(Entry.task(task).to_bytes())
        place = place.after(entries[-1])
    now = int(time.time())
    head = Head(place, now, now + 300).sign(running.keys.list)
    fork = Update(store.snapshot, 0, tuple(entries), head).to_bytes()
    refused(running, fork, "list_forked")


def test_a_list_of_another_key_is_refused(desk):
    running, _ = desk
    other = SigningKey.generate()
    refused(running, list_at(running.keys, ["t1"] * 9, key=other), "list_untrusted")


def test_a_list_of_another_id_is_refused_though_a_key_of_this_one_signed_it(desk):
    running, _ = desk
    now = int(time.time())
    place = Place.start(bytes(16))
    held = RevocationList.begin(running.keys.list, now=now)
    base = Snapshot(place, now, held.base.issuers, held.base.table)
    other = RevocationList.from_snapshot(base).revoke(Entry.task("t"))
    refused(running, other.publish(running.keys.list, now=now), "list_other")


def test_a_list_from_the_future_is_refused(desk):
    running, _ = desk
    ahead = int(time.time()) + 90
    refused(running, list_at(running.keys, ["t1"] * 9, now=ahead), "list_future")


def test_a_snapshot_without_an_entry_that_the_store_has_is_refused(desk):
    running, _ = desk
    now = int(time.time())
    held = RevocationList.begin(running.keys.list, now=now)
    place = Place(held.place.list_id, 9, bytes(32))
    base = Snapshot(place, now, held.base.issuers, held.base.table)
    missing = RevocationList.from_snapshot(base).publish(running.keys.list, now=now)
    refused(running, missing, "list_missing")


@pytest.mark.parametrize("data", [b"", b"\x94", pack([b"", 0, [], b""]), bytes(1000), b"\xc1"])
def test_what_is_no_list_is_refused(desk, data):
    running, _ = desk
    refused(running, data, "list_malformed")


def test_every_cut_list_is_refused(desk):
    running, lists = desk
    for size in (1, len(lists[4]) // 2, len(lists[4]) - 1):
        refused(running, lists[4][:size], "list_malformed")


def test_the_whole_list_is_taken_though_its_head_is_long_stale(desk):
    running, lists = desk
    (running.keys.folder / "copy").write_bytes(lists[4])
    when = chaincred(
        "restore", "copy", "--json",
        environment=running._settings | {"LD_PRELOAD": _faketime(), "FAKETIME": "+30d"},
        cwd=running.keys.folder,
    )  # fmt: skip
    assert json.loads(when.stdout) == {"before": 2, "number": 4, "killed": 0}


def _faketime():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not here")
    return str(found[0])


def test_a_floor_of_another_list_is_told(desk, tmp_path):
    running, lists = desk
    write_key(tmp_path / "other.key", SigningKey.generate())
    (running.keys.folder / "copy").write_bytes(lists[4])
    floor = tmp_path / "floor"
    floor.write_bytes(pack([bytes(16), 1, bytes(32), 1]))
    environment = running._settings | {"CHAINCRED_FLOOR": str(floor)}
    result = chaincred("restore", "copy", environment=environment, cwd=running.keys.folder)
    assert result.returncode == 3
    assert result.stderr.startswith("chaincred: list_other: ")


def test_wrong_settings_or_a_missing_file_change_nothing(desk):
    running, lists = desk
    folder = running.keys.folder
    (folder / "copy").write_bytes(lists[4])
    before = dumped(running)
    for wrong, words in (
        ({"CHAINCRED_STORE": "mysql://x"}, "a store is sqlite:///FILE"),
        ({"CHAINCRED_PORTT": "1"}, "CHAINCRED_PORTT: there is no such setting"),
    ):
        result = chaincred("restore", "copy", environment=running._settings | wrong, cwd=folder)
        assert result.returncode == 2 and words in result.stderr
    result = chaincred("restore", "nowhere", environment=running._settings, cwd=folder)
    assert result.returncode == 3 and "nowhere: No such file" in result.stderr
    assert dumped(running) == before
