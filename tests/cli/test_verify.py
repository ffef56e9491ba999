"""verify and explain: the library's decision, with an exit code that tells denial from fault."""

import pytest

from chaincred.files import FileFloor
from chaincred.revocation import list_id
from tests.cast import LIST_KEY, NOW, WORKER
from tests.cli.terminal import (
    READ,
    TRUST,
    WRITE,
    answer,
    asked,
    handed_down,
    ok,
    refused,
    typed,
)

REVOKE = "revoke --list revoked.list --key list.key --token planner.token"


@pytest.fixture(autouse=True)
def story(desk):
    handed_down()
    ok("list revoked.list --key list.key --refresh --fresh-for 1h")
    asked()


def test_what_every_hop_allows_is_admitted_and_its_provenance_shown():
    said = ok(f"verify request.txt {TRUST} {READ}")
    assert said.startswith("admitted: worker\nroot id ")
    assert "list    number 0, 0 s old" in said
    assert "└─ planner: plan the report" in said and "└─ worker: read one file" in said


def test_json_holds_everything_that_the_library_returns():
    said = answer(f"verify request.txt {TRUST} {READ}", now=NOW + 4)
    assert said["admitted"] is True and said["agent"] == "worker"
    assert (said["list_seq"], said["list_age"]) == (0, 4)
    assert [hop["agent"] for hop in said["hops"]] == ["planner", "worker"]
    assert said["hops"][1]["holder"] == WORKER.public_key.hex()
    assert said["hops"][0]["link"] == said["root_id"]
    assert said["hops"][1]["caveats"] == [{"kind": "Tools", "patterns": ["read_file"]}]


def test_what_a_hop_forbids_is_denied_with_its_code(desk):
    asked(WRITE)
    refused(f"verify request.txt {TRUST} {WRITE}", 1, "caveat", "hop 1: Tools wants read_file")
    said = answer(f"verify request.txt {TRUST} {WRITE}", exit_code=1)
    assert [(each["hop"], each["kind"]) for each in said["failures"]] == [(1, "Tools")]


def test_a_request_that_the_holder_did_not_sign_is_denied():
    refused(f"verify request.txt {TRUST} {WRITE}", 1, "proof_signature")
    line = f"verify request.txt {TRUST} {READ} --audience other"
    refused(line, 1, "proof_audience")
    refused(f"verify request.txt {TRUST} {READ}", 1, "proof_time", now=NOW + 61)


def test_a_root_that_is_not_named_is_not_trusted():
    trust = TRUST.replace("root.pub", "mallory.pub")
    refused(f"verify request.txt {trust} {READ}", 1, "untrusted")


def test_revoking_the_parent_denies_the_child():
    ok(REVOKE)
    refused(f"verify request.txt {TRUST} {READ}", 1, "revoked")


def test_a_presentation_and_a_list_come_from_standard_input(desk):
    request, revoked = (desk / "request.txt").read_text(), (desk / "revoked.list").read_bytes()
    assert "admitted" in ok(f"verify - {TRUST} {READ}", stdin=request)
    from_input = TRUST.replace("revoked.list", "-")
    assert "admitted" in ok(f"verify request.txt {from_input} {READ}", stdin=revoked)
    refused(f"verify - {from_input} {READ}", 2, "usage", "only once", stdin=request)


def test_replays_are_not_remembered_and_the_help_says_so():
    for _ in range(2):
        ok(f"verify request.txt {TRUST} {READ}")
    text = " ".join(ok("verify --help").split())
    assert "Replays are not remembered between runs" in text


def test_an_old_list_is_denied_for_what_needs_a_newer_one():
    refused(f"verify request.txt {TRUST} {READ} --freshness read=3", 1, "stale", now=NOW + 4)
    later = "verify request.txt {} {} --freshness read=1h,write=0"
    assert "admitted" in ok(later.format(TRUST, READ), now=NOW + 4)
    asked(WRITE)
    refused(later.format(TRUST, WRITE), 1, "stale", now=NOW + 1)


def test_a_list_that_is_refused_is_a_fault_not_a_denial(desk):
    trust = TRUST.replace("list.pub", "mallory.pub")
    refused(f"verify request.txt {trust} {READ}", 3, "list_untrusted")
    (desk / "revoked.list").write_bytes(b"\x90")
    refused(f"verify request.txt {TRUST} {READ}", 3, "list_malformed")
    (desk / "revoked.list").unlink()
    refused(f"verify request.txt {TRUST} {READ}", 3, "file")


def test_the_floor_keeps_an_older_list_out(desk):
    old = (desk / "revoked.list").read_bytes()
    ok(f"{REVOKE} --hop 0")
    refused(f"verify request.txt {TRUST} {READ}", 1, "revoked")
    (desk / "revoked.list").write_bytes(old)
    refused(f"verify request.txt {TRUST} {READ}", 3, "list_rollback")
    refused(f"explain request.txt {TRUST} {READ}", 3, "list_rollback")


