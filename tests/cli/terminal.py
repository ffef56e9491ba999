"""Typing a command, in this process or as the real program."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from chaincred.cli import main
from chaincred.cli.app import COMMANDS
from tests.cast import NOW

PROGRAM = [sys.executable, "-c", "from chaincred.cli import main; main()"]
"""What the entry point does; it is found wherever the tests run from."""
TIMELESS = ("keygen", "audit", "vectors", "demo", "serve", "doctor", "restore")

READ = "--audience files.example --tool read_file --resource docs/q3.md --effect read"
WRITE = "--audience files.example --tool write_file --resource docs/q3.md --effect write"
TRUST = "--root root.pub --list revoked.list --list-key list.pub --floor list.floor"
ISSUE = (
    "issue --key root.key --holder planner.pub --agent planner --purpose 'plan the report' "
    "--tool read_file --tool write_file --resource 'docs/**'"
)
ATTENUATE = (
    "attenuate planner.token --key planner.key --holder worker.pub --agent worker "
    "--purpose 'read one file' --tool read_file"
)


def typed(line: str, *, stdin: str | bytes | None = None, now: int = NOW) -> Result:
    """What came of a command that does not begin with `chaincred`, at a second."""
    args = shlex.split(line)
    if args[0] in COMMANDS and args[0] not in TIMELESS:
        args += ["--now", str(now)]
    return CliRunner().invoke(main, args, input=stdin)


def ok(line: str, **how: Any) -> str:
    """The standard output of a command that must succeed."""
    result = typed(line, **how)
    assert result.exit_code == 0, result.output
    return result.stdout.removesuffix("\n")


def answer(line: str, *, exit_code: int = 0, **how: Any) -> dict[str, Any]:
    """The JSON object that a command answers with."""
    result = typed(line + " --json", **how)
    assert result.exit_code == exit_code, result.output
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def refused(line: str, exit_code: int, code: str, *words: str, **how: Any) -> str:
    """The one line of a command that must fail, and say so; in JSON too."""
    result = typed(line, **how)
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(f"chaincred: {code}: ")
    assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n")
    assert all(word in result.stderr for word in words), result.stderr
    again = typed(line + " --json", **how)
    assert again.exit_code == exit_code and again.stderr == ""
    assert json.loads(again.stdout)["error"] == code
    return result.stderr


def ran(*args: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What came of the real program."""
    return subprocess.run(
        [*PROGRAM, *args], input=stdin, cwd=cwd, capture_output=True, text=True, env=environment()
    )


def environment(**more: str) -> dict[str, str]:
    """The environment without what colours or completes."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "_CHAINCRED_COMPLETE")
    return {name: value for name, value in os.environ.items() if name not in unwanted} | more


def handed_down() -> None:
    """Leaves planner.token and worker.token, and a list with nothing on it."""
    ok(ISSUE + " -o planner.token")
    ok(ATTENUATE + " -o worker.token")
    ok("list revoked.list --key list.key --refresh --create")


def asked(what: str = READ, *, now: int = NOW) -> None:
    """Leaves request.txt, the worker's presentation of a request."""
    ok(f"present worker.token --key worker.key {what} -o request.txt", now=now)
