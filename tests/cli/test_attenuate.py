"""attenuate and present: what a holder does, with a key or a bearer token."""

import pytest

from chaincred import Bearer, Expires, MaxHops, Presentation, Token, Tools
from tests.cast import NOW, SERVER, WORKER
from tests.cli.terminal import ATTENUATE, ISSUE, READ, answer, ok, refused

BEARER = "issue --key root.key --bearer planner.bearer --agent planner --purpose p"


def test_the_child_is_the_parent_and_one_block_more(desk):
    ok(f"{ISSUE} -o planner.token")
    child = Token.parse(ok(f"{ATTENUATE} --lifetime 60 --max-hops 1"))
    parent = Token.parse((desk / "planner.token").read_text().strip())
    assert child.chain.links[:1] == parent.chain.links
    assert child.caveats[1] == (Tools(["read_file"]), Expires(NOW + 60), MaxHops(1))
    assert child.chain.blocks[1].agent == "worker"


def test_without_limits_the_child_may_what_the_parent_may(desk):
    ok(f"{ISSUE} -o planner.token")
    assert Token.parse(ok(ATTENUATE.replace("--tool read_file", ""))).caveats[1] == ()


def test_a_token_comes_from_standard_input(desk):
    parent = ok(ISSUE)
    child = ok(ATTENUATE.replace("planner.token", "-"), stdin=parent + "\n")
    assert Token.parse(child).chain.links[0] == Token.parse(parent).chain.links[0]


def test_a_bearer_token_needs_no_key(desk):
    ok(BEARER)
    line = "attenuate --from-bearer planner.bearer --agent w --purpose p"
    assert Token.parse(ok(f"{line} --holder worker.pub")).chain.holder == WORKER.public_key
    ok(f"{line} --bearer next.bearer")
    child = Bearer.parse((desk / "next.bearer").read_text().strip())
    assert len(child.token.chain.blocks) == 2
    secret = (desk / "next.bearer").read_text()
    again = ok("present --from-bearer - " + READ, stdin=secret)
    assert Presentation.parse(again).token == child.token.to_bytes()


def test_a_bearer_token_open_to_others_is_refused(desk):
    ok(BEARER)
    (desk / "planner.bearer").chmod(0o640)
    refused(f"present --from-bearer planner.bearer {READ}", 3, "file", "open to others")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("", "TOKEN and --key"),
        ("planner.token", "TOKEN and --key"),
        ("--key planner.key", "TOKEN and --key"),
        ("planner.token --from-bearer planner.bearer", "give neither"),
        ("--key planner.key --from-bearer planner.bearer", "give neither"),
        ("cc1s_AAAA --key planner.key", "a secret among arguments"),
        ("planner.token --key worker.key", "the holder's key is"),
    ],
)
def test_a_token_comes_with_the_key_of_its_holder(desk, start, words):
    ok(BEARER)
    ok(f"{ISSUE} -o planner.token")
    refused(f"present {start} {READ}", 2, "usage", words)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--lifetime 1h", "its parent at"),
        ("--max-hops 3", "more hops than are left"),
        ("--tool delete_file", "no tool is allowed"),
    ],
)
def test_a_child_that_could_do_more_is_told_so_at_once(desk, more, words):
    ok(f"{ISSUE} -o planner.token")
    line = ATTENUATE.replace("--tool read_file", more)
    refused(line, 2, "usage", words)


def test_a_presentation_is_for_one_server(desk):
    ok(f"{ISSUE} -o planner.token")
    line = f"present planner.token --key planner.key {READ}"
    assert Presentation.parse(ok(line)).proof.audience == SERVER
    said = answer(f"{line} -o request.txt")
    assert (desk / "request.txt").read_text().strip() == said["presentation"]
    assert (said["audience"], said["issued_at"]) == (SERVER, NOW)
    assert answer(line)["root_id"] == said["root_id"]


@pytest.mark.parametrize(
    ("more", "exit_code", "code"),
    [
        ("--args '[]'", 2, "usage"),
        ("--args '{'", 2, "usage"),
        ("""--args '{"a": 1, "a": 2}'""", 2, "usage"),
        ("""--args '{"a": NaN}'""", 2, "usage"),
        ("""--args '{"a": 1e400}'""", 3, "malformed"),
        ("--args '" + '{"a":' * 5000 + "1" + "}" * 5000 + "'", 2, "usage"),
        ("--tool a/../b", 3, "malformed"),
        ("--audience ''", 2, "usage"),
    ],
)
def test_a_request_that_is_none_is_refused(desk, more, exit_code, code):
    ok(f"{ISSUE} -o planner.token")
    refused(f"present planner.token --key planner.key {READ} {more}", exit_code, code)
