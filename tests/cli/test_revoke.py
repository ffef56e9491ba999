"""revoke and list: entries that stay, a head that is signed, a file nobody tears."""

import fcntl
import os
import shlex
import subprocess
import sys

import pytest

from chaincred import FOREVER, Entry, NoFloor, RevocationList, RevocationView, Token
from chaincred.revocation import Update, chain_id, key_id, task_id
from tests.cast import LIST_KEY, NOW, PLANNER, ROOT
from tests.cli.terminal import (
    PROGRAM,
    answer,
    asked,
    environment,
    handed_down,
    ok,
    refused,
    typed,
)

REVOKE = "revoke --list revoked.list --key list.key"
REFRESH = "list revoked.list --key list.key --refresh"


@pytest.fixture(autouse=True)
def story(desk):
    handed_down()


def view(desk, now=NOW):
    held = RevocationView([LIST_KEY.public_key], floor=NoFloor())
    held.update((desk / "revoked.list").read_bytes(), now=now)
    return held


def token(desk, name):
    return Token.parse((desk / f"{name}.token").read_text().strip())


def test_a_token_is_revoked_by_its_last_block_until_it_would_have_expired(desk):
    said = answer(f"{REVOKE} --token worker.token --reason gone")
    link = token(desk, "worker").chain.links[1]
    assert said == {
        "seq": 1,
        "id": chain_id(link).hex(),
        "until": NOW + 900,
        "list": "revoked.list",
    }
    assert view(desk).holds(chain_id(link))
    assert not view(desk).holds(chain_id(token(desk, "planner").chain.root_id))


def test_a_hop_above_is_revoked_with_all_below_it(desk):
    said = answer(f"{REVOKE} --token worker.token --hop 0 --until +1d")
    assert said["id"] == chain_id(token(desk, "planner").chain.root_id).hex()
    assert said["until"] == NOW + 86_400
    refused(f"{REVOKE} --token worker.token --hop 2", 2, "usage", "hops 0 to 1")


def test_a_presentation_from_a_log_is_enough(desk):
    asked()
    said = answer(f"{REVOKE} --token request.txt")
    assert said["id"] == chain_id(token(desk, "worker").chain.links[1]).hex()
    by_input = f"{REVOKE} --token -"
    ok(by_input, stdin=(desk / "request.txt").read_text())


@pytest.mark.parametrize(
    ("what", "id"),
    [
        ("--chain " + "ab" * 32, chain_id(b"\xab" * 32)),
        ("--holder planner.pub", key_id(PLANNER.public_key)),
        ("--issuer root.pub --before now", key_id(ROOT.public_key)),
        ("--task q3", task_id("q3")),
    ],
)
def test_everything_that_can_be_revoked_is_revoked_for_ever(desk, what, id):
    assert ok(f"{REVOKE} {what}") == f"1 {id.hex()}"
    assert view(desk).holds(id)
    assert answer("list revoked.list")["entries"][0]["until"] == FOREVER


@pytest.mark.parametrize(
    "what",
    [
        "",
        "--task a --holder planner.pub",
        "--chain 00",
        "--issuer root.pub",
        "--before now --task a",
        "--task a --hop 0",
        "--task ''",
        "--task a --until yesterday",
        "--task a --until -1",
        f"--task a --until {2**32}",
        f"--task a --reason {'x' * 201}",
        "--task a --fresh-for 0",
    ],
)
def test_what_names_nothing_to_revoke_is_wrong_usage(desk, what):
    before = (desk / "revoked.list").read_bytes()
    refused(f"{REVOKE} {what}", 2, "usage")
    assert (desk / "revoked.list").read_bytes() == before


def test_a_list_begins_only_when_that_is_asked_for(desk):
    line = "revoke --list new.list --key list.key --task t"
    refused(line, 3, "file", "no such list; --create begins one")
    assert not (desk / "new.list").exists()
    assert answer(f"{line} --create")["seq"] == 1
    assert answer(f"{line} --create")["seq"] == 2
    refused("list other.list --key list.key --refresh", 3, "file", "--create")


def test_a_list_that_another_key_signed_is_not_signed_by_ours(desk):
    before = (desk / "revoked.list").read_bytes()
    line = "revoke --list revoked.list --key mallory.key --task t"
    refused(line, 3, "list_untrusted")
    assert (desk / "revoked.list").read_bytes() == before
    assert answer(f"{line} --list-key list.pub")["seq"] == 1
    refused(REFRESH, 3, "list_untrusted")


def test_a_list_that_was_cut_is_not_signed_again(desk):
    ok(f"{REVOKE} --task a")
    whole = RevocationList.read_unverified((desk / "revoked.list").read_bytes())
    cut = RevocationList.begin(LIST_KEY, now=NOW).revoke(Entry.task("b"))
    assert whole.place.seq == cut.place.seq
    head = whole.publish(LIST_KEY, now=NOW, since=1)
    parts = Update.from_bytes(cut.publish(LIST_KEY, now=NOW))
    spliced = Update(parts.snapshot, 0, parts.entries, Update.from_bytes(head).head)
    (desk / "revoked.list").write_bytes(spliced.to_bytes())
    refused(f"{REVOKE} --task c", 3, "list_forked")
    refused("list revoked.list", 3, "list_forked")


