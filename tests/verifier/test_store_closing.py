"""Followers and closure on a store (specs/service.md 8), the same in both."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chaincred import Entry, ListRefused, SigningKey, Untrusted
from chaincred.ack import Ack
from chaincred.revocation import Place
from chaincred_verifier import closing, published, upkeep
from chaincred_verifier.ledger import Writing
from chaincred_verifier.service import Service
from chaincred_verifier.settings import Settings
from tests.verifier.running import PATIENCE, Keys
from tests.verifier.stores import NOW, Store

ONE, TWO = SigningKey.generate(), SigningKey.generate()


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


def served(store: Store, keys: Keys, story: Callable[[Service, Clock], Awaitable[None]]) -> None:
    """Tells a story to a service on the store."""

    async def run() -> None:
        clock = Clock()
        settings = Settings.from_environment(keys.settings(store=store.url))
        service = await Service.start(settings, clock)
        try:
            await service.write(lambda writing: append(writing, keys, 1, 2))
            await closing.register(service, "one", ONE.public_key, "admin")
            await story(service, clock)
        finally:
            await service.stop()

    asyncio.run(run())


def append(writing: Writing, keys: Keys, *links: int) -> None:
    for link in links:
        entry = Entry.chain(bytes([link]) * 32)
        published.append(writing, keys.list, entry, made_by="admin", fresh_for=300)


async def places(service: Service) -> list[Place]:
    """Where the list was after each number of entries."""
    rows = await service.read(
        lambda store: store.rows("SELECT number, running FROM entries ORDER BY number")
    )
    start = Place.start(service.list_id)
    return [start, *[Place(service.list_id, number, running) for number, running in rows]]


async def say(service: Service, clock: Clock, place: Place, key: SigningKey = ONE) -> None:
    await closing.acknowledge(service, Ack("one", place, clock.now, clock.now).sign(key))


async def state(service: Service, number: int) -> tuple[str, list[Any]]:
    said = await closing.closure(service, number)
    return said["state"], [each["at"] for each in said["enforced"]]


def test_an_entry_is_closed_since_it_was_first_acknowledged(store: Store, keys: Keys) -> None:
    async def story(service: Service, clock: Clock) -> None:
        none, first, both = await places(service)
        assert await state(service, 1) == ("unknown", [])
        clock.now += 1
        await say(service, clock, none)
        assert await state(service, 1) == ("partial", [])
        clock.now += 1
        await say(service, clock, first)
        clock.now += 1
        await say(service, clock, both)
        clock.now += 1
        await say(service, clock, both)
        assert await state(service, 1) == ("closed", [NOW + 2])
        assert await state(service, 2) == ("closed", [NOW + 3])
        await closing.register(service, "two", TWO.public_key, "admin")
        assert await state(service, 2) == ("partial", [NOW + 3])
        await closing.remove(service, "one", "admin")
        assert await state(service, 2) == ("unknown", [])

    served(store, keys, story)


def test_an_acknowledgement_that_was_overtaken_changes_nothing(store: Store, keys: Keys) -> None:
    async def story(service: Service, clock: Clock) -> None:
        none, first, both = await places(service)
        old = Ack("one", first, clock.now, clock.now).sign(ONE)
        clock.now += 1
        await say(service, clock, both)
        before = await closing.followers(service)
        await closing.acknowledge(service, old)
        await say(service, clock, none)
        assert (await closing.followers(service))["followers"] == before["followers"]

    served(store, keys, story)


def test_who_says_later_that_it_holds_less_is_behind_and_recorded(store: Store, keys: Keys) -> None:
    async def story(service: Service, clock: Clock) -> None:
        none, first, both = await places(service)
        await say(service, clock, both)
        enforced = clock.now
        assert await state(service, 2) == ("closed", [enforced])
        for place, states in ((none, "partial partial"), (first, "closed partial")):
            clock.now += 1
            await say(service, clock, place)
            assert [(await state(service, n))[0] for n in (1, 2)] == states.split()
        clock.now += 1
        await say(service, clock, both)
        # Not since it did first: meanwhile it did not.
        assert await state(service, 2) == ("closed", [clock.now])
        log = await service.read(
            lambda store: store.rows("SELECT line FROM audit WHERE what = 'fork' ORDER BY n")
        )
        said = [json.loads(line) for (line,) in log]
        assert [(each["code"], each["number"]) for each in said] == [("list_rollback", 0)]

    served(store, keys, story)


def test_a_follower_of_another_list_is_recorded(store: Store, keys: Keys) -> None:
    async def story(service: Service, clock: Clock) -> None:
        _, first, both = await places(service)
        for place in (
            Place(service.list_id, 1, both.hash),
            Place(service.list_id, 2, first.hash),
            Place(service.list_id, 3, both.hash),
            Place(bytes(16), 1, first.hash),
        ):
            with pytest.raises(ListRefused):
                await say(service, clock, place)
        forks = await service.read(
            lambda store: store.rows("SELECT count(*) FROM audit WHERE what = 'fork'")
        )
        assert forks == [(4,)]
        assert await state(service, 1) == ("unknown", [])

    served(store, keys, story)


def test_another_key_begins_anew_also_between_two_statements(
    store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(service: Service, clock: Clock) -> None:
        _, _, both = await places(service)
        await say(service, clock, both)
        await closing.register(service, "one", ONE.public_key, "admin")
        assert (await state(service, 2))[0] == "closed"
        write = service.write

        async def overtaken(job: Any) -> Any:
            # While an acknowledgement is checked, the name is given to another key.
            monkeypatch.undo()
            await closing.register(service, "one", TWO.public_key, "admin")
            return await write(job)

        clock.now += 1
        monkeypatch.setattr(service, "write", overtaken)
        await say(service, clock, both)
        assert await state(service, 2) == ("unknown", [])
        with pytest.raises(Untrusted):
            await say(service, clock, both)
        await say(service, clock, both, TWO)
        assert await state(service, 2) == ("closed", [clock.now])

    served(store, keys, story)


def test_what_was_acknowledged_long_ago_is_let_go_but_for_the_last(
    store: Store, keys: Keys
) -> None:
    async def story(service: Service, clock: Clock) -> None:
        _, first, both = await places(service)
        for place in (first, both):
            await say(service, clock, place)
            clock.now += 10
        long_after = clock.now + 1
        await service.write(lambda writing: upkeep.drop_acks(writing, long_after))
        # Only when it first enforced more is known now.
        assert await state(service, 1) == ("closed", [clock.now - 10])
        assert await state(service, 2) == ("closed", [clock.now - 10])

    served(store, keys, story)


def test_who_reads_much_does_not_make_the_list_stale(store: Store, keys: Keys) -> None:
    async def story(service: Service, clock: Clock) -> None:
        held = threading.Event()
        reads = [
            asyncio.ensure_future(service.read(lambda _: held.wait(PATIENCE))) for _ in range(30)
        ]
        await asyncio.sleep(0.1)
        clock.now += 2
        async with asyncio.timeout(PATIENCE):
            while service.published.view.age(clock.now) != 0:
                await asyncio.sleep(0.05)
        held.set()
        await asyncio.gather(*reads)

    served(store, keys, story)
