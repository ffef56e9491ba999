"""`chaincred sign-in`: what it makes is good for one session, at one service, and nothing else."""

import json
import shlex
import time
from hashlib import sha256

import httpx2
import pytest

from chaincred import Bearer, InMemoryReplay, ProofRefused, Request, Tools, Verifier, unrevocable
from chaincred.files import write_secret
from tests.cast import NOW, ROOT
from tests.cli.terminal import answer, ok, ran, refused
from tests.verifier.running import NAME, Keys, Running

AT = "--at https://verifier.example:8443/"
ASKED = {"method": "POST", "query": "", "body": sha256(b"").digest()}


@pytest.fixture
def admin(desk):
    """The administrator's bearer token, in admin.bearer."""
    bearer = Bearer.issue(
        ROOT,
        agent="security",
        purpose="on call",
        now=NOW,
        caveats=[Tools(["chaincred.sign_in", "chaincred.read"])],
    )
    write_secret(desk / "admin.bearer", bearer.reveal())
    return bearer


def verified(presentation, request, *, audience="verifier.example"):
    verifier = Verifier(
        audience=audience,
        roots={ROOT.public_key: unrevocable(max_lifetime=86_400)},
        replay=InMemoryReplay(),
    )
    return verifier.verify(presentation, request, now=NOW)


def test_it_presents_the_call_that_begins_a_session(admin):
    shown = ok(f"sign-in admin.bearer {AT}")
    request = Request("chaincred.sign_in", effect="read", resource="v1/sessions", args=ASKED)
    assert verified(shown, request).agent == "security"


@pytest.mark.parametrize(
    "other",
    [
        Request("chaincred.read", effect="read", resource="v1/sessions", args=ASKED),
        Request("chaincred.sign_in", effect="write", resource="v1/sessions", args=ASKED),
        Request("chaincred.sign_in", effect="read", resource="v1/chains", args=ASKED),
        Request(
            "chaincred.sign_in",
            effect="read",
            resource="v1/sessions",
            args=ASKED | {"query": "a=b"},
        ),
    ],
)
def test_what_it_prints_is_good_for_no_other_call(admin, other):
    with pytest.raises(ProofRefused) as refusal:
        verified(ok(f"sign-in admin.bearer {AT}"), other)
    assert refusal.value.code == "proof_signature"


def test_the_host_is_the_services_name_unless_another_is_given(admin):
    assert answer(f"sign-in admin.bearer {AT}")["audience"] == "verifier.example"
    for line in (f"{AT} --audience other.example", "--audience other.example"):
        assert answer(f"sign-in admin.bearer {line}")["audience"] == "other.example"


def test_a_token_comes_with_its_holders_key(admin, desk):
    ok(
        "issue --key root.key --holder planner.pub --agent security --purpose p "
        "--tool chaincred.sign_in -o admin.token"
    )
    shown = ok(f"sign-in admin.token --key planner.key {AT}")
    request = Request("chaincred.sign_in", effect="read", resource="v1/sessions", args=ASKED)
    assert verified(shown, request).agent == "security"


def test_it_says_where_to_paste_it_and_prints_nothing_else(admin):
    done = ran(*shlex.split(f"sign-in admin.bearer {AT} --now {NOW}"))
    assert done.stdout.startswith("cc1p_") and done.stdout.count("\n") == 1
    assert "https://verifier.example:8443/" in done.stderr and done.stderr.count("\n") == 1


def test_the_bearer_token_may_come_on_standard_input_and_is_never_printed(admin):
    done = ran(*shlex.split(f"sign-in - {AT} --now {NOW}"), stdin=admin.reveal())
    assert done.returncode == 0 and done.stdout.startswith("cc1p_")
    assert admin.reveal() not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "sign-in",
        "sign-in admin.bearer",
        "sign-in admin.bearer --at verifier.example",
        "sign-in admin.bearer --at ftp://verifier.example",
        "sign-in admin.bearer --at https://",
        "sign-in admin.bearer --at http://[",
    ],
)
def test_without_a_service_nothing_is_made(admin, line):
    refused(line, 2, "usage")


def test_a_bearer_file_that_others_can_read_is_refused(admin, desk):
    (desk / "admin.bearer").chmod(0o644)
    refused(f"sign-in admin.bearer {AT}", 3, "file", "admin.bearer")


def test_a_real_service_takes_it_once(tmp_path):
    keys = Keys(tmp_path)
    with Running(keys) as service:
        write_secret(tmp_path / "admin.bearer", service.admin.reveal())
        done = ran("sign-in", "admin.bearer", "--at", service.url, "--audience", NAME, cwd=tmp_path)
        header = {"Authorization": f"Chaincred {done.stdout.strip()}"}
        with httpx2.Client(base_url=service.url) as client:
            first, second = (client.post("/v1/sessions", headers=header) for _ in range(2))
    assert first.status_code == 201 and first.json()["agent"] == "security"
    assert first.json()["expires_at"] <= time.time() + 3600
    assert json.loads(second.text)["code"] == "proof_replayed"
