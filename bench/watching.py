"""Servers that verify by the list they follow, and the moment when each begins to refuse a chain.

Many in one process, on one event loop: what a follower does for its view is done for each, with a
floor on disk, and so is every decision.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bench.ours import AUDIENCE, asked
from chaincred import (
    InMemoryReplay,
    PublicKey,
    RevocationView,
    Revoked,
    Verified,
    Verifier,
)
from chaincred.files import FileFloor
from chaincred.follow import AsyncFollower

_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What the servers of one process are told: how many they are, whom they follow, in whom they
    trust. Keys are hexadecimal digits, `folder` is for their floors.
    """

    url: str
    servers: int
    folder: Path
    list_key: str
    root: str


class _View(RevocationView):
    # Asked right after each update: from then on every decision would have been a refusal.

    def watched_by(self, server: _Server) -> None:
        self._server = server

    def update(self, data: bytes, *, now: int) -> None:
        super().update(data, now=now)
        self._server.look()


class _Server:
    """A server with a view of its own. Tells `watcher` of each chain that it begins to refuse."""

    def __init__(self, watch: Watch, number: int, watcher: _Watcher) -> None:
        floor = FileFloor(watch.folder / f"floor-{number}")
        self.view = _View([PublicKey.from_hex(watch.list_key)], floor=floor)
        self.view.watched_by(self)
        self._watcher = watcher
        self._verifier = Verifier(
            audience=AUDIENCE,
            roots={PublicKey.from_hex(watch.root): self.view},
            replay=InMemoryReplay(),
        )
        self._admitted: list[Verified] = []
        self._refused = 0

    def admit(self, presentations: Sequence[str]) -> None:
        now = int(time.time())
        self._admitted = [self._verifier.verify(each, asked(), now=now) for each in presentations]

    def look(self) -> None:
        while self._refused < len(self._admitted):
            try:
                again = self._admitted[self._refused]
                self._verifier.recheck(again, asked(), now=int(time.time()))
            except Revoked:
                self._watcher.refused(self._refused, time.perf_counter())
                self._refused += 1
                continue
            return


class _Watcher:
    """Sends, for each chain in order, when the servers began to refuse it, once all of them do."""

    def __init__(self, watch: Watch, connection: Connection) -> None:
        self._servers = watch.servers
        self._connection = connection
        self._moments: dict[int, list[float]] = {}
        self._lock = threading.Lock()

    def refused(self, chain: int, moment: float) -> None:
        with self._lock:
            moments = self._moments.setdefault(chain, [])
            moments.append(moment)
            if len(moments) == self._servers:
                self._connection.send(moments)


def run(watch: Watch, connection: Connection) -> None:
    """One process of servers, for whoever holds the other end of `connection`.

    It says that all lists are fresh; is sent a presentation of each chain, in the order in which
    they will be revoked; says that every server admits them all; then sends the moments of each
    chain, until it is sent anything. Moments are those of `time.perf_counter`, which processes of
    one machine share.
    """
    asyncio.run(_run(watch, connection))


async def _run(watch: Watch, connection: Connection) -> None:
    watcher = _Watcher(watch, connection)
    servers = [_Server(watch, number, watcher) for number in range(watch.servers)]
    # One for all: each would read the system's certificates, which nothing is asked for here.
    tls = ssl.create_default_context()
    followers = [AsyncFollower(watch.url, each.view, tls=tls) for each in servers]
    for each in followers:
        await each.start()
    fresh = await asyncio.gather(*(each.wait_until_fresh(_PATIENCE) for each in followers))
    if not all(fresh):
        raise RuntimeError(f"a follower does not get its list: {followers[0].state}")
    connection.send("fresh")
    presentations = await asyncio.to_thread(connection.recv)
    for server in servers:
        server.admit(presentations)
    connection.send("admitted")
    await asyncio.to_thread(connection.recv)
    for each in followers:
        await each.stop()
