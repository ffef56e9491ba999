"""Caveats: conditions that can only forbid (specs/token.md 6).

The set is closed: `KINDS` is all there is, and what a block says beyond it becomes `Unknown`,
which forbids. A caveat answers one question, whether it holds for what is asked; it never
learns of other caveats, so adding one can only narrow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

from chaincred.args import MAX_ARG_NAME, Constraint, from_wire, to_wire
from chaincred.encoding import MAX_TIME, is_text, pack, require_plain
from chaincred.errors import Malformed
from chaincred.keys import PublicKey
from chaincred.patterns import MAX_NAME, is_pattern, matches
from chaincred.request import MAX_TASK, MAX_TOOL, Effect, Request

MAX_BLOCKS: Final = 16
"""Deeper than any delegation seen; what 8 KiB hold with two caveats a hop is about 30."""
MAX_AUDIENCE: Final = 256
MAX_UNIT: Final = 32
MAX_SAYS: Final = 64
_MAX_UINT32: Final = 2**32 - 1
_SHOWN: Final = 3
"""Arguments named in one refusal."""
_NAMED: Final = 64
"""Characters of each of these names."""
_AROUND: Final = 2
"""Levels around a caveat in a body: the body's own array and that of the caveats."""


_Listed = TypeVar("_Listed", bound="Caveat")


class Asked(NamedTuple):
    """What a caveat is held against: the request, the time (seconds) and the verifier's name.

    `below` is the number of blocks that follow the one the caveat stands in.
    """

    request: Request
    now: int
    audience: str
    below: int


class Caveat(ABC):
    """A condition on what is asked."""

    __slots__ = ()
    kind: ClassVar[int]

    @abstractmethod
    def holds(self, asked: Asked) -> bool:
        """Whether the condition is met."""

    @abstractmethod
    def fields(self) -> list[Any]:
        """What follows the kind in a block."""

    @abstractmethod
    def wanted(self) -> str:
        """The condition, for people."""

    @abstractmethod
    def given(self, asked: Asked) -> str:
        """What it is held against, for people."""

    @property
    def name(self) -> str:
        return type(self).__name__

    def to_wire(self) -> list[Any]:
        return [self.kind, *self.fields()]

    # By bytes, as constraints are.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Caveat) or type(self) is not type(other):
            return False
        return pack(self.to_wire()) == pack(other.to_wire())

    def __hash__(self) -> int:
        return hash(pack(self.to_wire()))

    def __str__(self) -> str:
        return f"{self.name}: {self.wanted()}"


@dataclass(frozen=True, slots=True, eq=False)
class _Instant(Caveat):
    at: int

    def __post_init__(self) -> None:
        _check_int("a time", self.at, 0, MAX_TIME)

    def fields(self) -> list[Any]:
        return [self.at]

    def given(self, asked: Asked) -> str:
        return str(asked.now)


@dataclass(frozen=True, slots=True, eq=False)
class Expires(_Instant):
    """The time is before `at` (seconds since 1970)."""

    kind = 0

    def holds(self, asked: Asked) -> bool:
        return asked.now < self.at

    def wanted(self) -> str:
        return f"before {self.at}"


@dataclass(frozen=True, slots=True, eq=False)
class NotBefore(_Instant):
    """The time is `at` (seconds since 1970) or later."""

    kind = 1

    def holds(self, asked: Asked) -> bool:
        return asked.now >= self.at

    def wanted(self) -> str:
        return f"from {self.at}"


@dataclass(frozen=True, slots=True, eq=False)
class _Matching(Caveat):
    limit: ClassVar[int]
    patterns: Sequence[str]

    def __post_init__(self) -> None:
        _keep_sorted(self, "patterns", self.patterns)
        for pattern in self.patterns:
            if not is_pattern(pattern, self.limit):
                raise ValueError(f"not a pattern of 1 to {self.limit} bytes")

    @classmethod
    def from_wire(cls, patterns: list[str]) -> Self:
        caveat: Self = _listed(cls, _strings(patterns))
        return caveat

    def allows(self, name: str) -> bool:
        """Whether a pattern matches `name`, which is in normal form."""
        # A name holds no star, so it is found as it stands only where it is spelled out.
        if name in self.patterns:
            return True
        return any(matches(pattern, name) for pattern in self.patterns if "*" in pattern)

    def fields(self) -> list[Any]:
        return [list(self.patterns)]

    def wanted(self) -> str:
        return " or ".join(self.patterns)


