"""From a revocation to the moment when servers refuse, also when they were cut off meanwhile."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench import watching
from bench.cable import Cable
from bench.installation import Installation
from bench.ours import Actors
from bench.server import PATIENCE, Server
from bench.watching import Watch

PROCESSES: Final = 2
"""The servers are shared out among so many, each with one event loop."""
DEPTH: Final = 3
_HEARTBEAT: Final = 1.0
"""Seconds: that of the service. Revocations come at any time between two."""


@dataclass(frozen=True, slots=True)
class Containment:
    """Seconds until each of `servers` refused, over all revocations, in ascending order.

    They are counted from just before the revocation is sent; with an `outage` (seconds), while
    which it was sent, from the end of that.
    """

    servers: int
    outage: float | None
    taken: tuple[float, ...]

    def within(self, share: float) -> float:
        """What that share of them kept to."""
        return self.taken[min(int(share * len(self.taken)), len(self.taken) - 1)]


def contained(servers: int, revocations: int, *, outage: float | None = None) -> Containment:
    """How long it takes; with an outage, servers are cut off while the chain is revoked."""
    taken = []
    with _scene(servers, revocations, cabled=outage is not None) as scene:
        for link in scene.links:
            time.sleep(random.random() * _HEARTBEAT)
            begun = scene.revoke(link) if outage is None else scene.revoke_unheard(link, outage)
            taken += [moment - begun for moment in scene.moments()]
    return Containment(servers, outage, tuple(sorted(taken)))


@dataclass(frozen=True, slots=True)
class _Scene:
    installation: Installation
    service: Server
    cable: Cable
    watchers: tuple[Connection, ...]
    links: tuple[bytes, ...]

    def revoke(self, link: bytes) -> float:
        call = self.installation.revocation(link)
        begun = time.perf_counter()
        status, body = self.service.call(*call)
        if status != 201:
            raise RuntimeError(f"not revoked: {body.decode(errors='replace')}")
        return begun

    def revoke_unheard(self, link: bytes, outage: float) -> float:
        self.cable.cut()
        self.revoke(link)
        time.sleep(outage)
        ended = time.perf_counter()
        self.cable.mend()
        return ended

    def moments(self) -> list[float]:
        return [moment for each in self.watchers for moment in _heard(each)]


@contextmanager
def _scene(servers: int, revocations: int, *, cabled: bool) -> Iterator[_Scene]:
    actors = Actors.new(int(time.time()))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        installation = Installation.new(folder, actors.root.public_key)
        service = stack.enter_context(Server.service(installation.environment(), folder))
        cable = stack.enter_context(Cable(service.port))
        # Without an outage nothing lies between, which would take its time.
        port = cable.port if cabled else service.port
        watchers = [
            stack.enter_context(_watcher(installation, port, count, folder / f"floors-{number}"))
            for number, count in enumerate(_shares(servers))
        ]
        for each in watchers:
            _heard(each)
        tokens = [actors.token(DEPTH) for _ in range(revocations)]
        presentations = [actors.present(each, int(time.time())) for each in tokens]
        for each in watchers:
            each.send(presentations)
        for each in watchers:
            _heard(each)
        links = tuple(each.chain.root_id for each in tokens)
        yield _Scene(installation, service, cable, tuple(watchers), links)


def _shares(servers: int) -> list[int]:
    shares = [(servers + number) // PROCESSES for number in range(PROCESSES)]
    return [each for each in shares if each]


@contextmanager
def _watcher(
    installation: Installation, port: int, servers: int, folder: Path
) -> Iterator[Connection]:
    folder.mkdir()
    watch = Watch(
        f"http://127.0.0.1:{port}",
        servers,
        folder,
        list_key=installation.list_key.public_key.hex(),
        root=installation.root.hex(),
    )
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=watching.run, args=(watch, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here
        here.send("end")
        process.join(PATIENCE)
    finally:
        process.kill()
        process.join()


def _heard(watcher: Connection) -> Any:
    if not watcher.poll(PATIENCE):
        raise RuntimeError("a server did not refuse, or says nothing")
    return watcher.recv()
