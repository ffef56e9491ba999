"""What the page says in words: caveats, times, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from chaincred.caveat_json import caveat_of
from chaincred.cli.words import moment

_LAST: Final = 253_402_300_799
_EFFECTS: Final = {
    "read": "read only: nothing may be changed",
    "write": "nothing that cannot be undone",
    "irreversible": "anything, also what cannot be undone",
}
_BINDS: Final = {"request": "this request", "holder": "this holder", "chain": "this chain"}
_LONGEST: Final = 240
"""Characters of a caveat nobody here can read: enough to recognise it."""


def caveat(said: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of a caveat, as its JSON spells it, and what it allows."""
    match said:
        case {"kind": "Expires", "at": at}:
            return "Time", f"before {moment(at)}"
        case {"kind": "NotBefore", "at": at}:
            return "Time", f"from {moment(at)} on"
        case {"kind": "Tools", "patterns": patterns}:
            return "Tools", _any(patterns)
        case {"kind": "Resources", "patterns": patterns}:
            return "Resources", _any(patterns)
        case {"kind": "MaxEffect", "effect": effect}:
            return "Effect", _EFFECTS.get(effect, effect)
        case {"kind": "MaxHops", "hops": 0}:
            return "Handing over", "not any further"
        case {"kind": "MaxHops", "hops": hops}:
            return "Handing over", f"at most {hops} more"
        case {"kind": "Audience", "names": names}:
            return "Server", _any(names)
        case {"kind": "Task", "id": task}:
            return "Task", task
        case {"kind": "Context", "digest": {"$bin": digest}}:
            return "Context", f"only while its digest is {digest[:16]}…"
        case {"kind": "MaxUses", "uses": uses}:
            return "Uses", f"at most {uses}, with all below"
        case {"kind": "Budget", "unit": unit, "limit": limit}:
            return "Budget", f"at most {limit} {unit}, with all below"
        case {"kind": "ThirdParty", "says": says, "threshold": threshold, "keys": keys}:
            of = _BINDS.get(str(said.get("binds")), "it")
            age = f", at most {said['max_age']} s ago" if "max_age" in said else ""
            return "Approval", f"{threshold} of {len(keys)} keys say “{says}” of {of}{age}"
        case {"kind": str(kind)}:
            return _other(kind, said)
    return "Unknown", f"kind {said.get('kind')}, which nobody here knows: it forbids everything"


def _other(kind: str, said: Mapping[str, Any]) -> tuple[str, str]:
    try:
        wanted = caveat_of(dict(said)).wanted()
    except (ValueError, TypeError):
        wanted = "something that cannot be told here"
    cut = wanted if len(wanted) <= _LONGEST else f"{wanted[:_LONGEST]}…"
    return ("Arguments" if kind == "Args" else kind), cut


def _any(names: list[str]) -> str:
    return " or ".join(names)


def when(second: int | None) -> Markup:
    """A time that the script counts on from: `2026-01-31 12:00:00Z`, and how long that is."""
    if second is None:
        return Markup("<span class=none>never</span>")
    iso = datetime.fromtimestamp(second, UTC).isoformat() if second <= _LAST else ""
    return Markup('<time datetime="{}" data-at="{}" data-as="ago">{}</time>').format(
        iso, second, moment(second)
    )


def exactly(second: int) -> Markup:
    """A time to the second, with no regard to the present."""
    return Markup("<time>{}</time>").format(moment(second))


def short(digits: str | None) -> str:
    """The beginning of an id: enough to tell it from others by eye."""
    return f"{digits[:12]}…" if digits else ""


REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "unauthenticated": ("You are signed out", "A session lasts an hour at most. Sign in again."),
    "revoked": (
        "Your token is revoked",
        "The token that you signed in with is on the revocation list, so this session is over.",
    ),
    "caveat": (
        "Your token does not allow this",
        "What you signed in with is limited, and this is outside of it.",
    ),
    "policy": ("The policy does not allow this", "The service's own policy refuses it."),
    "stale": (
        "The revocation list is not fresh",
        "This service cannot tell what was revoked since, so it admits nobody, you included.",
    ),
    "unavailable": (
        "The store does not answer",
        "Nothing was changed. What was revoked before stays in force.",
    ),
    "not_found": ("Not here", "Nothing of that name was seen, or it is gone."),
    "malformed": ("That cannot be asked", "Something in the question is not as it should be."),
}
"""A heading and a sentence for each refusal that a person can meet."""
OTHER: Final = ("That did not work", "Nothing was changed.")
