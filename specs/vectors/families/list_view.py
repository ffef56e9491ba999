"""How the entries of an update join what a view holds (revocation.md 5, steps 4 to 7)."""

from collections.abc import Iterator
from dataclasses import replace

from families.cast import NEXT_ROOT, NOW, ROOT
from families.log import Entry, Log, kill_issuer, kill_task, raw_update
from families.scenario import Vector
from families.view import (
    EARLY,
    FORK,
    NONE,
    ONE,
    THREE,
    TWO,
    A,
    B,
    C,
    D,
    Step,
    only,
    snapped,
    viewed,
)


def vectors() -> Iterator[Vector]:
    yield from _growing()
    yield from _joins()
    yield from _times()
    yield from _rollbacks()
    yield from _snapshots()
    yield from _forks()


def _growing() -> Iterator[Vector]:
    start = Step(ONE.update(issued_at=EARLY))
    yield viewed("first-and-empty", "a list of nothing yet", [Step(NONE.update())], NONE)
    yield viewed("first", "a first update", [Step(TWO.update())], TWO)
    beat = [start, Step(ONE.update(1))]
    yield viewed("heartbeat", "a new head and no entry", beat, ONE)
    yield viewed("same-again", "the same heartbeat twice", [*beat, beat[1]], ONE)
    delta = [start, Step(THREE.update(1))]
    yield viewed("delta", "only the entries that are new", delta, THREE)
    whole = Step(TWO.update(2, snapshot=TWO.snapshot()))
    yield viewed("snapshot", "a snapshot and nothing after it", [whole], TWO)
    after = Step(THREE.update(1, snapshot=THREE.snapshot(1)))
    yield viewed("snapshot-and-entries", "a snapshot and what came after", [after], THREE)
    over = [start, Step(THREE.update(3, snapshot=THREE.snapshot()))]
    yield viewed("snapshot-over-a-gap", "a snapshot skips entries", over, THREE)
    older = [Step(TWO.update(issued_at=EARLY)), after]
    about = "a snapshot from before what the view holds"
    yield viewed("snapshot-before-view", about, older, THREE)
    jump = [start, Step(THREE.update(2), "list_gap"), Step(THREE.update(1))]
    about = "refused for a gap, and taken once that is filled"
    yield viewed("refused-then-taken", about, jump, THREE)
    issuers = Log((kill_issuer(ROOT, NOW), kill_issuer(NEXT_ROOT, NOW), A))
    held = Step(issuers.update(3, snapshot=issuers.snapshot()))
    about = "a snapshot with two issuers and a task"
    yield viewed("snapshot-with-issuers", about, [held], issuers, revoked=[A])


def _joins() -> Iterator[Vector]:
    start = Step(ONE.update(issued_at=EARLY))
    rows = (
        ("gap", "an entry is missing before the first", THREE.update(2)),
        ("overlap", "the entries begin again", THREE.update(0)),
        ("short", "fewer entries than the head says", only(1, [B], THREE)),
        ("long", "more entries than the head says", only(1, [B, C], TWO)),
        ("from-ahead", "a heartbeat from another seq", THREE.update(3)),
        (
            "snapshot-ahead",
            "the snapshot is of more entries than the head",
            raw_update(THREE.snapshot(), 3, [], TWO.head()),
        ),
    )
    for name, about, update in rows:
        steps = [start, Step(update, "list_gap")]
        yield viewed(f"gap-{name}", f"the entries do not join: {about}", steps, ONE, alive=[B])


def _times() -> Iterator[Vector]:
    snapshot = ONE.snapshot(taken_at=NOW + 60)
    past = ONE.snapshot(taken_at=NOW + 61)
    ahead = ONE.update(1, NOW + 60, snapshot=snapshot)
    rows = (
        ("head-60", "a head a minute ahead", ONE.update(issued_at=NOW + 60), "ok"),
        ("head-61", "a second more", ONE.update(issued_at=NOW + 61), "list_future"),
        ("snapshot-60", "a snapshot a minute ahead, as is the head", ahead, "ok"),
        ("snapshot-61", "a second more", ONE.update(1, NOW + 60, snapshot=past), "list_future"),
        ("fresh-until-now", "over just now", _fresh(NOW), "list_stale"),
        ("fresh-until-next", "fresh for a second", _fresh(NOW + 1), "ok"),
        ("fresh-until-long-ago", "over long ago", _fresh(NOW - 1), "list_stale"),
    )
    for name, about, update, expect in rows:
        log = ONE if expect == "ok" else NONE
        alive = [] if log.seq else [A]
        yield viewed(
            f"time-{name}", f"against the clock: {about}", [Step(update, expect)], log, alive=alive
        )
    about = "an old snapshot under a new head"
    old = Step(ONE.update(1, snapshot=ONE.snapshot(taken_at=0)))
    yield viewed("time-snapshot-at-0", about, [old], ONE)


