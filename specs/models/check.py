"""Checks revocation.pml with Spin: the design holds, and with a rule taken out it does not.

    python specs/models/check.py               every row: a minute and less on two cores
    python specs/models/check.py --quick       some of them
    python specs/models/check.py --show NAME   the shortest way to what a row finds

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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).with_name("revocation.pml")
LONGEST: Final = 300
"""Seconds for one step of one row, which takes a few."""
MEGABYTES: Final = 1500
MOST_AT_ONCE: Final = 4
HOLDS: Final = "holds"
REACHED: Final = "reached"
CLAIMS: Final = ("late", "again", "back", "uncontained")


@dataclass(frozen=True, slots=True)
class Row:
    """One run of Spin. `expected` is HOLDS, REACHED, or the claim that is violated."""

    name: str
    section: str
    about: str
    expected: str
    switches: str = ""
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What Spin found (HOLDS, REACHED, a claim, or why there is no answer) in how many states."""

    outcome: str
    states: str = ""


# What may happen besides what always may. Fewer nodes and moments where they are enough.
_ONE_ENTRY: Final = "-DNODES=2"
_SHORT: Final = "-DNODES=2 -DLAST=4"
_TO_THE_END: Final = "-DNODES=2 -DLAST=6"
_EXACT_CLOCK: Final = "-DBEHIND=0 -DAHEAD=0"
_SLOW_CLOCK: Final = "-DBEHIND=4 -DAHEAD=-4"
_CLOCK_SET_BACK: Final = "-DBEHIND=LAST"
_EARLY_PUBLISHER: Final = "-DNODES=2 -DEARLY=2 -DLAST=5 -DEXPIRES=6 -DBEHIND=1 -DAHEAD=0"
_CLOCKS_APART: Final = "-DNODES=2 -DEARLY=1 -DLAST=7 -DAHEAD=0"
_THIEF: Final = f"-DTHIEF {_EXACT_CLOCK} -DCLAIMS=AGAIN"
_ENTRIES_LOST: Final = "-DRESTORED -DAND=PUBLISHERS_FLOOR -DLAST=4 -DCLAIMS=AGAIN"


def _designs() -> Iterator[Row]:
    yield Row("design", "", "as specified", HOLDS)
    yield Row("small", "", "the same with two entries", HOLDS, "-DNODES=3", quick=True)
    for name, section, about, world in (
        ("two-views", "", "two views of one list", "-DVIEWS=2 -DNODES=3"),
        ("slow-clock", "5, 6", "a verifier's is far behind", _SLOW_CLOCK),
        ("clock-set-back", "5, 6", "it is set back, however far", _CLOCK_SET_BACK),
        ("early-publisher", "S7.2", "the publisher's is ahead", _EARLY_PUBLISHER),
        ("clocks-apart", "4, 5", "by more than is tolerated", _CLOCKS_APART),
        ("restored-store", "S12", "the publisher's store is set back", "-DRESTORED -DNODES=3"),
        ("entries-lost", "5.8", "a publisher without its last entries",
         f"{_ENTRIES_LOST} -DKEEPS_ITS_LOG -DNODES=3"),
        ("thief", "7", "a stolen list key, a running view", f"{_THIEF} -DRUNNING_ONLY"),
        ("no-floor", "6", "without a floor the bound holds still",
         "-DWITHOUT=FLOOR_ON_DISK -DCLAIMS=LATE -DNODES=3"),
    ):
        yield Row(name, section, about, HOLDS, world)


def _happenings() -> Iterator[Row]:
    for place, about in (
        ("ADMITTED", "admitted, nothing being revoked"),
        ("AT_THE_BOUND", "admitted at the last moment"),
        ("REVOKED", "refused by the entry"),
        ("STALE", "refused by age"),
        ("BY_SNAPSHOT", "the entry comes in a snapshot"),
        ("BY_DELTA", "the entry comes after what is held"),
        ("FORGOTTEN", "the dead entry has left"),
        ("RESTARTED", "a list after a restart"),
        ("ROLLED_BACK", "refused by the floor on disk"),
    ):
        quick = place in {"ADMITTED", "RESTARTED"}
        yield Row(_name(place), "", about, REACHED, f"-DREACH={place}", quick)


