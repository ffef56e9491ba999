"""The examples and the README run as they are, and say what they promise."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples" / "demo"

DEMO_LINES = [
    "└─ sub-agent  “find the word outage”",
    "ok               sub-agent     search docs/incidents for",
    "ok               researcher    read_file docs/incidents/2026-07-12.md",
    "ok               (checked)     reports/july.md is on disk",
    "caveat           researcher    obeys (prompt injection): read_file secrets/payroll.csv",
    "caveat           writer        writes outside: write_file secrets/payroll.csv",
    "policy           writer        writes outside: reports/archive/payroll.csv",
    "malformed        mallory       as writer, signs reports/x.md, sends reports/../secrets",
    "proof_signature  mallory       as writer, signs reports/x.md, sends secrets/payroll.csv",
    "caveat           mallory       as writer, adds a block that allows everything",
    "broken_chain     mallory       as writer, makes its own block allow everything",
    "proof_signature  mallory       as sub-agent, cuts off its block",
    "proof_signature  mallory       uses the researcher's token, not its key",
    "proof_replayed   mallory       repeats a call",
    "untrusted        mallory       begins a tree in her own name",
    "untrusted        mallory       begins a tree in the issuer's name",
    "malformed        mallory       30,000 open brackets",
    'issuer → orchestrator "report on the incidents of July" → writer "write it up"',
    "(bound: 1.0 s, the list is read every 0.2 s)",
    "revoked          orchestrator  does what it did before",
    "revoked          researcher    does what it did before",
    "revoked          sub-agent     does what it did before",
    "revoked          writer        does what it did before",
    "ok               archivist     goes on, for vendor-review",
    "revoked          assistant     below it, though nobody listed it",
    "ok               archivist     beside it",
    "stale            archivist     not revoked; but who could tell?",
    "steps ended as told",
]

STORIES = {
    "orchestrator.py": [
        "a tool that the parent lacks: this token could never be used",
        "made page-fetcher its holder, to fetch one page",
        "all taken together: ['wiki/read'] on ['wiki/teams/red'], at most read,",
    ],
    "resource_server.py": [
        "admitted: bot (check the bills)",
        "log: hop 0: MaxEffect wants at most write, given irreversible",
        "refused, policy: the policy did not agree",
        "refused, stale",
    ],
    "security_team.py": [
        "lead ok       left revoked  leaf revoked  right ok",
        "an older list                    list_rollback",
        "after 540 s: stale",
    ],
    "spec_reader.py": ["rightly signed", "all as expected"],
}

# Runs the demo as a story in which one code is expected instead of another.
TOLD_OTHERWISE = """
import sys
sys.path.insert(0, {demo!r})
import run, story
as_told = story.Story.expect
def otherwise(self, code, *args, **kwargs):
    return as_told(self, {instead!r} if code == {code!r} else code, *args, **kwargs)
story.Story.expect = otherwise
sys.exit(run.main())
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # A demo is its own, whatever service is set up where it runs.
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "CHAINCRED_STORE": "sqlite:////x/y"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        text=True,
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        check=False,
    )


def processes_named_in(output: str) -> list[int]:
    told = output.partition("\n\n")[0]
    found = [int(number) for number in re.findall(r"[a-z-]+\s+(\d+)(?:,|\Z)", told)]
    assert len(found) == 11
    return found


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", STORIES)
def test_a_story_says_what_it_promises(name):
    ended = run(f"examples/{name}")
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert [line for line in STORIES[name] if line not in ended.stdout] == []


def test_the_spec_reader_does_not_call_no_vectors_a_success(tmp_path):
    ended = run("examples/spec_reader.py", str(tmp_path))
    assert ended.returncode == 1
    assert "there are no vectors" in ended.stdout


def test_the_demo_ends_as_told_and_leaves_no_process():
    ended = run("examples/demo/run.py")
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert [line for line in DEMO_LINES if line not in ended.stdout] == []
    assert "\033[" not in ended.stdout
    assert [each for each in processes_named_in(ended.stdout) if is_alive(each)] == []


@pytest.mark.parametrize(
    ("code", "instead", "step"),
    [
        ("caveat", "ok", "obeys (prompt injection)"),
        ("proof_signature", "broken_chain", "sends secrets/payroll.csv"),
        ("ok", "caveat", "search docs/incidents"),
    ],
)
def test_the_demo_fails_loudly_where_a_step_ends_otherwise(code, instead, step):
    ended = run("-c", TOLD_OTHERWISE.format(demo=str(DEMO), code=code, instead=instead))
    assert ended.returncode == 1
    assert re.search(
        rf"FAILED: .*{re.escape(step)}.*'{instead}', ended with '{code}'", ended.stderr
    )
    assert "steps ended as told" not in ended.stdout
    assert [each for each in processes_named_in(ended.stdout) if is_alive(each)] == []


def test_the_demo_with_the_service_ends_as_told_and_leaves_no_process():
    ended = run("examples/demo/with_service.py")
    assert ended.stderr == ""
    assert ended.returncode == 0
    for name in ("files-a", "files-b", "files-c"):
        assert re.search(rf"{name} refuses \d\.\d+ s after the order, admitted until", ended.stdout)
    assert "closed: files-a, files-b, files-c have said so, signed" in ended.stdout
    assert "steps ended as told" in ended.stdout
    told = re.findall(r"[a-z-]+\s+(\d+)(?=,|\n)", ended.stdout.partition("\n1  ")[0])
    assert len(told) == 7
    assert [each for each in map(int, told) if is_alive(each)] == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_takes_its_processes_along_when_it_is_interrupted(how):
    with subprocess.Popen(
        [sys.executable, "examples/demo/run.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as demo:
        assert demo.stdout is not None
        told = ""
        while not told.endswith("\n\n"):
            line = demo.stdout.readline()
            assert line
            told += line
        time.sleep(0.2)
        demo.send_signal(how)
        _, complaint = demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert "interrupted" in complaint
    assert [each for each in processes_named_in(told) if is_alive(each)] == []


def test_the_code_in_the_readme_runs(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks or not text
    # What the README writes, it writes into the folder where its reader tries it.
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"README.md, block {number}", "exec"), namespace)