def _rollbacks() -> Iterator[Vector]:
    start = Step(TWO.update(issued_at=NOW - 10))
    older = ONE.update(issued_at=NOW - 2)
    rows = (
        ("seq", "a head of fewer entries, signed later", older),
        ("snapshot-seq", "the same with a snapshot", snapped(ONE, NOW - 2)),
        ("issued-at", "a head of a second before", TWO.update(2, NOW - 11)),
        ("issued-at-and-more", "more entries, signed before", THREE.update(2, NOW - 11)),
    )
    for name, about, update in rows:
        steps = [start, Step(update, "list_rollback")]
        yield viewed(
            f"rollback-{name}", f"older than what was seen: {about}", steps, TWO, alive=[C]
        )
    same = [start, Step(THREE.update(2, NOW - 10))]
    yield viewed("same-second", "two heads of one second", same, THREE)


def _snapshots() -> Iterator[Vector]:
    """A head and the snapshot that travels with it are signed apart."""
    start = Step(TWO.update(issued_at=NOW - 10))
    late = "list_rollback"
    rows = (
        ("of-its-second", "a snapshot of the head's second", TWO, NOW - 2, "ok"),
        ("later", "a snapshot of a second later than its head", TWO, NOW - 1, late),
        ("of-now", "a snapshot of now under a head of before", TWO, NOW, late),
        ("and-entries-of-its-second", "the same with an entry after it", THREE, NOW - 2, "ok"),
        ("and-entries-later", "a second later, with an entry after it", THREE, NOW - 1, late),
    )
    for name, about, log, taken_at, expect in rows:
        update = log.update(2, snapshot=log.snapshot(2, taken_at))
        held, alive = (log, [D]) if expect == "ok" else (TWO, [C])
        yield viewed(f"snapshot-{name}", about, [start, Step(update, expect)], held, alive=alive)
    over = kill_task("x", until=NOW + 100)
    log = Log((over, B))
    body = log.head_body(NOW - 10, NOW + 9000)
    held_head, after = log.sealed("head", body), NOW + 161
    first = Step(log.update(head=held_head), now=NOW - 10)
    without = log.snapshot(taken_at=after, without=[over])
    joined = log.update(2, head=held_head, snapshot=without)
    about = "an entry that is over has left the snapshot, and the head is of when it was not"
    steps = [first, Step(joined, late, now=after)]
    yield viewed("snapshot-without-under-old-head", about, steps, log)
    own = log.update(2, head=log.head(after), snapshot=without)
    about = "the same snapshot under a head of its own time"
    steps = [first, Step(own, now=after)]
    yield viewed("snapshot-without-under-its-head", about, steps, log, [B], [over])


def _forks() -> Iterator[Vector]:
    start = Step(ONE.update(issued_at=EARLY))
    two = Step(TWO.update(issued_at=EARLY))
    longer = Log((A, D, C))
    altered = replace(B, until=5)
    rows = (
        ("entry-altered", "an entry is not the one hashed", start, ONE, _swap(altered)),
        ("entry-replaced", "another entry", start, ONE, _swap(D)),
        ("reordered", "two entries in another order", start, ONE, only(1, [C, B], THREE)),
        ("same-seq", "another hash for the same seq", two, TWO, FORK.update(2)),
        ("past", "a longer log with another past", two, TWO, longer.update(2)),
        ("snapshot", "a snapshot of another past", two, TWO, snapped(FORK, NOW - 2)),
        (
            "snapshot-before",
            "a snapshot of the same past, and another entry after it",
            two,
            TWO,
            longer.update(1, snapshot=longer.snapshot(1)),
        ),
        (
            "snapshot-hash",
            "the snapshot's hash does not lead to the head's",
            start,
            ONE,
            raw_update(FORK.snapshot(), 2, [C.packed], THREE.head()),
        ),
    )
    for name, about, first, log, update in rows:
        steps = [first, Step(update, "list_forked")]
        yield viewed(f"forked-{name}", f"another past is told: {about}", steps, log, alive=[C, D])


def _swap(entry: Entry) -> bytes:
    return only(1, [entry], TWO)


def _fresh(until: int) -> bytes:
    return ONE.update(head=ONE.head(NOW - 2, until))
