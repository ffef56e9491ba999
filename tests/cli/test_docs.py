"""docs/cli.md: what it shows runs, and it leaves no command or exit code out."""

import re
import shlex
from pathlib import Path

from chaincred.cli import app
from tests.cli.terminal import ran

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_story_on_the_page_runs(tmp_path):
    (story,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for line in story.replace("\\\n", " ").splitlines() if line]
    assert len(lines) == 12
    for line in lines:
        program, *args = shlex.split(line)
        done = ran(*args, cwd=tmp_path)
        assert (program, done.returncode) == ("chaincred", 0), done.stderr
    (verify,) = (line for line in lines if " verify " in line)
    denied = ran(*shlex.split(verify)[1:], cwd=tmp_path)
    assert denied.returncode == 1 and denied.stderr.startswith("chaincred: revoked: ")


def test_the_page_lists_every_command_and_exit_code():
    assert re.findall(r"^\| `([a-z][a-z-]*)[^|]*` \| ", PAGE, re.MULTILINE) == list(app.COMMANDS)
    codes = (app.OK, app.DENIED, app.USAGE, app.ERROR)
    assert re.findall(r"^\| (\d) \| ", PAGE, re.MULTILINE) == [str(code) for code in codes]
    assert f"| {app.INTERRUPTED}, {app.PIPE_CLOSED} |" in PAGE
