"""inspect: a chain as people read it, and what it must not pretend."""

import itertools
import json
import os
import pty
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import Bearer, Caveat, Expires, NotBefore, Task, Token, Unknown
from chaincred.block import Statement
from chaincred.chain import Chain
from chaincred.cli.output import painted
from tests.cast import MALLORY, NOW, PLANNER, ROOT, WORKER, key_of, shown, workers
from tests.cli.terminal import PROGRAM, answer, environment, ok, refused, typed

DRAWN = """\
token NOT VERIFIED: say with --root whom you trust
signatures right under the issuer that it claims
root id    {root_id}

issuer {issuer} (claimed)
└─ planner: plan the report
   │ holder  {planner}
   │ link    {root_id}
   │ since   2026-09-21 14:13:20Z, 5 s ago
   │ only    Expires: before 2026-09-21 14:28:20Z, in 14 min 55 s
   │ only    MaxHops: at most 3 more
   │ only    Tools: read_file or write_file
   │ only    Resources: docs/**
   └─ worker: read one file
        holder  {worker}
        link    {link}
        since   2026-09-21 14:13:20Z, 5 s ago
        only    NotBefore: from 2026-09-21 14:13:20Z, 5 s ago
        only    Task: q3

what worker may do, all caveats taken together
   until      2026-09-21 14:28:20Z, in 14 min 55 s
   from       2026-09-21 14:13:20Z
   effect     irreversible
   tools      read_file, write_file
   resources  docs/**
   audiences  any
   tasks      q3
   contexts   any
   hops left  2"""


def forged(*caveats: Caveat, agent="planner", purpose="", signer=ROOT) -> Token:
    """A token that says anything at all, signed as it should be."""
    wire = [caveat.to_wire() for caveat in (Expires(NOW + 900), *caveats)]
    statement = Statement(NOW, PLANNER.public_key, agent, purpose, wire)
    return Token(Chain.of([statement.root(signer, bytes(16))]))


def test_a_chain_is_drawn_as_the_handovers_that_it_is():
    token = workers([NotBefore(NOW), Task("q3")])
    assert ok(f"inspect {token}", now=NOW + 5) == DRAWN.format(
        root_id=token.chain.root_id.hex(),
        link=token.chain.links[1].hex(),
        issuer=ROOT.public_key.hex(),
        planner=PLANNER.public_key.hex(),
        worker=WORKER.public_key.hex(),
    )


def test_a_named_root_is_trusted_and_another_is_not(desk):
    token = workers()
    trusted = ok(f"inspect {token} --root mallory.pub --root root.pub")
    assert trusted.startswith("token from a trusted root; not verified for any request\n")
    assert "(claimed)" not in trusted
    result = typed(f"inspect {token} --root mallory.pub")
    assert result.exit_code == 1 and result.stdout.startswith("token NOT TRUSTED: ")
    assert answer(f"inspect {token} --root root.pub")["trusted"] is True
    assert answer(f"inspect {token} --root mallory.pub", exit_code=1)["trusted"] is False
    assert answer(f"inspect {token}")["trusted"] is None


def test_a_wrong_signature_is_seen_without_any_root(desk):
    good, other = workers(), workers([Task("other")])
    blocks = [good.to_wire()[0], [good.to_wire()[1][0], other.to_wire()[1][1]]]
    broken = Token.from_wire(blocks)
    assert "signatures WRONG: block 1 is not signed" in ok(f"inspect {broken}")
    assert answer(f"inspect {broken} --root root.pub", exit_code=1)["signatures"] == "broken_chain"
    said = answer(f"inspect {forged(signer=MALLORY)}")
    assert (said["signatures"], said["verified"]) == ("ok", False)


def test_a_presentation_shows_its_proof_but_cannot_check_it():
    text = shown(workers(), WORKER)
    drawn = ok(f"inspect {text}", now=NOW + 3)
    assert "proof for files.example, made 2026-09-21 14:13:20Z, 3 s ago" in drawn
    assert "only `verify` can tell" in drawn
    proof = answer("inspect -", stdin=text)["proof"]
    assert (proof["audience"], proof["issued_at"]) == ("files.example", NOW)


def test_a_bearer_token_shows_its_chain_and_never_its_key(desk):
    bearer = Bearer.issue(ROOT, agent="helper", purpose="p", now=NOW, caveats=[])
    (desk / "helper.bearer").write_text(bearer.reveal())
    result = typed("inspect helper.bearer")
    assert result.exit_code == 0 and "whoever has the text holds it" in result.stdout
    for seed in (bearer.key.reveal_seed().hex(), bearer.reveal()[-43:]):
        assert seed not in result.output
        assert seed not in typed("inspect helper.bearer --json").output
    refused(f"inspect {bearer.reveal()}", 2, "usage", "a secret among arguments")


