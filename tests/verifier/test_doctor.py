"""`chaincred doctor`: each fault that it is to find, really made."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaincred import SigningKey
from chaincred.cli import main
from chaincred.encoding import pack
from chaincred.files import read_key, write_key
from chaincred.revocation import Floor, Place
from chaincred_verifier.store.migrations import steps
from tests.answering import answering
from tests.verifier.certificates import certificate
from tests.verifier.operated import chaincred
from tests.verifier.running import Keys, Running, free_port

MEMORY = Path("/dev/shm")
RULES = """
[[rule]]
methods = ["GET"]
path = "/files/**"
tool = "files.read"
"""
POLICY = """
[[grant]]
identity = "admin/ops"
max_hops = 1
lifetime = { read = 60 }
"""


def looked(settings):
    """What it found that is not simply right: `(what, state, said)`."""
    only = {name: None for name in os.environ if name.startswith("CHAINCRED_")}
    result = CliRunner(env={**only, **settings}).invoke(main, ["doctor", "--json"])
    value = json.loads(result.stdout)
    is_wrong = any(each["state"] == "wrong" for each in value["findings"])
    assert (result.exit_code, value["well"]) == ((1, False) if is_wrong else (0, True))
    # Whatever is wrong has something that helps.
    assert all(each["do"] for each in value["findings"] if each["state"] == "wrong")
    return [
        (each["what"], each["state"], each["said"])
        for each in value["findings"]
        if each["state"] != "ok"
    ]


def told(found, what, state, words):
    assert [each for each in found if each[:2] == (what, state) and words in each[2]], found


def wrong(found):
    return [each for each in found if each[1] == "wrong"]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """An installation that ran once and was stopped, at number 3."""
    keys = Keys(tmp_path_factory.mktemp("old"))
    with Running(keys) as running:
        for n in range(3):
            running.revoke(what="task", task=f"t{n}")
        running.stop()
    return keys


@pytest.fixture
def desk(old, tmp_path):
    """A copy of it, to be spoilt."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(old, folder)


class Desk:
    """The folder of an installation, and its environment."""

    def __init__(self, keys, folder):
        self.keys, self.folder = keys, folder
        for name in ("service.db", "floor", "list.key", "root.key"):
            shutil.copy(keys.folder / name, folder / name)
            (folder / name).chmod(0o600)
        self.store = folder / "service.db"
        self.settings = keys.settings(
            store=f"sqlite:///{self.store}",
            list_key=folder / "list.key",
            floor=folder / "floor",
            port=free_port(),
        )

    def looked(self, **more):
        said = {f"CHAINCRED_{name.upper()}": str(value) for name, value in more.items()}
        return looked(self.settings | said)

    def sql(self, statement, *values):
        with closing(sqlite3.connect(self.store)) as store:
            found = store.execute(statement, values).fetchall()
            store.commit()
            return found


def test_an_installation_that_runs_is_well(running):
    floors = running.keys.folder.parent / f"{running.keys.folder.name}-floors"
    floors.mkdir()
    shutil.copy(running.keys.folder / "floor", floors)
    apart = running._settings | {"CHAINCRED_FLOOR": str(floors / "floor")}
    assert looked(apart) == []
    told(looked(running._settings), "floor", "note", "what sets that back sets both back")
    result = chaincred("doctor", environment=apart)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("\n\nall is well\n")
    lines = result.stdout.splitlines()[:-2]
    assert all(line.startswith("ok ") for line in lines)
    parts = {line.split()[1] for line in lines}
    assert parts >= {"settings", "keys", "store", "list", "clock", "floor", "limits", "service"}


def test_one_that_never_ran_is_well(keys):
    found = looked(keys.settings(port=free_port()))
    told(found, "store", "note", "nothing in it yet")
    assert not wrong(found)


def test_a_service_that_was_stopped_is_told_and_not_wrong(desk):
    found = desk.looked()
    told(found, "service", "note", "none answers")
    assert not wrong(found)


def test_it_changes_nothing_and_leaves_nothing(desk, keys):
    def everything(folder):
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()
        }

    before = everything(desk.folder)
    desk.looked()
    assert everything(desk.folder) == before

    looked(keys.settings(port=free_port()))
    files = {path.name for path in keys.folder.iterdir() if path.is_file()}
    assert files == {"root.key", "list.key"}


