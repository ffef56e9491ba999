"""The rows of the tables in README.md: what Spin is asked, and what it has to find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HOLDS: Final = "holds"
REACHED: Final = "reached"
CLAIMS: Final = ("late", "again", "back", "uncontained")


@dataclass(frozen=True, slots=True)
class Row:
    """One run of Spin. `expected` is HOLDS, REACHED, or the claim that is violated."""

    name: str
    section: str
    about: str
    expected: str
    switches: str = ""
    quick: bool = False


# Fewer nodes and moments where they are enough.
_ONE: Final = "-DNODES=2"
_TWO: Final = "-DNODES=3"
_FOUR: Final = "-DNODES=5"
_BRIEF: Final = f"{_ONE} -DLAST=4"
_LONG: Final = f"{_ONE} -DLAST=6"
# Clocks.
_EXACT: Final = "-DBEHIND=0 -DAHEAD=0"
_SLOW: Final = "-DBEHIND=4 -DAHEAD=-4"
_SET_BACK: Final = "-DBEHIND=LAST"
_EARLY: Final = f"{_ONE} -DEARLY=2 -DLAST=5 -DEXPIRES=6 -DBEHIND=1 -DAHEAD=0"
_APART: Final = f"{_ONE} -DEARLY=1 -DLAST=7 -DAHEAD=0"
# Publishers.
_RESTORED: Final = "-DRESTORED"
_LOST: Final = f"{_RESTORED} -DAND=PUBLISHERS_FLOOR -DLAST=4 -DCLAIMS=AGAIN"
_LOST_NOW: Final = f"{_LOST} -DKEEPS_ITS_LOG {_TWO}"
_THIEF: Final = f"-DTHIEF {_EXACT} -DCLAIMS=AGAIN"
_THIEF_NOW: Final = f"{_THIEF} -DRUNNING_ONLY"
_NO_FLOOR: Final = f"{_TWO} -DWITHOUT=FLOOR_ON_DISK -DCLAIMS=LATE"


def _designs() -> Iterator[Row]:
    yield Row("small", "", "two entries at most", HOLDS, _TWO, quick=True)
    for name, section, about, world in (
        ("design", "", "as specified", ""),
        ("two-views", "", "two views of one list", f"{_TWO} -DVIEWS=2"),
        ("slow-clock", "5, 6", "a verifier's is far behind", _SLOW),
        ("clock-set-back", "5, 6", "it is set back, however far", _SET_BACK),
        ("early-publisher", "S7.2", "the publisher's is ahead", _EARLY),
        ("clocks-apart", "4, 5", "by more than is tolerated", _APART),
        ("restored-store", "S12", "the publisher's is set back", f"{_TWO} {_RESTORED}"),
        ("entries-lost", "5.8", "and the publisher goes on", _LOST_NOW),
        ("thief", "7", "a stolen list key, a running view", _THIEF_NOW),
        ("no-floor", "6", "the bound needs none", _NO_FLOOR),
    ):
        yield Row(name, section, about, HOLDS, world)


def _happenings() -> Iterator[Row]:
    for place, about in (
        ("ADMITTED", "admitted, nothing being revoked"),
        ("AT_THE_BOUND", "admitted at the last moment"),
        ("REVOKED", "refused by the entry"),
        ("STALE", "refused by age"),
        ("BY_SNAPSHOT", "the entry comes in a snapshot"),
        ("BY_DELTA", "the entry comes after what is held"),
        ("FORGOTTEN", "the dead entry has left"),
        ("RESTARTED", "a list after a restart"),
        ("ROLLED_BACK", "refused by the floor on disk"),
    ):
        quick = place in {"ADMITTED", "RESTARTED"}
        yield Row(_name(place), "", about, REACHED, f"-DREACH={place}", quick)


def _rules() -> Iterator[Row]:
    for rule, section, about, claim, world in (
        ("GREATEST_UNTIL", "2", "no later entry shortens", "again", ""),
        ("NOT_BEFORE_UNTIL", "4", "no entry leaves before until", "late", _ONE),
        ("GRACE_AFTER_UNTIL", "4", "nor in the 60 s after it", "late", _ONE),
        ("FLOOR_ON_DISK", "5", "the floor is on disk", "again", _BRIEF),
        ("OWN_FLOOR", "5", "it is the view's own", "again", f"{_BRIEF} -DVIEWS=2"),
        ("EMPTY_START", "5", "a floor is no list", "again", _BRIEF),
        ("SIGNED_HEAD", "5.2", "the head is signed", "late", _LONG),
        ("SIGNED_SNAPSHOT", "5.2", "the snapshot is signed", "again", _BRIEF),
        ("FLOOR_NUMBER", "5.6", "seq is at least the floor's", "again", _BRIEF),
        ("FLOOR_TIME", "5.6", "so is issued_at", "again", f"{_ONE} {_SET_BACK}"),
        ("TAKEN_BEFORE_HEAD", "5.6", "and taken_at at most that", "again", f"{_ONE} {_SET_BACK}"),
        ("HASH_TO_HEAD", "5.8", "the entries hash to the head's", "again", _BRIEF),
        ("HASH_HELD", "5.8", "and to what is held", "again", _LOST_NOW),
        ("MISSING", "5.9", "what is held is there", "again", _THIEF_NOW),
        ("DISK_FIRST", "5.11", "first the disk, then memory", "again", _BRIEF),
        ("HEAD_BEGUN", "6", "issued_at - 60 <= now", "again", f"{_ONE} {_SET_BACK}"),
        ("FRESH_UNTIL", "6", "now < fresh_until", "late", _LONG),
        ("LIMIT", "6", "the limit of the effect", "late", _LONG),
        ("ONE_SIGNER", "S7.2", "one signs at a time", "late", _LONG),
        ("HEADS_ASCEND", "S7.2", "issued_at never goes back", "uncontained", _EARLY),
        (
            "PUBLISHERS_FLOOR",
            "S12",
            "a store set back does not sign",
            "late",
            f"{_LONG} {_RESTORED}",
        ),
    ):
        quick = rule in {"FLOOR_ON_DISK", "HASH_TO_HEAD", "DISK_FIRST", "LIMIT"}
        # A world may say of itself which claim it is about.
        asked = "" if "-DCLAIMS" in world else f" -DCLAIMS={claim.upper()}"
        yield Row(_name(rule), section, about, claim, f"-DWITHOUT={rule} {world}{asked}", quick)


def _spares() -> Iterator[Row]:
    for rule, section, about in (
        ("FUTURE_HEAD", "5.5", "no head of the future"),
        ("FUTURE_SNAPSHOT", "5.5", "and no such snapshot"),
        ("GAP", "5.7", "the entries join"),
        ("STALE_UPDATE", "5.10", "no stale head"),
    ):
        yield Row(_name(rule), section, about, HOLDS, f"-DWITHOUT={rule} {_FOUR}")


def _limits() -> Iterator[Row]:
    for name, section, about, claim, world in (
        (
            "slow-clock-late",
            "6",
            "the bound is by that clock",
            "late",
            f"{_ONE} {_SLOW} -DLAG=SKEW",
        ),
        ("thief-restart", "7", "a stolen list key, a restart", "again", _THIEF),
        ("lost-and-compacted", "5", "lost entries, then a snapshot", "again", _LOST),
    ):
        yield Row(name, section, about, claim, world)


def _name(switch: str) -> str:
    return switch.lower().replace("_", "-")


GROUPS: Final = {
    "The design": tuple(_designs()),
    "It does something": tuple(_happenings()),
    "With one rule taken out": tuple(_rules()),
    "Rules that the claims do not need": tuple(_spares()),
    "What the design does not promise": tuple(_limits()),
}
ROWS: Final = tuple(row for rows in GROUPS.values() for row in rows)
