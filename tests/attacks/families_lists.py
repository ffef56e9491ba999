"""Attacks on revocation: what a view takes, and what it then says (specs/revocation.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chaincred import Freshness, RevocationView
from chaincred import view as view_module
from chaincred.chain import Chain
from chaincred.revocation import Floor, Footing, Head, Place, Signed, Snapshot, Update
from tests.attacks.cast import (
    HEAD,
    HOUR,
    IRREVERSIBLE,
    MALLORY,
    NOW,
    OLD_LIST_KEY,
    PLANNER,
    ROOT,
    TASK,
    WORKER,
    WRITE,
    Ask,
    Log,
    chain,
    chain_entry,
    extended,
    holder_entry,
    hop_body,
    issuer_entry,
    links_of,
    list_id,
    pack,
    root_body,
    shown,
    task_entry,
    unpack,
)
from tests.attacks.family import ASK, Attack, Break, Family, always, family, shows, under, with_list
from tests.attacks.views import KeptFloor, fed

E1, E2, E3, E4 = (chain_entry(bytes([at]) * 32, until=NOW + 1000) for at in range(4))
LOG = Log((E1, E2, E3))
BLOCKS = under()
LINKS = links_of(BLOCKS)


# Broken views. Each calls the real function with just one thing made right.


def updates_are_taken_at(when: Callable[[int, int, int], int]) -> Break:
    """`update` at the time that `when` makes of now, the head's time and its fresh_until."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        updated = RevocationView.update

        def update(self: RevocationView, data: bytes, *, now: int) -> None:
            head = Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)
            updated(self, data, now=when(now, head.issued_at, head.fresh_until))

        patch.setattr(RevocationView, "update", update)

    return broken


def signatures_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Signed, "is_signed_by", always(True))


def any_signature_of_the_key_will_do(patch: pytest.MonkeyPatch) -> None:
    """Only the head's signature is looked at."""
    checked = Signed.is_signed_by
    patch.setattr(
        Signed,
        "is_signed_by",
        lambda self, context, keys: context.value != HEAD or checked(self, context, keys),
    )


def any_list_of_the_key_will_do(patch: pytest.MonkeyPatch) -> None:
    updated = RevocationView.update

    def update(self: RevocationView, data: bytes, *, now: int) -> None:
        head = Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)
        self.list_id = head.place.list_id
        updated(self, data, now=now)

    patch.setattr(RevocationView, "update", update)


def a_floor_of_another_list_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(view_module, "named_after", always(OTHER_ID))


def the_floor_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    updated = RevocationView.update

    def update(self: RevocationView, data: bytes, *, now: int) -> None:
        self._floor = Floor(Place.start(self.list_id), 0)
        updated(self, data, now=now)

    patch.setattr(RevocationView, "update", update)


def the_past_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RevocationView, "_check_past", always(None))


def only_the_past_held_is_compared(patch: pytest.MonkeyPatch) -> None:
    """The running hash is compared with the head's, but not with what was seen before."""
    checked = RevocationView._check_past

    def check(self: RevocationView, start: Place, entries: Sequence[bytes], head: Place) -> None:
        fresh = RevocationView(self._keys, floor=KeptFloor(), list_id=self.list_id)
        checked(fresh, start, entries, head)

    patch.setattr(RevocationView, "_check_past", check)


def the_beginning_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    """`from` is taken to be where the view is."""
    updated = RevocationView.update

    def update(self: RevocationView, data: bytes, *, now: int) -> None:
        snapshot, start, entries, head = unpack(data)
        updated(self, pack([snapshot, start if snapshot else self.seq, entries, head]), now=now)

    patch.setattr(RevocationView, "update", update)


def entries_may_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RevocationView, "_misses", always(False))


def publishers_may_be_ahead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(view_module, "SKEW", 2**53)


def any_snapshot_will_do(patch: pytest.MonkeyPatch) -> None:
    """The head is not compared with its snapshot, which is taken to be of the first second."""
    read = Snapshot.from_body
    patch.setattr(Snapshot, "from_body", lambda body: replace(read(body), taken_at=0))