def _rules() -> Iterator[Row]:
    for rule, section, about, claim, world in (
        ("GREATEST_UNTIL", "2", "no later entry shortens", "again", ""),
        ("NOT_BEFORE_UNTIL", "4", "no entry leaves before until", "late", _ONE_ENTRY),
        ("GRACE_AFTER_UNTIL", "4", "nor in the 60 s after it", "late", _ONE_ENTRY),
        ("FLOOR_ON_DISK", "5", "the floor is on disk", "again", _SHORT),
        ("OWN_FLOOR", "5", "it is the view's own", "again", f"{_SHORT} -DVIEWS=2"),
        ("EMPTY_START", "5", "a floor is no list", "again", _SHORT),
        ("SIGNED_HEAD", "5.2", "the head is signed", "late", _TO_THE_END),
        ("SIGNED_SNAPSHOT", "5.2", "the snapshot is signed", "again", _SHORT),
        ("FLOOR_NUMBER", "5.6", "seq is at least the floor's", "again", _SHORT),
        ("FLOOR_TIME", "5.6", "so is issued_at", "again", f"{_ONE_ENTRY} {_CLOCK_SET_BACK}"),
        ("TAKEN_BEFORE_HEAD", "5.6", "and it at least taken_at", "again",
         f"{_ONE_ENTRY} {_CLOCK_SET_BACK}"),
        ("HASH_TO_HEAD", "5.8", "the entries hash to the head's", "again", _SHORT),
        ("HASH_HELD", "5.8", "and to what is held", "again",
         "-DRESTORED -DAND=PUBLISHERS_FLOOR -DLAST=4 -DKEEPS_ITS_LOG -DNODES=3"),
        ("MISSING", "5.9", "what is held is there", "again",
         f"-DTHIEF {_EXACT_CLOCK} -DRUNNING_ONLY"),
        ("DISK_FIRST", "5.11", "first the disk, then memory", "again", _SHORT),
        ("HEAD_BEGUN", "6", "issued_at - 60 <= now", "again", f"{_ONE_ENTRY} {_CLOCK_SET_BACK}"),
        ("FRESH_UNTIL", "6", "now < fresh_until", "late", _TO_THE_END),
        ("LIMIT", "6", "the limit of the effect", "late", _TO_THE_END),
        ("ONE_SIGNER", "S7.2", "one signs at a time", "late", _TO_THE_END),
        ("HEADS_ASCEND", "S7.2", "issued_at never goes back", "uncontained", _EARLY_PUBLISHER),
        ("PUBLISHERS_FLOOR", "S12", "a store set back signs nothing", "late",
         f"-DRESTORED {_TO_THE_END}"),
    ):
        quick = rule in {"FLOOR_ON_DISK", "HASH_TO_HEAD", "DISK_FIRST", "LIMIT"}
        switches = f"-DWITHOUT={rule} -DCLAIMS={claim.upper()} {world}"
        yield Row(_name(rule), section, about, claim, switches, quick)


def _spares() -> Iterator[Row]:
    for rule, section, about in (
        ("FUTURE_HEAD", "5.5", "no head of the future"),
        ("FUTURE_SNAPSHOT", "5.5", "and no such snapshot"),
        ("GAP", "5.7", "the entries join"),
        ("STALE_UPDATE", "5.10", "no stale head"),
    ):
        yield Row(_name(rule), section, about, HOLDS, f"-DWITHOUT={rule} -DNODES=5")


def _limits() -> Iterator[Row]:
    slow = f"{_SLOW_CLOCK} -DLAG=SKEW -DCLAIMS=LATE {_ONE_ENTRY}"
    yield Row("slow-clock-late", "6", "the bound is by that clock", "late", slow)
    yield Row("thief-restart", "7", "a stolen list key, a restart", "again", _THIEF)
    yield Row("lost-and-compacted", "5", "lost entries, and a snapshot since", "again", _ENTRIES_LOST)


def _name(switch: str) -> str:
    return switch.lower().replace("_", "-")


GROUPS: Final = {
    "The design": tuple(_designs()),
    "It does something": tuple(_happenings()),
    "With one rule taken out": tuple(_rules()),
    "Rules that the claims do not need": tuple(_spares()),
    "What the design does not promise": tuple(_limits()),
}
ROWS: Final = tuple(row for rows in GROUPS.values() for row in rows)


def run(row: Row, model: Path = MODEL) -> Seen:
    """What Spin finds for a row, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            # A search that ends where it finds something is over before a compiler has tried hard.
            said = _compile(row, model, folder, "-O1" if row.expected == HOLDS else "-O0")
            if said:
                return Seen(said)
            output = _output(["./pan", "-m100000", "-w20", "-c1"], folder)
        except subprocess.TimeoutExpired:
            return Seen(f"more than {LONGEST} s")
    states = re.search(r"(\d+) states, stored", output)
    return Seen(_outcome(output), states[1] if states else "")


def show(row: Row, model: Path = MODEL) -> str:
    """The shortest way to what a row finds, a line a step; empty if it finds nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        said = _compile(row, model, folder, "-O0", "-DBFS")
        if said:
            return said
        _output(["./pan", "-w22"], folder)
        if not (folder / "model.pml.trail").exists():
            return ""
        steps = _output(["spin", "-t", "-T", *row.switches.split(), "model.pml"], folder)
    # After the failed assertion comes the state of everything.
    return steps.partition("spin: ")[0]


def _compile(row: Row, model: Path, folder: Path, *options: str) -> str:
    shutil.copyfile(model, folder / "model.pml")
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
    return HOLDS if "errors: 0" in output and not cut_short else "no answer"


def check(quick: bool, model: Path) -> bool:
    """Runs the rows and prints the table. Whether all are as expected."""
    good = True
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_AT_ONCE)) as pool:
        wanted = [row for row in ROWS if row.quick or not quick]
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
    parser = argparse.ArgumentParser(description="Checks the model of the list protocol.")
    parser.add_argument("--quick", action="store_true", help="some rows only")
    parser.add_argument("--show", metavar="NAME", choices=[row.name for row in ROWS])
    parser.add_argument("--model", type=Path, default=MODEL, help="another model")
    asked = parser.parse_args()
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        print(f"not found: {', '.join(missing)} (apt-get install spin gcc)", file=sys.stderr)
        return 1
    if asked.show:
        row = next(row for row in ROWS if row.name == asked.show)
        print(show(row, asked.model) or "nothing found, as it should be: the row holds")
        return 0
    if check(asked.quick, asked.model):
        print("\nall as expected")
        return 0
    print("\nnot as expected", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
