"""The program: its exit codes, its help, and how it ends."""

import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import chaincred.cli
from chaincred.cli import main
from chaincred.cli.app import COMMANDS
from tests.cast import PLANNER, ROOT
from tests.cli.terminal import PROGRAM, environment, handed_down, ok, ran, refused, typed

REPOSITORY = Path(__file__).parents[2]


def test_the_entry_point_is_this_program():
    (entry,) = entry_points(group="console_scripts", name="chaincred")
    assert entry.load() is main


def test_help_names_every_command_and_every_exit_code():
    text = ok("--help")
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert re.findall(r"^    (\d+)  ", text, re.MULTILINE) == ["0", "1", "2", "3", "130"]
    assert "..." not in text.partition("Commands:")[2].partition("Exit codes")[0]


def test_without_a_command_it_shows_help_and_says_it_was_no_use():
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert result.stdout == "" and "Commands:" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json_and_an_example(name):
    text = ok(f"{name} --help")
    # A service has a log, not an answer.
    assert ("--json" in text) == (name != "serve")
    assert f"chaincred {name}" in text.partition("Example:")[2]
    assert "--now" not in text


def examples(text):
    """The commands shown after `Example:`, lines that end in a backslash joined."""
    shown = text.partition("Example:")[2].replace("\\\n", " ")
    return [shlex.split(line) for line in shown.splitlines() if line.strip()]


