"""A long list as a whole: what the service takes to make and to serve it, a view to load it."""

from __future__ import annotations

import os
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.installation import Installation
from bench.revoked import table
from bench.server import Server
from chaincred import Entry, NoFloor, RevocationView, SigningKey
from chaincred.revocation import FOREVER, Issuers, Place, Snapshot
from chaincred_verifier import published
from chaincred_verifier.compacting import Found
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.service import prepare
from chaincred_verifier.settings import Settings
from chaincred_verifier.store import Connection, connector

_RECENT: Final = 200
"""Of one list, entries that came after its last snapshot: the service takes the next one of all.

It does so after 5,000 by default; each is signed for, and these are enough to be joined.
"""
_GZIP: Final = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a list of `entries`: seconds and bytes.

    `made` is the transaction that takes a snapshot, and `begun` how long a service takes to start
    with it. `served` is the first answer, `again` the next one. A view `held` so much once it had
    `loaded` the list, and at `most` meanwhile, beside the bytes that came; `peak` are the
    megabytes of the service's process.
    """

    entries: int
    made: float
    begun: float
    plain: int
    gzip: int
    served: float
    served_gzip: float
    again: float
    again_gzip: float
    loaded: float
    held: int
    most: int
    peak: float | None


def cost(folder: Path, entries: int) -> Cost:
    """What a list of so many entries costs."""
    installation = Installation.new(folder, SigningKey.generate().public_key)
    made = _made(installation, entries)
    with Server.service(installation.environment(), folder) as service:
        served, plain = _taken(service)
        again, _ = _taken(service)
        served_gzip, compressed = _taken(service, **_GZIP)
        again_gzip, _ = _taken(service, **_GZIP)
        peak = service.peak()
    loaded, held, most = _loaded(installation, plain)
    return Cost(
        entries,
        made,
        service.begun,
        len(plain),
        len(compressed),
        served,
        served_gzip,
        again,
        again_gzip,
        loaded,
        held,
        most,
        peak,
    )


def _made(installation: Installation, entries: int) -> float:
    """Puts a list into a store that no service has open, and takes its snapshot."""
    settings = Settings.from_environment(installation.environment())
    connect = connector(settings.store)
    now = int(time.time())
    list_id = prepare(settings, connect, lambda: now)
    key = settings.list_key
    recent = min(_RECENT, entries)
    place = Place(list_id, entries - recent, os.urandom(32))
    base = Snapshot(place, now, Issuers({}), table(entries - recent))
    connection = connect()

    def writing() -> Writing:
        return Writing(connection, Known(), list_id=list_id, now=now, capacity=1)

    with connection.writing():
        _put(connection, base, key)
        for _ in range(recent):
            entry = Entry.chain(os.urandom(32), until=FOREVER)
            published.append(writing(), key, entry, made_by="security", fresh_for=300)
    begun = time.perf_counter()
    with connection.reading():
        found = Found.read(connection)
    compacted = found.compacted(key, settings.list_keys, now)
    with connection.writing():
        compacted.put(writing(), keep=settings.compact_after)
    took = time.perf_counter() - begun
    connection.close()
    return took


def _put(connection: Connection, base: Snapshot, key: SigningKey) -> None:
    connection.rows(
        "UPDATE list_state SET seq = ?, hash = ?, oldest = ?",
        base.place.seq,
        base.place.hash,
        base.place.seq,
    )
    connection.rows(
        "UPDATE list_snapshot SET seq = ?, taken_at = ?, signed = ?",
        base.place.seq,
        base.taken_at,
        base.sign(key),
    )


def _taken(service: Server, **headers: str) -> tuple[float, bytes]:
    begun = time.perf_counter()
    status, body = service.call("GET", "/v1/list", headers)
    took = time.perf_counter() - begun
    if status != 200:
        raise RuntimeError(f"no list: {status}")
    return took, body


def _loaded(installation: Installation, update: bytes) -> tuple[float, int, int]:
    keys = [installation.list_key.public_key]
    now = int(time.time())
    view = RevocationView(keys, floor=NoFloor())
    begun = time.perf_counter()
    view.update(update, now=now)
    took = time.perf_counter() - begun
    view = RevocationView(keys, floor=NoFloor())
    tracemalloc.start()
    view.update(update, now=now)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return took, held, most
