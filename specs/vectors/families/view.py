"""A view of a list, and what it is shown one update after another."""

from collections.abc import Sequence
from dataclasses import dataclass

from families.cast import NOW, Actor
from families.log import Entry, Log, kill_task, raw_update
from families.scenario import Vector, vector

A, B, C, D = (kill_task(task) for task in "abcd")
NONE = Log()
ONE = Log((A,))
TWO = Log((A, B))
THREE = Log((A, B, C))
FORK = Log((A, D))

EARLY = NOW - 100


@dataclass(frozen=True)
class Step:
    update: bytes
    expect: str = "ok"
    now: int = NOW


def viewed(
    name: str,
    about: str,
    steps: Sequence[Step],
    log: Log,
    revoked: Sequence[Entry] | None = None,
    alive: Sequence[Entry] = (D,),
    *,
    floor: bytes | None = None,
    keys: Sequence[Actor] = (),
) -> Vector:
    """A view that holds `log` in the end; without `revoked`, all its entries count."""
    killed = log.entries if revoked is None else revoked
    return vector(
        f"list-{name}",
        about,
        "list",
        "revocation.md 5",
        steps[-1].expect,
        list=Log().described(*keys),
        floor=None if floor is None else floor.hex(),
        steps=[
            {"now": step.now, "update": step.update.hex(), "expect": step.expect} for step in steps
        ],
        seq=log.seq,
        hash=log.hash().hex(),
        revoked=sorted({entry.id.hex() for entry in killed}),
        alive=[entry.id.hex() for entry in alive],
    )


def only(since: int, entries: Sequence[Entry], log: Log) -> bytes:
    return raw_update(b"", since, [entry.packed for entry in entries], log.head())


def snapped(log: Log, issued_at: int) -> bytes:
    return log.update(log.seq, issued_at, snapshot=log.snapshot())
