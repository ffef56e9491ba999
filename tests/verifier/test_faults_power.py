"""The power goes at random moments: nothing that was answered is lost, and nothing is torn.

The service's own code writes to a disk whose unsynced sectors are kept or lost at random
(`tests.verifier.power`), is cut off at a random operation, and finds what is left; and so on, on
the same store.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from random import Random, SystemRandom

import pytest

from chaincred import ChaincredError, Entry, SigningKey
from chaincred.audit import first_hash, next_hash
from chaincred.revocation import Place
from chaincred_verifier import published
from chaincred_verifier.audit_log import Record
from chaincred_verifier.compacting import Found
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.published import Published
from chaincred_verifier.store import migrate
from chaincred_verifier.store.driver import Connection, Reading
from chaincred_verifier.store.sqlite import DatabaseFile, SqliteConnection
from chaincred_verifier.writer import Settling, settle_all
from tests.verifier.power import Disk, PowerCut, Powered
from tests.verifier.running import Keys

NAME = "service.db"
CUTS_OF_A_STORE = 20
"""Then a new one is begun, so that cuts come into migrations too."""
FRESH_FOR = 300
NOW = 1_750_000_000


class Battery:
    """A floor that survives: in the service it is a file of its own, outside the store."""

    saved: bytes | None = None

    def load(self) -> bytes | None:
        return self.saved

    def save(self, floor: bytes) -> None:
        self.saved = floor


@dataclass
class Told:
    """What the service has answered, and so must never lose."""

    list_id: bytes = b""
    entries: dict[int, bytes] = field(default_factory=dict)
    records: dict[int, bytes] = field(default_factory=dict)
    """The running hash of the audit log, by number."""
    proofs: set[bytes] = field(default_factory=set)
    uses: int = 0
    floor: Battery = field(default_factory=Battery)


class Life:
    """The service from its start until the power goes, on what the last one left."""

    def __init__(self, keys: Keys, told: Told, chance: Random) -> None:
        self.key = keys.list
        self.tokens = [each.token for each in keys.chain("planner", "worker", "helper")]
        self.told = told
        self.chance = chance
        self.now = NOW
        self.known = Known()

    def run(self, store: Powered) -> None:
        """Works until the power goes. Raises PowerCut."""
        connection = store.connect()
        try:
            migrate(connection)
            with self._writing(connection) as writing:
                state = published.begin(writing, self.key, fresh_for=FRESH_FOR)
            self.told.list_id = state.place.list_id
            own = Published(self.key, (self.key.public_key,), state.place.list_id, self.told.floor)
            reader = store.connect()
            try:
                while True:
                    self._step(connection)
                    if self.chance.random() < 0.5:
                        with reader.reading():
                            own.take(reader, self.now)
                    if self.chance.random() < 0.02:
                        # The last connection to be closed folds the log in and deletes it.
                        reader.close()
                        connection.close()
                        connection, reader = store.connect(), store.connect()
            finally:
                reader.close()
        finally:
            connection.close()

    @contextmanager
    def _writing(self, connection: Connection) -> Iterator[Writing]:
        list_id = published.id_of(self.key)
        try:
            with connection.writing():
                yield Writing(connection, self.known, list_id=list_id, now=self.now, capacity=10**6)
        except BaseException:
            self.known.clear()
            raise

    def _step(self, connection: Connection) -> None:
        self.now += self.chance.randrange(2)
        match self.chance.choices(("revoke", "decide", "beat", "compact"), (5, 5, 3, 0.3))[0]:
            case "revoke":
                self._revoke(connection)
            case "decide":
                self._decide(connection)
            case "beat":
                with self._writing(connection) as writing:
                    published.beat(writing, self.key, every=1, fresh_for=FRESH_FOR)
            case "compact":
                with connection.reading():
                    found = Found.read(connection)
                compacted = found.compacted(self.key, (self.key.public_key,), self.now)
                with self._writing(connection) as writing:
                    compacted.put(writing, keep=1000)

    def _revoke(self, connection: Connection) -> None:
        entry = Entry.chain(self.chance.randbytes(32), reason="power " * self.chance.randrange(30))
        with self._writing(connection) as writing:
            number = published.append(
                writing, self.key, entry, made_by="security", fresh_for=FRESH_FOR
            )
            n = writing.record("revoke", "ok", by="security", number=number)
            running = _running(writing)
        self.told.entries[number] = entry.to_bytes()
        self.told.records[n] = running

    def _decide(self, connection: Connection) -> None:
        settlings = [self._settling() for _ in range(self.chance.randrange(1, 6))]
        with self._writing(connection) as writing:
            settled = settle_all(writing, settlings)
            running = _running(writing)
        last = max(n for _, n in settled if n is not None)
        self.told.records[last] = running
        self.told.proofs |= {each.proof[0] for each in settlings if each.proof}
        self.told.uses += sum(each.admitted for each in settlings)

    def _settling(self) -> Settling:
        admitted = self.chance.random() < 0.8
        code = "ok" if admitted else "caveat"
        said = {"tool": "read_file", "resource": "r" * self.chance.randrange(200)}
        return Settling(
            proof=(self.chance.randbytes(48), NOW + 10**6),
            admitted=admitted,
            list_seq=None,
            record=Record(self.now, "verify", code, said, self.chance.choice(self.tokens)),
        )


def _running(store: Reading) -> bytes:
    return bytes(store.rows("SELECT hash FROM audit_state")[0][0])


def complaints(folder: Path, told: Told, key: SigningKey) -> list[str]:
    """What is wrong with the store that a cut left."""
    store = SqliteConnection(DatabaseFile(str(folder / NAME)))
    try:
        if store.rows("PRAGMA integrity_check") != [("ok",)]:
            return ["corrupt"]
        begun = bool(store.rows("SELECT 1 FROM sqlite_master WHERE name = 'list_state'"))
        if not begun or published.state(store) is None:
            return ["lost: the list"] if told.list_id else []
        return [*_of_list(store, told, key), *_of_records(store, told), *_of_proofs(store, told)]
    except Unavailable:
        return ["corrupt"]
    finally:
        store.close()


def _of_list(store: Reading, told: Told, key: SigningKey) -> Iterator[str]:
    place = Place.start(published.id_of(key))
    found = {}
    for number, packed, running in store.rows(
        "SELECT number, packed, running FROM entries ORDER BY number"
    ):
        place = place.after(bytes(packed))
        if (place.seq, place.hash) != (number, bytes(running)):
            yield f"entry {number} does not follow the one before"
        found[number] = bytes(packed)
    state = published.state(store)
    if state is None or state.place != place:
        yield "the head is not that of the entries"
        return
    for number, packed in told.entries.items():
        if found.get(number) != packed:
            yield f"lost: entry {number}"
    own = Published(key, (key.public_key,), state.place.list_id, told.floor)
    try:
        own.take(store, state.issued_at)
    except ChaincredError as error:
        yield f"{'lost: ' if error.code == 'list_rollback' else ''}{error}"


def _of_records(store: Reading, told: Told) -> Iterator[str]:
    (list_id,) = store.rows("SELECT list_id FROM list_state")[0]
    running, last = first_hash(bytes(list_id)), 0
    for n, line, hash in store.rows("SELECT n, line, hash FROM audit ORDER BY n"):
        running, last = next_hash(running, line.encode()), last + 1
        if (n, bytes(hash)) != (last, running):
            yield f"record {n} does not follow the one before"
        if told.records.get(n, running) != running:
            yield f"lost: record {n} is another"
    if last < max(told.records, default=0):
        yield f"lost: records after {last}"
    if last and store.rows("SELECT n, hash FROM audit_state") != [(last, running)]:
        yield "the audit log ends elsewhere"


def _of_proofs(store: Reading, told: Told) -> Iterator[str]:
    found = {bytes(key) for (key,) in store.rows("SELECT key FROM replay")}
    if told.proofs - found:
        yield f"lost: {len(told.proofs - found)} proofs"
    if store.rows("SELECT held FROM replay_state") != [(len(found),)]:
        yield "proofs are counted wrong"
    ((uses,),) = store.rows("SELECT coalesce(sum(uses), 0) FROM blocks")
    if uses < told.uses:
        yield "lost: uses"
    # What was under way may have come through, and is as good as told now.
    told.uses = uses


def cuts(
    folder: Path, keys: Keys, chance: Random, *pragmas: str
) -> Iterator[tuple[Told, list[str]]]:
    """Cuts without end: what had been told before each, and what is wrong after it."""
    folders = (folder / str(number) for number in count())
    left = 0
    while True:
        if left == 0:
            at, told, left = next(folders), Told(), CUTS_OF_A_STORE
            at.mkdir()
        log_size = chance.choice([1, 10, 50, 2000])
        disk = Disk(at, chance, int(10 ** chance.uniform(0.5, 3)))
        store = Powered(disk, NAME, f"PRAGMA wal_autocheckpoint={log_size}", *pragmas)
        with pytest.raises(PowerCut):
            Life(keys, told, chance).run(store)
        store.close()
        before, at = at, next(folders)
        at.mkdir()
        disk.leave(at)
        shutil.rmtree(before)
        found = complaints(at, told, keys.list)
        yield told, found
        left = 0 if found else left - 1


def _chance() -> Random:
    seed = SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201 - what repeats a failure
    return Random(seed)


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_power_cut_loses_nothing_that_was_answered(tmp_path, keys, times):
    answered = 0
    for told, found in islice(cuts(tmp_path, keys, _chance()), times):
        assert found == []
        answered += len(told.entries) + len(told.proofs)
    # Otherwise there was nothing to lose.
    assert answered > times


def test_the_same_cuts_take_back_what_was_not_synced_at_each_commit(tmp_path, keys):
    found = _until(cuts(tmp_path, keys, _chance(), "PRAGMA synchronous=NORMAL"), "lost")
    assert "corrupt" not in found


def test_the_same_cuts_tear_a_database_that_is_never_synced(tmp_path, keys):
    _until(cuts(tmp_path, keys, _chance(), "PRAGMA synchronous=OFF"), "corrupt")


def _until(after_cuts: Iterator[tuple[Told, list[str]]], what: str) -> list[str]:
    seen: list[str] = []
    for _, found in islice(after_cuts, 300):
        seen += found
        if any(what in each for each in seen):
            return seen
    raise AssertionError(f"nothing was {what}")
