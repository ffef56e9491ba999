"""What a view has held and may not lose: entries, its floor, its keys (revocation.md 5)."""

from collections.abc import Iterator
from dataclasses import replace

from families.cast import NEXT_LIST_KEY, NOW, OTHER_LIST_KEY, ROOT
from families.log import Entry, Log, kill_issuer, kill_task, list_id, raw_update
from families.scenario import Vector
from families.view import EARLY, FORK, NONE, ONE, THREE, TWO, A, B, C, D, Step, snapped, viewed


def vectors() -> Iterator[Vector]:
    yield from _missing()
    yield from _floors()
    yield from _keys()
    yield from _order()


def _missing() -> Iterator[Vector]:
    short, long = kill_task("x", until=NOW + 1), kill_task("x", until=NOW + 100)
    over = replace(short, until=NOW)
    issuer = kill_issuer(ROOT, NOW - 50)
    earlier = kill_issuer(ROOT, NOW - 51)
    until_later = kill_issuer(ROOT, NOW - 50, NOW + 100)
    until_soon = kill_issuer(ROOT, NOW - 50, NOW + 1)
    until_now = kill_issuer(ROOT, NOW - 50, NOW)
    gone = "list_missing"
    rows: tuple[tuple[str, str, Entry, list[Entry], str], ...] = (
        ("dropped", "an entry for ever has gone", A, [], gone),
        ("dropped-in-time", "an entry has gone a second early", short, [], gone),
        ("dropped-at-until", "an entry has gone at its until", over, [], "ok"),
        ("dropped-60-after", "gone a minute after", replace(over, until=NOW - 60), [], "ok"),
        ("issuer-dropped", "an issuer has gone", issuer, [], gone),
        ("issuer-shortened", "an issuer's time is earlier", issuer, [earlier], gone),
        ("issuer-until-shortened", "an issuer's until is earlier", until_later, [until_soon], gone),
        ("issuer-dropped-at-until", "an issuer has gone at its until", until_now, [], "ok"),
        ("shortened", "an entry's until is earlier", long, [short], gone),
        ("lengthened", "an entry's until is later", short, [long], "ok"),
        ("issuer-lengthened", "an issuer's time is later", earlier, [issuer], "ok"),
    )
    for name, about, held, shown, expect in rows:
        before = Log((held,))
        start = Step(before.update(issued_at=EARLY), now=EARLY)
        body = before.snapshot_body()
        told = Log(tuple(shown)).snapshot_body()
        forged = before.sealed("snapshot", [*body[:4], *told[4:]])
        steps = [start, Step(before.update(1, snapshot=forged), expect)]
        kept = [held] if shown or expect != "ok" else []
        tasks = [entry for entry in kept if entry.before is None]
        free = [] if kept else [held]
        yield viewed(
            f"missing-{name}", f"from one snapshot to the next {about}", steps, before, tasks, free
        )
    about = "gone from the snapshot, but among the entries that follow"
    again = Log((A, B, A))
    snapshot = again.snapshot(2, without=[A])
    steps = [
        Step(TWO.update(issued_at=EARLY)),
        Step(again.update(2, snapshot=snapshot)),
    ]
    yield viewed("missing-but-entered-again", about, steps, again)
    about = "a later entry with an earlier until shortens nothing"
    shortened = Log((long, short))
    first = Step(shortened.update(issued_at=EARLY))
    without = shortened.snapshot(without=[long])
    steps = [first, Step(shortened.update(2, snapshot=without), gone)]
    yield viewed("missing-greatest-until", about, steps, shortened)


