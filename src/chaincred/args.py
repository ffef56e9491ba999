"""The `Args` caveat: what the arguments of a call may be (specs/token.md 6.4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from chaincred.encoding import pack
from chaincred.patterns import (
    MAX_VALUE,
    host_matches,
    is_below,
    is_listed_host,
    is_name,
    is_pattern,
    matches,
    url_host,
)

MAX_ARG_NAME: Final = 128

Scalar = int | str | bool | bytes


@dataclass(frozen=True, slots=True, eq=False)
class Constraint(ABC):
    """A condition on one argument."""

    number: ClassVar[int]
    required: ClassVar[bool] = True

    @property
    def inner(self) -> Constraint:
        """The condition itself, without its mark that the argument may be missing."""
        return self

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether the value of the argument meets the condition."""

    @abstractmethod
    def to_wire(self) -> list[Any]:
        """`[number, field]` as packed in a block."""

    # By bytes: by value, exactly 1 would be exactly True.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constraint) or type(self) is not type(other):
            return False
        return pack(self.to_wire()) == pack(other.to_wire())

    def __hash__(self) -> int:
        return hash(pack(self.to_wire()))


@dataclass(frozen=True, slots=True, eq=False)
class Exact(Constraint):
    """The very value, of the same type: `True` is not 1."""

    number = 0
    value: Scalar

    def __post_init__(self) -> None:
        _check_scalar(self.value)

    def allows(self, value: Any) -> bool:
        return type(value) is type(self.value) and bool(value == self.value)

    def to_wire(self) -> list[Any]:
        return [self.number, self.value]

    def __str__(self) -> str:
        return f"exactly {self.value!r}"


@dataclass(frozen=True, slots=True, eq=False)
class OneOf(Constraint):
    """One of several values, each taken as `Exact`."""

    number = 1
    values: Sequence[Scalar]

    def __post_init__(self) -> None:
        values = () if isinstance(self.values, (str, bytes)) else tuple(self.values)
        if not values:
            raise ValueError("OneOf takes a list of one value or more")
        for value in values:
            _check_scalar(value)
        by_spelling = {pack(value): value for value in values}
        object.__setattr__(self, "values", tuple(by_spelling[key] for key in sorted(by_spelling)))

    def allows(self, value: Any) -> bool:
        return any(type(value) is type(own) and value == own for own in self.values)

    def to_wire(self) -> list[Any]:
        return [self.number, list(self.values)]

    def __str__(self) -> str:
        return "one of " + ", ".join(repr(value) for value in self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Range(Constraint):
    """A number from `low` to `high`, both included and either left out as None."""

    number = 2
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if not bounds:
            raise ValueError("Range takes a low bound, a high bound or both")
        for bound in bounds:
            if type(bound) is not int:
                raise TypeError("the bounds of a Range are integers")
            _check_scalar(bound)
        if bounds != sorted(bounds):
            raise ValueError("the low bound of a Range is above the high one")

    def allows(self, value: Any) -> bool:
        # Python compares an int and a float exactly; no bound is rounded to a float.
        return (
            type(value) in (int, float)
            and (self.low is None or self.low <= value)
            and (self.high is None or value <= self.high)
        )

    def to_wire(self) -> list[Any]:
        return [self.number, *([] if b is None else [b] for b in (self.low, self.high))]

    def __str__(self) -> str:
        low = "" if self.low is None else f"at least {self.low}"
        high = "" if self.high is None else f"at most {self.high}"
        return " and ".join(bound for bound in (low, high) if bound)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern(Constraint):
    """A name in normal form that matches a pattern."""

    number = 3
    pattern: str

    def __post_init__(self) -> None:
        if not is_pattern(self.pattern):
            raise ValueError("not a pattern")

    def allows(self, value: Any) -> bool:
        return is_name(value, MAX_VALUE) and matches(self.pattern, value)

    def to_wire(self) -> list[Any]:
        return [self.number, self.pattern]

    def __str__(self) -> str:
        return f"like {self.pattern}"


@dataclass(frozen=True, slots=True, eq=False)
class PathBelow(Constraint):
    """A name in normal form that is `path` or lies under it."""

    number = 4
    path: str

    def __post_init__(self) -> None:
        if not is_name(self.path):
            raise ValueError("not a name in normal form")

    def allows(self, value: Any) -> bool:
        return is_name(value, MAX_VALUE) and is_below(self.path, value)

    def to_wire(self) -> list[Any]:
        return [self.number, self.path]

    def __str__(self) -> str:
        return f"{self.path} or below"


@dataclass(frozen=True, slots=True, eq=False)
class Host(Constraint):
    """An http or https URL whose host is listed; `*.` stands for exactly one label."""

    number = 5
    hosts: Sequence[str]

    def __post_init__(self) -> None:
        hosts = () if isinstance(self.hosts, str) else tuple(self.hosts)
        if not hosts:
            raise ValueError("Host takes a list of one host or more")
        if not all(is_listed_host(host) for host in hosts):
            raise ValueError("not a host in normal form")
        object.__setattr__(self, "hosts", tuple(sorted(set(hosts))))

    def allows(self, value: Any) -> bool:
        host = url_host(value) if type(value) is str else None
        return host is not None and any(host_matches(listed, host) for listed in self.hosts)

    def to_wire(self) -> list[Any]:
        return [self.number, list(self.hosts)]

    def __str__(self) -> str:
        return "a URL at " + " or ".join(self.hosts)


@dataclass(frozen=True, slots=True, eq=False)
class Optional(Constraint):
    """An argument that may be missing; if it is there, `constraint` holds."""

    required = False
    constraint: Constraint

    def __post_init__(self) -> None:
        if not isinstance(self.constraint, Constraint) or not self.constraint.required:
            raise TypeError("Optional takes a constraint that is not optional itself")

    @property
    def inner(self) -> Constraint:
        return self.constraint

    def allows(self, value: Any) -> bool:
        return self.constraint.allows(value)

    def to_wire(self) -> list[Any]:
        return self.constraint.to_wire()

    def __str__(self) -> str:
        return f"(if given) {self.constraint}"


def from_wire(listed: list[Any]) -> dict[str, Constraint]:
    """The constraints by name that a block lists. Raises ValueError or TypeError."""
    arguments = {}
    for name, required, (number, *fields) in listed:
        constraint = _constraint(number, fields)
        arguments[name] = constraint if required else Optional(constraint)
    return arguments


def to_wire(arguments: Mapping[str, Constraint]) -> list[Any]:
    """`[[name, required, constraint], ...]` as packed in a block."""
    return [[name, item.required, item.to_wire()] for name, item in arguments.items()]


def _constraint(number: int, fields: list[Any]) -> Constraint:
    match number, fields:
        case 0, [value]:
            return Exact(value)
        case 1, [list(values)]:
            return OneOf(values)
        case 2, [list(low), list(high)] if len(low) <= 1 and len(high) <= 1:
            return Range(*low or [None], *high or [None])
        case 3, [pattern]:
            return Pattern(pattern)
        case 4, [path]:
            return PathBelow(path)
        case 5, [list(hosts)]:
            return Host(hosts)
    raise ValueError("not a constraint")


def _check_scalar(value: object) -> None:
    if type(value) not in (int, str, bool, bytes):
        raise TypeError("a constraint compares with an int, str, bool or bytes")
    # What a block cannot carry must fail here, where the caller can see why.
    try:
        pack(value)
    except (OverflowError, UnicodeEncodeError) as error:
        raise ValueError("a constraint's value does not fit a block") from error
