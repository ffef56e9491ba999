"""One worker of the service: what it holds while it runs, and what it does by itself."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import queue
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self, TypeVar

import structlog
from starlette.requests import HTTPConnection

from chaincred import ChaincredError, ListRefused, PublicKey, Verifier
from chaincred.encoding import pack
from chaincred.errors import FileRefused
from chaincred.files import FileFloor
from chaincred.revocation import Floor
from chaincred_verifier import published, replay
from chaincred_verifier.clock import Clock, Leapt
from chaincred_verifier.decider import Decider, Recorder
from chaincred_verifier.gateway import Rules
from chaincred_verifier.issuing import Issuing
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.limits import BURST, Allowance, Places
from chaincred_verifier.observe import Metrics
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.published import Published
from chaincred_verifier.settings import Settings, SettingsRefused
from chaincred_verifier.store import Connection, connector, migrate
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.store.sqlite import SqliteConnection
from chaincred_verifier.writer import Writer

T = TypeVar("T")

LOOK: Final = 0.02
"""Seconds between two looks at whether others wrote, where a look takes microseconds (SQLite)."""
_BEAT: Final = 0.2
"""Seconds between two looks at whether a head is due: times are whole seconds."""
ASK: Final = 0.25
"""Seconds between two questions, where a look is a question to a server (PostgreSQL)."""
_SEAL: Final = b"chaincred/v1/seal\0"
_READERS: Final = 8
_ENTRIES_A_SECOND: Final = 0.1
_ENTRIES_AT_ONCE: Final = 100
"""What the holders under one root may put on the list (specs/service.md 6.2): every follower
carries it."""
_PATIENCE: Final = 5.0
"""Seconds to wait at the end for whoever still reads."""
_UNFIT: Final = {
    "list_untrusted": "list_key",
    "list_other": "list_key",
    "list_future": "clock",
    "list_stale": "list",
}
"""What is unfit when the view refuses the store's own list; anything else is `floor`."""

log = structlog.get_logger()


def seconds() -> int:
    """The clock: whole seconds since 1970."""
    return int(time.time())