def _floors() -> Iterator[Vector]:
    floor = TWO.floor(NOW - 10)
    rows = (
        ("whole-log", "the whole log, longer than the floor", THREE.update(), THREE, "ok"),
        ("same", "just what the floor says", TWO.update(0, NOW - 10), TWO, "ok"),
        ("snapshot", "a snapshot past the floor", snapped(THREE, NOW - 2), THREE, "ok"),
        ("snapshot-at", "a snapshot at the floor", snapped(TWO, NOW - 2), TWO, "ok"),
        ("seq", "an older seq", ONE.update(), NONE, "list_rollback"),
        ("time", "an older head", TWO.update(0, NOW - 11), NONE, "list_rollback"),
        ("fork", "another log of this length", FORK.update(), NONE, "list_forked"),
        ("past", "a longer log, another past", _past(), NONE, "list_forked"),
        ("fork-at", "a snapshot at the floor", snapped(FORK, NOW - 2), NONE, "list_forked"),
        ("delta", "only what is new", THREE.update(2), NONE, "list_gap"),
        ("heartbeat", "no entry at all", TWO.update(2), NONE, "list_gap"),
    )
    for name, about, update, log, expect in rows:
        alive = [] if log.seq else [A]
        steps = [Step(update, expect)]
        said = f"after a restart with a floor of two entries: {about}"
        yield viewed(f"floor-{name}", said, steps, log, alive=alive, floor=floor)
    about = "a snapshot without an entry, to a view that holds none to compare"
    bare = Step(THREE.update(3, snapshot=THREE.snapshot(without=[A])))
    yield viewed("floor-nothing-held", about, [bare], THREE, [B, C], [A], floor=floor)


def _keys() -> Iterator[Vector]:
    new = replace(THREE, signer=NEXT_LIST_KEY)
    start = Step(ONE.update(issued_at=EARLY))
    keys = [NEXT_LIST_KEY]
    about = "the next key signs the head of the same list"
    yield viewed("key-rotated", about, [start, Step(new.update(1))], THREE, keys=keys)
    about = "the old key signed the snapshot and the next one the head"
    mixed = Step(new.update(1, snapshot=THREE.snapshot(1)))
    yield viewed("key-of-each", about, [mixed], THREE, keys=keys)
    about = "the next key is not one of this list's yet"
    steps = [start, Step(new.update(1), "list_untrusted")]
    yield viewed("key-not-yet", about, steps, ONE, alive=[C])
    about = "the next key named its own list"
    own = replace(new, id=list_id(NEXT_LIST_KEY))
    steps = [start, Step(own.update(), "list_other")]
    yield viewed("key-of-its-own-list", about, steps, ONE, alive=[C], keys=keys)


def _order() -> Iterator[Vector]:
    start = Step(TWO.update(issued_at=NOW - 10))
    other = replace(ONE, id=list_id(OTHER_LIST_KEY))
    ahead = THREE.head(NOW + 61)
    bare = TWO.snapshot(taken_at=NOW, without=[A])
    rows = (
        ("other-before-future", "list_other", other.update(issued_at=NOW + 61)),
        ("future-before-gap", "list_future", THREE.update(3, head=ahead)),
        ("rollback-before-gap", "list_rollback", ONE.update(1)),
        ("other-before-old-head", "list_other", _under_old_head(other.snapshot(1, NOW), 1)),
        ("future-before-old-head", "list_future", _under_old_head(TWO.snapshot(2, NOW + 61))),
        ("old-head-before-gap", "list_rollback", _under_old_head(THREE.snapshot(3, NOW), 3)),
        ("old-head-before-forked", "list_rollback", _under_old_head(FORK.snapshot(2, NOW))),
        ("old-head-before-missing", "list_rollback", _under_old_head(bare)),
        ("gap-before-forked", "list_gap", Log((A, D, C)).update(1)),
        ("forked-before-missing", "list_forked", _bare_fork()),
        ("forked-before-stale", "list_forked", FORK.update(2, head=_spent(FORK))),
        ("missing-before-stale", "list_missing", _bare_and_spent()),
    )
    for name, expect, update in rows:
        first, _, then = name.partition("-before-")
        about = f"what is wrong is {first} and {then}".replace("-", " ")
        steps = [start, Step(update, expect)]
        yield viewed(f"order-{name}", about, steps, TWO, alive=[C, D])


def _past() -> bytes:
    return Log((A, D, C)).update()


def _under_old_head(snapshot: bytes, seq: int = 2) -> bytes:
    return raw_update(snapshot, seq, [], TWO.head())


def _spent(log: Log) -> bytes:
    return log.head(NOW - 2, NOW - 1)


def _bare_fork() -> bytes:
    return FORK.update(2, snapshot=FORK.snapshot(without=[A]))


def _bare_and_spent() -> bytes:
    snapshot = TWO.snapshot(without=[A])
    return TWO.update(2, snapshot=snapshot, head=_spent(TWO))
