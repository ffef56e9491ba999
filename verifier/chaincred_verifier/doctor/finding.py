"""What was found: right, worth knowing, or wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `what` is the part that was looked at, `do` what helps where something is wrong."""

    what: str
    state: State
    said: str
    do: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Findings = Iterator[Finding]


def ok(what: str, said: str) -> Finding:
    return Finding(what, "ok", said)


def note(what: str, said: str, do: str = "") -> Finding:
    """Something that may be meant so."""
    return Finding(what, "note", said, do)


def wrong(what: str, said: str, do: str) -> Finding:
    return Finding(what, "wrong", said, do)
