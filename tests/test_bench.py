"""The benchmark runs; what it measures is not asserted, since machines differ."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_the_benchmark_runs_and_prints_its_tables(tmp_path):
    run = subprocess.run(
        [sys.executable, str(PROJECT / "bench" / "run.py"), "--quick"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    lines = [line.split() for line in run.stdout.splitlines()]
    for what in ("issue", "attenuate", "present", "cold", "warm"):
        for depth in ("0", "1", "3", "8"):
            assert any(line[:2] == [what, depth] for line in lines), (what, depth)
    assert ["entries", "lookup", "us", "added", "us"] in [line[:5] for line in lines]
    for begins in (["warm", "chains"], ["cold", "chains"], ["bare", "echo"], ["revoked"], ["gzip"]):
        assert any(line[: len(begins)] == begins for line in lines), begins
    assert ["back", "from", "0.2", "s", "of", "outage"] in [line[:6] for line in lines]
    verdicts = [line[-1] for line in lines[lines.index(["Aims"]) :] if line]
    assert {"met", "measured"} <= set(verdicts)
    for peer in ("tenuo", "biscuit-python"):
        assert peer in run.stdout
