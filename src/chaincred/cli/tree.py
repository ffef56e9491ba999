"""A chain drawn as the tree of handovers that it is, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from chaincred import Authority, Caveat, Expires, Hop, NotBefore, Unknown
from chaincred.caveat_json import caveat_json
from chaincred.cli.output import painted, plain
from chaincred.cli.words import ago, moment
from chaincred.encoding import MAX_TIME

_LONGEST: Final = 240
"""Characters of a caveat nobody here can read: enough to recognise it."""


def drawn(hops: Sequence[Hop], now: int) -> Iterator[str]:
    """Who handed over to whom, what for, under which caveats."""
    for depth, hop in enumerate(hops):
        indent = "   " * depth
        purpose = plain(hop.purpose) or "(no purpose given)"
        yield f"{indent}└─ {painted(hop.agent, bold=True)}: {purpose}"
        indent += "   "
        below = "│" if depth + 1 < len(hops) else " "
        yield f"{indent}{below} holder  {hop.holder.hex()}"
        yield f"{indent}{below} link    {painted(hop.link.hex(), fg='cyan')}"
        yield f"{indent}{below} since   {moment(hop.issued_at)}, {ago(hop.issued_at, now)}"
        for caveat in hop.caveats:
            yield f"{indent}{below} only    {_caveat(caveat, now)}"


def authority_lines(left: Authority, now: int) -> Iterator[str]:
    """What the caveats of all hops allow together."""
    rows = {
        "until": f"{moment(left.expires_at)}, {ago(left.expires_at, now)}"
        if left.expires_at < MAX_TIME
        else "any time",
        "from": moment(left.not_before) if left.not_before else "",
        "effect": left.effect.label,
        "tools": _names(left.tools),
        "resources": _names(left.resources),
        "audiences": _names(left.audiences),
        "tasks": _names(left.tasks) if left.tasks else "any",
        "contexts": _names(digest.hex() for digest in left.contexts) if left.contexts else "any",
        "hops left": str(max(left.hops_left, 0)),
    }
    for name, value in rows.items():
        if value:
            yield f"   {name:<10} {plain(value)}"
    for caveat in left.rest:
        yield f"   {'also':<10} {_caveat(caveat, now)}"
    if not left.exact:
        yield "   (too many patterns to intersect: in truth it is less)"
    contradiction = left.contradiction() or ("it has expired" if left.expires_at <= now else None)
    if contradiction:
        yield f"   {painted('nothing at all: ' + contradiction, fg='red', bold=True)}"


def hops_json(hops: Sequence[Hop]) -> list[dict[str, Any]]:
    """The hops, for a program."""
    return [
        {
            "agent": hop.agent,
            "purpose": hop.purpose,
            "issued_at": hop.issued_at,
            "delegator": hop.delegator.hex(),
            "holder": hop.holder.hex(),
            "link": hop.link.hex(),
            "caveats": [caveat_json(caveat) for caveat in hop.caveats],
        }
        for hop in hops
    ]


def authority_json(left: Authority) -> dict[str, Any]:
    """The authority, for a program; null where nothing was said."""
    return {
        "expires_at": left.expires_at,
        "not_before": left.not_before,
        "hops_left": left.hops_left,
        "effect": left.effect.label,
        "tools": _sorted(left.tools),
        "resources": _sorted(left.resources),
        "audiences": _sorted(left.audiences),
        "tasks": sorted(left.tasks),
        "contexts": sorted(digest.hex() for digest in left.contexts),
        "rest": [caveat_json(caveat) for caveat in left.rest],
        "exact": left.exact,
        "contradiction": left.contradiction(),
    }


def _caveat(caveat: Caveat, now: int) -> str:
    match caveat:
        case Expires(at):
            said = f"before {moment(at)}, {ago(at, now)}"
        case NotBefore(at):
            said = f"from {moment(at)}, {ago(at, now)}"
        case Unknown():
            # Anything can stand in a kind that nobody checked the fields of.
            said = f"kind {caveat.raw[0]}, which this version does not know: {caveat.fields()!r}"
        case _:
            said = caveat.wanted()
    shown = plain(said)
    cut = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return f"{painted(caveat.name, fg='yellow')}: {cut}"


def _names(names: Any) -> str:
    return "any" if names is None else ", ".join(sorted(names)) or "none"


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
