"""Checks revocation.pml with Spin: the design holds, and with a rule taken out it does not.

    python specs/models/check.py               every row: under a minute on two cores
    python specs/models/check.py --quick       some of them
    python specs/models/check.py NAME...       those
    python specs/models/check.py --show NAME   the shortest way to what that one finds

It needs spin and gcc (Debian: apt-get install spin gcc). What it writes is in a temporary folder
and goes with it. Ends with 1 if a row is not as expected.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from specs.models.rows import CLAIMS, GROUPS, HOLDS, REACHED, ROWS, Row

MODEL: Final = Path(__file__).with_name("revocation.pml")
LONGEST: Final = 300
"""Seconds for one step of one row, which takes a few."""
MEGABYTES: Final = 1500
MOST_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What Spin found (HOLDS, REACHED, a claim, or why there is no answer) in how many states."""

    outcome: str
    states: str = ""


def run(row: Row, model: Path = MODEL) -> Seen:
    """What Spin finds for a row, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            # A compiler that tries hard takes longer than a search that soon finds something.
            long = row.expected == HOLDS and not row.quick
            said = _compile(row, model, folder, "-O1" if long else "-O0")
            if said:
                return Seen(said)
            output = _output(["./pan", "-m100000", "-w20", "-c1"], folder)
        except subprocess.TimeoutExpired:
            return Seen(f"more than {LONGEST} s")
    states = re.search(r"(\d+) states, stored", output)
    return Seen(_outcome(output), states[1] if states else "")


def show(row: Row, model: Path = MODEL) -> str:
    """The shortest way to what a row finds, a line a step; what Spin says if there is none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        said = _compile(row, model, folder, "-O0", "-DBFS")
        if said:
            return said
        output = _output(["./pan", "-w22"], folder)
        if not (folder / "model.pml.trail").exists():
            return _outcome(output)
        steps = _output(["spin", "-t", "-T", *row.switches.split(), "model.pml"], folder)
    # After the failed assertion comes the state of everything.
    return steps.partition("spin: ")[0].rstrip()


def _compile(row: Row, model: Path, folder: Path, *options: str) -> str:
    shutil.copyfile(model, folder / "model.pml")
    # Spin begins with a warning where a model is not older than the way through it, and a clock
    # that is set back a little is enough for that.
    os.utime(folder / "model.pml", (0, 0))
    said = _output(["spin", "-a", *row.switches.split(), "model.pml"], folder)
    always = ("-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEGABYTES}")
    said += _output(["gcc", *always, *options, "-o", "pan", "pan.c"], folder)
    if (folder / "pan").exists():
        return ""
    return said.strip().partition("\n")[0] or "no answer"


def _output(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=LONGEST
    )
    return done.stdout + done.stderr


def _outcome(output: str) -> str:
    violated = re.search(r"assertion violated +(.+) \(at depth", output)
    if violated:
        claims = [claim for claim in CLAIMS if violated[1] == f"!({claim})"]
        return claims[0] if claims else REACHED
    # Nothing is shown by a search that did not go everywhere.
    cut_short = "Search not completed" in output or "too small" in output
    if "errors: 0" in output and not cut_short:
        return HOLDS
    return " ".join(["no answer", *output.split()[-12:]])


def check(wanted: Sequence[Row], model: Path) -> bool:
    """Runs the rows and prints the table. Whether all are as expected."""
    good = True
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_AT_ONCE)) as pool:
        found = {row: pool.submit(run, row, model) for row in wanted}
        for group, rows in GROUPS.items():
            if found.keys().isdisjoint(rows):
                continue
            print(f"\n{group}")
            for row in rows:
                if row in found:
                    seen = found[row].result()
                    print(_line(row, seen), flush=True)
                    good = good and seen.outcome == row.expected
    return good


def _line(row: Row, seen: Seen) -> str:
    mark = "" if seen.outcome == row.expected else f"  expected: {row.expected}"
    told = f"{row.name:18}  {row.section:4}  {row.about:37}"
    return f"  {told}  {seen.outcome:11}  {seen.states:>6}{mark}"


def main() -> int:
    by_name = {row.name: row for row in ROWS}
    parser = argparse.ArgumentParser(description="Checks the model of the list protocol.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these rows only")
    parser.add_argument("--quick", action="store_true", help="some rows only")
    parser.add_argument("--show", metavar="NAME", help="the way to what a row finds")
    parser.add_argument("--model", type=Path, default=MODEL, help="another model")
    asked = parser.parse_args()
    for name in (*asked.names, *filter(None, [asked.show])):
        if name not in by_name:
            parser.error(f"no row is named {name}")
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        print(f"not found: {', '.join(missing)} (apt-get install spin gcc)", file=sys.stderr)
        return 1
    if asked.show:
        print(show(by_name[asked.show], asked.model))
        return 0
    wanted = [by_name[name] for name in asked.names] or ROWS
    if check([row for row in wanted if row.quick or not asked.quick], asked.model):
        print("\nall as expected")
        return 0
    print("\nnot as expected", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
