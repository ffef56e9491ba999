"""The one thread of a worker that writes: what waits is committed together.

A durable commit costs a wait for the disk, whatever is in it. So decisions that come while one
commit is under way share the next.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, TypeVar

from chaincred import Stale
from chaincred_verifier.audit_log import Record
from chaincred_verifier.blocks import Seen
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Connection

T = TypeVar("T")

TOGETHER: Final = 128
"""Decisions of one commit: enough to pay for the disk, few enough to answer within milliseconds."""
ENOUGH: Final = 8
"""Decisions that need not wait for more: the next are decided while these are committed."""
WAITING: Final = 4_096
"""Jobs that may wait; with more the store is too slow, and who asks is told so."""
LONGEST: Final = 5.0
"""Seconds that a job may wait: behind a store that is locked each would wait for all before it."""


class Settled(Enum):
    """What became of a decision."""

    DONE = "done"
    REPLAYED = "replayed"
    OUTDATED = "outdated"
    """The list had moved on: nothing was written, decide again."""


@dataclass(frozen=True, slots=True)
class Settling:
    """A decision to be made durable: its proof remembered, its record written, its use counted.

    `proof` is the key and the last second of the proof in the replay memory, None if step 3 did
    not come so far. `list_seq` is the number it was decided
    on; an admission on an older one than the store's is OUTDATED.
    """

    proof: tuple[bytes, int] | None
    admitted: bool
    list_seq: int | None
    record: Record


@dataclass(slots=True)
class _Waiting:
    job: Callable[[Writing], Any] | Settling
    future: asyncio.Future[Any]
    until: float


class Writer:
    """Runs jobs in write transactions, in order. Made, used and closed on one event loop."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        clock: Callable[[], int],
        *,
        list_id: bytes,
        capacity: int,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._list_id = list_id
        self._capacity = capacity
        self._known = Known()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._gathered: deque[_Waiting] = deque()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Writing], T]) -> T:
        """What `job` gives, once all it wrote is durable. Raises Unavailable, or what it raises."""
        result: T = await self._enqueue(job)
        return result

    async def settle(self, settling: Settling) -> tuple[Settled, int | None]:
        """What became of a decision, and the number of its audit record."""
        result: tuple[Settled, int | None] = await self._enqueue(settling)
        return result

    def close(self) -> None:
        """Ends the thread once what waits is done."""
        self._hand_over()
        self._queue.put(None)
        self._thread.join(10)

    def _enqueue(self, job: Callable[[Writing], Any] | Settling) -> asyncio.Future[Any]:
        if self._queue.qsize() + len(self._gathered) >= WAITING:
            raise Unavailable("too much waits for the store")
        future = self._loop.create_future()
        if not self._gathered:
            # At the end of this turn of the loop: else the first would be committed alone.
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Waiting(job, future, time.monotonic() + LONGEST))
        if len(self._gathered) == ENOUGH:
            self._hand_over()
        return future

    def _hand_over(self) -> None:
        while self._gathered:
            self._queue.put(self._gathered.popleft())

    def _run(self) -> None:
        connection = self._connect()
        last = False
        while not last:
            batch, last = self._take()
            now = time.monotonic()
            late = [each for each in batch if each.until < now]
            batch = [each for each in batch if each.until >= now]
            if late:
                error = Unavailable("the store is too slow")
                self._answer([(each, error) for each in late])
            if batch:
                self._answer(self._write(connection, batch))
        connection.close()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """What to commit together: many decisions, or one job. And whether it is the last."""
        first = self._peeked or self._queue.get()
        self._peeked = None
        if first is None:
            return [], True
        batch = [first]
        while isinstance(batch[-1].job, Settling) and len(batch) < TOGETHER:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            if not isinstance(more.job, Settling):
                self._peeked = more
                break
            batch.append(more)
        return batch, False

    _peeked: _Waiting | None = None

    def _write(self, connection: Connection, batch: list[_Waiting]) -> list[tuple[_Waiting, Any]]:
        try:
            with connection.writing():
                writing = Writing(
                    connection,
                    self._known,
                    list_id=self._list_id,
                    now=self._clock(),
                    capacity=self._capacity,
                )
                jobs = [each.job for each in batch]
                results: Sequence[Any]
                if callable(jobs[0]):
                    results = [jobs[0](writing)]
                else:
                    results = settle_all(writing, [job for job in jobs if not callable(job)])
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            # What was thought to be written may not be.
            self._known.clear()
            return [(each, error) for each in batch]
        return list(zip(batch, results, strict=True))

    def _answer(self, results: list[tuple[_Waiting, Any]]) -> None:
        def tell() -> None:
            for waiting, result in results:
                if waiting.future.cancelled():
                    continue
                if isinstance(result, BaseException):
                    waiting.future.set_exception(result)
                else:
                    waiting.future.set_result(result)

        try:
            self._loop.call_soon_threadsafe(tell)
        except (RuntimeError, CancelledError):
            return  # the loop has ended: nobody waits any more


def settle_all(writing: Writing, settlings: Sequence[Settling]) -> list[tuple[Settled, int | None]]:
    """Settles decisions in one transaction, in their order.

    Raises Stale where the store's list is behind the one that was decided on.
    """
    found = writing.rows("SELECT seq FROM list_state")
    if not found:
        raise Unavailable("the list is not begun")
    seq: int = found[0][0]
    # A store that was set back has forgotten proofs as well: nothing is admitted on it.
    if any(each.list_seq is not None and each.list_seq > seq for each in settlings):
        raise Stale("the store's list is older than what was published")
    current = [
        not (each.admitted and each.list_seq is not None and each.list_seq < seq)
        for each in settlings
    ]
    proofs = [
        each.proof for each, fits in zip(settlings, current, strict=True) if each.proof and fits
    ]
    new = writing.remember_all(proofs, writing.now)
    outcomes: list[Settled] = []
    records: list[Record] = []
    seen: list[Seen] = []
    for each, fits in zip(settlings, current, strict=True):
        if not fits:
            outcomes.append(Settled.OUTDATED)
            continue
        if each.proof and each.proof[0] not in new:
            outcomes.append(Settled.REPLAYED)
            records.append(replace(each.record, code="proof_replayed"))
        else:
            # Of two that show one proof in one transaction the first has it.
            new.discard(each.proof[0] if each.proof else b"")
            outcomes.append(Settled.DONE)
            records.append(each.record)
        if each.record.token:
            done = each.admitted and outcomes[-1] is Settled.DONE
            seen.append(Seen(each.record.token, used=int(done), refused=int(not done)))
    writing.saw_all(seen)
    numbers = iter(writing.record_all(records))
    return [
        (outcome, None if outcome is Settled.OUTDATED else next(numbers)) for outcome in outcomes
    ]