def age_is_not_limited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Freshness, "limit", always(2**53))


def freshness_is_asked_at(when: Callable[[int, Head], int]) -> Break:
    def broken(patch: pytest.MonkeyPatch) -> None:
        required = RevocationView.require_fresh

        def require(self: RevocationView, effect: Any, freshness: Any, now: int) -> None:
            head = self._held.head
            required(self, effect, freshness, when(now, head) if head else now)

        patch.setattr(RevocationView, "require_fresh", require)

    return broken


def no_list_is_no_hindrance(patch: pytest.MonkeyPatch) -> None:
    required = RevocationView.require_fresh

    def require(self: RevocationView, effect: Any, freshness: Any, now: int) -> None:
        if self._held.head is not None:
            required(self, effect, freshness, now)

    patch.setattr(RevocationView, "require_fresh", require)


def all_effects_are_reads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Freshness, "limit", lambda self, _effect: self.read)


def nothing_is_asked_of(without: Callable[[Chain, Sequence[str], Footing], Footing]) -> Break:
    """The list is asked about a chain's footing without one kind of id."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        made = Footing.of

        def of(chain: Chain, tasks: Sequence[str]) -> Footing:
            return without(chain, tasks, made(chain, tasks))

        patch.setattr(Footing, "of", of)

    return broken


def _ids(footing: Footing, ids: Sequence[bytes]) -> Footing:
    return Footing(footing.issuer, footing.issued_at, tuple(ids))


def requests_tasks_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    required = RevocationView.require_alive
    patch.setattr(
        RevocationView,
        "require_alive",
        lambda self, footing, _task: required(self, footing, ""),
    )


def tasks_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    # Both, since each covers for the other: a request for the chain's task names it too, and one
    # for another task is refused by the caveat.
    nothing_is_asked_of(
        lambda chain, _tasks, whole: _ids(whole, whole.ids[: 2 * len(chain.blocks)])
    )(patch)
    requests_tasks_are_not_asked(patch)


# Attacks.


def revoked(
    about: str, *entries: bytes, blocks: Any = BLOCKS, by: Any = WORKER, **asked: Any
) -> Attack:
    """Whoever holds `blocks` asks although `entries` are on the list."""
    ask = ASK.but(**asked)
    at = with_list(lambda: fed(Log(entries).update()))
    return Attack(about, "revoked", shows(shown(blocks, by, ask), ask, at=at))


def stale(
    about: str, age: int, *, ask: Ask = ASK, fresh_until: int = NOW + 10**6, **more: Any
) -> Attack:
    """Asked `age` seconds after the head was signed."""
    now = NOW + age
    at = with_list(lambda: fed(LOG.update(fresh_until=fresh_until)), **more)
    presentation = shown(BLOCKS, WORKER, ask, issued_at=now)
    return Attack(about, "stale", shows(presentation, ask, now=now, at=at))


def update(
    about: str,
    code: str,
    data: bytes,
    *before: bytes,
    now: int = NOW,
    floor: bytes | None = None,
    **said: Any,
) -> Attack:
    """A view that holds `before`, and starts from `floor`, is given `data`."""

    def run() -> None:
        fed(*before, floor=KeptFloor(floor), **said).update(data, now=now)

    return Attack(about, code, run)


def shifted(data: bytes, start: int) -> bytes:
    """An update that says it begins after entry number `start`."""
    snapshot, _, entries, head = unpack(data)
    return pack([snapshot, start, entries, head])


def _never_fed() -> RevocationView:
    return fed()


OTHER_ID = list_id(OLD_LIST_KEY)
OTHER_LIST = Log((E4, E1, E2), id=OTHER_ID)
FORKED = Log((E1, E2, E4))
FORKED_EARLY = Log((E4, E2, E3))
LONGER = Log((E1, E2, E3, E4))
FORKED_LONGER = Log((E1, E2, E4, E3))
FLOOR = pack([*LOG.place(), NOW])
HER_LOG = LOG.but(key=MALLORY)
OLD_CHAIN = chain((ROOT, root_body(WORKER, issued_at=NOW - HOUR)))
GRANDCHILD = extended(BLOCKS, WORKER, hop_body(MALLORY))
ISSUER = issuer_entry(ROOT, NOW - 100, until=NOW + 1000)
WITH_ISSUER = Log((E1, ISSUER))

FAMILIES: tuple[Family, ...] = (
    family(
        "stale list",
        age_is_not_limited,
        stale("a read after 301 s", 301),
        stale("a write after 31 s", 31, ask=ASK.but(effect=WRITE)),
        stale("what cannot be undone after 6 s", 6, ask=ASK.but(effect=IRREVERSIBLE)),
        stale("a read after 11 s where 10 are allowed", 11, freshness=Freshness(read=10)),
    ),
    family(
        "stale list for the effect",
        all_effects_are_reads,
        stale("a write after 31 s", 31, ask=ASK.but(effect=WRITE)),
        stale("what cannot be undone after 6 s", 6, ask=ASK.but(effect=IRREVERSIBLE)),
    ),
    family(
        "list past its own freshness",
        freshness_is_asked_at(lambda now, head: min(now, head.fresh_until - 1)),
        stale("at that second", 10, fresh_until=NOW + 10),
        stale("after it", 11, fresh_until=NOW + 10),
    ),
    family(
        "list of the future",
        freshness_is_asked_at(lambda now, head: max(now, head.issued_at)),
        Attack(
            "the clock went back",
            "stale",
            shows(
                shown(OLD_CHAIN, WORKER, issued_at=NOW - 61),
                now=NOW - 61,
                at=with_list(lambda: fed(LOG.update())),
            ),
        ),
    ),
    family(
        "no list",
        no_list_is_no_hindrance,
        *(
            Attack(
                f"effect {effect}",
                "stale",
                shows(
                    shown(BLOCKS, WORKER, ASK.but(effect=effect)),
                    ASK.but(effect=effect),
                    at=with_list(_never_fed),
                ),
            )
            for effect in range(3)
        ),
    ),
    family(
        "revoked root",
        nothing_is_asked_of(lambda _chain, _tasks, whole: _ids(whole, whole.ids[1:])),
        revoked("the whole tree", chain_entry(LINKS[0])),
        revoked("two blocks above", chain_entry(LINKS[0]), blocks=GRANDCHILD, by=MALLORY),
    ),
    family(
        "revoked hop",
        nothing_is_asked_of(
            lambda chain, _tasks, whole: _ids(
                whole, [whole.ids[0], *whole.ids[len(chain.blocks) :]]
            )
        ),
        revoked("the last", chain_entry(LINKS[1])),
        revoked("the one above", chain_entry(LINKS[1]), blocks=GRANDCHILD, by=MALLORY),
        revoked("long ago", chain_entry(LINKS[1], until=0)),
        revoked("among others", E1, E2, chain_entry(LINKS[1]), E3),
        revoked(
            "signed again by its holder",
            chain_entry(LINKS[1]),
            blocks=extended(BLOCKS, WORKER, hop_body(WORKER)),
        ),
    ),
    family(
        "revoked holder",
        nothing_is_asked_of(
            lambda chain, tasks, whole: _ids(
                whole, whole.ids[: len(chain.blocks)] + whole.ids[2 * len(chain.blocks) :]
            )
        ),
        revoked("the last", holder_entry(WORKER)),
        revoked("the one above", holder_entry(PLANNER)),
        revoked("two blocks above", holder_entry(PLANNER), blocks=GRANDCHILD, by=MALLORY),
    ),
    family(
        "revoked issuer",
        nothing_is_asked_of(
            lambda _chain, _tasks, whole: Footing(bytes(16), whole.issued_at, whole.ids)
        ),
        revoked("from now on", issuer_entry(ROOT, NOW + 1)),
        revoked("for ever", issuer_entry(ROOT, 2**53 - 1)),
        revoked(
            "shortened afterwards", issuer_entry(ROOT, NOW + 1), issuer_entry(ROOT, 0, until=0)
        ),
    ),
    family(
        "revoked task of the chain",
        tasks_are_not_asked,
        revoked("asked for the task", task_entry("t1"), blocks=under([TASK, "t1"]), task="t1"),
        revoked("asked for no task", task_entry("t1"), blocks=under([TASK, "t1"])),
    ),
    family(
        "revoked task of the request",
        requests_tasks_are_not_asked,
        revoked("a chain of any task", task_entry("t1"), task="t1"),
    ),
    family(
        "list rollback",
        the_floor_is_forgotten,
        update("an older heartbeat", "list_rollback", LOG.update(3, at=NOW - 1), LOG.update()),
        update("an older whole", "list_rollback", LOG.update(at=NOW - 1), LOG.update()),
        update(
            "an older list after a restart",
            "list_rollback",
            Log((E1, E2)).update(at=NOW + 5),
            floor=FLOOR,
        ),
        update(
            "the empty list after a restart", "list_rollback", Log().update(at=NOW + 5), floor=FLOOR
        ),
        update(
            "an older head of the same list after a restart",
            "list_rollback",
            LOG.update(at=NOW - 1),
            floor=FLOOR,
        ),
    ),
    family(
        "snapshot from after its head",
        any_snapshot_will_do,
        update(
            "a second later",
            "list_rollback",
            LOG.update(3, snapshot=LOG.snapshot(3, at=NOW + 1)),
        ),
        update(
            "what had expired left out, under a head of before that",
            "list_rollback",
            LOG.update(
                3, snapshot=LOG.snapshot(3, at=NOW + 1061, without=[E1, E2, E3]), fresh_until=2**40
            ),
            LOG.update(fresh_until=2**40),
            now=NOW + 1061,
        ),
        update(
            "the same after a restart",
            "list_rollback",
            LOG.update(
                3, snapshot=LOG.snapshot(3, at=NOW + 1061, without=[E1, E2, E3]), fresh_until=2**40
            ),
            now=NOW + 1061,
            floor=FLOOR,
        ),
    ),
    family(
        "list fork",
        only_the_past_held_is_compared,
        update("another last entry", "list_forked", FORKED.update(), LOG.update()),
        update("another first entry", "list_forked", FORKED_EARLY.update(), LOG.update()),
        update("longer, from another past", "list_forked", FORKED_LONGER.update(), LOG.update()),
        update(
            "another past after a restart", "list_forked", FORKED.update(at=NOW + 5), floor=FLOOR
        ),
        update(
            "a snapshot of another past",
            "list_forked",
            FORKED.update(3, snapshot=FORKED.snapshot(3)),
            LOG.update(),
        ),
    ),
    family(
        "entries that do not lead to the head",
        the_past_is_not_compared,
        update(
            "an entry exchanged",
            "list_forked",
            LONGER.update(3, entries=[chain_entry(bytes(32))]),
            LOG.update(),
        ),
        update(
            "two entries turned round",
            "list_forked",
            LOG.update(entries=[E2, E1, E3]),
        ),
        update(
            "an entry for another's",
            "list_forked",
            LOG.update(entries=[E1, E4, E3]),
        ),
        update(
            "an entry's end shortened",
            "list_forked",
            LOG.update(entries=[E1, E2, chain_entry(bytes([2]) * 32, until=0)]),
        ),
    ),
    family(
        "list gap",
        the_beginning_is_not_compared,
        update("from further on", "list_gap", shifted(LONGER.update(3), 4), LOG.update()),
        update("from the beginning", "list_gap", shifted(LONGER.update(3), 0), LOG.update()),
        update("a heartbeat from elsewhere", "list_gap", shifted(LOG.update(3), 0), LOG.update()),
        update("a heartbeat for a view that holds nothing", "list_gap", LOG.update(3)),
        update(
            "an entry left out at the end", "list_gap", LONGER.update(3, entries=[]), LOG.update()
        ),
        update("an entry left out at the beginning", "list_gap", LOG.update(entries=[E2, E3])),
        update("an entry twice", "list_gap", LOG.update(entries=[E1, E1, E2, E3])),
    ),
    family(
        "missing entry",
        entries_may_go,
        update(
            "one left out of a snapshot",
            "list_missing",
            LONGER.update(4, snapshot=LONGER.snapshot(4, without=[E2])),
            LOG.update(),
        ),
        update(
            "all left out",
            "list_missing",
            LONGER.update(4, snapshot=LONGER.snapshot(4, without=[E1, E2, E3])),
            LOG.update(),
        ),
        update(
            "all shortened",
            "list_missing",
            LONGER.update(4, snapshot=LONGER.snapshot(4, until=NOW + 999)),
            LOG.update(),
        ),
        update(
            "an issuer left out",
            "list_missing",
            WITH_ISSUER.update(2, snapshot=WITH_ISSUER.snapshot(2, without=[ISSUER])),
            WITH_ISSUER.update(),
        ),
        update(
            "an issuer shortened",
            "list_missing",
            WITH_ISSUER.update(2, snapshot=WITH_ISSUER.snapshot(2, until=NOW + 999)),
            WITH_ISSUER.update(),
        ),
        update(
            "at the same number",
            "list_missing",
            LOG.update(3, snapshot=LOG.snapshot(3, without=[E3])),
            LOG.update(),
        ),
    ),
    family(
        "other list",
        any_list_of_the_key_will_do,
        update(
            "another list of the same key",
            "list_other",
            OTHER_LIST.update(3, snapshot=OTHER_LIST.snapshot(3)),
        ),
        update("another list from its beginning", "list_other", OTHER_LIST.update()),
        update(
            "a head of another list",
            "list_other",
            LOG.update(head=OTHER_LIST.head()),
        ),
    ),
    family(
        "floor of another list",
        a_floor_of_another_list_will_do,
        Attack(
            "at the start of a view",
            "list_other",
            lambda: fed(floor=KeptFloor(pack([*OTHER_LIST.place(), NOW]))),
        ),
    ),
    family(
        "unsigned list",
        signatures_are_not_checked,
        update("a head by mallory", "list_untrusted", LOG.update(head=HER_LOG.head())),
        update("all by mallory", "list_untrusted", HER_LOG.update()),
        update("by the root key", "list_untrusted", LOG.but(key=ROOT).update()),
        update(
            "a head without a signature",
            "list_untrusted",
            LOG.update(head=pack([unpack(LOG.head())[0], bytes(64)])),
        ),
        update(
            "a later head with an old signature",
            "list_untrusted",
            LOG.update(head=pack([unpack(LOG.head(NOW + 5))[0], unpack(LOG.head())[1]])),
        ),
    ),
    family(
        "unsigned snapshot",
        any_signature_of_the_key_will_do,
        update(
            "by mallory, under a right head",
            "list_untrusted",
            LOG.update(3, snapshot=HER_LOG.snapshot(3, without=[E1])),
        ),
        update(
            "with the head's signature",
            "list_untrusted",
            LOG.update(3, snapshot=pack([unpack(LOG.snapshot(3))[0], unpack(LOG.head())[1]])),
        ),
    ),
    family(
        "update of the future",
        publishers_may_be_ahead,
        update("a head 61 s ahead", "list_future", LOG.update(at=NOW + 61)),
        update("a head of next year", "list_future", LOG.update(at=NOW + 10**7)),
        update(
            "a snapshot 61 s ahead",
            "list_future",
            LOG.update(0, snapshot=LOG.snapshot(0, at=NOW + 61)),
        ),
    ),
    family(
        "update past its freshness",
        updates_are_taken_at(lambda now, _issued, fresh_until: min(now, fresh_until - 1)),
        update("at that second", "list_stale", LOG.update(fresh_until=NOW + 5), now=NOW + 5),
        update("long after", "list_stale", LOG.update(fresh_until=NOW + 5), now=NOW + 10**6),
    ),
)
