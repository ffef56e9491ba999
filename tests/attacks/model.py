"""What a chain allows, said a second time and as simply as can be (specs/token.md 6 and 7).

The oracle of the attacks: it reads caveats as they stand in a block and shares nothing with the
library. It knows the kinds that the attacks use and forbids all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    CONTEXT,
    EXPIRES,
    MAX_EFFECT,
    MAX_HOPS,
    NOT_BEFORE,
    RESOURCES,
    SERVER,
    TASK,
    TOOLS,
    Ask,
)


def matches(pattern: str, name: str) -> bool:
    """Segment by segment: `*` is one that is not empty, a last `**` one or more of them."""
    return _match(pattern.split("/"), name.split("/"))


def _match(pattern: list[str], name: list[str]) -> bool:
    if not pattern or not name:
        return pattern == name
    if pattern == ["**"]:
        return "" not in name
    if pattern[0] not in (name[0], "*") or (pattern[0] == "*" and name[0] == ""):
        return False
    return _match(pattern[1:], name[1:])


def holds(caveat: Sequence[Any], ask: Ask, *, now: int, below: int, audience: str = SERVER) -> bool:
    kind, *fields = caveat
    if kind == EXPIRES:
        return bool(now < fields[0])
    if kind == NOT_BEFORE:
        return bool(now >= fields[0])
    if kind == TOOLS:
        return any(matches(pattern, ask.tool) for pattern in fields[0])
    if kind == RESOURCES:
        return ask.resource != "" and any(matches(each, ask.resource) for each in fields[0])
    if kind == MAX_EFFECT:
        return bool(ask.effect <= fields[0])
    if kind == MAX_HOPS:
        return bool(below <= fields[0])
    if kind == AUDIENCE:
        return audience in fields[0]
    if kind == TASK:
        return bool(ask.task == fields[0])
    if kind == CONTEXT:
        return bool(ask.context == fields[0])
    if kind == ARGS:
        return _args_hold(fields[0], fields[1], ask)
    return False


def _args_hold(listed: Sequence[Any], closed: bool, ask: Ask) -> bool:
    """Only the constraints `exact` (0) of an int and `range` (2) with both bounds."""
    for name, required, constraint in listed:
        if name not in ask.args:
            if required:
                return False
            continue
        given = ask.args[name]
        if type(given) is not int:
            return False
        if constraint[0] == 0 and given != constraint[1]:
            return False
        if constraint[0] == 2 and not constraint[1][0] <= given <= constraint[2][0]:
            return False
        if constraint[0] not in (0, 2):
            return False
    return not closed or set(ask.args) <= {name for name, _, _ in listed}


def allows(
    blocks: Sequence[Sequence[Sequence[Any]]],
    ask: Ask,
    *,
    now: int,
    length: int | None = None,
    audience: str = SERVER,
) -> bool:
    """Whether the caveats of `blocks` all hold in a chain of `length` blocks beginning so."""
    length = len(blocks) if length is None else length
    return all(
        holds(caveat, ask, now=now, below=length - at - 1, audience=audience)
        for at, caveats in enumerate(blocks)
        for caveat in caveats
    )
