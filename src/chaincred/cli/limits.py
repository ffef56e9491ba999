"""The options that narrow: what `issue` and `attenuate` add as caveats."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from chaincred import (
    Args,
    Audience,
    Caveat,
    Context,
    Effect,
    Exact,
    Host,
    MaxEffect,
    OneOf,
    Optional,
    PathBelow,
    Pattern,
    Range,
    Resources,
    Task,
    Tools,
)
from chaincred.args import Constraint
from chaincred.caveat_json import caveat_of, parsed
from chaincred.cli.params import Bytes

EFFECTS: Final = click.Choice([effect.label for effect in Effect])

_OPTIONS: Final = (
    click.option("--tool", metavar="P", multiple=True, help="Only tools like P (repeatable)."),
    click.option(
        "--resource", metavar="P", multiple=True, help="Only resources like P (repeatable)."
    ),
    click.option("--effect", type=EFFECTS, help="At most this effect."),
    click.option(
        "--audience", metavar="A", multiple=True, help="Only at the server A (repeatable)."
    ),
    click.option("--task", metavar="T", help="Only for the task T."),
    click.option("--context", type=Bytes(32), help="Only with the context of this digest."),
    click.option(
        "--arg",
        metavar="NAME=FORM:VALUE",
        multiple=True,
        help="Only with this argument (repeatable; NAME?= if it may be missing). FORM is exact, "
        "oneof, range, pattern, below or host: path=below:docs, n=range:1..10, to=oneof:a,b.",
    ),
    click.option("--closed", is_flag=True, help="Only with arguments named by --arg."),
    click.option(
        "--caveat", metavar="JSON", multiple=True, help="Any caveat, as inspect --json shows it."
    ),
)
_RANGE: Final = re.compile(r"(-?[0-9]{1,20})?\.\.(-?[0-9]{1,20})?")

Command = TypeVar("Command", bound=Callable[..., Any])


def narrowing(command: Command) -> Command:
    """Adds the options that `caveats_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def caveats_of(
    *,
    tool: Sequence[str],
    resource: Sequence[str],
    effect: str | None,
    audience: Sequence[str],
    task: str | None,
    context: bytes | None,
    arg: Sequence[str],
    closed: bool,
    caveat: Sequence[str],
) -> list[Caveat]:
    """The caveats that the options ask for. Raises ValueError."""
    found: list[Caveat] = []
    found += [Tools(tool)] if tool else []
    found += [Resources(resource)] if resource else []
    found += [MaxEffect(effect)] if effect else []
    found += [Audience(audience)] if audience else []
    found += [Task(task)] if task is not None else []
    found += [Context(context)] if context else []
    found += [Args(_arguments(arg), closed)] if arg or closed else []
    return found + [caveat_of(parsed(text)) for text in caveat]


def _arguments(said: Sequence[str]) -> dict[str, Constraint]:
    arguments: dict[str, Constraint] = {}
    for each in said:
        name, _, rest = each.partition("=")
        form, colon, value = rest.partition(":")
        if not colon:
            raise ValueError(f"{each!r} is not like path=below:docs")
        optional = name.endswith("?")
        name = name.removesuffix("?")
        if name in arguments:
            raise ValueError(f"the argument {name!r} is named twice")
        constraint = _constraint(form, value)
        arguments[name] = Optional(constraint) if optional else constraint
    return arguments


def _constraint(form: str, value: str) -> Constraint:
    try:
        match form:
            case "exact":
                return Exact(_scalar(value))
            case "oneof":
                return OneOf(_scalars(value))
            case "range":
                return Range(*_bounds(value))
            case "pattern":
                return Pattern(value)
            case "below":
                return PathBelow(value)
            case "host":
                return Host(value.split(","))
    except TypeError as error:
        raise ValueError(str(error)) from error
    raise ValueError(f"{form!r} is not exact, oneof, range, pattern, below or host")


def _scalars(value: str) -> list[Any]:
    if value.startswith("["):
        return list(parsed(value))
    return [_scalar(each) for each in value.split(",")]


def _scalar(value: str) -> Any:
    """A number, true, false or a quoted string as JSON reads it; anything else as it stands."""
    try:
        return parsed(value)
    except ValueError:
        return value


def _bounds(value: str) -> list[int | None]:
    found = _RANGE.fullmatch(value)
    if not found:
        raise ValueError(f"{value!r} is not a range like 1..10, 1.. or ..10")
    return [int(bound) if bound else None for bound in found.groups()]
