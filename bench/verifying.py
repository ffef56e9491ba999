"""How many verifications a second one worker of the service makes, beside a bare echo."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.installation import Installation
from bench.load import post, seconds
from bench.ours import AUDIENCE, Actors, asked
from bench.server import Server
from chaincred import Token

DEPTH: Final = 3
CHAINS: Final = 64
"""Warm chains that take turns: a fleet of agents, each with a chain of its own."""
WARM, COLD, ECHO = "warm chains", "cold chains", "bare echo"


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, the median over the rounds, and microseconds of the server's processor
    for each of them."""

    what: str
    connections: int
    a_second: float
    cpu: float | None


class _Turns:
    """One of those that take turns: who is asked, for what, and how long all of it took."""

    def __init__(self, what: str, server: Server, make: Callable[[], bytes]) -> None:
        self.what = what
        self._server = server
        self._make = make
        self._took: list[float] = []
        self._cpu: list[float | None] = []

    def take(self, calls: int, connections: int, *, counts: bool) -> None:
        # A proof is good once, and for a minute: it is signed now, but not while it is timed.
        requests = [self._make() for _ in range(calls)]
        before = self._server.cpu()
        took = seconds(self._server.port, requests, connections) / calls
        after = self._server.cpu()
        if counts:
            self._took.append(took)
            used = None if before is None or after is None else (after - before) / calls
            self._cpu.append(used)

    def rate(self, connections: int) -> Rate:
        known = [each for each in self._cpu if each is not None]
        # The mean: the processor's time is told in hundredths of a second.
        cpu = sum(known) / len(known) * 1e6 if known else None
        return Rate(self.what, connections, 1 / median(self._took), cpu)


def rates(folder: Path, connections: tuple[int, ...], rounds: int, calls: int) -> list[Rate]:
    """The rates of warm and cold chains and of the echo, which take turns in every round."""
    actors = Actors.new(int(time.time()))
    # A service each: chains that come only once would push the others out of what is remembered.
    with (
        _service(folder / "warm", actors) as warm,
        _service(folder / "cold", actors) as cold,
        Server.echo(folder) as echo,
    ):
        found = []
        for count in connections:
            chains = [actors.token(DEPTH) for _ in range(CHAINS)]
            turns = [
                _Turns(ECHO, echo, lambda: post("/echo", _check(actors, chains[0]))),  # noqa: B023
                _Turns(WARM, warm, _in_turn(actors, chains)),
                _Turns(COLD, cold, lambda: post(_VERIFY, _check(actors, actors.token(DEPTH)))),
            ]
            for number in range(-1, rounds):
                for each in turns:
                    # What is warm has been asked about before: by the round that does not count.
                    each.take(calls, count, counts=number >= 0)
            found += [each.rate(count) for each in turns]
    return found


_VERIFY: Final = "/v1/verify"


def _service(folder: Path, actors: Actors) -> Server:
    folder.mkdir()
    installation = Installation.new(folder, actors.root.public_key)
    return Server.service(installation.environment(), folder)


def _in_turn(actors: Actors, chains: list[Token]) -> Callable[[], bytes]:
    number = 0

    def make() -> bytes:
        nonlocal number
        number += 1
        return post(_VERIFY, _check(actors, chains[number % len(chains)]))

    return make


def _check(actors: Actors, token: Token) -> bytes:
    request = asked()
    said = {
        "presentation": actors.present(token, int(time.time())),
        "request": {
            "tool": request.tool,
            "effect": request.effect.label,
            "resource": request.resource,
            "args": dict(request.args),
            "task": request.task,
            "context": request.context.hex(),
        },
        "audience": AUDIENCE,
    }
    return json.dumps(said, separators=(",", ":")).encode()
