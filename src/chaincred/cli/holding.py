"""The token in hand and its holder's key: what `attenuate` and `present` start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chaincred import SigningKey, Token
from chaincred.cli.params import File, Private, Text
from chaincred.cli.sources import read_bearer

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("token", type=Text(), required=False),
    click.option("--key", type=Private(), help="The private key of TOKEN's holder."),
    click.option(
        "--from-bearer",
        type=File(),
        help="Instead of TOKEN and --key: a bearer token's file, or - for standard input.",
    ),
)


def holding(command: Command) -> Command:
    """Adds the argument and options that `held` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def held(
    token: str | None, key: SigningKey | None, from_bearer: Path | None
) -> tuple[Token, SigningKey]:
    """The token and its holder's key."""
    if from_bearer and (token or key):
        raise click.UsageError("--from-bearer brings token and key; give neither beside it")
    if from_bearer:
        bearer = read_bearer(from_bearer)
        return bearer.token, bearer.key
    if token is None or key is None:
        raise click.UsageError("give TOKEN and --key, or --from-bearer")
    return Token.parse(token), key
