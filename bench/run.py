"""The benchmark: chaincred, libsodium alone and two peers, taking turns in one process; and the
verification service, beside a bare echo, as processes of their own.

Run as `python bench/run.py`; `--quick` only shows that it runs.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import ours, revoked, service
from bench.peer import Peer, installed
from bench.report import Aim, aims, number, table
from bench.revoked import Cost
from bench.rounds import Subject, interleaved, medians

SODIUM: Final = "libsodium"
OURS: Final = "chaincred"
TENUO: Final = "tenuo"
MILLION: Final = 1_000_000
_NOTE: Final = (
    "decode the presentation (base64), put the request in words, check signatures, proof, replay, "
    "an empty revocation list and every caveat. Cold: a fresh verifier, made outside the timed "
    "region. Warm: a verifier that has seen the chain, and a new proof."
)
_SODIUM_NOTE: Final = (
    "crypto_sign_open of PyNaCl on the signatures and keys of that very chain, and on a proof of "
    "its holder: depth + 2 in all."
)

Medians = Mapping[tuple[str, str, int], float]
"""Microseconds by who, what and depth."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int
    lists: tuple[int, ...]
    list_rounds: int
    service: service.Scale


FULL: Final = Scale(2000, (0, 10_000, MILLION, 10 * MILLION), 2000, service.FULL)
QUICK: Final = Scale(3, (0, 1000), 3, service.QUICK)


def measured(peers: Mapping[str, Peer], rounds: int) -> Medians:
    """The medians of all that depends on depth; who takes turns is alike at each depth."""
    actors = ours.Actors.new()
    found = {}
    for depth in ours.DEPTHS:
        turns = {OURS: [*ours.making(actors, depth), *ours.deciding(actors, depth)]}
        turns[SODIUM] = ours.libsodium(actors, depth)
        for name, peer in peers.items():
            turns[name] = [*peer.making(depth), *peer.deciding(depth)]
        subjects = [
            Subject(f"{who}/{each.name}", each.prepare)
            for who, listed in turns.items()
            for each in listed
        ]
        for label, taken in medians(interleaved(subjects, rounds)).items():
            who, _, what = label.partition("/")
            found[who, what, depth] = taken
    return found


def timings(found: Medians, peers: Mapping[str, Peer]) -> Iterator[str]:
    """The tables of the work of holders, and of the decision."""
    rows = [
        [what, str(depth), *(number(found.get((who, what, depth))) for who in (OURS, *peers))]
        for what in ("issue", "attenuate", "present")
        for depth in ours.DEPTHS
    ]
    yield table(
        "What a holder does, up to the text that is sent (us; issuing knows no depth)",
        ["", "depth", OURS, *peers],
        rows,
    )
    rows = []
    for what, base in (("cold", "all"), ("warm", "one")):
        for depth in ours.DEPTHS:
            own, alone = found[OURS, what, depth], found[SODIUM, base, depth]
            others = [number(found.get((name, what, depth))) for name in peers]
            ratio = f"{own / alone:.2f}"
            rows.append([what, str(depth), number(own), number(alone), ratio, *others])
    yield table(
        "From the text that came to the decision (us; libsodium: cold all verifications, warm one)",
        ["", "depth", OURS, SODIUM, "ratio", *peers],
        rows,
    )
    wording = number(found[OURS, "request", 0])
    yield f"  Of each decision of ours, {wording} us put the request in words.\n"


def sizes(peers: Mapping[str, Peer]) -> tuple[str, float]:
    """The table of bytes, and the bytes of a hop of ours."""
    actors = ours.Actors.new()
    rows = []
    for about, purpose in ((OURS, ""), (f"{OURS}, a purpose of 20", "p" * 20)):
        first, last = (len(actors.token(depth, purpose).to_bytes()) for depth in (0, 8))
        rows.append([about, str(first), number((last - first) / 8)])
    hop = float(rows[0][2])
    for name, peer in peers.items():
        first, last = peer.sizes()
        rows.append([name, str(first), number((last - first) / 8)])
    title = "Bytes of a token: two caveats a hop; agent, tool and resource of 20 characters"
    return table(title, ["", "depth 0", "a hop"], rows), hop


def listed(costs: list[Cost]) -> str:
    rows = [
        [
            f"{cost.entries:,}",
            number(cost.lookup),
            number(cost.added),
            number(cost.size, 2) if cost.entries else number(None),
            number(cost.load, 3),
        ]
        for cost in costs
    ]
    return table(
        f"Revocation (a chain of depth {revoked.DEPTH} that no list was asked about before)",
        ["entries", "lookup us", "added us", "bytes an entry", "loaded in s"],
        rows,
    )


def judged(
    found: Medians, peers: Mapping[str, Peer], hop: float, costs: list[Cost]
) -> Iterator[Aim]:
    """The aims of the library, each beside the worst that was seen."""
    cold = {depth: found[OURS, "cold", depth] for depth in ours.DEPTHS}
    warm = {depth: found[OURS, "warm", depth] for depth in ours.DEPTHS}
    million = next((cost for cost in costs if cost.entries == MILLION), None)
    largest = costs[-1]
    tenuo = next((name for name in peers if name.startswith(TENUO)), None)
    for depth, seen in cold.items():
        ratio = seen / found[SODIUM, "all", depth]
        yield Aim(f"cold decision, times its verifications, depth {depth}", 1.3, ratio)
    for depth in (3, 8):
        against = cold[depth] / found[tenuo, "cold", depth] if tenuo else None
        yield Aim(f"cold decision, times that of {TENUO}, depth {depth}", 1, against)
    for depth, seen in warm.items():
        ratio = seen / found[SODIUM, "one", depth]
        yield Aim(f"warm decision, times one verification, depth {depth}", 1.6, ratio)
    yield Aim("warm decision at depth 8, times that at depth 0", 1.1, warm[8] / warm[0])
    yield Aim("added by a million entries", 10, million.added if million else None, " us")
    yield Aim(f"memory at {largest.entries:,} entries, each", 20, largest.size, " bytes")
    yield Aim("a hop", 200, hop, " bytes")


def notes(peers: Mapping[str, Peer]) -> Iterator[str]:
    yield "What is timed as the decision"
    yield ""
    texts = {OURS: _NOTE, SODIUM: _SODIUM_NOTE, **{name: peer.NOTE for name, peer in peers.items()}}
    texts["the service"] = service.NOTE
    yield from (f"  {name}: {text}" for name, text in texts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds, a small list")
    scale = QUICK if parser.parse_args().quick else FULL
    peers, absent = installed()
    python = f"Python {platform.python_version()}, PyNaCl {version('pynacl')}"
    print(f"{python}; medians of {scale.rounds} rounds\n")
    for name in absent:
        print(f"{name} is not installed (dependency group `bench`): its columns are missing\n")
    found = measured(peers, scale.rounds)
    print(*timings(found, peers), sep="\n")
    text, hop = sizes(peers)
    print(text)
    costs = revoked.costs(scale.lists, scale.list_rounds)
    print(listed(costs))
    seen = service.seen(scale.service)
    print(*service.tables(seen), sep="\n")
    print(aims([*judged(found, peers, hop, costs), *service.aims(seen)]))
    print(*notes(peers), sep="\n")


if __name__ == "__main__":
    main()