def test_explaining_does_not_move_the_floor(desk):
    ok(f"explain request.txt {TRUST} {READ}")
    assert not (desk / "list.floor").exists() and not (desk / "list.floor.lock").exists()
    ok(f"verify request.txt {TRUST} {READ}")
    before = FileFloor(desk / "list.floor").load()
    ok(REVOKE)
    answer(f"explain request.txt {TRUST} {READ}", exit_code=1)
    assert FileFloor(desk / "list.floor").load() == before is not None


def test_a_floor_that_cannot_be_locked_is_a_fault():
    trust = TRUST.replace("list.floor", "nowhere/floor")
    refused(f"verify request.txt {trust} {READ}", 3, "file", "nowhere/floor.lock")


def test_a_rotated_list_key_needs_the_lists_id(desk):
    ok("keygen new")
    ok("list revoked.list --key new.key --list-key list.pub --refresh")
    trust = TRUST.replace("list.pub", "new.pub")
    refused(f"verify request.txt {trust} {READ}", 3, "list_other")
    id = list_id(LIST_KEY.public_key).hex()
    assert "admitted" in ok(f"verify request.txt {trust} --list-id {id} {READ}")
    both = TRUST + " --list-key new.pub"
    assert "admitted" in ok(f"verify request.txt {both} {READ}")


def test_without_a_list_somebody_has_to_say_so():
    alone = "--root root.pub --unrevocable 15m"
    assert "cannot be revoked" in ok(f"verify request.txt {alone} {READ}")
    said = answer(f"verify request.txt {alone} {READ}")
    assert said["list_seq"] is said["list_age"] is None
    refused(f"verify request.txt --root root.pub --unrevocable 14m {READ}", 1, "caveat")


@pytest.mark.parametrize(
    "trust",
    [
        "--root root.pub",
        "--root root.pub --list revoked.list --list-key list.pub",
        "--root root.pub --list revoked.list --floor f",
        "--root root.pub --list-key list.pub --floor f",
        f"{TRUST} --unrevocable 15m",
        "--root root.pub --unrevocable 15m --floor f",
        f"{TRUST} --unrevocable 0",
        f"{TRUST} --freshness read",
        f"{TRUST} --freshness read=1,read=2",
        f"{TRUST} --freshness destroy=1",
        f"{TRUST} --freshness read=x",
        f"{TRUST} --audience ''",
        "--list revoked.list --list-key list.pub --floor f",
    ],
)
def test_nothing_is_admitted_by_leaving_something_out(trust):
    refused(f"verify request.txt {READ} {trust}", 2, "usage")


def test_a_shorter_longest_lifetime_is_the_verifiers_to_set():
    refused(f"verify request.txt {TRUST} {READ} --max-lifetime 5m", 1, "caveat", "lifetime")


def test_explaining_lists_every_caveat_that_forbids():
    line = f"explain request.txt {TRUST} " + WRITE.replace("docs/q3.md", "etc/passwd")
    said = answer(line, exit_code=1, now=NOW + 900)
    codes = [each["code"] for each in said["refusals"]]
    assert codes == ["proof_time", "stale", "caveat"] and said["code"] == "proof_time"
    kinds = [(each["hop"], each["kind"]) for each in said["failures"]]
    assert kinds == [(0, "Expires"), (0, "Resources"), (1, "Tools")]
    assert said["failures"][2]["wanted"] == "read_file"
    assert said["failures"][2]["given"] == "write_file"
    result = typed(line, now=NOW + 900)
    assert result.exit_code == 1
    assert "proof_time: made at" in result.stdout and "caveat: 3 forbid" in result.stdout
    assert "hop 1 (worker) Tools\n      wanted read_file\n      given  write_file" in result.stdout


def test_explaining_what_would_be_admitted_admits_nobody():
    said = ok(f"explain request.txt {TRUST} {READ}")
    assert said.startswith("nothing refuses (replays were not looked for)\n")
    assert "admitted" not in answer(f"explain request.txt {TRUST} {READ}")


def test_explaining_an_untrusted_chain_reads_nothing_of_it():
    trust = TRUST.replace("root.pub", "mallory.pub")
    said = answer(f"explain request.txt {trust} {READ}", exit_code=1)
    assert (said["code"], said["hops"]) == ("untrusted", [])
    assert "planner" not in typed(f"explain request.txt {trust} {READ}").stdout


def test_what_is_no_presentation_is_a_fault_in_both():
    for command in ("verify", "explain"):
        refused(f"{command} worker.token {TRUST} {READ}", 3, "malformed", "cc1p_")
