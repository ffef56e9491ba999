"""The tables of the verification service: a real `chaincred serve` with one worker and SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import containment, snapshots, verifying
from bench.containment import Containment
from bench.report import Aim, number, table
from bench.snapshots import Cost
from bench.verifying import ECHO, WARM, Rate

_MIB: Final = 2**20
NOTE: Final = (
    "a call to /v1/verify over HTTP, up to the answer: the decision, and its proof, its record and "
    "its count on disk, synced. The echo reads and checks a body of the same form, and sends it "
    "back."
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. Outages are in seconds."""

    connections: tuple[int, ...]
    rounds: int
    calls: int
    followers: tuple[int, ...]
    revocations: int
    outage: float
    outage_followers: int
    outages: int
    entries: int


FULL: Final = Scale((16, 64), 10, 400, (10, 200), 50, 3.0, 50, 12, 1_000_000)
QUICK: Final = Scale((4,), 1, 20, (1,), 2, 0.2, 1, 1, 1000)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured."""

    rates: Sequence[Rate]
    containments: Sequence[Containment]
    cost: Cost


def seen(scale: Scale) -> Seen:
    """Measures everything, one after the other."""
    with TemporaryDirectory() as folder:
        rates = verifying.rates(Path(folder), scale.connections, scale.rounds, scale.calls)
    containments = [
        *(containment.contained(each, scale.revocations) for each in scale.followers),
        containment.contained(scale.outage_followers, scale.outages, outage=scale.outage),
    ]
    with TemporaryDirectory() as folder:
        cost = snapshots.cost(Path(folder), scale.entries)
    return Seen(rates, containments, cost)


def tables(seen: Seen) -> Iterator[str]:
    yield _rates(seen.rates)
    yield _containments(seen.containments)
    yield _snapshot(seen.cost)


def aims(seen: Seen) -> Iterator[Aim]:
    """The aims, each beside the worst that was seen."""
    for each in seen.rates:
        if each.what == WARM:
            aim = f"rate of warm chains, of the echo's, {each.connections} connections"
            yield Aim(aim, 0.6, each.a_second / _echo(seen.rates, each).a_second, least=True)
    for found in seen.containments:
        limit, what = (1, "revoked") if found.outage is None else (2, "back from an outage")
        yield Aim(
            f"{what} to refused, p99, {found.servers} followers", limit, found.within(0.99), " s"
        )


def _echo(rates: Sequence[Rate], beside: Rate) -> Rate:
    return next(e for e in rates if e.what == ECHO and e.connections == beside.connections)


def _rates(rates: Sequence[Rate]) -> str:
    rows = []
    for each in rates:
        echo = _echo(rates, each)
        ratio = each.cpu / echo.cpu if each.cpu and echo.cpu else None
        rows.append(
            [
                each.what,
                str(each.connections),
                number(each.a_second, 0),
                number(each.a_second / echo.a_second, 2),
                number(each.cpu, 0),
                number(ratio, 2),
            ]
        )
    return table(
        f"The service: verifications at depth {verifying.DEPTH}, one worker",
        ["", "connections", "a second", "of the echo's", "processor us", "times the echo's"],
        rows,
    )


def _containments(found: Sequence[Containment]) -> str:
    rows = [
        [
            "revoked" if each.outage is None else f"back from {each.outage:g} s of outage",
            str(each.servers),
            str(len(each.taken)),
            *(number(each.within(share), 3) for share in (0.5, 0.99, 1)),
        ]
        for each in found
    ]
    return table(
        "The service: until every follower refuses (s)",
        ["from", "followers", "refusals", "p50", "p99", "longest"],
        rows,
    )


def _snapshot(cost: Cost) -> str:
    rows = [
        ["plain", "MiB", number(cost.plain / _MIB)],
        ["gzip", "MiB", number(cost.gzip / _MIB)],
        ["compacted by the service", "s", number(cost.made, 2)],
        ["service started with it", "s", number(cost.begun, 2)],
        ["first served", "s", number(cost.served, 3)],
        ["served again", "s", number(cost.again, 3)],
        ["served again, gzip", "s", number(cost.again_gzip, 3)],
        ["loaded by a view", "s", number(cost.loaded, 2)],
        ["held by the view", "MiB", number(cost.held / _MIB)],
        ["while it loads, at most", "MiB", number(cost.most / _MIB)],
        ["the service's process, at most", "MiB", number(cost.peak)],
    ]
    return table(f"The service: a snapshot of {cost.entries:,} entries", ["", "", ""], rows)
