"""`chaincred call`, against a real service, and against parties that answer badly."""

import contextlib
import json
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from chaincred import MaxEffect
from chaincred.cli import call as module
from chaincred.files import write_secret
from tests.answering import answering
from tests.cli.terminal import ok, ran, refused, typed
from tests.verifier.running import NAME, Keys, Running

ASKED = f"--from-bearer admin.bearer --audience {NAME}"
TASK = """--body '{"what": "task", "task": "q3"}'"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("called")
    with Running(Keys(folder), refused_per_second=100000) as running:
        write_secret(folder / "admin.bearer", running.admin.reveal())
        yield running


@pytest.fixture
def desk(service, monkeypatch):
    monkeypatch.chdir(service.keys.folder)
    return service


@pytest.fixture
def party():
    """Answers calls with bytes, and gives the URL to be called at."""
    with contextlib.ExitStack() as parties:

        def answers(data):
            return f"http://127.0.0.1:{parties.enter_context(answering(data))}/v1/list"

        yield answers


def real(line, **how):
    """What a call answers, by the clock of the service."""
    return ok(line, now=_now(), **how)


def _now():
    return int(time.time())


def denied(line, exit_code, code, *words):
    return refused(line, exit_code, code, *words, now=_now())


def test_it_revokes_and_shows_what_the_service_answers(desk):
    made = json.loads(real(f"call POST {desk.url}/v1/revocations {ASKED} {TASK}"))
    assert (made["what"], made["made_by"]) == ("task", "security")
    again = json.loads(real(f"call post {desk.url}/v1/revocations {ASKED} {TASK} --json"))
    assert again["number"] == made["number"]
    listed = json.loads(real(f"call GET '{desk.url}/v1/revocations?after=0' {ASKED}"))
    assert made["number"] in [each["number"] for each in listed["revocations"]]


def test_each_call_of_the_specification_finds_its_tool_and_effect(desk):
    key = desk.keys.root.public_key.hex()
    Path("body").write_text(json.dumps({"key": key}))
    real(f"call PUT {desk.url}/v1/followers/one {ASKED} --body @body")
    assert real(f"call DELETE {desk.url}/v1/followers/one {ASKED}") == "done"
    real(f"call PUT {desk.url}/v1/followers/one {ASKED} --body @-", stdin=Path("body").read_text())
    assert json.loads(real(f"call DELETE {desk.url}/v1/followers/one {ASKED} --json")) == {}


def test_an_export_comes_as_it_is_and_is_whole(desk):
    real(f"call POST {desk.url}/v1/revocations {ASKED} {TASK}")
    export = typed(f"call GET {desk.url}/v1/audit/export {ASKED}", now=_now())
    checked = ok(f"audit verify - --list-key {desk.list_key.hex()}", stdin=export.stdout_bytes)
    assert checked.startswith("whole: records 1 to ")


def test_the_real_program_calls(desk):
    done = ran("call", "GET", f"{desk.url}/v1/audit/head", *shlex.split(ASKED))
    assert done.returncode == 0 and json.loads(done.stdout)["n"] >= 1


def test_it_can_leave_the_sending_to_curl(desk):
    line = f"call GET {desk.url}/v1/revocations?limit=5 {ASKED} --header"
    header = real(line)
    done = subprocess.run(
        ["curl", "-s", "-H", header, f"{desk.url}/v1/revocations?limit=5"], capture_output=True
    )
    assert "revocations" in json.loads(done.stdout)
    again = subprocess.run(
        ["curl", "-s", "-H", header, f"{desk.url}/v1/revocations?limit=5"], capture_output=True
    )
    assert json.loads(again.stdout)["code"] == "proof_replayed"
    assert json.loads(real(f"{line} --json"))["Authorization"].startswith("Chaincred cc1p_")


def test_a_refusal_ends_in_its_code(desk):
    url = f"{desk.url}/v1/revocations"
    denied(f"call GET {url}/99 {ASKED}", 1, "not_found")
    denied(f"call GET {url} --from-bearer admin.bearer --audience b.example", 1, "proof_audience")
    denied(f"call POST {url} {ASKED} --body {{}}", 3, "malformed")
    denied(f"call GET {url} {ASKED} --tool chaincred.write", 1, "proof_signature")
    denied(f"call POST {url} {ASKED} {TASK} --effect read", 1, "proof_signature")


def test_an_administrator_can_do_no_more_than_the_token(desk, tmp_path):
    reader = desk.keys.admin(["chaincred.read"], MaxEffect("read"))
    write_secret(tmp_path / "reader.bearer", reader.reveal())
    asked = f"--from-bearer {tmp_path / 'reader.bearer'} --audience {NAME}"
    real(f"call GET {desk.url}/v1/revocations {asked}")
    denied(f"call POST {desk.url}/v1/revocations {asked} {TASK}", 1, "caveat")


def test_a_path_that_is_not_known_needs_its_tool_and_effect(desk):
    url = f"{desk.url}/v1/other"
    for more in ("", " --tool chaincred.read", " --effect read"):
        denied(f"call POST {url} {ASKED}{more}", 2, "usage", "give --tool and --effect")
    denied(f"call POST {url} {ASKED} --tool chaincred.read --effect read", 1, "not_found")


@pytest.mark.parametrize(
    "url",
    [
        "verifier.example/v1/list",
        "ftp://verifier.example/v1/list",
        "https:///v1/list",
        "https://verifier.example",
        "https://user:password@verifier.example/v1/list",
        "https://verifier.example/v1/list#here",
        "https://verifier.example/v1/é",
        "https://verifier.example:port/v1/list",
    ],
)
def test_what_is_no_url_of_a_service_is_wrong_usage(desk, url):
    line = denied(f"call GET {url} {ASKED}", 2, "usage")
    assert "password" not in line


def test_a_path_that_is_not_in_normal_form_is_not_signed(desk):
    for path in ("v1/../list", "v1//list", "v1/%6cist"):
        denied(f"call GET {desk.url}/{path} {ASKED}", 3, "malformed", "not a name in normal form")


def test_a_service_that_is_not_there_is_a_fault(desk):
    denied(f"call GET http://127.0.0.1:1/v1/list {ASKED}", 3, "unavailable", "refused")
    denied(f"call GET https://127.0.0.1:1/v1/list {ASKED}", 3, "unavailable", "refused")
    denied(f"call GET https://127.0.0.1:1/v1/list {ASKED} --ca nowhere", 3, "file", "No such file")
    port = desk.url.rpartition(":")[2]
    denied(f"call GET https://127.0.0.1:{port}/v1/list {ASKED}", 3, "unavailable")


@pytest.mark.parametrize(
    ("answer", "code", "about"),
    [
        (b"", "unavailable", "nothing at all"),
        (b"garbage\r\n\r\n", "unavailable", "not HTTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://b.example\r\n\r\n", "unavailable", "elsewhere"),
        (b"HTTP/1.1 500 No\r\n\r\nno", "unavailable", "no problem document"),
        (b"HTTP/1.1 500 No\r\n\r\n[]", "unavailable", "no object"),
        (b'HTTP/1.1 503 No\r\n\r\n{"code": 1, "detail": 2}', "unavailable", "no texts"),
        (b'HTTP/1.1 503 No\r\n\r\n{"code": "stale"}', "stale", "a fault of its own"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "unavailable", "broken off"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
            "unavailable",
            "broken off in a chunk",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", "unavailable", "no JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[]", "unavailable", "a list"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"[" * 200_000,
            "unavailable",
            "too deep",
        ),
    ],
)
def test_a_bad_answer_is_a_fault(desk, party, answer, code, about):
    line = f"call GET {party(answer)} {ASKED}"
    result = typed(line, now=_now())
    assert (result.exit_code, result.stderr.split(": ")[1]) == (3, code)
    again = typed(line + " --json", now=_now())
    assert again.exit_code == 3 and again.stderr == ""


def test_a_refusal_without_a_document_is_still_one(desk, party):
    denied(
        f"call GET {party(b'HTTP/1.1 418 No' + bytes([13, 10, 13, 10]))} {ASKED}", 1, "unavailable"
    )


def test_an_answer_without_end_is_given_up(desk, party, monkeypatch):
    monkeypatch.setattr(module, "_MAX_JSON", 1_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 2_000
    denied(f"call GET {party(answer)} {ASKED}", 3, "unavailable", "more than 1000 bytes")


def test_nothing_that_a_service_says_reaches_a_terminal_unescaped(desk, party):
    hostile = json.dumps({"detail": "\x1b[2J\u202e"}, ensure_ascii=False).encode()
    for status in (b"200 OK", b"500 No"):
        head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n\r\n"
        result = typed(f"call GET {party(head + hostile)} {ASKED}", now=_now())
        assert not {"\x1b", "\u202e"} & set(result.output)
