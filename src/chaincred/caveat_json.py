"""Caveats as JSON: what `--json` answers and `--caveat` takes.

`{"kind": "Tools", "patterns": ["files/*"]}`: the kind and its fields by name. Bytes are
`{"$bin": "00ff"}`, keys hexadecimal digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import accumulate
from typing import Any, Final, NoReturn

from chaincred.args import Constraint, Exact, Host, OneOf, Optional, PathBelow, Pattern, Range
from chaincred.caveats import (
    Args,
    Audience,
    Budget,
    Caveat,
    Context,
    Expires,
    MaxEffect,
    MaxHops,
    MaxUses,
    NotBefore,
    Resources,
    Task,
    ThirdParty,
    Tools,
    Unknown,
)
from chaincred.keys import PublicKey
from chaincred.request import Effect

_KINDS: Final[Mapping[str, type[Caveat]]] = {
    kind.__name__: kind
    for kind in (
        Expires,
        NotBefore,
        Tools,
        Resources,
        MaxEffect,
        MaxHops,
        Audience,
        Task,
        Context,
        Args,
        MaxUses,
        Budget,
        ThirdParty,
    )
}
_MAX_NESTING: Final = 100
"""Brackets open at once, those in strings included: more than anything that is meant has."""
_BRACKETS: Final = re.compile(r"[\[\]{}]")
FORMS: Final = ("exact", "one_of", "range", "pattern", "below", "host")


def parsed(text: str) -> Any:
    """The value that a JSON text spells, each key once. Raises ValueError."""
    # How deep json itself goes differs between versions of Python. Few brackets are not deep.
    brackets = _BRACKETS.findall(text) if text.count("[") + text.count("{") > _MAX_NESTING else ()
    if max(accumulate(1 if each in "[{" else -1 for each in brackets), default=0) > _MAX_NESTING:
        raise ValueError("JSON that is nested too deep")
    return _DECODER.decode(text)


def caveat_json(caveat: Caveat) -> dict[str, Any]:
    """The caveat for a program."""
    if isinstance(caveat, Unknown):
        return {"kind": caveat.raw[0], "fields": _value(caveat.fields())}
    named = fields(caveat)  # type: ignore[arg-type]  # every kind is a dataclass
    return {"kind": caveat.name} | {f.name: _value(getattr(caveat, f.name)) for f in named}


def caveat_of(said: Any) -> Caveat:
    """The caveat that `caveat_json` would spell so. Raises ValueError."""
    name = said.get("kind") if isinstance(said, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"a caveat is an object whose kind is one of {', '.join(_KINDS)}")
    try:
        return kind(**{name: _field(name, said[name]) for name in said if name != "kind"})
    except TypeError as error:
        raise ValueError(f"a {name} that is not so: {error}") from error


def constraint_of(said: Any) -> Constraint:
    """The constraint of an argument. Raises ValueError, TypeError."""
    match said:
        case {"required": False, **rest} if len(rest) == 1:
            return Optional(constraint_of(rest))
        case {"exact": value, **rest} if not rest:
            return Exact(_scalar(value))
        case {"one_of": list(values), **rest} if not rest:
            return OneOf([_scalar(value) for value in values])
        case {"range": [low, high], **rest} if not rest:
            return Range(low, high)
        case {"pattern": pattern, **rest} if not rest:
            return Pattern(pattern)
        case {"below": path, **rest} if not rest:
            return PathBelow(path)
        case {"host": list(hosts), **rest} if not rest:
            return Host(hosts)
    raise ValueError(
        "a constraint is an object with one of exact, one_of, range, pattern, below, host"
    )


def _constraint_json(constraint: Constraint) -> dict[str, Any]:
    match constraint:
        case Optional(inner):
            return {**_constraint_json(inner), "required": False}
        case Exact(value):
            return {"exact": _value(value)}
        case OneOf(values):
            return {"one_of": _value(values)}
        case Range(low, high):
            return {"range": [low, high]}
        case Pattern(pattern):
            return {"pattern": pattern}
        case PathBelow(path):
            return {"below": path}
        case Host(hosts):
            return {"host": list(hosts)}
    raise TypeError(f"a {type(constraint).__name__} has no JSON form")


def _value(value: Any) -> Any:
    match value:
        case bytes():
            return {"$bin": value.hex()}
        case PublicKey():
            return value.hex()
        case Effect():
            return value.label
        case Constraint():
            return _constraint_json(value)
        case Mapping():
            return {name: _value(each) for name, each in value.items()}
        case list() | tuple():
            return [_value(each) for each in value]
    return value


def _field(name: str, value: Any) -> Any:
    match name, value:
        case "digest", {"$bin": str(digits)}:
            return bytes.fromhex(digits)
        case "keys", list(keys):
            return [PublicKey.from_hex(str(key)) for key in keys]
        case "arguments", dict(arguments):
            return {argument: constraint_of(each) for argument, each in arguments.items()}
        case "arguments", _:
            raise ValueError("arguments are an object of constraints by name")
    return value


def _scalar(value: Any) -> Any:
    match value:
        case {"$bin": str(digits), **rest} if not rest:
            return bytes.fromhex(digits)
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # The last of two equal keys would win, unseen by who reads the first.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a JSON object with a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
