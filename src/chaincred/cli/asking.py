"""The request: what a holder asks for, and what a server is about to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from chaincred import Request
from chaincred.caveat_json import parsed
from chaincred.cli.limits import EFFECTS
from chaincred.cli.params import Bytes

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--audience", required=True, metavar="A", help="The name of the server."),
    click.option("--tool", required=True, metavar="T", help="What is called."),
    click.option("--effect", required=True, type=EFFECTS, help="What it does to the world."),
    click.option("--resource", default="", metavar="R", help="On what."),
    click.option("--args", metavar="JSON", default="{}", help="The call's arguments, an object."),
    click.option("--task", default="", metavar="T", help="For which task."),
    click.option("--context", type=Bytes(32), default=None, help="The digest of the context."),
)


def asking(command: Command) -> Command:
    """Adds --audience and the options that `request_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def request_of(
    *, tool: str, effect: str, resource: str, args: str, task: str, context: bytes | None
) -> Request:
    """The request that the options spell. Raises ValueError, Malformed."""
    arguments = parsed(args)
    if not isinstance(arguments, dict):
        raise click.UsageError("--args is a JSON object")
    return Request(
        tool, effect=effect, resource=resource, args=arguments, task=task, context=context or b""
    )
