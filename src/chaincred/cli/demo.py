"""`chaincred demo`: one short story, told with the commands themselves."""

from __future__ import annotations

import contextlib
import io
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from chaincred.cli.output import answer, painted
from chaincred.cli.params import example, json_option

_WIDTH: Final = 60
_CALL: Final = (
    "--audience files.example --tool files/{tool} --resource {resource} --effect {effect}"
)
_READ: Final = _CALL.format(tool="read", resource="docs/report.md", effect="read")
_DELETE: Final = _CALL.format(tool="delete", resource="docs/plan.md", effect="irreversible")
_TRUST: Final = "--root root.pub --list revoked.list --list-key list.pub --floor list.floor"

STORY: Final[Sequence[tuple[str, str, int]]] = (
    (
        "Four keys: an issuer's root, two agents, and whoever revokes.",
        """
        keygen root
        keygen planner
        keygen worker
        keygen list
        """,
        0,
    ),
    (
        "The issuer lets the planner work on docs for 15 minutes, and begins its list.",
        """
        issue --key root.key --holder planner.pub --agent planner --purpose 'plan the report' \
          --tool 'files/*' --resource 'docs/**' -o planner.token
        list revoked.list --key list.key --refresh --create
        """,
        0,
    ),
    (
        "The planner passes on less than it has. Nobody is asked: this works offline.",
        """
        attenuate planner.token --key planner.key --holder worker.pub --agent worker \
          --purpose 'read one file' --tool files/read --resource docs/report.md -o worker.token
        """,
        0,
    ),
    (
        "The worker reads its file. The server needs the root's public key and the list.",
        f"""
        present worker.token --key worker.key {_READ} -o request.txt
        verify request.txt {_TRUST} {_READ}
        """,
        0,
    ),
    (
        "The worker tries more than it was given: all caveats of all hops must hold.",
        f"""
        present worker.token --key worker.key {_DELETE} -o request.txt
        verify request.txt {_TRUST} {_DELETE}
        """,
        1,
    ),
    (
        "It cannot write itself a wider token either: a block can only add caveats.",
        f"""
        attenuate worker.token --key worker.key --holder worker.pub --agent worker \
          --purpose 'read everything' --tool '**' --resource '**' -o wider.token
        present wider.token --key worker.key {_DELETE} -o request.txt
        verify request.txt {_TRUST} {_DELETE}
        """,
        1,
    ),
    (
        "The planner is revoked. That was one entry; nobody had to know of the worker.",
        """
        revoke --list revoked.list --key list.key --token planner.token --reason 'laptop lost'
        """,
        0,
    ),
    (
        "So the worker's token is dead as well, at the next look at the list.",
        f"""
        present worker.token --key worker.key {_READ} -o request.txt
        verify request.txt {_TRUST} {_READ}
        """,
        1,
    ),
)


@click.command(epilog=example("chaincred demo"))
@json_option
def demo(as_json: bool) -> int:
    """Tells in half a minute what chaincred does."""
    told: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        for why, commands, expected in STORY:
            steps = [_step(command) for command in _lines_of(commands)]
            told.append({"why": why, "steps": steps, "expected": expected})
    as_told = all(step["steps"][-1]["exit_code"] == step["expected"] for step in told)
    answer(as_json, {"as_told": as_told, "story": told}, _lines(told))
    return int(not as_told)


def _lines_of(commands: str) -> list[str]:
    return [" ".join(each.split()) for each in commands.replace("\\\n", " ").strip().splitlines()]


def _step(command: str) -> dict[str, Any]:
    # Not at the top: the program imports its commands, and this one runs the program.
    from chaincred.cli.app import main, run

    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        exit_code = run(main, shlex.split(command))
    first = (told.getvalue() + said.getvalue()).splitlines()[0]
    return {"command": f"chaincred {command}", "exit_code": exit_code, "said": first}


def _lines(told: Sequence[dict[str, Any]]) -> Iterator[str]:
    for number, chapter in enumerate(told, 1):
        yield painted(f"{number}. {chapter['why']}", bold=True)
        for step in chapter["steps"]:
            yield from (painted(f"   {line}", dim=True) for line in _wrapped(step["command"]))
        last = chapter["steps"][-1]
        colour = "red" if last["exit_code"] else "green"
        yield f"   {painted(last['said'], fg=colour)} (exit code {last['exit_code']})"
        yield ""
    yield "All of it ran in a directory that is gone now."


def _wrapped(command: str) -> Iterator[str]:
    """The command as a person would type it, over several lines where it is long."""
    line = "$"
    for word in map(shlex.quote, shlex.split(command)):
        # An option stays with its value: only before one is a good place to break.
        if len(line) > _WIDTH and word.startswith("--"):
            yield f"{line} \\"
            line = "   "
        line = f"{line} {word}"
    yield line
