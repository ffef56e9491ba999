"""`chaincred vectors`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from chaincred.cli.output import answer, painted, plain
from chaincred.cli.params import File, example, json_option
from chaincred.cli.vectors import Outcome, run
from chaincred.errors import FileRefused


@click.command(epilog=example("chaincred vectors specs/vectors"))
@click.argument("directory", type=File(), metavar="DIR")
@json_option
def vectors(directory: Path, as_json: bool) -> int:
    """Runs every test vector in DIR against this library.

    Exit code 1 if any of them came out otherwise than it says.
    """
    paths = sorted(directory.glob("*.json"))
    if not paths:
        # No vectors, all passed: that would be silence taken for consent.
        raise FileRefused(f"{directory}: no vectors there")
    outcomes = [run(path) for path in paths]
    failed = [outcome for outcome in outcomes if outcome.got is not None and not outcome.passed]
    skipped = sum(outcome.got is None for outcome in outcomes)
    counts = {
        "passed": len(outcomes) - len(failed) - skipped,
        "failed": len(failed),
        "skipped": skipped,
    }
    families = _families(outcomes)
    value = {
        **counts,
        "families": families,
        "failures": [
            {"name": each.name, "expected": each.expected, "got": each.got} for each in failed
        ],
    }
    answer(as_json, value, _lines(failed, families, counts))
    return int(bool(failed))


def _families(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    totals = Counter(outcome.family for outcome in outcomes)
    passed = Counter(outcome.family for outcome in outcomes if outcome.passed)
    return {name: {"passed": passed[name], "of": totals[name]} for name in sorted(totals)}


def _lines(
    failed: Sequence[Outcome], families: Mapping[str, Mapping[str, int]], counts: Mapping[str, int]
) -> Iterator[str]:
    for outcome in failed:
        expected, got = plain(outcome.expected), plain(str(outcome.got))
        yield f"{painted('FAILED', fg='red')} {plain(outcome.name)}: expected {expected}, got {got}"
    for name, count in families.items():
        yield f"{plain(name):<12} {count['passed']} of {count['of']}"
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    yield f"{counts['passed']} passed, {counts['failed']} failed{skipped}"
