"""The list in the store (specs/service.md 7, specs/revocation.md 4 and 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaincred import Entry, NoFloor, RevocationView
from chaincred.revocation import Head, Signed, Snapshot, Update
from tests.attacks.cast import NOW
from tests.verifier.stores import compact
from tests.verifier.vector_services import LIST_KEY, Served


@pytest.mark.parametrize("later", [0, 1, 3600, -1])
def test_a_snapshot_is_not_later_than_the_head_it_travels_with(tmp_path: Path, later: int) -> None:
    with Served(tmp_path, heartbeat=4.9) as served:
        served.revoke([Entry.task("t").to_bytes().hex()])
        served.now = NOW + later
        served.write(lambda writing: compact(writing, LIST_KEY, now=writing.now, keep=10))
        data = served.get("/v1/list").content
    update = Update.from_bytes(data)
    head = Head.from_body(Signed.from_bytes(update.head).body)
    snapshot = Snapshot.from_body(Signed.from_bytes(update.snapshot).body)
    assert snapshot.place.seq == 1
    assert snapshot.taken_at <= head.issued_at
    RevocationView([LIST_KEY.public_key], floor=NoFloor()).update(data, now=head.issued_at)