@dataclass(frozen=True, slots=True, eq=False)
class Tools(_Matching):
    """The tool matches one of these patterns (specs/token.md 7)."""

    kind = 2
    limit = MAX_TOOL

    def holds(self, asked: Asked) -> bool:
        return self.allows(asked.request.tool)

    def given(self, asked: Asked) -> str:
        return asked.request.tool


@dataclass(frozen=True, slots=True, eq=False)
class Resources(_Matching):
    """There is a resource, and it matches one of these patterns (specs/token.md 7)."""

    kind = 3
    limit = MAX_NAME

    def holds(self, asked: Asked) -> bool:
        return asked.request.resource != "" and self.allows(asked.request.resource)

    def given(self, asked: Asked) -> str:
        return asked.request.resource or "no resource"


@dataclass(frozen=True, slots=True, eq=False)
class MaxEffect(Caveat):
    """The effect is at most this: read, write or irreversible."""

    kind = 4
    effect: Effect | str

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", Effect.named(self.effect))

    @classmethod
    def from_wire(cls, effect: int) -> MaxEffect:
        if type(effect) is not int:
            raise TypeError("an effect is an integer")
        return cls(Effect(effect))

    def holds(self, asked: Asked) -> bool:
        return asked.request.effect <= Effect.named(self.effect)

    def fields(self) -> list[Any]:
        return [int(Effect.named(self.effect))]

    def wanted(self) -> str:
        return f"at most {Effect.named(self.effect).label}"

    def given(self, asked: Asked) -> str:
        return asked.request.effect.label


@dataclass(frozen=True, slots=True, eq=False)
class MaxHops(Caveat):
    """At most `hops` blocks follow this one."""

    kind = 5
    hops: int

    def __post_init__(self) -> None:
        _check_int("a number of hops", self.hops, 0, MAX_BLOCKS - 1)

    def holds(self, asked: Asked) -> bool:
        return asked.below <= self.hops

    def fields(self) -> list[Any]:
        return [self.hops]

    def wanted(self) -> str:
        return f"at most {self.hops} more"

    def given(self, asked: Asked) -> str:
        return str(asked.below)


@dataclass(frozen=True, slots=True, eq=False)
class Audience(Caveat):
    """The verifier's own name is one of these."""

    kind = 6
    names: Sequence[str]

    def __post_init__(self) -> None:
        _keep_sorted(self, "names", self.names)
        if not all(is_text(name, 1, MAX_AUDIENCE) for name in self.names):
            raise ValueError("the name of an audience is a text of 1 to 256 bytes")

    @classmethod
    def from_wire(cls, names: list[str]) -> Audience:
        caveat: Audience = _listed(cls, _strings(names))
        return caveat

    def holds(self, asked: Asked) -> bool:
        return asked.audience in self.names

    def fields(self) -> list[Any]:
        return [list(self.names)]

    def wanted(self) -> str:
        return " or ".join(self.names)

    def given(self, asked: Asked) -> str:
        return asked.audience


@dataclass(frozen=True, slots=True, eq=False)
class Task(Caveat):
    """The request is for this task."""

    kind = 7
    id: str

    def __post_init__(self) -> None:
        if not is_text(self.id, 1, MAX_TASK):
            raise ValueError("a task is a text of 1 to 128 bytes")

    def holds(self, asked: Asked) -> bool:
        return asked.request.task == self.id

    def fields(self) -> list[Any]:
        return [self.id]

    def wanted(self) -> str:
        return self.id

    def given(self, asked: Asked) -> str:
        return asked.request.task or "no task"


@dataclass(frozen=True, slots=True, eq=False)
class Context(Caveat):
    """The agent's prompt, tools and configuration have this 32-byte digest."""

    kind = 8
    digest: bytes

    def __post_init__(self) -> None:
        if type(self.digest) is not bytes or len(self.digest) != 32:
            raise ValueError("a context is 32 bytes")

    def holds(self, asked: Asked) -> bool:
        return asked.request.context == self.digest

    def fields(self) -> list[Any]:
        return [self.digest]

    def wanted(self) -> str:
        return self.digest.hex()

    def given(self, asked: Asked) -> str:
        return asked.request.context.hex() or "no context"