def test_it_changes_nothing_under_a_service_that_runs(running):
    path = running.keys.folder / "service.db"
    before = sorted(each.name for each in running.keys.folder.iterdir())
    looked(running._settings)
    assert sorted(each.name for each in running.keys.folder.iterdir()) == before
    assert running.revoke(what="task", task="t").status_code == 201
    assert path.exists()


def test_every_setting_that_is_wrong_is_told(desk):
    (desk.folder / "list.key").chmod(0o640)
    found = desk.looked(port="x", portt=1)
    said = [each[2] for each in found if each[:2] == ("settings", "wrong")]
    named = [each.partition(":")[0] for each in said]
    assert named == ["CHAINCRED_PORTT", "CHAINCRED_LIST_KEY", "CHAINCRED_PORT"]
    assert "open to others (640); chmod 600" in said[1]
    (desk.folder / "list.key").chmod(0o600)
    result = chaincred("doctor", environment=desk.settings | {"CHAINCRED_PORT": "x"})
    assert result.returncode == 1
    assert result.stdout.startswith("wrong settings  CHAINCRED_PORT: ")
    assert result.stdout.endswith("\n\nsomething is wrong\n")


def test_a_folder_of_keys_that_others_may_write_is_wrong(desk):
    desk.folder.chmod(0o777)
    told(desk.looked(), "list key", "wrong", "can be written by others")
    desk.folder.chmod(0o1777)
    assert not wrong(desk.looked())


def test_a_key_that_plays_two_parts_is_told(desk):
    roots = desk.settings["CHAINCRED_ROOTS"]
    list_key = read_key(desk.folder / "list.key").public_key.hex()
    found = desk.looked(roots=f"{roots},{list_key}")
    told(found, "keys", "wrong", f"{list_key} is a list key and a root")
    told(desk.looked(admin_roots=roots), "keys", "note", "agents' tokens and administrators'")
    told(desk.looked(admin_roots=""), "keys", "note", "nobody can revoke")


def test_a_store_that_is_no_database_is_wrong(desk):
    desk.store.write_bytes(b"nothing of the kind" * 1_000)
    told(desk.looked(), "store", "wrong", "cannot be read")


def test_an_empty_file_is_a_store_that_was_lost(desk):
    desk.store.write_bytes(b"")
    found = desk.looked()
    told(found, "store", "note", "nothing in it yet")
    told(found, "floor", "wrong", "number 3 was published, and the store has no list")


