"""issue: the first block of a chain, and where it goes."""

import stat

import pytest

from chaincred import (
    Args,
    Audience,
    Bearer,
    Context,
    Expires,
    Host,
    MaxEffect,
    MaxHops,
    NotBefore,
    Optional,
    PathBelow,
    Resources,
    Task,
    Token,
    Tools,
)
from tests.cast import NOW, PLANNER, ROOT
from tests.cli.terminal import ISSUE, answer, ok, refused, typed

TO_PLANNER = "issue --key root.key --holder planner.pub --agent planner --purpose p"


def test_a_token_is_signed_by_the_root_key_for_the_holder(desk):
    token = Token.parse(ok(ISSUE))
    assert (token.chain.issuer, token.chain.holder) == (ROOT.public_key, PLANNER.public_key)
    (block,) = token.chain.blocks
    assert (block.agent, block.purpose, block.issued_at) == ("planner", "plan the report", NOW)
    tools, resources = Tools(["read_file", "write_file"]), Resources(["docs/**"])
    assert token.caveats == ((Expires(NOW + 900), MaxHops(3), tools, resources),)


def test_every_option_that_narrows_becomes_its_caveat(desk):
    digest = "ab" * 32
    token = Token.parse(
        ok(
            f"{TO_PLANNER} --lifetime 2h --max-hops 0 --effect write --audience a --audience b "
            f"--task t --context {digest} --arg path=below:docs --arg 'url?=host:a.example' "
            """--closed --caveat '{"kind": "NotBefore", "at": 5}'"""
        )
    )
    arguments = {"path": PathBelow("docs"), "url": Optional(Host(["a.example"]))}
    assert token.caveats[0] == (
        Expires(NOW + 7200),
        MaxHops(0),
        MaxEffect("write"),
        Audience(["a", "b"]),
        Task("t"),
        Context(bytes.fromhex(digest)),
        Args(arguments, closed=True),
        NotBefore(5),
    )


def test_the_token_goes_where_it_is_told_to(desk):
    result = typed(f"{TO_PLANNER} -o planner.token")
    assert result.stdout == "" and result.stderr == "chaincred: wrote planner.token\n"
    token = Token.parse((desk / "planner.token").read_text().strip())
    assert Token.parse(ok(f"{TO_PLANNER} -o -")).chain.holder == token.chain.holder
    refused(f"{TO_PLANNER} -o nowhere/planner.token", 3, "file", "nowhere/planner.token")


def test_json_says_what_there_is_to_revoke(desk):
    said = answer(f"{TO_PLANNER} -o planner.token")
    token = Token.parse(said["token"])
    assert said["root_id"] == said["link"] == token.chain.root_id.hex()
    assert (said["holder"], said["expires_at"]) == (PLANNER.public_key.hex(), NOW + 900)
    assert (desk / "planner.token").read_text() == said["token"] + "\n"
    assert set(answer(TO_PLANNER)) == set(said)


def test_a_bearer_token_goes_to_a_file_of_its_owner_only(desk):
    line = "issue --key root.key --bearer helper.bearer --agent helper --purpose p"
    result = typed(line)
    secret = (desk / "helper.bearer").read_text().strip()
    assert stat.S_IMODE((desk / "helper.bearer").stat().st_mode) == 0o600
    assert secret not in result.output and "cc1s_" not in result.output
    assert str(Bearer.parse(secret).token) == result.stdout.strip()
    refused(line, 3, "file", "helper.bearer: File exists")


def test_a_bearer_token_is_printed_only_to_who_asks_for_it(desk):
    line = "issue --key root.key --bearer - --agent helper --purpose p"
    assert Bearer.parse(ok(line)).token.chain.issuer == ROOT.public_key
    said = answer(f"{line} -o helper.token")
    assert str(Bearer.parse(said["bearer"]).token) == said["token"]
    assert (desk / "helper.token").read_text().strip() == said["token"]
    quiet = answer(line.replace("--bearer -", "--bearer helper.bearer"))
    assert "bearer" not in quiet


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--bearer x", "either --holder or --bearer"),
        ("--lifetime 0", "less than 1 s"),
        ("--lifetime forever", "not a duration"),
        ("--max-hops 16", "range"),
        ("--tool a//b", "not a pattern"),
        ("--arg path", "not like path=below:docs"),
        ("--task ''", "a task is a text"),
        ("--agent ''", "the agent is not a text"),
        ("--context 00", "64 hexadecimal digits"),
        ("--context zz", "64 hexadecimal digits"),
        ("--caveat '{'", "Expecting"),
        ("""--caveat '{"kind": "Expires", "at": 1}'""", "could never be used"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(desk, more, words):
    refused(f"{TO_PLANNER} {more}", 2, "usage", words)


def test_somebody_has_to_receive_it(desk):
    refused("issue --key root.key --agent a --purpose p", 2, "usage", "either --holder or --bearer")


def test_a_key_file_open_to_others_is_refused(desk):
    (desk / "root.key").chmod(0o644)
    refused(TO_PLANNER, 3, "file", "open to others")


def test_a_holder_is_named_by_its_digits_too(desk):
    line = TO_PLANNER.replace("planner.pub", PLANNER.public_key.hex())
    assert Token.parse(ok(line)).chain.holder == PLANNER.public_key
    refused(line.replace(PLANNER.public_key.hex(), "00" * 32), 3, "malformed", "small order")
    refused(line.replace(PLANNER.public_key.hex(), "AB" * 32), 3, "malformed", "lower-case")
    refused(line.replace(PLANNER.public_key.hex(), "root.key"), 3, "malformed", "root.key: ")
