"""How closely followers follow, as people need it said (specs/service.md 8)."""

from __future__ import annotations

from typing import Any, Final

SILENT: Final = 90
"""Seconds: a follower says something at least every 30."""


def judged(found: dict[str, Any], now: int) -> list[dict[str, Any]]:
    """Every follower with its `state`: `enforces`, `behind` or `silent`; the worst first."""
    last = found["list"]["seq"] or 0
    judged = [each | {"state": _state(each, last, now)} for each in found["followers"]]
    order = ("silent", "behind", "enforces")
    return sorted(judged, key=lambda each: (order.index(each["state"]), each["name"]))


def _state(follower: dict[str, Any], last: int, now: int) -> str:
    if follower["heard_at"] is None or now - follower["heard_at"] > SILENT:
        return "silent"
    return "behind" if follower["seq"] < last else "enforces"


def closed(closure: dict[str, Any]) -> dict[str, Any]:
    """A closure (8.3) with its followers in one list, those that do not enforce it first."""
    rows = [
        *({"state": "silent", "seq": None} | each for each in closure["silent"]),
        *({"state": "behind"} | each for each in closure["behind"]),
        *({"state": "enforces", "seq": None} | each for each in closure["enforced"]),
    ]
    return {
        "number": closure["number"],
        "made_at": closure["made_at"],
        "state": closure["state"],
        "contained_at": closure["contained_at"],
        "followers": rows,
        "enforced": len(closure["enforced"]),
    }