def test_a_store_that_is_torn_is_wrong(desk):
    whole = desk.store.read_bytes()
    pages = len(whole) // 4_096
    desk.store.write_bytes(whole[: pages // 2 * 4_096])
    assert ("store", "wrong") in {each[:2] for each in desk.looked()}
    for page in range(1, pages):
        spoilt = bytearray(whole)
        spoilt[page * 4_096 : page * 4_096 + 64] = bytes(range(64))
        desk.store.write_bytes(spoilt)
        assert wrong(desk.looked()), f"page {page}"


def test_a_store_without_a_folder_and_a_url_that_names_none_are_wrong(desk):
    nowhere = f"sqlite:///{desk.folder}/nowhere/service.db"
    told(desk.looked(store=nowhere), "store", "wrong", "is not a folder")
    told(desk.looked(store="mysql://x"), "store", "wrong", "a store is sqlite:///FILE")


def test_a_store_of_a_newer_version_is_wrong_and_one_of_an_older_is_not(desk):
    desk.sql("INSERT INTO migrations VALUES (999)")
    told(desk.looked(), "store", "wrong", "a newer version")
    desk.sql("DELETE FROM migrations WHERE number = 999 OR number = ?", steps()[-1][0])
    if len(steps()) == 1:
        desk.sql("INSERT INTO migrations VALUES (0)")
        told(desk.looked(), "store", "wrong", "a newer version")
    else:
        told(desk.looked(), "store", "note", "`serve` brings it there")


def test_a_store_without_write_ahead_logging_is_told(desk):
    desk.sql("PRAGMA journal_mode=DELETE")
    told(desk.looked(), "store", "note", "write-ahead logging is off")


def test_a_disk_with_too_little_room_for_the_store_is_wrong(desk):
    free = shutil.disk_usage(desk.folder).free
    with desk.store.open("r+b") as file:
        file.truncate(free + 2**30)
    told(desk.looked(), "store", "wrong", "MiB are free")


@pytest.mark.skipif(not os.path.ismount(MEMORY), reason="no file system in memory here")
def test_a_store_in_memory_is_told(desk):
    found = desk.looked(store=f"sqlite:///{MEMORY}/chaincred-doctor/service.db")
    told(found, "store", "wrong", "is not a folder")
    found = desk.looked(store=f"sqlite:///{MEMORY}/chaincred-doctor.db")
    told(found, "store", "note", "is in memory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_another_user_are_wrong(desk):
    os.chown(desk.store, 12_345, 12_345)
    told(desk.looked(), "store", "wrong", "belong to [12345]")


@contextmanager
def unwritable(path):
    """A path that nobody may write, root neither."""
    if os.geteuid() != 0:
        mode = path.stat().st_mode
        path.chmod(mode & 0o555)
        yield
        path.chmod(mode)
        return
    if subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
        pytest.skip("this file system knows nothing that root may not write")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_what_cannot_be_written_is_wrong(desk):
    with unwritable(desk.store):
        told(desk.looked(), "store", "wrong", "service.db cannot be written")
    folder = desk.folder / "floors"
    folder.mkdir()
    shutil.copy(desk.folder / "floor", folder / "floor")
    with unwritable(folder):
        told(desk.looked(floor=folder / "floor"), "floor", "wrong", "cannot be written")
    assert not wrong(desk.looked(floor=folder / "floor"))


def test_a_store_behind_its_floor_is_wrong_and_what_to_do_is_said(desk):
    desk.sql("UPDATE list_state SET seq = 2, hash = (SELECT running FROM entries WHERE number = 2)")
    found = desk.looked()
    told(found, "floor", "wrong", "the store is at number 2 and 3 was published")
    # Its head is not the one that was signed for it, either.
    told(found, "list", "wrong", "list_")
    said = chaincred("doctor", environment=desk.settings).stdout
    assert "chaincred restore LIST" in said


def test_a_store_that_was_lost_is_wrong(desk):
    desk.store.unlink()
    told(desk.looked(), "floor", "wrong", "the store has no list")


def floor_at(desk, seq, hash=None, own_id=None):
    saved = Floor.from_bytes((desk.folder / "floor").read_bytes())
    place = Place(own_id or saved.place.list_id, seq, hash or saved.place.hash)
    (desk.folder / "floor").write_bytes(Floor(place, saved.issued_at).to_bytes())


def test_a_store_with_another_past_than_its_floor_is_wrong(desk):
    for seq in (0, 2, 3):
        floor_at(desk, seq, bytes(32))
        told(desk.looked(), "floor", "wrong", f"another past than was published at number {seq}")
    for seq in (1, 2):
        (running,) = desk.sql("SELECT running FROM entries WHERE number = ?", seq)[0]
        floor_at(desk, seq, running)
        assert not wrong(desk.looked())
    desk.sql("DELETE FROM entries WHERE number = 1")
    floor_at(desk, 1)
    assert ("floor", "wrong") not in {each[:2] for each in desk.looked()}


def test_a_floor_that_is_none_of_this_list_or_cannot_be_read_is_wrong(desk):
    floor_at(desk, 3, own_id=bytes(16))
    told(desk.looked(), "floor", "wrong", f"of list {'00' * 16}")
    (desk.folder / "floor").write_bytes(pack([1]))
    told(desk.looked(), "floor", "wrong", "a floor is an array of 4")
    (desk.folder / "floor").write_bytes(bytes(1_000))
    told(desk.looked(), "floor", "wrong", "more than 256 bytes")


def test_a_floor_that_is_gone_is_wrong_though_the_service_would_start(desk):
    (desk.folder / "floor").unlink()
    told(desk.looked(), "floor", "wrong", "if it was set back, nothing here would notice")


def test_a_list_that_none_of_the_keys_signed_is_wrong(desk):
    new = SigningKey.generate()
    write_key(desk.folder / "new.key", new)
    found = desk.looked(list_key=desk.folder / "new.key")
    told(found, "list", "wrong", "list_untrusted")
    old = read_key(desk.folder / "list.key").public_key.hex()
    found = desk.looked(list_key=desk.folder / "new.key", retired_list_keys=old)
    told(found, "list", "note", f"still signed by {old}, which is retired")
    assert not wrong(found)


def test_a_retired_key_that_is_of_no_more_use_is_told(desk):
    found = desk.looked(retired_list_keys=SigningKey.generate().public_key.hex())
    key = read_key(desk.folder / "list.key").public_key.hex()
    told(found, "list", "note", f"signed by CHAINCRED_LIST_KEY, {key}, alone")


def test_a_list_that_was_changed_in_the_store_is_wrong(desk):
    desk.sql("UPDATE entries SET packed = (SELECT packed FROM entries WHERE number = 1)")
    told(desk.looked(), "list", "wrong", "list_forked")


def test_a_head_from_the_future_is_wrong(desk):
    (issued_at,) = desk.sql("SELECT issued_at FROM list_state")[0]
    ahead = issued_at + 86_400
    desk.sql("UPDATE list_state SET issued_at = ?, fresh_until = ?", ahead, ahead + 300)
    told(desk.looked(), "clock", "wrong", "23 h 59 min from now")


def test_a_head_that_is_stale_is_told(desk):
    desk.sql("UPDATE list_state SET issued_at = issued_at - 9000, fresh_until = fresh_until - 9000")
    told(desk.looked(), "list", "note", "stale since 2 h")


def test_rules_and_grants_that_cannot_be_used_are_wrong(desk):
    rules, policy = desk.folder / "rules.toml", desk.folder / "policy.toml"
    rules.write_text(RULES.replace("methods", "method"))
    told(desk.looked(gateway_rules=rules), "gateway", "wrong", "no such member: method")
    rules.write_text(RULES + 'audience = "other.example"\n')
    told(desk.looked(gateway_rules=rules), "gateway", "wrong", "other.example")
    rules.write_text("")
    told(desk.looked(gateway_rules=rules), "gateway", "note", "no rule")
    rules.write_text(RULES)
    assert not [each for each in desk.looked(gateway_rules=rules) if each[0] == "gateway"]

    issuing = {"issuing_policy": policy, "root_key": desk.folder / "root.key"}
    policy.write_text(POLICY.replace("60", "60.5"))
    told(desk.looked(**issuing), "issuing", "wrong", "policy.toml")
    policy.write_text(POLICY)
    assert not [each for each in desk.looked(**issuing) if each[0] == "issuing"]


def tls(desk, **how):
    chain, key = certificate(desk.folder, **how)
    return desk.looked(tls_certificate=chain, tls_key=key)


def test_a_certificate_that_ended_begins_later_or_soon_ends_is_wrong(desk):
    told(tls(desk, days=-0.5), "tls", "wrong", "ended on")
    told(tls(desk, begins=2), "tls", "wrong", "begins on")
    told(tls(desk, days=9.9), "tls", "wrong", "ends in 9 days")
    assert not [each for each in tls(desk, days=30) if each[0] == "tls"]


def test_a_certificate_without_its_key_is_wrong(desk):
    chain, key = certificate(desk.folder)
    _, other = certificate(desk.folder, name="other")
    told(desk.looked(tls_certificate=chain, tls_key=other), "tls", "wrong", "cannot be used")
    told(desk.looked(tls_certificate=key, tls_key=key), "tls", "wrong", "cannot be used")
    told(desk.looked(tls_certificate=chain, tls_key=chain), "tls", "wrong", "cannot be used")
    told(desk.looked(tls_certificate=chain, tls_key=desk.store), "tls", "wrong", "cannot be used")
    key.chmod(0o604)
    told(desk.looked(tls_certificate=chain, tls_key=key), "tls", "wrong", "open to everybody")


def test_a_key_with_a_password_is_wrong_and_nobody_is_asked_for_it(desk):
    told(tls(desk, password=b"secret"), "tls", "wrong", "cannot be used")


def test_plain_http_to_the_world_is_told(desk):
    told(desk.looked(host="0.0.0.0"), "tls", "note", "plain HTTP at 0.0.0.0")
    told(desk.looked(host="verifier.example"), "tls", "note", "plain HTTP")
    assert not [each for each in desk.looked(host="localhost") if each[0] == "tls"]


def test_a_proxy_that_is_everybody_is_wrong(desk):
    for said in ("*", "10.0.0.1,0.0.0.0/0", "::/0", "proxy.example"):
        told(desk.looked(trusted_proxies=said), "settings", "wrong", "CHAINCRED_TRUSTED_PROXIES")
    found = desk.looked(trusted_proxies="10.0.0.1, 192.168.0.0/16,fe80::1")
    assert not [each for each in found if each[0] == "proxies"]


def test_limits_that_are_lower_than_the_settings_are_wrong(desk):
    now = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, now[1]))
    try:
        told(desk.looked(), "limits", "wrong", "may open 512 files here, a worker wants 4064")
        assert not wrong(desk.looked(max_connections=400))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, now)
    told(desk.looked(workers=64), "limits", "note", "64 workers")