@dataclass(frozen=True, slots=True, eq=False)
class Args(Caveat):
    """Each named argument meets its constraint; if `closed`, there are no others.

    An argument is required unless its constraint is wrapped in `Optional`.
    """

    kind = 9
    arguments: Mapping[str, Constraint]
    closed: bool = False

    def __post_init__(self) -> None:
        if type(self.closed) is not bool:
            raise TypeError("closed is True or False")
        if not self.arguments and not self.closed:
            raise ValueError("Args that name no argument and are not closed forbid nothing")
        for name, constraint in self.arguments.items():
            if not is_text(name, 1, MAX_ARG_NAME):
                raise ValueError("the name of an argument is a text of 1 to 128 bytes")
            if not isinstance(constraint, Constraint):
                raise TypeError("an argument takes a constraint")
        in_order = MappingProxyType(dict(sorted(self.arguments.items())))
        object.__setattr__(self, "arguments", in_order)

    @classmethod
    def from_wire(cls, listed: list[Any], closed: bool) -> Args:
        caveat = cls(from_wire(listed), closed)
        # Compared packed, since True == 1 and a constraint may hold either.
        if pack(to_wire(caveat.arguments)) != pack(listed):
            raise ValueError("arguments are listed in their one spelling")
        return caveat

    def holds(self, asked: Asked) -> bool:
        args = asked.request.args
        return not self._has_others(args) and next(self._faults(args), None) is None

    def fields(self) -> list[Any]:
        return [to_wire(self.arguments), self.closed]

    def wanted(self) -> str:
        said = [f"{name} {constraint}" for name, constraint in self.arguments.items()]
        return ", ".join(said + ["nothing else"] * self.closed)

    def given(self, asked: Asked) -> str:
        # Names only, few and short: values may hold what should not be in a log, names come in
        # thousands or are a megabyte long, and hundreds of caveats may each tell of them.
        args = asked.request.args
        others = (f"also {name[:_NAMED]!r}" for name in args if name not in self.arguments)
        faults = chain(self._faults(args), others if self.closed else ())
        shown = list(islice(faults, _SHOWN + 1))
        return ", ".join(shown[:_SHOWN] + ["and more"] * (len(shown) > _SHOWN))

    def _has_others(self, args: Mapping[str, Any]) -> bool:
        # Sets are compared by size first: a client may send a hundred thousand names.
        return self.closed and not args.keys() <= self.arguments.keys()

    def _faults(self, args: Mapping[str, Any]) -> Iterator[str]:
        for name, constraint in self.arguments.items():
            if name not in args:
                if constraint.required:
                    yield f"no {name}"
            elif not constraint.allows(args[name]):
                yield f"another {name}"


class NotBuilt(Caveat):
    """A kind that has its number and bytes, and forbids until it is built."""

    __slots__ = ()

    def holds(self, asked: Asked) -> bool:
        return False

    def given(self, asked: Asked) -> str:
        return "a verifier that does not know how to check it"


@dataclass(frozen=True, slots=True, eq=False)
class MaxUses(NotBuilt):
    """At most `uses` calls in the whole subtree under this block."""

    kind = 10
    uses: int

    def __post_init__(self) -> None:
        _check_int("a number of uses", self.uses, 1, _MAX_UINT32)

    def fields(self) -> list[Any]:
        return [self.uses]

    def wanted(self) -> str:
        return f"at most {self.uses}"


