"""What `issue` and `attenuate` share: to whom, and where the new token goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chaincred import Authority, Bearer, PublicKey, Token
from chaincred.cli import output
from chaincred.cli.params import File, Public
from chaincred.files import write_secret

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--holder", type=Public(), help="The public key of the new holder."),
    click.option(
        "--bearer",
        type=File(),
        help="Instead of --holder: make a fresh key and write it with the token to this new file "
        "(a secret, mode 0600; - for standard output).",
    ),
    click.option("--agent", required=True, metavar="NAME", help="What you call the new holder."),
    click.option("--purpose", required=True, metavar="TEXT", help="What it is for."),
    click.option("-o", "--output", "out", type=File(), help="Write the token here."),
)


def handing_over(command: Command) -> Command:
    """Adds the options that say to whom."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def receiver(holder: PublicKey | None, bearer: Path | None) -> PublicKey | Path:
    """The one that was given: a holder's key, or the file for a fresh one."""
    if holder and not bearer:
        return holder
    if bearer and not holder:
        return bearer
    raise click.UsageError("give either --holder or --bearer")


def hand_over(token: Token, out: Path | None, as_json: bool) -> None:
    """Answers with a token that its holder has the key of."""
    if not as_json:
        output.write(out, str(token))
        return
    if out:
        output.write(out, str(token))
    output.answer(True, _summary(token) | {"token": str(token)}, [])


def hand_over_bearer(made: Bearer, path: Path, out: Path | None, as_json: bool) -> None:
    """Writes a token and its key to a file; the token alone is the answer."""
    if str(path) != output.STDIO:
        write_secret(path, made.reveal())
        output.say(f"wrote {path} (a secret)")
        hand_over(made.token, out, as_json)
        return
    if out:
        output.write(out, str(made.token))
    value = _summary(made.token) | {"token": str(made.token), "bearer": made.reveal()}
    output.answer(as_json, value, [made.reveal()])


def _summary(token: Token) -> dict[str, Any]:
    return {
        "root_id": token.chain.root_id.hex(),
        "link": token.chain.links[-1].hex(),
        "holder": token.chain.holder.hex(),
        "expires_at": Authority.of(token.caveats).expires_at,
    }
