"""`chaincred revoke`."""

from __future__ import annotations

from pathlib import Path

import click

from chaincred import FOREVER, Authority, Entry, PublicKey, SigningKey
from chaincred.cli.clock import now_option
from chaincred.cli.listfile import updating
from chaincred.cli.output import answer
from chaincred.cli.params import (
    Bytes,
    Duration,
    File,
    Moment,
    Private,
    Public,
    Text,
    example,
    json_option,
)
from chaincred.cli.sources import credential, token_in


@click.command(
    epilog=example(
        "chaincred revoke --list revoked.list --key list.key --token planner.token \\",
        "  --reason 'laptop lost'",
    )
)
@click.option("--list", "path", type=File(), required=True, help="The list's file.")
@click.option("--key", type=Private(), required=True, help="The list key.")
@click.option(
    "--list-key",
    "trusted",
    type=Public(),
    multiple=True,
    help="A key that signed the list before --key did.",
)
@click.option("--chain", "link", type=Bytes(32), help="A root id or link: it and all below it.")
@click.option(
    "--token", "text", type=Text(), help="A token or presentation: its block and all below it."
)
@click.option(
    "--hop", type=click.IntRange(0), help="With --token: which block; the last if not said."
)
@click.option("--holder", type=Public(), help="A holder's key: every chain through it.")
@click.option("--issuer", type=Public(), help="A root key: what it issued --before a time.")
@click.option("--before", type=Moment(), help="With --issuer: now, +2h, seconds, or ISO 8601.")
@click.option("--task", metavar="T", help="A task: every chain and request for it.")
@click.option(
    "--until",
    type=Moment(),
    help="When it would have died anyway; if not said, for --token its expiry, else never.",
)
@click.option("--reason", default="", metavar="TEXT", help="For people who read the list.")
@click.option("--create", is_flag=True, help="Begin the list if there is none.")
@click.option(
    "--fresh-for",
    type=Duration(),
    default="5m",
    show_default=True,
    help="How long the new head may be relied on.",
)
@now_option
@json_option
def revoke(
    path: Path,
    key: SigningKey,
    trusted: tuple[PublicKey, ...],
    link: bytes | None,
    text: str | None,
    hop: int | None,
    holder: PublicKey | None,
    issuer: PublicKey | None,
    before: int | None,
    task: str | None,
    until: int | None,
    reason: str,
    create: bool,
    fresh_for: int,
    now: int,
    as_json: bool,
) -> None:
    """Adds an entry to a revocation list and signs it anew. Nothing un-revokes.

    Give one of --chain, --token, --holder, --issuer, --task.
    """
    if [link, text, holder, issuer, task].count(None) != 4:
        raise click.UsageError("give one of --chain, --token, --holder, --issuer, --task")
    if (issuer is None) != (before is None):
        raise click.UsageError("--issuer and --before go together")
    if hop is not None and text is None:
        raise click.UsageError("--hop goes with --token")
    if text is not None:
        link, expiry = _block(text, hop)
        until = expiry if until is None else until
    entry = _entry(link, holder, issuer, before, task, FOREVER if until is None else until, reason)
    with updating(path, key, trusted, create=create, fresh_for=fresh_for, now=now) as file:
        file.held = file.held.revoke(entry)
    seq = file.held.place.seq
    value = {"seq": seq, "id": entry.id.hex(), "until": entry.until, "list": str(path)}
    answer(as_json, value, [f"{seq} {entry.id.hex()}"])


def _block(text: str, hop: int | None) -> tuple[bytes, int]:
    """The link of a token's block, and when all below it has expired."""
    token = token_in(credential(text))
    last = len(token.chain.links) - 1
    hop = last if hop is None else hop
    if hop > last:
        raise click.UsageError(f"the token has hops 0 to {last}")
    expiry = Authority.of(token.caveats[: hop + 1]).expires_at
    return token.chain.links[hop], min(expiry, FOREVER)


def _entry(
    link: bytes | None,
    holder: PublicKey | None,
    issuer: PublicKey | None,
    before: int | None,
    task: str | None,
    until: int,
    reason: str,
) -> Entry:
    if link is not None:
        return Entry.chain(link, until=until, reason=reason)
    if holder is not None:
        return Entry.holder(holder, until=until, reason=reason)
    if issuer is not None and before is not None:
        return Entry.issuer(issuer, before=before, until=until, reason=reason)
    return Entry.task(task or "", until=until, reason=reason)