def test_what_can_never_be_used_is_said_to_be_so():
    assert "nothing at all: it has expired" in ok(f"inspect {workers()}", now=NOW + 900)
    twice = forged(Task("a"), Task("b"))
    assert "nothing at all: it asks for two tasks" in ok(f"inspect {twice}")
    assert "(no purpose given)" in ok(f"inspect {twice}")
    assert answer(f"inspect {twice}")["authority"]["contradiction"].startswith("it asks for two")


def test_times_beyond_any_calendar_are_shown_as_numbers():
    statement = Statement(
        2**53 - 1, PLANNER.public_key, "a", "", [[0, 2**53 - 1], [1, 253_402_300_799]]
    )
    token = Token(Chain.of([statement.root(ROOT, bytes(16))]))
    drawn = ok(f"inspect {token}")
    assert "since   second 9007199254740991, in " in drawn
    assert "until      any time" in drawn and "9999-12-31 23:59:59Z" in drawn


def test_too_many_patterns_to_intersect_are_said_to_be():
    patterns = [f"t{number:03}" for number in range(120)]
    many = forged(*(Unknown((2, sorted(patterns))) for _ in range(2)))
    assert "in truth it is less" in ok(f"inspect {many}")


def test_an_unknown_caveat_cannot_speak_to_the_terminal():
    hostile = Unknown((200, "\x1b]0;owned\x07", b"\x1b[2J", "\u202egnp", ["\n└─ root"]))
    drawn = ok(f"inspect {forged(hostile)}")
    assert r"kind 200, which this version does not know: ['\x1b]0;owned\x07'" in drawn
    assert r"\u202egnp" in drawn and "\n└─ root" not in drawn
    long = ok(f"inspect {forged(Unknown((200, 'x' * 1000)))}")
    assert max(map(len, long.splitlines())) < 300 and "x…" in long
    assert answer(f"inspect {forged(hostile)}")["hops"][0]["caveats"][1] == {
        "kind": 200,
        "fields": ["\x1b]0;owned\x07", {"$bin": "1b5b324a"}, "\u202egnp", ["\n└─ root"]],
    }


@given(st.recursive(st.text() | st.binary() | st.integers(0, 9), st.lists, max_leaves=5))
def test_nothing_in_a_token_does_more_than_be_read(field):
    result = typed(f"inspect {forged(Unknown((255, field)))}")
    assert result.exit_code == 0
    assert all(char.isprintable() or char == "\n" for char in result.output)


def test_letters_that_join_or_vanish_are_shown_as_numbers():
    hidden = forged(agent="plan\u3000ner", purpose="\u00a0")
    assert r"└─ plan\u3000ner: \xa0" in ok(f"inspect {hidden}")


@pytest.mark.parametrize("text", ["", "cc1_", "cc1_!", "cc1p_AAAA", "hello", "cc1_é"])
def test_what_is_no_token_is_malformed(text):
    refused("inspect -", 3, "malformed", stdin=text)


def test_too_much_input_is_refused_before_it_is_read(desk):
    (desk / "big").write_bytes(b"c" * 20_000)
    refused("inspect big", 3, "file", "more than 16384 bytes")
    refused("inspect -", 3, "malformed", "on standard input", stdin="c" * 20_000)


def on_a_terminal(*args: str, **more: str) -> str:
    ours, theirs = pty.openpty()
    subprocess.run([*PROGRAM, *args], stdout=theirs, env=environment(**{"TERM": "xterm"} | more))
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65_536):
            said += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    return said.decode()


def test_colours_are_for_terminals_that_want_them(desk):
    (desk / "t").write_text(str(workers()))
    assert "\x1b[" in on_a_terminal("inspect", "t")
    assert "\x1b[" not in on_a_terminal("inspect", "t", NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal("inspect", "t", TERM="dumb")
    json.loads(on_a_terminal("inspect", "t", "--json"))


def test_what_is_coloured_is_escaped_first(monkeypatch):
    monkeypatch.setattr("chaincred.cli.output._has_colours", lambda: True)
    assert painted("a\x1b", bold=True) == "\x1b[1ma\\x1b\x1b[0m"


def test_a_terminal_without_the_letters_still_gets_an_answer(desk):
    (desk / "t").write_text(str(workers()))
    done = subprocess.run(
        [*PROGRAM, "inspect", "t"],
        capture_output=True,
        env=environment(PYTHONIOENCODING="latin-1"),
    )
    assert done.returncode == 0 and rb"\u2514\u2500 planner" in done.stdout


def test_the_deepest_chain_is_drawn():
    holders = [key_of(str(number)) for number in range(16)]
    token = Token.issue(
        ROOT,
        holder=holders[0].public_key,
        agent="0",
        purpose="",
        now=NOW,
        caveats=[],
        max_hops=15,
    )
    for own, following in itertools.pairwise(holders):
        token = token.attenuate(own, holder=following.public_key, agent="x", purpose="", now=NOW)
    drawn = ok(f"inspect {token}")
    assert drawn.count("└─ ") == 16 and "hops left  0" in drawn
