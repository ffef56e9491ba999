"""The model of the list protocol: some of what `python specs/models/check.py` runs in full."""

import re
import shutil
import subprocess
import sys

import pytest
from specs.models.check import MODEL
from specs.models.rows import CLAIMS, ROWS

CHECK = MODEL.with_name("check.py")
README = MODEL.with_name("README.md")

needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="spin or gcc is not installed"
)


def checking(*args, cwd=None, env=None):
    command = [sys.executable, str(CHECK), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@needs_spin
def test_the_design_holds_and_without_a_rule_it_does_not(tmp_path):
    done = checking("--quick", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    seen = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("  ")}
    assert seen.keys() == {row.name for row in ROWS if row.quick}
    assert "  holds " in seen["small"]
    assert "  late " in seen["limit"]
    assert "  again " in seen["disk-first"]
    assert not list(tmp_path.iterdir())


@needs_spin
def test_a_model_that_lost_a_rule_is_not_as_expected(tmp_path):
    text = MODEL.read_text()
    broken = text.replace("seq(node) >= seq(view.floor)", "true")
    assert broken != text
    (tmp_path / "broken.pml").write_text(broken)
    done = checking("small", "--model", tmp_path / "broken.pml")
    assert (done.returncode, done.stderr) == (1, "\nnot as expected\n")
    assert "  back " in done.stdout
    assert "expected: holds" in done.stdout


@needs_spin
def test_what_is_no_model_is_not_as_expected(tmp_path):
    (tmp_path / "broken.pml").write_text("init { what }\n")
    done = checking("small", "--model", tmp_path / "broken.pml")
    assert done.returncode == 1
    assert "expected: holds" in done.stdout


@needs_spin
def test_an_attack_is_shown_step_by_step():
    done = checking("--show", "disk-first")
    assert done.stdout.splitlines()[0] == "the log is at 1"
    assert "restarts with the floor 0 of 0" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("the token is admitted (limit 1)")


def test_without_spin_it_says_what_is_missing():
    done = checking("--quick", env={"PATH": ""})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "not found: spin, gcc (apt-get install spin gcc)\n"


def test_every_rule_of_the_model_is_taken_out_by_a_row_of_its_section():
    text = MODEL.read_text().partition("-DWITHOUT=")[2]
    rules = re.findall(r"^#define (\w+) +\d+ +/\* (S?[\d.]+) \*/$", text, re.MULTILINE)
    assert len(rules) == 25
    taken = {
        (found[1], row.section)
        for row in ROWS
        if (found := re.search(r"-DWITHOUT=(\w+)", row.switches)) and row.name != "no-floor"
    }
    assert taken == set(rules)


def test_the_page_has_every_row_and_no_other():
    first_cells = re.findall(r"^\| (`[^|]+`) \|", README.read_text(), re.MULTILINE)
    told = [name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(told) == sorted([*CLAIMS, *(row.name for row in ROWS)])


def test_no_two_rows_have_one_name():
    assert len({row.name for row in ROWS}) == len(ROWS)
