"""What the service does now and then: compact the list, let old records and dead rows go."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from chaincred_verifier import killing, published
from chaincred_verifier.compacting import Found
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.service import Service
from chaincred_verifier.store.driver import Reading

_EVERY: Final = 5.0
"""Seconds between two looks at whether there is something to do."""
_ROWS: Final = 2_000
"""Of one transaction, so that nobody waits long for it."""
_DAY: Final = 86_400

log = structlog.get_logger()


async def clean(service: Service) -> None:
    """Does it, for ever. A failure is logged and tried again."""
    while True:
        try:
            await once(service)
        except Unavailable as error:
            log.warning("no_upkeep", detail=str(error))
        except Exception:
            log.exception("no_upkeep")
        await asyncio.sleep(_EVERY)


async def once(service: Service) -> None:
    """Everything that is due."""
    await compact(service)
    while await service.write(killing.mark_more):
        pass
    before = service.clock() - service.settings.retention_days * _DAY
    while await service.write(lambda writing: drop_records(writing, before)) == _ROWS:
        pass
    while await service.write(lambda writing: drop_blocks(writing, before)) == _ROWS:
        pass
    await service.write(lambda writing: drop_acks(writing, before))
    await service.write(
        lambda writing: writing.rows("DELETE FROM sessions WHERE expires_at < ?", writing.now)
    )


async def compact(service: Service) -> None:
    """Takes a new snapshot of the list, if there is much to take, or a day has passed."""
    settings, now = service.settings, service.clock()

    def due(store: Reading) -> Found | None:
        service.require_fit_to_sign(store)
        seq, taken_at = published.snapshot_of(store)
        # Once a day for what died since, and when the list key is another one.
        is_due = (
            published.held_state(store).place.seq - seq >= settings.compact_after
            or now - taken_at >= _DAY
            or not service.published.signs_snapshot(store)
        )
        return Found.read(store) if is_due else None

    def put(writing: Writing) -> bool:
        service.require_fit_to_sign(writing)
        return compacted.put(writing, keep=settings.compact_after)

    found = await service.read(due)
    if found is not None:
        compacted = await asyncio.to_thread(
            found.compacted, settings.list_key, settings.list_keys, now
        )
        if await service.write(put):
            log.info("compacted", number=compacted.place.seq)


def drop_records(writing: Writing, before: int) -> int:
    """Lets the oldest records go, of those made before a second; gives how many went (9.4)."""
    # By number: times go up with numbers, near enough, and need no index of their own.
    rows = writing.rows(
        "SELECT n, hash, at FROM audit WHERE n < (SELECT n FROM audit_state) ORDER BY n LIMIT ?",
        _ROWS,
    )
    found = [(n, running) for n, running, at in rows if at < before]
    if not found:
        return 0
    last, running = found[-1]
    gone = writing.rows("DELETE FROM audit WHERE n <= ? RETURNING 1", last)
    # The hash before the oldest record that stays: an export begins from it.
    writing.rows("UPDATE audit_state SET first_n = ?, before_hash = ?", last + 1, bytes(running))
    return len(gone)


def drop_acks(writing: Writing, before: int) -> None:
    """Lets what followers said before a second go, but for the last that each of them said."""
    writing.rows(
        "DELETE FROM acks WHERE heard_at < ? AND EXISTS (SELECT 1 FROM acks AS later "
        "WHERE later.name = acks.name AND later.seq > acks.seq)",
        before,
    )


def drop_blocks(writing: Writing, before: int) -> int:
    """Lets blocks go that expired before a second, and were not used since; gives how many."""
    gone = writing.rows(
        "DELETE FROM blocks WHERE link IN (SELECT link FROM blocks WHERE expires_at < ? "
        "AND coalesce(last_used, 0) < ? ORDER BY depth DESC LIMIT ?) RETURNING link",
        before,
        before,
        _ROWS,
    )
    for (link,) in gone:
        writing.rows("DELETE FROM block_tasks WHERE link = ?", bytes(link))
    return len(gone)
