"""`chaincred sign-in`: what an administrator pastes into the service's page (service.md 11.1)."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from chaincred import Request, SigningKey, Token
from chaincred.cli.clock import now_option
from chaincred.cli.output import answer, say
from chaincred.cli.params import Private, example, json_option
from chaincred.cli.sources import read_bearer, text_of

_TOOL: Final = "chaincred.sign_in"
_RESOURCE: Final = "v1/sessions"


@click.command(
    "sign-in", epilog=example("chaincred sign-in admin.bearer --at https://verifier.example")
)
@click.argument("credential", metavar="BEARER|TOKEN")
@click.option("--key", type=Private(), help="The private key of TOKEN's holder.")
@click.option("--at", metavar="URL", help="Where the page is; its host is the service's name.")
@click.option("--audience", metavar="A", help="The service's own name, if it is another one.")
@now_option
@json_option
def sign_in(
    credential: str,
    key: SigningKey | None,
    at: str | None,
    audience: str | None,
    now: int,
    as_json: bool,
) -> None:
    """Prints what signs an administrator in to the service's page.

    BEARER is the file of a bearer token, or - for standard input; a TOKEN comes with --key. What
    is printed begins one session of an hour at most, within 60 seconds; it allows nothing else.
    """
    name = audience or _host(at)
    args = {"method": "POST", "query": "", "body": sha256(b"").digest()}
    request = Request(_TOOL, effect="read", resource=_RESOURCE, args=args)
    token, holder = _held(credential, key)
    made = token.present(holder, request, audience=name, now=now)
    if not as_json:
        say(f"paste this at {at or name} within 60 s; it is good once")
    value = {
        "presentation": str(made),
        "root_id": token.chain.root_id.hex(),
        "audience": name,
        "issued_at": now,
    }
    answer(as_json, value, [str(made)])


def _held(credential: str, key: SigningKey | None) -> tuple[Token, SigningKey]:
    if key is not None:
        return Token.parse(text_of(credential)), key
    bearer = read_bearer(Path(credential))
    return bearer.token, bearer.key


def _host(at: str | None) -> str:
    try:
        parts = urlsplit(at or "")
        host = parts.hostname
    except ValueError as error:
        raise click.UsageError(f"--at is not a URL: {error}") from error
    if not host or parts.scheme not in ("http", "https"):
        raise click.UsageError("give --at https://…, or the service's own name as --audience")
    return host
