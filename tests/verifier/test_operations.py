"""docs/operations.md: what it shows runs, in the order of the page."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import httpx2
import pytest

from chaincred import Request, SigningKey
from chaincred.files import read_key, write_public_key
from chaincred_verifier.settings import Settings
from tests.verifier.certificates import certificate
from tests.verifier.operated import PAGE, PROGRAM, plain_environment, section, shown
from tests.verifier.running import AUDIENCE, Keys, Running, check, free_port

INCIDENT = "## An agent is compromised: the first ten minutes"


class Page:
    """A machine on which the page is followed: its folders, and a service at some port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.places = {
            "/etc/chaincred": str(folder / "etc"),
            "/var/lib/chaincred": str(folder / "lib"),  # and, with -floor, beside it
            "/var/backups/chaincred": str(folder / "backups"),
            "https://verifier.example": f"http://127.0.0.1:{self.port}",
        }
        for name in ("etc", "lib", "lib-floor", "backups"):
            (folder / name).mkdir()

    def here(self, block: str) -> str:
        for said, meant in self.places.items():
            block = block.replace(said, meant)
        return block

    def typed(self, *blocks: str, **more: str) -> str:
        """The output of blocks, typed one after the other into one shell."""
        program = " ".join(f"'{each}'" for each in PROGRAM)
        script = "\n".join([f'chaincred() {{ {program} "$@"; }}', *map(self.here, blocks)])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder / "etc",
            capture_output=True,
            text=True,
            env=plain_environment() | more,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page followed up to a service that runs, and an administrator's token."""
    page = Page(tmp_path_factory.mktemp("page"))
    (keys,) = shown("### Keys")
    page.typed(keys)
    (environment,) = shown("### One service", language="ini")
    (page.folder / "etc/env").write_text(
        page.here(environment) + f"CHAINCRED_PORT={page.port}\nCHAINCRED_REFUSED_PER_SECOND=1000\n"
    )
    (start,) = shown("### One service")
    log = (page.folder / "log").open("w")
    program = " ".join(f"'{each}'" for each in PROGRAM)
    script = f'chaincred() {{ {program} "$@"; }}\n{page.here(start)}'
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        env=plain_environment(), stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(page)
        page.typed(*shown("## Administrators"))
        yield page
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def wait_for(page):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if httpx2.get(f"http://127.0.0.1:{page.port}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError((page.folder / "log").read_text())


def chain(page, *agents):
    """Tokens under the root that the page made, as an orchestrator hands them on."""
    keys = Keys.__new__(Keys)
    keys.root = read_key(page.folder / "etc/root.key")
    return keys.chain(*agents)


def decided(page, bearer):
    """What the service decides about a read by `bearer`."""
    request = Request("read_file", effect="read")
    shown_once = str(bearer.present(request, audience=AUDIENCE, now=int(time.time())))
    url = f"http://127.0.0.1:{page.port}/v1/verify"
    return httpx2.post(url, json=check(shown_once, request)).json().get("code", "ok")


def test_doctor_finds_what_the_page_sets_up_well(page):
    said = (page.folder / "log").read_text()
    assert "all is well" in said


def test_the_first_ten_minutes_end_an_agent_and_keep_the_evidence(page):
    planner, worker = chain(page, "planner", "worker-7")
    write_public_key(page.folder / "worker.pub", worker.token.chain.holder)
    assert decided(page, worker) == "ok"
    blocks = shown(INCIDENT)
    said = page.typed(
        *blocks,
        TOKEN=str(worker.token),
        AGENT="worker-7",
        ROOT_ID=planner.token.root_id.hex(),
        HOLDER=worker.token.chain.holder.hex(),
        TASK="q3",
        NUMBER="1",
    )
    assert '"would_kill": [\n  {' in said and '"contained_at"' in said
    assert '"agent": "worker-7"' in said
    assert [decided(page, each) for each in (worker, planner)] == ["revoked", "revoked"]
    assert said.rstrip().splitlines()[-1].startswith("whole: records 1 to ")
    listed = json.loads(page.typed(
        "chaincred call GET https://verifier.example/v1/revocations alice.token --key alice.key "
        "--audience verifier.example"
    ))["revocations"]  # fmt: skip
    assert [each["what"] for each in listed] == ["chain", "chain", "holder", "task"]
    assert {each["made_by"] for each in listed} == {"alice"}
    assert listed[0]["reason"] == "INC-42"
    head = json.loads((page.folder / "etc/incident.head").read_text())
    assert head["n"] >= 4


def test_a_follower_of_the_page_is_registered_and_says_what_it_enforces(page):
    page.typed(*shown("## Followers"))
    (code,) = shown("## Followers", language="python")
    code = code.replace("    print(", "    __import__('time').sleep(2)\n    print(")
    done = subprocess.run(
        [sys.executable, "-c", page.here(code)],
        cwd=page.folder / "etc",
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "last_error=None" in done.stdout
    said = json.loads(page.typed(
        "chaincred call GET https://verifier.example/v1/followers alice.token --key alice.key "
        "--audience verifier.example"
    ))["followers"]  # fmt: skip
    assert [(each["name"], each["heard_at"] is not None) for each in said] == [("files-1", True)]


def test_the_minutes_are_ten_and_come_in_order():
    minutes = [int(each) for each in re.findall(r"\*\*Minute (\d+)", section(INCIDENT))]
    assert minutes == sorted(minutes) and minutes[0] == 0 and minutes[-1] == 10


def test_backups_of_the_page_can_be_made_and_checked(page):
    page.typed(*shown("## Back up and restore"))
    made = {each.name for each in (page.folder / "backups").iterdir()}
    assert made == {"service.db", "revoked.list", "audit.jsonl"}


def test_the_entry_that_ends_an_old_root_ends_it(page):
    root = SigningKey.generate()
    write_public_key(page.folder / "etc/another.pub", root.public_key)
    (block,) = shown("### Roots")
    said = json.loads(page.typed(block.replace("root.pub", "another.pub")))
    assert said["what"] == "issuer" and said["before"] == 2**53 - 1


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not here")
def test_behind_the_nginx_of_the_page_calls_are_signed_as_they_are_sent(keys):
    (block,) = shown("### Behind nginx", language="nginx")
    chain_file, key_file = certificate(keys.folder)
    port = free_port()
    with Running(keys, trusted_proxies="127.0.0.1", refused_per_second=0.5) as running:
        for said, meant in {
            "127.0.0.1:8420": f"127.0.0.1:{running.port}",
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/chaincred/tls.pem": str(chain_file),
            "/etc/chaincred/tls.key.pem": str(key_file),
        }.items():
            assert said in block
            block = block.replace(said, meant)
        configuration = keys.folder / "nginx.conf"
        configuration.write_text(
            f"daemon off; pid {keys.folder}/nginx.pid; error_log {keys.folder}/nginx.log;\n"
            f"events {{}}\nhttp {{ access_log off;\n"
            + "".join(
                f"{kind}_temp_path {keys.folder}/{kind};\n"
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            + block
            + "}\n"
        )
        nginx = subprocess.Popen(["nginx", "-c", configuration], stderr=subprocess.DEVNULL)
        try:
            direct, running.client = running.client, httpx2.Client(
                base_url=f"https://127.0.0.1:{port}",
                verify=ssl.create_default_context(cafile=chain_file),
            )  # fmt: skip
            running.wait_until_ready()
            (bearer,) = keys.chain("a")
            assert running.verify(bearer).json()["admitted"]
            made = running.revoke(what="chain", link=bearer.token.root_id.hex(), reason="é & %")
            assert made.status_code == 201
            assert running.read("/v1/revocations?after=0&limit=5").status_code == 200
            assert running.read("/v1/audit?agent=a%20b").status_code == 200
            sign_in = running.call("POST", "/v1/sessions", tool="chaincred.sign_in", effect="read")
            assert "secure" in sign_in.headers["set-cookie"].lower()
            with running.client.stream("GET", "/v1/list/stream") as stream:
                begun = time.monotonic()
                events = stream.iter_raw()
                for _ in range(2):
                    assert b"event: update" in next(events)
                # As they come, not when a buffer is full.
                assert time.monotonic() - begun < 4
            long = {"Authorization": "Chaincred cc1p_" + "A" * 12_300}
            assert running.client.get("/v1/chains", headers=long).json()["code"] == "malformed"
            # Each caller is held to its own limit: this one's, not nginx's.
            for _ in range(8):
                last = running.client.get("/nowhere")
            assert last.status_code == 429
            assert direct.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"}).is_success
            running.client.close()
            running.client = direct
        finally:
            nginx.terminate()
            nginx.wait()


def test_every_file_that_the_page_names_is_there():
    folder = Path(__file__).parents[2] / "docs"
    named = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert named and all((folder / each).exists() for each in named)


def test_every_heading_that_the_page_points_to_is_there():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-")
        for each in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


VERIFIER = Path(__file__).parents[2] / "verifier"
CONTAINER = (VERIFIER / "Containerfile").read_text(encoding="utf-8")


def test_the_images_health_check_tells_a_service_from_none(page, keys):
    (command,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", CONTAINER, re.MULTILINE)
    program, *args = json.loads(command)
    assert program == "python"

    def healthy(**settings):
        environment = plain_environment() | {
            f"CHAINCRED_{name.upper()}": str(value) for name, value in settings.items()
        }
        return subprocess.run([sys.executable, *args], env=environment, capture_output=True)

    assert healthy(port=page.port).returncode == 0
    assert healthy(port=free_port()).returncode != 0
    chain_file, key_file = certificate(keys.folder)
    with Running(keys, tls_certificate=chain_file, tls_key=key_file) as running:
        assert healthy(port=running.port, tls_key=key_file).returncode == 0
        assert healthy(port=running.port).returncode != 0


def test_the_image_and_the_unit_set_only_what_there_is_to_set(page):
    known = {f"CHAINCRED_{each.name.upper()}" for each in fields(Settings)}
    unit = (VERIFIER / "chaincred.service").read_text(encoding="utf-8")
    for text in (CONTAINER, unit):
        assert set(re.findall(r"CHAINCRED_[A-Z_]+", text)) <= known
    (environment,) = shown("### One service", language="ini")
    for name, value in re.findall(r"(CHAINCRED_[A-Z]+)=(/var\S+|sqlite\S+)", CONTAINER):
        assert f"{name}={value}\n" in environment


def test_the_image_is_built_from_an_image_without_a_registry_and_runs_as_nobody_special():
    built_from = re.findall(r"^FROM (\S+)", CONTAINER, re.MULTILINE)
    assert built_from == ["python:${PYTHON}-slim"] * 2
    assert re.findall(r"^USER (\S+)", CONTAINER, re.MULTILINE) == ["10001"]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINER, re.MULTILINE)
    root = VERIFIER.parent
    assert all((root / each).exists() for line in copied for each in line.split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_unit_is_one(tmp_path):
    program = tmp_path / "chaincred"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = (VERIFIER / "chaincred.service").read_text(encoding="utf-8")
    path = tmp_path / "chaincred.service"
    path.write_text(unit.replace("/opt/chaincred/bin/chaincred", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
