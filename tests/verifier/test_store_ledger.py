"""What the service keeps in a store, the same in both: replay memory, audit log, the list."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaincred import FOREVER, Bearer, Entry, ListRefused, RevocationView, SigningKey
from chaincred.audit import first_hash, next_hash
from chaincred.replay import InMemoryReplay
from chaincred_verifier import audit_log, audit_pages, published, replay
from chaincred_verifier.compacting import Found
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Refused, Unavailable
from chaincred_verifier.published import Published
from tests.cast import key_of
from tests.verifier.postgres import Postgres
from tests.verifier.stores import LIST_ID, NOW, Store, compact

PATIENCE = 10.0
BOTH = [HealthCheck.function_scoped_fixture]
KEY = key_of("list key")


# Replay memory (token.md 8, step 3(d))


def held(store: Store) -> int:
    """How many proofs are held; the number that is kept of it has to say the same."""
    ((said,),) = store.connection.rows("SELECT held FROM replay_state")
    ((counted,),) = store.connection.rows("SELECT count(*) FROM replay")
    assert said == counted
    return int(said)


@settings(max_examples=60, suppress_health_check=BOTH, deadline=None)
@given(
    batches=st.lists(
        st.tuples(
            st.integers(-3, 4),
            st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 6)), max_size=5),
        ),
        max_size=12,
    )
)
def test_the_store_remembers_what_the_library_s_memory_does(
    store: Store, batches: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    memory, now = InMemoryReplay(), NOW
    with store.trying() as writing:
        for step, shown in batches:
            now += step
            seen = [(bytes([key]) * 48, now + left) for key, left in shown]
            memory.add(b"", -1, now)  # tells it the time, if nothing else does
            new = writing.remember_all(seen, now)
            # Of equal keys in one batch the first decides.
            firsts = dict(reversed(seen))
            assert new == {key for key, until in firsts.items() if memory.add(key, until, now)}
            assert held(store) == len(memory)


def test_a_proof_is_new_once(store: Store) -> None:
    for new in (True, False, False):
        with store.writing() as writing:
            assert writing.remember(b"k", NOW + 60, NOW) is new


def test_a_proof_that_was_not_committed_is_new_again(store: Store) -> None:
    with pytest.raises(KeyError), store.writing() as writing:  # noqa: PT012 - all of it is left
        assert writing.remember(b"k", NOW + 60, NOW)
        raise KeyError
    with store.writing() as writing:
        assert writing.remember(b"k", NOW + 60, NOW)


def test_a_proof_is_forgotten_after_its_last_second_and_then_too_old(store: Store) -> None:
    for now, new in ((NOW, True), (NOW + 60, False), (NOW + 61, False)):
        with store.writing(now) as writing:
            assert writing.remember(b"k", NOW + 60, now) is new
    assert held(store) == 0


def test_a_clock_that_is_set_back_revives_nothing(store: Store) -> None:
    with store.writing(NOW + 100) as writing:
        assert writing.remember(b"other", NOW + 160, NOW + 100)
    with store.writing(NOW) as writing:
        assert not writing.remember(b"k", NOW + 60, NOW)
        assert writing.remember(b"k", NOW + 100, NOW)


def test_a_second_proof_of_one_nonce_does_not_shorten_the_memory_of_the_first(
    store: Store,
) -> None:
    # Whoever signs can make a proof of the same key and nonce with an earlier time. Shown
    # together, it must not make the memory forget while the first could still be shown.
    with store.writing() as writing:
        assert writing.remember_all([(b"k", NOW + 120), (b"k", NOW)], NOW) == {b"k"}
    with store.writing(NOW + 2) as writing:
        assert not writing.remember(b"k", NOW + 120, NOW + 2)


def test_a_full_memory_takes_nothing_until_it_has_forgotten(store: Store) -> None:
    with store.writing(capacity=3) as writing:
        shown = [(bytes([n]), NOW + 60) for n in range(5)]
        assert len(writing.remember_all(shown, NOW)) == 3
    with store.writing(NOW + 60, capacity=3) as writing:
        assert not writing.remember(b"late", NOW + 120, NOW + 60)
    assert held(store) == 3
    with store.writing(NOW + 61, capacity=3) as writing:
        assert writing.remember(b"late", NOW + 120, NOW + 61)
    assert held(store) == 1


def test_a_batch_of_any_size_is_remembered(store: Store) -> None:
    shown = [(n.to_bytes(48, "big"), NOW + n % 7) for n in range(1_001)]
    with store.writing(capacity=10_000) as writing:
        assert len(writing.remember_all(shown, NOW)) == 1_001
        assert writing.remember_all(shown, NOW) == set()


def test_of_many_that_show_one_proof_at_once_one_is_the_first(store: Store) -> None:
    together = 6
    start = threading.Barrier(together)

    def show(number: int) -> list[bool]:
        connection = store.connect()
        start.wait(PATIENCE)
        won = []
        for round_ in range(10):
            with connection.writing():
                key = round_.to_bytes(2, "big")
                won.append(bool(replay.add_all(connection, [(key, NOW + 60)], NOW, 1_000)))
        return won

    with ThreadPoolExecutor(together) as pool:
        rounds = list(zip(*pool.map(show, range(together)), strict=True))
    assert [sum(won) for won in rounds] == [1] * 10


# Audit log (service.md 9)


def check_log(store: Store) -> list[dict[str, Any]]:
    """The records, if their numbers and hashes are as 9.2 says."""
    running, records = first_hash(LIST_ID), []
    rows = store.connection.rows("SELECT n, line, hash, at, what, code FROM audit ORDER BY n")
    for number, (n, line, hashed, *columns) in enumerate(rows, 1):
        running = next_hash(running, line.encode())
        said = json.loads(line)
        assert (n, hashed) == (number, running)
        assert [said["n"], said["at"], said["what"], said["code"]] == [n, *columns]
        assert "\n" not in line and line.startswith('{"n":')
        records.append(said)
    if records:
        state = store.connection.rows("SELECT n, hash, first_n, before_hash FROM audit_state")
        assert state == [(len(records), running, 1, first_hash(LIST_ID))]
    return records


def test_records_are_numbered_and_chained(store: Store) -> None:
    with store.writing() as writing:
        assert writing.record("verify", "ok", tool="read_file", task="Ünïcode ☃") == 1
        assert writing.record_all([]) == []
        many = [audit_log.Record(NOW, "verify", "revoked", {"tool": f"t{n}"}) for n in range(450)]
        assert writing.record_all(many) == list(range(2, 452))
    with store.writing(NOW - 5) as writing:
        assert writing.record("revoke", "ok", by="security", reason=None) == 452
    records = check_log(store)
    assert len(records) == 452 and records[0]["task"] == "Ünïcode ☃"
    assert "reason" not in records[-1]


def test_a_record_can_be_found_by_what_it_says(store: Store) -> None:
    planner = Bearer.issue(KEY, agent="planner", purpose="p", now=NOW, caveats=[])
    token = planner.hand_over(agent="worker", purpose="q", now=NOW).token
    other = bytes(range(32))
    with store.writing() as writing:
        writing.record("verify", "ok", token, tool="t", task="job")
        writing.record("revoke", "ok", by="security", root_id=other.hex())
        writing.record("revoke", "ok", by="security")
    found = store.connection.rows("SELECT root_id, agent, tool, task FROM audit ORDER BY n")
    assert found == [
        (token.root_id, "worker", "t", "job"),
        (other, "security", None, None),
        (None, "security", None, None),
    ]
    told = check_log(store)[0]
    assert told["root_id"] == token.root_id.hex()
    assert [hop["agent"] for hop in told["hops"]] == ["planner", "worker"]
    assert [hop["link"] for hop in told["hops"]] == [link.hex() for link in token.chain.links]


def test_a_record_of_what_was_rolled_back_is_not_there(store: Store) -> None:
    with store.writing() as writing:
        writing.record("verify", "ok")
    with pytest.raises(KeyError), store.writing() as writing:  # noqa: PT012 - all of it is left
        writing.record("verify", "ok")
        raise KeyError
    with store.writing() as writing:
        assert writing.record("verify", "revoked") == 2
    assert [each["code"] for each in check_log(store)] == ["ok", "revoked"]


def test_many_writers_make_one_chain(store: Store) -> None:
    together, each = 4, 15

    def work(number: int) -> None:
        connection = store.connect()
        for _ in range(each):
            with connection.writing():
                record = audit_log.Record(NOW, "verify", "ok", {"by": f"w{number}"})
                audit_log.append(connection, [record, record], LIST_ID)

    with ThreadPoolExecutor(together) as pool:
        list(pool.map(work, range(together)))
    assert len(check_log(store)) == 2 * together * each


# The list (revocation.md, service.md 7)


class Floor:
    """A floor in memory."""

    saved: bytes | None = None

    def load(self) -> bytes | None:
        return self.saved

    def save(self, floor: bytes) -> None:
        self.saved = floor


def worker() -> Published:
    return Published(KEY, (KEY.public_key,), published.id_of(KEY), Floor())


def is_dead(view: RevocationView, link: int) -> bool:
    return view.holds(Entry.chain(bytes([link]) * 32).id)


def append(writing: Writing, link: int, until: int = FOREVER) -> int:
    entry = Entry.chain(bytes([link]) * 32, until=until)
    return published.append(writing, KEY, entry, made_by="security", fresh_for=300)


_OPS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 9), st.integers(-100, 4_000)),
    st.tuples(st.just("beat"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("compact"), st.integers(0, 4), st.just(0)),
    # Services whose clocks differ take turns.
    st.tuples(st.just("tick"), st.sampled_from([-3, 0, 1, 5, 100, 4_000]), st.just(0)),
    st.tuples(st.just("follow"), st.integers(0, 2), st.just(0)),
)


@settings(max_examples=40, suppress_health_check=BOTH, deadline=None)
@given(ops=st.lists(_OPS, max_size=25))
def test_every_view_follows_whatever_the_list_goes_through(
    store: Store, ops: list[tuple[str, int, int]]
) -> None:
    now, seq, last = NOW, 0, 0
    dies: dict[int, int] = {}
    steady, lazy = worker(), worker()
    with store.trying() as writing:
        published.begin(writing, KEY, fresh_for=300)
        for op, n, more in ops:
            match op:
                case "tick":
                    now = writing.now = now + n
                    continue
                case "append":
                    seq += 1
                    dies[n] = max(dies.get(n, 0), now + more)
                    assert append(writing, n, now + more) == seq
                case "beat":
                    published.beat(writing, KEY, every=n, fresh_for=300)
                case "compact":
                    assert compact(writing, KEY, now=now, keep=n) == seq
            state = published.state(writing)
            assert state is not None and state.place.seq == seq and state.issued_at >= last
            if now >= state.fresh_until:
                assert published.beat(writing, KEY, every=1, fresh_for=300)
            last = state.issued_at
            # One that follows always, one that does so now and then, a new one.
            for each in [steady, *([lazy] if op == "follow" else []), worker()]:
                each.take(writing, now)
                assert each.view.seq == seq
                # The dead may be gone a minute after.
                alive = [link for link, until in dies.items() if until + 60 > now]
                assert all(is_dead(each.view, link) for link in alive)


def test_a_delta_leads_from_any_number_to_the_head(store: Store) -> None:
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        for link in range(6):
            append(writing, link)
        compact(writing, KEY, now=NOW, keep=3)
    for since in range(8):
        view = RevocationView([KEY.public_key], floor=Floor())
        first = worker()
        if since < 3 or since > 6:
            with pytest.raises(Refused) as caught, store.connection.reading():
                published.delta(store.connection, since)
            assert caught.value.code == ("gone" if since < 3 else "not_found")
            continue
        with store.connection.reading():
            view.update(b"".join(first.whole(store.connection)), now=NOW)
            view.update(published.delta(store.connection, 6), now=NOW)
        assert view.seq == 6 and all(is_dead(view, link) for link in range(6))


def begun(writing: Writing, *links: int) -> None:
    published.begin(writing, KEY, fresh_for=300)
    for link in links:
        append(writing, link)


def test_what_is_revoked_while_a_snapshot_is_made_stays(store: Store) -> None:
    with store.writing() as writing:
        begun(writing, 0)
        compacted = Found.read(writing).compacted(KEY, (KEY.public_key,), NOW)
        append(writing, 1)
        assert compacted.put(writing, keep=0)
        compact(writing, KEY, now=NOW, keep=0)
        append(writing, 2)
        after = worker()
        after.take(writing, NOW)
    assert after.view.seq == 3 and all(is_dead(after.view, link) for link in range(3))


def test_a_snapshot_takes_the_place_only_of_the_one_that_it_was_made_from(store: Store) -> None:
    with store.writing() as writing:
        begun(writing, 0)
        late = Found.read(writing).compacted(KEY, (KEY.public_key,), NOW)
        append(writing, 1)
        assert compact(writing, KEY, now=NOW, keep=0) == 2
        assert not late.put(writing, keep=0)
        assert published.snapshot_of(writing) == (2, NOW)


def test_a_snapshot_of_another_past_is_not_put_in_place(store: Store) -> None:
    with store.trying() as writing:
        begun(writing, 0, 1)
        other = Found.read(writing).compacted(KEY, (KEY.public_key,), NOW)
    for links in ((0,), (0, 2), (0, 2, 3)):
        with store.trying() as writing:
            begun(writing, *links)
            assert not other.put(writing, keep=0)
            assert published.snapshot_of(writing) == (0, NOW)


def test_nothing_is_signed_over_a_list_that_is_not_whole(store: Store) -> None:
    with store.writing() as writing:
        begun(writing, 0, 1)
        writing.rows("DELETE FROM entries WHERE number = 1")
        with pytest.raises(Unavailable, match="not whole"):
            Found.read(writing).compacted(KEY, (KEY.public_key,), NOW)


def test_a_list_is_begun_once(store: Store) -> None:
    other = SigningKey.generate()
    with store.writing() as writing:
        begun = published.begin(writing, KEY, fresh_for=300)
    with store.writing(NOW + 9) as writing:
        assert published.begin(writing, other, fresh_for=300) == begun


def test_no_head_outlives_the_one_that_says_when_all_refuse(store: Store) -> None:
    def ends(now: int) -> tuple[int, int]:
        """By when an entry made now is said to be contained, and how long its own head is good."""
        with store.writing(now) as writing:
            entry = Entry.chain(now.to_bytes(32, "big"))
            number = published.append(writing, KEY, entry, made_by="", fresh_for=10)
            found = writing.rows("SELECT contained_at FROM entries WHERE number = ?", number)
            return found[0][0], published.held_state(writing).fresh_until

    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
    # Since then the service is set up for less: a view may still hold the head of before.
    assert ends(NOW + 1) == (NOW + 300, NOW + 300)
    assert ends(NOW + 2) == (NOW + 300, NOW + 300)
    assert ends(NOW + 295) == (NOW + 300, NOW + 305)
    assert ends(NOW + 400) == (NOW + 305, NOW + 410)


def test_of_two_that_beat_together_one_signs(store: Store) -> None:
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
    signed = []
    for now in (NOW, NOW + 1, NOW + 1, NOW, NOW + 2):
        with store.writing(now) as writing:
            signed.append(published.beat(writing, KEY, every=1, fresh_for=300))
    assert signed == [False, True, False, False, True]


def test_a_store_that_was_set_back_is_seen(store: Store) -> None:
    follower = worker()
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        append(writing, 1)
    with store.connection.reading():
        follower.take(store.connection, NOW)
        assert not follower.is_behind(store.connection)
    store.wipe()
    with store.writing(NOW + 1) as writing:
        published.begin(writing, KEY, fresh_for=300)
    with store.connection.reading():
        assert follower.is_behind(store.connection)
        with pytest.raises(ListRefused):
            follower.take(store.connection, NOW + 1)


def test_an_entry_wakes_who_listens_once_it_is_durable(postgres: Postgres, database: str) -> None:
    store = Store(postgres.url(database))
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
    watcher = store.connect()
    watcher.listen(0)
    with store.writing() as writing:
        append(writing, 1)
        assert not watcher.listen(0.05)
    assert watcher.listen(PATIENCE)
    store.close()


class Plans:
    """Instead of a service: tells how a database would find what is read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.said = ""

    async def read(self, job: Any) -> Any:
        return job(self)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        plan = self._store.connection.rows(f"EXPLAIN QUERY PLAN {sql}", *values)
        self.said = " ".join(str(row[-1]) for row in plan)
        return []


# PostgreSQL's plans depend on what there is.
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"what": "revoke"}, "audit_what"),
        ({"code": "revoked"}, "audit_code"),
        ({"agent": "a"}, "audit_agent"),
        ({"tool": "t"}, "audit_tool"),
        ({"task": "t"}, "audit_task"),
        ({"root_id": "00" * 32}, "audit_root_id"),
    ],
)
def test_the_few_among_many_records_are_found_by_an_index(
    store: Store, filters: dict[str, str], index: str, newest: bool
) -> None:
    plans: Any = Plans(store)
    asyncio.run(audit_pages.page(plans, after=7, newest=newest, **filters))
    assert index in plans.said and "TEMP B-TREE" not in plans.said
