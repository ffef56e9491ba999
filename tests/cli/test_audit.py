"""`chaincred audit verify`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaincred.audit import MAX_LINE
from tests.audit_export import RECORDS, export, head, running
from tests.cast import MALLORY, NOW
from tests.cli.terminal import PROGRAM, answer, environment, ok, refused, typed

VERIFY = "audit verify audit.jsonl --list-key list.pub"


@pytest.fixture
def log(desk):
    """audit.jsonl, seven records that nobody touched."""
    return written(export())


def written(lines, name="audit.jsonl"):
    path = Path(name)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_an_export_that_nobody_touched_is_whole(log):
    assert ok(VERIFY).startswith("whole: records 1 to 7, head signed 2026-")
    assert answer(VERIFY) == {"whole": True, "first": 1, "last": 7, "at": NOW}


def test_a_log_without_records_is_whole(desk):
    written(export(()))
    assert ok(VERIFY).startswith("whole: no records, ")


def test_it_is_read_from_standard_input(log):
    said = ok(VERIFY.replace("audit.jsonl", "-"), stdin=log.read_bytes())
    assert said == ok(VERIFY)


def test_a_record_that_was_changed_is_told_with_a_code_of_its_own(log):
    log.write_bytes(log.read_bytes().replace(b'"ok"', b'"no"', 1))
    refused(VERIFY, 3, "audit", "a record was changed")


def test_one_that_ends_early_is_refused(log):
    written(export()[:-1])
    refused(VERIFY, 3, "audit", "the records end at 6")
    log.write_bytes(log.read_bytes()[:-20])
    refused(VERIFY, 3, "malformed")


def test_the_last_line_may_lack_its_break(log):
    log.write_bytes(log.read_bytes().removesuffix(b"\n"))
    assert ok(VERIFY)


def test_breaks_of_another_system_are_a_change(log):
    log.write_bytes(log.read_bytes().replace(b"\n", b"\r\n"))
    refused(VERIFY, 3, "audit")


def test_after_a_rotation_of_the_list_key_either_may_be_named(desk):
    written(export(key=MALLORY))
    refused(VERIFY, 3, "audit", "not signed by a key of this list")
    assert ok(VERIFY + " --list-key mallory.pub") == ok(VERIFY.replace("list.pub", "mallory.pub"))


def test_a_list_key_is_needed(log):
    refused("audit verify audit.jsonl", 2, "usage", "--list-key")


def test_what_is_no_export_is_malformed_and_a_missing_file_a_fault(desk):
    refused(VERIFY, 3, "file", "audit.jsonl: No such file")
    for content in (b"", b"\n", b"{}\n", b"\xff" * 100, b"x" * (3 * MAX_LINE)):
        Path("audit.jsonl").write_bytes(content)
        refused(VERIFY, 3, "malformed")


def test_a_line_without_end_is_not_read_to_its_end(desk):
    # 2 GiB of nothing, in far less memory than that.
    with Path("audit.jsonl").open("wb") as file:
        file.truncate(2**31)
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); "
    done = subprocess.run(
        [sys.executable, "-c", limited + PROGRAM[2], *VERIFY.split()],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert (done.returncode, done.stderr.partition(": a")[0]) == (3, "chaincred: malformed")


def test_a_head_that_was_kept_is_taken_as_text_as_a_file_or_as_the_services_answer(log):
    text = head(4, running(RECORDS[:4]))
    Path("head").write_text(text + "\n")
    Path("head.json").write_text(json.dumps({"n": 4, "head": text}))
    for each in (text, "head", "head.json", f"'{Path('head.json').read_text()}'"):
        assert ok(f"{VERIFY} --head {each}") == ok(VERIFY)


def test_a_log_that_does_not_go_on_from_a_kept_head_is_refused(log):
    Path("head").write_text(head(4, bytes(32)))
    refused(f"{VERIFY} --head head", 3, "audit", "another past")
    refused(f"{VERIFY} --head {head(9, bytes(32))}", 3, "audit", "lead through 9")
    refused(f"{VERIFY} --head {head(4, bytes(32), key=MALLORY)}", 3, "audit", "not signed")


@pytest.mark.parametrize(
    "said", ["!", "'{'", "'{}'", """'{"head": 1}'""", "a" * 300, "list.key", "audit.jsonl"]
)
def test_what_is_no_head_is_malformed_and_not_repeated(log, said):
    line = refused(f"{VERIFY} --head {said}", 3, "malformed")
    assert "cc1k" not in line


def test_the_group_tells_what_it_can_do():
    assert "verify" in ok("audit --help") and typed("audit").exit_code == 2