def test_a_service_that_is_not_ready_is_wrong_with_what_helps(desk):
    floor_at(desk, 9)
    running = Running(
        desk.keys,
        port=int(desk.settings["CHAINCRED_PORT"]),
        store=f"sqlite:///{desk.store}",
        floor=desk.folder / "floor",
    )
    running.start(wait=False)
    try:
        end = time.monotonic() + 20
        found: list[tuple[str, ...]] = []
        while time.monotonic() < end and "service" not in {each[0] for each in wrong(found)}:
            found = desk.looked()
        told(found, "service", "wrong", "floor")
        said = chaincred("doctor", environment=desk.settings).stdout.split("service", 1)[1]
        assert "chaincred restore LIST" in said
    finally:
        running.kill()


def test_what_answers_in_its_place_is_told(desk):
    answers = [b"HTTP/1.1 200 OK\r\n\r\nhello", b"garbage\r\n\r\n", b""]
    with answering(*answers, port=int(desk.settings["CHAINCRED_PORT"])):
        for _ in answers[:2]:
            told(desk.looked(), "service", "wrong", "is another")
        told(desk.looked(), "service", "note", "none answers")


def test_another_installation_at_its_port_is_told(desk, running):
    told(desk.looked(port=running.port), "service", "wrong", "has another list")