@dataclass(frozen=True, slots=True, eq=False)
class Budget(NotBuilt):
    """At most `limit` of `unit` spent in the whole subtree under this block."""

    kind = 11
    unit: str
    limit: int

    def __post_init__(self) -> None:
        if not is_text(self.unit, 1, MAX_UNIT):
            raise ValueError("a unit is a text of 1 to 32 bytes")
        _check_int("a limit", self.limit, 1, MAX_TIME)

    def fields(self) -> list[Any]:
        return [self.unit, self.limit]

    def wanted(self) -> str:
        return f"at most {self.limit} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class ThirdParty(NotBuilt):
    """`threshold` of `keys` vouch, at most `max_age` seconds ago, for what `binds` names."""

    kind = 12
    keys: Sequence[PublicKey]
    threshold: int
    says: str
    binds: str
    max_age: int

    BINDS: ClassVar = ("request", "holder", "chain")

    def __post_init__(self) -> None:
        if not self.keys or not all(isinstance(key, PublicKey) for key in self.keys):
            raise ValueError("ThirdParty takes a list of one PublicKey or more")
        object.__setattr__(self, "keys", tuple(sorted(set(self.keys), key=bytes)))
        _check_int("a threshold", self.threshold, 1, len(self.keys))
        if not is_text(self.says, 1, MAX_SAYS):
            raise ValueError("what a third party says is a text of 1 to 64 bytes")
        if self.binds not in self.BINDS:
            raise ValueError("a discharge binds the request, holder or chain")
        _check_int("an age", self.max_age, 1, _MAX_UINT32)

    @classmethod
    def from_wire(
        cls, keys: list[bytes], threshold: int, says: str, binds: int, max_age: int
    ) -> ThirdParty:
        if type(binds) is not int or binds not in range(len(cls.BINDS)):
            raise ValueError("a discharge binds the request, holder or chain")
        caveat = cls([PublicKey(key) for key in keys], threshold, says, cls.BINDS[binds], max_age)
        if type(keys) is not list or keys != [bytes(key) for key in caveat.keys]:
            raise ValueError("keys are in ascending order, none twice")
        return caveat

    def fields(self) -> list[Any]:
        keys = [bytes(key) for key in self.keys]
        return [keys, self.threshold, self.says, self.BINDS.index(self.binds), self.max_age]

    def wanted(self) -> str:
        return f"{self.threshold} of {len(self.keys)} keys to say {self.says} of this {self.binds}"


@dataclass(frozen=True, slots=True, eq=False)
class Unknown(Caveat):
    """A kind that this version does not know: it can be passed on, and forbids."""

    raw: Sequence[Any]

    def __post_init__(self) -> None:
        require_plain(list(self.raw), outside=_AROUND)

    @property
    def name(self) -> str:
        return "Unknown"

    def holds(self, asked: Asked) -> bool:
        return False

    def fields(self) -> list[Any]:
        return list(self.raw[1:])

    def to_wire(self) -> list[Any]:
        return list(self.raw)

    def wanted(self) -> str:
        return f"what kind {self.raw[0]} asks for"

    def given(self, asked: Asked) -> str:
        return "a verifier that does not know it"


def decode(raw: Sequence[list[Any]]) -> tuple[Caveat, ...]:
    """The caveats of a block from its `[kind, fields...]`. Raises Malformed."""
    return tuple([_decode_one(*each) for each in raw])


def _decode_one(kind: int, *fields: Any) -> Caveat:
    known = KINDS.get(kind)
    if known is None:
        return Unknown((kind, *fields))
    try:
        return known(*fields)
    except (TypeError, ValueError) as error:
        raise Malformed(f"a caveat of kind {kind} that is not so: {error}") from error


def _strings(values: object) -> tuple[str, ...]:
    # A constructor takes any iterable of strings; a block has to hold an array of them.
    if type(values) is not list or set(map(type, values)) != {str}:
        raise TypeError("a list of one string or more")
    return tuple(values)


# A server sees the same few lists all day, and what they mean depends on nothing else. It is no
# way in for what nobody signed: bounded, and only what was accepted is kept.
@lru_cache(maxsize=1024)
def _listed(kind: Callable[[Sequence[str]], _Listed], values: tuple[str, ...]) -> _Listed:
    if list(values) != sorted(set(values)):
        raise ValueError("a list is in ascending order, none twice")
    return kind(values)


# What a block says, by kind: all there is. Kinds whose constructor keeps its fields as given need
# no check of their spelling.
KINDS: Final[Mapping[int, Callable[..., Caveat]]] = {
    0: Expires,
    1: NotBefore,
    2: Tools.from_wire,
    3: Resources.from_wire,
    4: MaxEffect.from_wire,
    5: MaxHops,
    6: Audience.from_wire,
    7: Task,
    8: Context,
    9: Args.from_wire,
    10: MaxUses,
    11: Budget,
    12: ThirdParty.from_wire,
}


def _check_int(what: str, value: object, low: int, high: int) -> None:
    if type(value) is not int:
        raise TypeError(f"{what} is an integer")
    if not low <= value <= high:
        raise ValueError(f"{what} is from {low} to {high}")


def _keep_sorted(caveat: Caveat, field: str, values: Iterable[str]) -> None:
    kept = () if isinstance(values, str) else tuple(values)
    if set(map(type, kept)) != {str}:
        raise TypeError(f"{caveat.name} takes a list of one string or more")
    object.__setattr__(caveat, field, tuple(sorted(set(kept))))