class Service:
    """What every route needs. Made by `start`, on the event loop that it is used on."""

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], Connection],
        clock: Callable[[], int],
        own_id: bytes,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.list_id = own_id
        self.metrics = Metrics()
        self.refusals = Allowance(settings.refused_per_second, settings.refused_per_second * BURST)
        self.taken_back = Allowance(_ENTRIES_A_SECOND, _ENTRIES_AT_ONCE)
        self.unfit: str | None = None
        self.streams = Places(settings.max_streams, settings.max_streams_each)
        self.published = Published(
            settings.list_key, settings.list_keys, own_id, FileFloor(settings.floor)
        )
        self.rules = Rules.read(settings.gateway_rules, settings.all_audiences)
        self.issuing = issuing_of(settings)
        self._seal_key = hmac.digest(settings.list_key.reveal_seed(), _SEAL, "sha256")
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(connect, clock, list_id=own_id, capacity=settings.replay_capacity)
        self._readers: queue.LifoQueue[Connection] = queue.LifoQueue()
        for _ in range(_READERS):
            self._readers.put(connect())
        self._reading = ThreadPoolExecutor(_READERS, "reader")
        # With a thread and a connection of its own: whoever asks much must not make it stale.
        self._own = connect()
        self._following = ThreadPoolExecutor(1, "follower")
        self.decider = self._decider(settings.all_audiences, settings.roots)
        self.admins = self._decider((settings.name,), settings.admin_roots)
        self._tasks: list[asyncio.Task[None]] = []
        self._catching_up = asyncio.Lock()

    @classmethod
    async def start(cls, settings: Settings, clock: Callable[[], int] | None = None) -> Self:
        """A running service, by its own clock. Raises SettingsRefused, Unavailable."""
        clock = clock or Clock(settings.clock_patience)
        try:
            connect = connector(settings.store)
        except ValueError as error:
            raise SettingsRefused(f"CHAINCRED_STORE: {error}") from error
        own_id = await asyncio.to_thread(prepare, settings, connect, clock)
        service = cls(settings, connect, clock, own_id)
        await service.catch_up()
        # Before the first call: after a rest the list is too old for what cannot be undone.
        await service._beat_once()
        service.spawn(service._watch())
        service.spawn(service._beat())
        return service

    async def stop(self) -> None:
        """Ends what it does by itself; what is being written is finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._writer.close)
        with contextlib.suppress(queue.Empty):
            for _ in range(_READERS):
                # One that is in use is waited for: a thread goes on when its task is cancelled.
                (await asyncio.to_thread(self._readers.get, timeout=_PATIENCE)).close()
        self._reading.shutdown(wait=False)
        await asyncio.to_thread(self._following.shutdown)
        self._own.close()

    async def write(self, job: Callable[[Writing], T]) -> T:
        """What `job` gives, once all it wrote is durable. Raises Unavailable, or what it raises."""
        return await self._writer.run(job)

    async def read(self, job: Callable[[Reading], T]) -> T:
        """What `job` gives of the store as it was at one moment. Raises Unavailable."""
        return await self._loop.run_in_executor(self._reading, self._read, job)

    async def catch_up(self) -> None:
        """Brings the view to where the store is, and wakes the streams if that is new."""
        # One at a time; who comes meanwhile finds the work done.
        async with self._catching_up:
            try:
                new = await self._loop.run_in_executor(self._following, self._take)
            except Leapt as error:
                self._say_unfit("clock", error)
            except ListRefused as error:
                self._say_unfit(_UNFIT.get(error.code, "floor"), error)
            except Unavailable as error:
                self._say_unfit("store", error)
            else:
                self.unfit = None
                if new:
                    self.published.tell()

    def seal(self, *parts: bytes | int) -> bytes:
        """What only a service with this list key can have put beside these in the store.

        32 bytes (specs/service.md 11.1).
        """
        return hmac.digest(self._seal_key, pack(list(parts)), "sha256")

    def require_fit_to_sign(self, store: Reading) -> None:
        """Raises Unavailable where no head may be signed: the list was set back, or is not ours."""
        if self.published.is_behind(store):
            raise Unavailable("the store's list is older than what was published")
        if not self.published.is_signed(store):
            raise Unavailable("the store's list is not signed by a key of it")

    def _decider(self, audiences: tuple[str, ...], keys: tuple[PublicKey, ...]) -> Decider:
        roots = dict.fromkeys(keys, self.published.view)

        def make(audience: str, replay: Recorder) -> Verifier:
            return Verifier(
                audience=audience,
                roots=roots,
                replay=replay,
                freshness=self.settings.freshness,
                max_lifetime=self.settings.max_lifetime,
            )

        return Decider(
            audiences, make, roots, writer=self._writer, clock=self.clock, caught_up=self.catch_up
        )

    def _take(self) -> bool:
        with self._own.reading():
            return self.published.take(self._own, self.clock())

    def _read(self, job: Callable[[Reading], T]) -> T:
        connection = self._readers.get()
        try:
            with connection.reading():
                return job(connection)
        finally:
            self._readers.put(connection)

    def spawn(self, loop: Coroutine[Any, Any, None]) -> None:
        """Runs what never ends until the service stops."""
        self._tasks.append(asyncio.create_task(loop))

    def _say_unfit(self, what: str, error: ChaincredError) -> None:
        if self.unfit != what:
            log.error("unfit", what=what, code=error.code, detail=str(error))
        self.unfit = what

    async def _watch(self) -> None:
        """Follows what other workers and services write."""
        connection = self._connect()
        look = isinstance(connection, SqliteConnection)
        seen: object = None
        listening: asyncio.Future[bool] | None = None
        try:
            while True:
                if look:
                    await asyncio.sleep(LOOK)
                    with contextlib.suppress(Unavailable):
                        changes = connection.changes()
                        if changes == seen:
                            continue
                        seen = changes
                else:
                    # A wake-up only: a notification that is lost costs this long.
                    listening = asyncio.ensure_future(asyncio.to_thread(connection.listen, ASK))
                    try:
                        await asyncio.shield(listening)
                    except Unavailable:
                        await asyncio.sleep(ASK)
                try:
                    await self.catch_up()
                except Exception:
                    # The list goes stale, and is looked at again.
                    log.exception("no_list")
        finally:
            # Not while a thread is in it, which would open it again.
            if listening is not None:
                await asyncio.wait([listening])
            connection.close()

    async def _beat(self) -> None:
        """Signs a head whenever the last one is a heartbeat old."""
        while True:
            await asyncio.sleep(_BEAT)
            if self._is_due():
                await self._beat_once()
                if self._is_due():
                    # Not at once again where it could not be done.
                    await asyncio.sleep(self.settings.heartbeat / 2)

    def _is_due(self) -> bool:
        # What others signed is known here too, so the store is not asked in vain.
        try:
            return self.clock() >= self.published.issued_at + self.settings.heartbeat
        except Leapt:
            # Tried, and told of.
            return True

    async def _beat_once(self) -> None:
        settings = self.settings

        def beat(writing: Writing) -> bool:
            self.require_fit_to_sign(writing)
            if self.published.is_older(writing):
                # No entry is missing, but the proofs that were seen since are.
                replay.close(writing, writing.now)
            return published.beat(
                writing, settings.list_key, every=settings.heartbeat, fresh_for=settings.fresh_for
            )

        try:
            if await self.write(beat):
                await self.catch_up()
        except Unavailable as error:
            log.warning("no_heartbeat", detail=str(error))
        except Exception:
            # The list goes stale and then nobody is admitted: that is how it fails.
            log.exception("no_heartbeat")


def issuing_of(settings: Settings) -> Issuing | None:
    """The issuing policy at work; None where none is set. Raises SettingsRefused."""
    if settings.issuing_policy is None or settings.root_key is None:
        return None
    return Issuing.read(
        settings.issuing_policy,
        key=settings.root_key,
        audience=settings.name,
        max_lifetime=settings.max_lifetime,
    )


def prepare(
    settings: Settings, connect: Callable[[], Connection], clock: Callable[[], int]
) -> bytes:
    """Migrates the store and begins the list where there is none. Gives the list's id.

    Raises Unavailable, or SettingsRefused where the floor cannot be read or is another list's.
    """
    floor = _floor(settings)
    connection = connect()
    try:
        migrate(connection)
        found = published.state(connection)
        if found is None:
            if floor and floor.place.list_id != published.id_of(settings.list_key):
                raise SettingsRefused(
                    "CHAINCRED_STORE: it holds no list, and CHAINCRED_FLOOR is of one that "
                    "CHAINCRED_LIST_KEY did not begin: `chaincred restore LIST` brings that back, "
                    "another floor begins a new one"
                )
            with connection.writing():
                writing = Writing(
                    connection,
                    Known(),
                    list_id=published.id_of(settings.list_key),
                    now=clock(),
                    capacity=settings.replay_capacity,
                )
                found = published.begin(writing, settings.list_key, fresh_for=settings.fresh_for)
    finally:
        connection.close()
    own_id = found.place.list_id
    if floor and floor.place.list_id != own_id:
        raise SettingsRefused("CHAINCRED_FLOOR: the floor is that of another list")
    return own_id


def _floor(settings: Settings) -> Floor | None:
    """What is on disk of the list that was published. Raises SettingsRefused."""
    try:
        saved = FileFloor(settings.floor).load()
        return None if saved is None else Floor.from_bytes(saved)
    except (FileRefused, ListRefused) as error:
        raise SettingsRefused(f"CHAINCRED_FLOOR: {error}") from error


def service_of(connection: HTTPConnection) -> Service:
    """The service that a call came to."""
    service: Service = connection.app.state.service
    return service
