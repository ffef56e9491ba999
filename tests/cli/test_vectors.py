"""vectors: the specification's own cases, and a runner that would notice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaincred.cli.vectors import run
from tests.cli.terminal import PROGRAM, answer, ok, refused, typed

VECTORS = Path(__file__).parents[2] / "specs" / "vectors"


def vector(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def changed(desk, name, **fields):
    (desk / "one.json").write_text(json.dumps(vector(name) | fields))
    return run(desk / "one.json")


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_the_library_is_what_the_specification_says(path):
    outcome = run(path)
    assert outcome.got in (outcome.expected, None), outcome
    assert outcome.name == path.stem


@pytest.mark.parametrize(
    ("name", "fields", "got"),
    [
        ("proof-60-seconds-old", {"expect": "caveat"}, "ok"),
        ("proof-60-seconds-old", {"root_id": "00"}, "root_id is"),
        ("proof-60-seconds-old", {"links": []}, "links is"),
        ("proof-60-seconds-old", {"hops": []}, "hops is"),
        ("proof-60-seconds-old", {"request_packed": "00"}, "request_packed is"),
        ("proof-60-seconds-old", {"now": "late"}, "TypeError: "),
        ("caveat-unknown-13", {"failures": []}, "failures is [[1, 'Unknown']], not []"),
        ("macaroon-alive-holder-other", {"root_id": "00"}, "root_id is"),
        ("macaroon-alive-holder-other", {"expect": "caveat"}, "ok"),
        ("list-delta", {"seq": 4}, "seq is 3, not 4"),
        ("list-delta", {"hash": "00"}, "hash is"),
        ("list-delta", {"alive": vector("list-delta")["revoked"]}, "alive 0d2f"),
        ("list-delta", {"revoked": vector("list-delta")["alive"]}, "revoked 1d0a"),
        ("ack-of-the-last", {"said": {}}, "said is {'name': 'files-1.example'"),
        ("ack-of-the-last", {"expect": "untrusted"}, "ok"),
        ("audit-whole", {"said": {"first": 1, "last": 4, "at": 0}}, "said is {'first': 1, 'last'"),
        ("holder-of-now", {"said": {"issued_at": 0, "nonce": ""}}, "said is {'issued_at': 179000"),
        ("holder-of-now", {"holder_proof": "", "expect": "key_proof"}, "malformed"),
    ],
)
def test_whatever_differs_is_noticed(desk, name, fields, got):
    outcome = changed(desk, name, **fields)
    assert not outcome.passed and outcome.got.startswith(got)


def test_a_step_that_differs_is_noticed(desk):
    steps = vector("list-delta")["steps"]
    steps[0]["expect"] = "list_gap"
    assert changed(desk, "list-delta", steps=steps).got.startswith("step 1 is 'ok'")


def test_failures_are_counted_and_named(desk):
    changed(desk, "proof-60-seconds-old", expect="caveat")
    (desk / "two.json").write_text(json.dumps(vector("list-delta")))
    result = typed("vectors .")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "FAILED proof-60-seconds-old: expected caveat, got ok",
        "list         1 of 1",
        "proof        0 of 1",
        "1 passed, 1 failed",
    ]
    said = answer("vectors .", exit_code=1)
    assert (said["passed"], said["failed"], said["skipped"]) == (1, 1, 0)
    assert said["failures"] == [{"name": "proof-60-seconds-old", "expected": "caveat", "got": "ok"}]
    assert said["families"]["list"] == {"passed": 1, "of": 1}


def test_the_real_program_runs_one_family(desk):
    for path in VECTORS.glob("key-*.json"):
        (desk / path.name).write_bytes(path.read_bytes())
    done = subprocess.run([*PROGRAM, "vectors", "."], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith(" passed, 0 failed\n")


def test_a_directory_without_vectors_has_not_passed(desk):
    refused("vectors .", 3, "file", "no vectors there")
    refused("vectors nowhere", 3, "file", "no vectors there")


@pytest.mark.parametrize("content", ["", "\x80", "[" * 100_000, "[]", "{}", '{"type": "other"}'])
def test_a_file_that_is_no_vector_is_not_passed_over(desk, content):
    (desk / "one.json").write_text(content, encoding="latin-1")
    refused("vectors .", 3, "malformed", "one.json: not ")


def test_macaroons_are_skipped_where_they_are_not_installed(desk, monkeypatch):
    said = {"type": "macaroon", "name": "m", "family": "macaroon", "expect": "ok"}
    (desk / "one.json").write_text(json.dumps(said))
    monkeypatch.setitem(sys.modules, "chaincred.macaroon", None)
    assert run(desk / "one.json").got is None
    assert ok("vectors .").endswith("0 passed, 0 failed, 1 skipped")