def test_a_clock_that_was_set_back_does_not_roll_the_head_back(desk):
    ok(f"{REVOKE} --task a", now=NOW + 100)
    said = answer(f"{REFRESH} --compact", now=NOW)
    assert said["issued_at"] == NOW + 100
    assert answer(REFRESH, now=NOW + 101)["issued_at"] == NOW + 101


def test_two_at_once_lose_nothing(desk):
    line = f"{REVOKE} --now {NOW} --task "
    started = [
        subprocess.Popen([*PROGRAM, *shlex.split(f"{line} t{number}")], env=environment())
        for number in range(8)
    ]
    assert [process.wait() for process in started] == [0] * 8
    held = view(desk)
    assert held.seq == 8 and all(held.holds(task_id(f"t{number}")) for number in range(8))
    assert sorted(path.name for path in desk.glob("*revoked.list*")) == [
        "revoked.list",
        "revoked.list.lock",
    ]


def test_a_second_waits_for_the_first(desk):
    fd = os.open(desk / "revoked.list.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    process = subprocess.Popen(
        [*PROGRAM, *shlex.split(f"{REVOKE} --now {NOW} --task t")], env=environment()
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert view(desk).seq == 0
    os.close(fd)
    assert process.wait() == 0 and view(desk).seq == 1


def test_where_nothing_can_be_locked_nothing_is_changed(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    refused(f"{REVOKE} --task t", 3, "file", "cannot be locked")


def test_a_list_that_is_to_change_is_a_file(desk):
    refused("revoke --list - --key list.key --task t", 2, "usage", "a file, not -")
    refused("list - --key list.key --refresh", 2, "usage", "a file, not -")
    line = "revoke --list nowhere/l --key list.key --task t --create"
    refused(line, 3, "file", "nowhere/l.lock")


def test_a_list_shows_its_head_and_entries(desk):
    assert "nothing is revoked" in ok("list revoked.list")
    ok(f"{REVOKE} --task a --reason 'no longer'")
    ok(f"{REVOKE} --issuer root.pub --before 2026-01-01 --until 2027-01-01T00:00:00+01:00")
    said = ok("list revoked.list", now=NOW + 60)
    assert "head  number 2, signed 2026-09-21 14:13:20Z, 1 min ago" in said
    assert "fresh until 2026-09-21 14:18:20Z, in 4 min" in said
    assert f"    1 task   {task_id('a').hex()}  forever  no longer" in said
    issuer = f"    2 issuer {key_id(ROOT.public_key).hex()}  until 2026-12-31 23:00:00Z"
    assert f"{issuer}  issued before 2026-01-01 00:00:00Z" in said
    assert "signature NOT checked" in said
    assert "STALE since" in ok("list revoked.list", now=NOW + 300)


def test_a_list_is_checked_against_the_key_that_is_named(desk):
    assert "signed by a key you trust" in ok("list revoked.list --list-key list.pub")
    refused("list revoked.list --list-key mallory.pub", 3, "list_untrusted")
    assert answer("list revoked.list")["signed"] is None
    whole = (desk / "revoked.list").read_bytes()
    assert answer("list - --list-key list.pub", stdin=whole)["signed"] is True


def test_a_heartbeat_signs_the_same_list_anew(desk):
    ok(f"{REVOKE} --task a")
    said = answer(f"{REFRESH.replace('refresh', 'heartbeat')} --fresh-for 1h", now=NOW + 290)
    assert (said["seq"], said["issued_at"], said["fresh_until"]) == (1, NOW + 290, NOW + 3890)
    assert view(desk, NOW + 290).holds(task_id("a"))


def test_compacting_keeps_what_still_kills(desk):
    ok(f"{REVOKE} --task a --until +1h")
    ok(f"{REVOKE} --task b --reason gone")
    ok(f"{REVOKE} --issuer root.pub --before now")
    early = answer(f"{REFRESH} --compact", now=NOW + 3600)
    assert (early["seq"], early["from"], len(early["entries"])) == (3, 3, 3)
    late = answer(f"{REFRESH} --compact", now=NOW + 3700)
    assert [each["id"] for each in late["entries"]] == [
        key_id(ROOT.public_key).hex(),
        task_id("b").hex(),
    ]
    assert answer(f"{REVOKE} --task c", now=NOW + 3700)["seq"] == 4
    shown = ok("list revoked.list", now=NOW + 3700)
    assert f"      folded {task_id('b').hex()}  forever\n" in shown + "\n"
    assert f"    4 task   {task_id('c').hex()}  forever" in shown


@pytest.mark.parametrize("more", ["--refresh", "--key list.key", "--compact", "--create"])
def test_a_list_is_signed_only_when_that_is_asked_for(desk, more):
    refused(f"list revoked.list {more}", 2, "usage", "--refresh and --key")


def test_an_update_without_its_snapshot_is_no_list(desk):
    held = RevocationList.read_unverified((desk / "revoked.list").read_bytes())
    (desk / "delta").write_bytes(held.publish(LIST_KEY, now=NOW, since=0))
    refused("list delta", 3, "list_malformed", "not a whole list")
    assert typed("list revoked.list").exit_code == 0
