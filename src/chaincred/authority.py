"""What a chain allows once all its caveats are taken together.

Verification does not need this: it asks every caveat. It is for the holder who attenuates, to be
told at once of a child that could never be used, and for people who read a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from chaincred.args import Constraint, Exact, OneOf, Range
from chaincred.caveats import (
    MAX_BLOCKS,
    Args,
    Audience,
    Caveat,
    Context,
    Expires,
    MaxEffect,
    MaxHops,
    NotBefore,
    Resources,
    Task,
    Tools,
)
from chaincred.encoding import MAX_TIME
from chaincred.patterns import meet
from chaincred.request import Effect

_MAX_MEETS: Final = 10_000
"""Pairs of patterns looked at for one caveat; a hostile token can hold a thousand in each block."""

Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Authority:
    """The intersection of all caveats; None where nothing was said.

    Times are seconds since 1970. `hops_left` is how many blocks may still follow. `rest` holds
    the caveats that have no simple intersection (Args, and kinds that always forbid). `exact` is
    false if there were too many patterns to intersect: then `tools` or `resources` allow more
    than the chain does.
    """

    expires_at: int = MAX_TIME
    not_before: int = 0
    hops_left: int = MAX_BLOCKS
    effect: Effect = Effect.IRREVERSIBLE
    tools: Names | None = None
    resources: Names | None = None
    audiences: Names | None = None
    tasks: Names = frozenset()
    contexts: frozenset[bytes] = frozenset()
    rest: tuple[Caveat, ...] = field(default=())
    exact: bool = True

    @classmethod
    def of(cls, blocks: Sequence[Iterable[Caveat]]) -> Authority:
        """The authority left to the last holder of a chain with these caveats, block by block."""
        return reduce(cls.narrowed, blocks, cls())

    def narrowed(self, caveats: Iterable[Caveat]) -> Authority:
        """What is left of this authority after one more block, with these caveats."""
        return reduce(_narrow, caveats, replace(self, hops_left=self.hops_left - 1))

    def contradiction(self) -> str | None:
        """Why no request can ever be allowed, as far as that can be told; None if one can."""
        if self.hops_left < 0:
            return "more hops than are left"
        if self.not_before >= self.expires_at:
            return "it expires before it begins"
        for what, allowed in (
            ("tool", self.tools),
            ("resource", self.resources),
            ("audience", self.audiences),
        ):
            if allowed is not None and not allowed:
                return f"no {what} is allowed by every block"
        if len(self.tasks) > 1 or len(self.contexts) > 1:
            return "it asks for two tasks or two contexts at once"
        return _args_contradiction([rest for rest in self.rest if isinstance(rest, Args)])


def _narrow(have: Authority, caveat: Caveat) -> Authority:
    match caveat:
        case Expires(at):
            return replace(have, expires_at=min(have.expires_at, at))
        case NotBefore(at):
            return replace(have, not_before=max(have.not_before, at))
        case MaxHops(hops):
            return replace(have, hops_left=min(have.hops_left, hops))
        case MaxEffect(effect):
            return replace(have, effect=min(have.effect, Effect.named(effect)))
        case Tools(patterns):
            tools, exact = _intersect(have.tools, patterns)
            return replace(have, tools=tools, exact=have.exact and exact)
        case Resources(patterns):
            resources, exact = _intersect(have.resources, patterns)
            return replace(have, resources=resources, exact=have.exact and exact)
        case Audience(names):
            allowed = frozenset(names)
            return replace(
                have, audiences=allowed if have.audiences is None else have.audiences & allowed
            )
        case Task(task):
            return replace(have, tasks=have.tasks | {task})
        case Context(digest):
            return replace(have, contexts=have.contexts | {digest})
    return have if caveat in have.rest else replace(have, rest=(*have.rest, caveat))


def _intersect(have: Names | None, patterns: Sequence[str]) -> tuple[Names, bool]:
    mine = _widest(patterns)
    if have is None:
        return mine, len(mine) ** 2 <= _MAX_MEETS
    if len(have) * len(mine) > _MAX_MEETS:
        return min(have, mine, key=len), False
    shared = (meet(one, other) for one in have for other in mine)
    return _widest([pattern for pattern in shared if pattern is not None]), True


def _widest(patterns: Sequence[str]) -> Names:
    """The patterns without those that another one of them covers."""
    distinct = frozenset(patterns)
    if len(distinct) ** 2 > _MAX_MEETS:
        return distinct
    return frozenset(
        one
        for one in distinct
        if not any(one != other and meet(one, other) == one for other in distinct)
    )


def _args_contradiction(said: Sequence[Args]) -> str | None:
    wanted: dict[str, list[Constraint]] = {}
    for args in said:
        for name, constraint in args.arguments.items():
            wanted.setdefault(name, []).append(constraint)
    for name, constraints in wanted.items():
        if not any(constraint.required for constraint in constraints):
            continue
        if any(args.closed and name not in args.arguments for args in said):
            return f"the argument {name} is asked for and forbidden"
        if not _can_meet(constraints):
            return f"no value of the argument {name} is allowed by every block"
    return None


def _can_meet(constraints: Sequence[Constraint]) -> bool:
    inner = [constraint.inner for constraint in constraints]
    for constraint in inner:
        values = _values(constraint)
        if values is not None:
            return any(all(each.allows(value) for each in inner) for value in values)
    ranges = [constraint for constraint in inner if isinstance(constraint, Range)]
    lows = [each.low for each in ranges if each.low is not None]
    highs = [each.high for each in ranges if each.high is not None]
    return not lows or not highs or max(lows) <= min(highs)


def _values(constraint: Constraint) -> Sequence[object] | None:
    match constraint:
        case Exact(value):
            return [value]
        case OneOf(values):
            return values
    return None