def test_no_secret_is_said(desk):
    seed = (desk.folder / "list.key").read_text().strip()
    environment = desk.settings | {
        "CHAINCRED_STORE": "postgresql://user:hunter2@127.0.0.1:1/db",
        "CHAINCRED_ROOTS": seed,
    }
    right = environment | {"CHAINCRED_ROOTS": desk.keys.root.public_key.hex()}
    for settings in (environment, right):
        for more in ([], ["--json"]):
            result = chaincred("doctor", *more, environment=settings)
            assert result.returncode == 1
            said = result.stdout + result.stderr
            assert "hunter2" not in said and seed[5:] not in said


@pytest.fixture
def elsewhere(keys, postgres, database):
    """An installation whose store is a PostgreSQL that syncs what it confirms."""
    postgres.sql("ALTER SYSTEM SET fsync = on")
    postgres.reload()
    with Running(keys, store=postgres.url(database)) as running:
        yield running
    postgres.sql("ALTER SYSTEM RESET fsync")
    postgres.reload()


def test_an_installation_on_postgresql_is_well(elsewhere):
    assert looked(elsewhere._settings) == []


def test_a_postgresql_that_does_not_keep_what_it_confirms_is_wrong(elsewhere, postgres):
    for name in ("fsync", "full_page_writes"):
        postgres.sql(f"ALTER SYSTEM SET {name} = off")
        postgres.reload()
        told(looked(elsewhere._settings), "store", "wrong", f"{name} off")
        postgres.sql(f"ALTER SYSTEM SET {name} = on")
        postgres.reload()
    assert looked(elsewhere._settings) == []


def test_a_standby_is_wrong(elsewhere, postgres):
    signal = postgres.data / "standby.signal"
    postgres.stop()
    signal.touch()
    try:
        postgres.start()
        told(looked(elsewhere._settings), "store", "wrong", "is a standby")
    finally:
        postgres.stop()
        signal.unlink()
        postgres.start()


def test_a_user_who_may_not_write_or_not_read_is_wrong(elsewhere, postgres, database):
    weak = {"CHAINCRED_STORE": postgres.url(database, user="weak")}
    postgres.sql("CREATE ROLE weak LOGIN")
    try:
        postgres.sql("GRANT USAGE ON SCHEMA public TO weak", database=database)
        told(looked(elsewhere._settings | weak), "store", "wrong", "InsufficientPrivilege")
        postgres.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak", database=database)
        told(looked(elsewhere._settings | weak), "store", "wrong", "may not write its tables")
    finally:
        postgres.sql("DROP OWNED BY weak", database=database)
        postgres.sql("DROP ROLE weak")


def test_a_server_that_is_not_there_is_wrong(desk):
    nowhere = "postgresql://user:hunter2@127.0.0.1:1/db"
    told(desk.looked(store=nowhere), "store", "wrong", "cannot be read")


def test_a_database_that_no_service_began_is_told(keys, postgres):
    name = postgres.database(migrated=False)
    found = looked(keys.settings(store=postgres.url(name), port=free_port()))
    told(found, "store", "note", "nothing in it yet")
    assert not wrong(found)
