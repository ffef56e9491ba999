"""`chaincred list`: what a revocation list says, and its heartbeat."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from chaincred import FOREVER, PublicKey, RevocationList, SigningKey
from chaincred.cli.clock import now_option
from chaincred.cli.listfile import updating
from chaincred.cli.output import answer, painted, plain
from chaincred.cli.params import Duration, File, Private, Public, example, json_option
from chaincred.cli.sources import read_bytes
from chaincred.cli.words import ago, moment
from chaincred.idtable import ID_SIZE
from chaincred.revocation import MAX_UPDATE, Head, Signed, Snapshot, Update

_WHAT: Final = ("chain", "holder", "issuer", "task")


@click.command(
    name="list", epilog=example("chaincred list revoked.list --key list.key --refresh --create")
)
@click.argument("path", type=File(), metavar="FILE")
@click.option("--key", type=Private(), help="The list key, for --refresh and --compact.")
@click.option(
    "--list-key",
    "trusted",
    type=Public(),
    multiple=True,
    help="A key that may have signed the list: refuse the list if none did.",
)
@click.option("--refresh", "--heartbeat", is_flag=True, help="Sign a new head first.")
@click.option(
    "--compact",
    is_flag=True,
    help="With --refresh: fold the entries into the snapshot, without reasons and what has died.",
)
@click.option("--create", is_flag=True, help="With --refresh: begin the list if there is none.")
@click.option(
    "--fresh-for",
    type=Duration(),
    default="5m",
    show_default=True,
    help="How long the new head may be relied on.",
)
@now_option
@json_option
def show_list(
    path: Path,
    key: SigningKey | None,
    trusted: tuple[PublicKey, ...],
    refresh: bool,
    compact: bool,
    create: bool,
    fresh_for: int,
    now: int,
    as_json: bool,
) -> None:
    """Shows a revocation list, and signs its heartbeat.

    FILE may be -, unless it is signed anew. A publisher refreshes its list at least once in
    every --fresh-for.
    """
    if refresh != (key is not None) or ((compact or create) and not refresh):
        raise click.UsageError(
            "--refresh and --key go together, and --compact and --create need it"
        )
    if key:
        with updating(path, key, trusted, create=create, fresh_for=fresh_for, now=now) as file:
            file.held = file.held.compact(file.time(now)) if compact else file.held
        trusted = (*trusted, key.public_key)
    shown = _read(read_bytes(path, MAX_UPDATE), trusted, now)
    answer(as_json, shown, _lines(shown, now))


def _read(data: bytes, trusted: Sequence[PublicKey], now: int) -> dict[str, Any]:
    update = Update.from_bytes(data)
    held = RevocationList.resume(data, trusted) if trusted else RevocationList.read_unverified(data)
    head = Head.from_body(Signed.from_bytes(update.head).body)
    return {
        "list_id": head.place.list_id.hex(),
        "seq": head.place.seq,
        "signed": True if trusted else None,
        "issued_at": head.issued_at,
        "fresh_until": head.fresh_until,
        "fresh": now < head.fresh_until,
        "from": held.base.place.seq,
        "entries": [*_folded(held.base), *_listed(held)],
    }


def _folded(base: Snapshot) -> Iterator[dict[str, Any]]:
    """What a snapshot holds: ids, not what they were ids of, nor why."""
    for id, (until, before) in base.issuers.by_id.items():
        yield {"what": "issuer", "id": id.hex(), "until": until, "before": before}
    ids, untils = base.table.to_columns()
    for at, (until,) in enumerate(struct.iter_unpack(">I", untils)):
        yield {"id": ids[at * ID_SIZE : (at + 1) * ID_SIZE].hex(), "until": until}


def _listed(held: RevocationList) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(held.entries, held.base.place.seq + 1):
        row = {"number": number, "what": _WHAT[entry.what], "id": entry.id.hex()}
        row |= {"until": entry.until, "reason": entry.reason}
        yield row if entry.before is None else row | {"before": entry.before}


def _lines(shown: Mapping[str, Any], now: int) -> Iterator[str]:
    yield f"list  {shown['list_id']}"
    yield f"head  number {shown['seq']}, signed {moment(shown['issued_at'])}, " + ago(
        shown["issued_at"], now
    )
    until = f"{moment(shown['fresh_until'])}, {ago(shown['fresh_until'], now)}"
    if shown["fresh"]:
        yield f"      {painted('fresh', fg='green')} until {until}"
    else:
        yield f"      {painted('STALE', fg='red', bold=True)} since {until}"
    yield "      " + ("signed by a key you trust" if shown["signed"] else "signature NOT checked")
    yield ""
    for row in shown["entries"]:
        yield _row(row)
    if not shown["entries"]:
        yield "nothing is revoked"


def _row(row: Mapping[str, Any]) -> str:
    until = "forever" if row["until"] == FOREVER else f"until {moment(row['until'])}"
    issued = f"issued before {moment(row['before'])}" if "before" in row else ""
    number = row.get("number", "")
    parts = [f"{number:>5} {row.get('what', 'folded'):<6} {row['id']}  {until}", issued]
    return "  ".join(part for part in [*parts, plain(row.get("reason", ""))] if part)
