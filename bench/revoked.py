"""What a revocation list costs as it grows: its memory, its loading, and each decision."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from sys import getsizeof
from time import perf_counter
from typing import Final

from bench.ours import NOW, Actors, decision, empty_view, verifier
from bench.rounds import Subject, Timed, added, interleaved
from chaincred import FOREVER, NoFloor, RevocationList, RevocationView, SigningKey
from chaincred.idtable import ID_SIZE, IdTable
from chaincred.revocation import Issuers, Place, Snapshot, list_id

DEPTH: Final = 3
_PREFIXES: Final = 256


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a list of `entries`: bytes an entry, seconds to load, microseconds in a decision.

    `lookup` is the question itself, `added` what a decision takes more than with an empty list.
    """

    entries: int
    size: float
    load: float
    lookup: float
    added: float


class _Asking:
    # A list that was asked about a chain before has the way to its place in the processor's
    # cache. So each round has a chain of its own for every list's decision, and another one for
    # its lookup.

    def __init__(self) -> None:
        self.actors = Actors.new()
        self.spare = empty_view()

    def another_chain(self) -> Timed:
        self.token, self.looked_up = (self.actors.token(DEPTH) for _ in range(2))
        # Asked once beforehand: else the first list would pay for everything else that is new.
        return self.decide(self.spare)

    def lookup(self, view: RevocationView) -> Timed:
        footing = self.looked_up.footing
        return lambda: view.require_alive(footing, "")

    def decide(self, view: RevocationView) -> Timed:
        unaware = verifier(self.actors.root.public_key, view)
        return decision(unaware, self.actors.present(self.token))


def costs(sizes: Sequence[int], rounds: int) -> list[Cost]:
    """The costs of lists of these sizes, of which the first is 0."""
    asking = _Asking()
    subjects = [Subject("chain", asking.another_chain)]
    loaded = {entries: _loaded(entries) for entries in sizes}
    for entries, (view, _, _) in loaded.items():
        subjects += [
            Subject(f"decide {entries}", lambda view=view: asking.decide(view)),  # type: ignore[misc]
            Subject(f"lookup {entries}", lambda view=view: asking.lookup(view)),  # type: ignore[misc]
        ]
    samples = interleaved(subjects, rounds)
    return [
        Cost(
            entries,
            size,
            load,
            median(samples[f"lookup {entries}"]),
            added(samples, f"decide {entries}", "decide 0"),
        )
        for entries, (_, size, load) in loaded.items()
    ]


def _loaded(entries: int) -> tuple[RevocationView, float, float]:
    key = SigningKey.generate()
    ids = table(entries)
    size = sum(getsizeof(getattr(ids, column)) for column in IdTable.__slots__)
    place = Place.start(list_id(key.public_key))
    if entries:
        place = replace(place, seq=entries, hash=os.urandom(32))
    whole = RevocationList.from_snapshot(Snapshot(place, NOW, Issuers({}), ids))
    update = whole.publish(key, now=NOW)
    view = RevocationView([key.public_key], floor=NoFloor())
    begun = perf_counter()
    view.update(update, now=NOW)
    return view, size / max(entries, 1), perf_counter() - begun


def table(entries: int) -> IdTable:
    """So many random ids, which are never forgotten."""
    ids = bytearray()
    for prefix in range(_PREFIXES):
        # A slice for each first byte: sorting ten million at once takes a gigabyte.
        count = entries * (prefix + 1) // _PREFIXES - entries * prefix // _PREFIXES
        rest = os.urandom(count * (ID_SIZE - 1))
        parts = sorted(rest[at : at + ID_SIZE - 1] for at in range(0, len(rest), ID_SIZE - 1))
        ids += b"".join(bytes([prefix]) + part for part in parts)
    untils = array("I", [FOREVER]) * entries
    return IdTable.from_columns(bytes(ids), untils.tobytes())