def test_the_examples_run_in_the_order_of_a_story(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").symlink_to(REPOSITORY / "specs")
    for name in ("planner", "worker", "list"):
        assert ran("keygen", name).returncode == 0
    story = ["keygen", "issue", "attenuate", "inspect", "list", "present", "verify", "explain"]
    for name in [*story, "revoke", "demo"]:
        for program, *args in examples(ok(f"{name} --help")):
            done = ran(*args)
            assert (program, done.returncode) == ("chaincred", 0), done.stderr
    (last,) = examples(ok("vectors --help"))
    assert last[1:] == ["vectors", "specs/vectors"]


@pytest.mark.parametrize(
    "line",
    [
        "nothing",
        "keygen",
        "keygen a b",
        "issue --nothing",
        "issue --key root.key --holder planner.pub --purpose p",
        "present --effect destroy",
        "--nothing",
    ],
)
def test_wrong_usage_is_told_in_one_line_and_has_its_own_code(desk, line):
    refused(line, 2, "usage", "--help')")


def test_a_secret_typed_in_the_wrong_place_is_not_repeated(desk):
    for secret in ("cc1s_k5KSxH6Z", "cc1k_AAAA-AAAA_", "cc1m_AAAA"):
        for line in (f"keygen a {secret}", f"issue --key {secret} --agent a --purpose p"):
            assert secret not in typed(line).output
            assert secret[:5] + "…" in typed(line).output


def test_a_missing_file_is_a_fault_not_a_denial(desk):
    refused("inspect nowhere.token", 3, "file", "nowhere.token: No such file")
    refused("list nowhere.list", 3, "file")
    refused("issue --key nowhere.key --holder root.pub --agent a --purpose p", 3, "file")
    refused("issue --key root.key --holder nowhere.pub --agent a --purpose p", 3, "file")


def test_an_operating_systems_error_is_a_fault(desk, monkeypatch):
    def fails(*_):
        raise OSError("no more of it")

    monkeypatch.setattr("chaincred.cli.keygen.write_key", fails)
    refused("keygen a", 3, "file", "no more of it")


def test_a_file_that_may_not_be_looked_for_is_a_fault(desk, monkeypatch):
    def fails(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", fails)
    line = "revoke --list r --key list.key --task t --create"
    refused(line, 3, "file", "r: Permission denied")


def test_the_real_program_denies_and_fails_with_different_codes(desk):
    handed_down()
    assert ran("inspect", "worker.token", "--root", "mallory.pub").returncode == 1
    assert ran("inspect", "root.pub").returncode == 3
    assert ran("inspect").returncode == 2
    assert ran("inspect", "worker.token").returncode == 0


def test_tokens_go_through_pipes(desk):
    issue = ran(*shlex.split("issue --key root.key --holder planner.pub --agent p --purpose p"))
    inspected = ran("inspect", "-", "--json", stdin=issue.stdout)
    assert json.loads(inspected.stdout)["hops"][0]["holder"] == PLANNER.public_key.hex()
    assert issue.stderr == inspected.stderr == ""


def test_a_reader_that_goes_away_ends_it_quietly(desk):
    handed_down()
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [*PROGRAM, "inspect", "worker.token"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_fault_not_a_denial(desk):
    handed_down()
    for line in (["inspect", "worker.token"], ["inspect", "nowhere", "--json"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*PROGRAM, *line], stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 3
        assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("error", [BrokenPipeError(32, "gone"), OSError(28, "full")])
def test_giving_up_standard_output_is_survived(desk, monkeypatch, error):
    def fails(*_args, **_more):
        raise error

    monkeypatch.setattr("chaincred.cli.output.click.echo", fails)
    monkeypatch.setattr("sys.stdout", open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with pytest.raises(SystemExit) as ended:
        main(["keygen", "a", "--json"])
    assert ended.value.code == (141 if isinstance(error, BrokenPipeError) else 3)
    assert sys.stdout.closed


def test_an_interruption_is_quiet(desk):
    process = subprocess.Popen(
        [sys.executable, "-c", f"print('ready', flush=True); {PROGRAM[2]}", "inspect", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said, told = process.communicate()
    assert (process.returncode, said, told.strip()) == (130, b"", b"")


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interruption_has_its_own_code(desk, monkeypatch, error):
    def interrupted():
        raise error

    monkeypatch.setattr("chaincred.cli.keygen.SigningKey.generate", interrupted)
    assert typed("keygen a").exit_code == 130


def test_shells_complete_commands_options_and_files():
    def completed(*words):
        done = subprocess.run(
            PROGRAM,
            capture_output=True,
            text=True,
            env=environment(
                _CHAINCRED_COMPLETE="bash_complete",
                COMP_WORDS=shlex.join(["chaincred", *words]),
                COMP_CWORD=str(len(words)),
            ),
        )
        return done.stdout.split()

    assert completed("in") == ["plain,inspect"]
    assert completed("issue", "--hol") == ["plain,--holder"]
    assert completed("issue", "--key", "roo") == ["file,roo"]
    assert completed("issue", "--effect", "w") == ["plain,write"]


def test_what_names_a_file_is_completed_with_files():
    words = {"COMP_WORDS": "chaincred inspect ro", "COMP_CWORD": "2"}
    result = CliRunner(env=words | {"_CHAINCRED_COMPLETE": "bash_complete"}).invoke(main, [])
    assert result.stdout == "file,ro\n"


def test_a_shell_gets_its_script(monkeypatch):
    monkeypatch.setenv("_CHAINCRED_COMPLETE", "zsh_source")
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 0 and "#compdef chaincred" in result.stdout


def test_the_program_can_be_a_part_of_another():
    assert main.main(["keygen", "--help"], standalone_mode=False) == 0


def test_the_version_is_told():
    assert re.fullmatch(r"chaincred, version \d+\.\d+\.\d+", ok("--version"))


def test_no_output_ever_holds_a_seed(desk):
    handed_down()
    seeds = [key.reveal_seed() for key in (ROOT, PLANNER)]
    spelled = [seed.hex() for seed in seeds]
    spelled += [(desk / f"{name}.key").read_text().strip()[5:] for name in ("root", "planner")]
    shown = "".join(
        typed(line).output
        for line in (
            "inspect planner.key",
            "inspect root.key --json",
            "issue --key root.key --holder planner.key --agent a --purpose p",
            "list root.key",
            "attenuate planner.token --key root.key --holder worker.pub --agent a --purpose p",
            "revoke --list planner.key --key list.key --task t",
        )
    )
    assert shown.count("chaincred: ") == 5 and not [seed for seed in spelled if seed in shown]


@pytest.mark.parametrize(
    ("missing", "raised", "words"),
    [
        ("click", SystemExit, r"pip install 'chaincred\[cli\]'"),
        ("click.exceptions", ModuleNotFoundError, "click.exceptions"),
    ],
)
def test_a_missing_extra_is_told_from_a_missing_part(monkeypatch, missing, raised, words):
    monkeypatch.delitem(sys.modules, "chaincred.cli.app")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(raised, match=words):
        runpy.run_path(str(Path(chaincred.cli.__file__)))


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_a_command_of_the_service_says_which_extra_it_needs(monkeypatch, missing):
    for name in [each for each in sys.modules if each.startswith("chaincred_verifier")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    result = typed("serve")
    assert result.exit_code == 2
    assert "pip install 'chaincred[verifier]'" in result.stderr


def test_a_part_of_the_service_that_is_missing_is_no_missing_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "chaincred_verifier.serve", raising=False)
    monkeypatch.setitem(sys.modules, "chaincred_verifier.serve", None)
    from chaincred.cli.app import Program

    with pytest.raises(ModuleNotFoundError, match="chaincred_verifier"):
        Program("chaincred").get_command(None, "serve")
