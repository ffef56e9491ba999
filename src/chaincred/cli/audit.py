"""`chaincred audit verify`: whether an export of the audit log is whole (specs/service.md 9)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from chaincred import Malformed, PublicKey
from chaincred.audit import MAX_LINE, AuditHead, check
from chaincred.cli import output
from chaincred.cli.params import File, Public, example, json_option
from chaincred.cli.words import moment
from chaincred.encoding import from_text
from chaincred.files import read_file

_MAX_HEAD: Final = 256
_MAX_SAID: Final = 4_096
_VERIFY: Final = "chaincred audit verify audit.jsonl --list-key list.pub --json"


@click.group(epilog=example(_VERIFY))
def audit() -> None:
    """Checks the audit log of a service, offline."""


@audit.command(epilog=example(_VERIFY))
@click.argument("path", type=File(), metavar="FILE")
@click.option(
    "--list-key",
    "keys",
    type=Public(),
    multiple=True,
    required=True,
    help="A key that may have signed the head: the list key, or one of before.",
)
@click.option(
    "--head",
    "kept",
    multiple=True,
    metavar="HEAD",
    help="A head kept from before (GET /v1/audit/head, or its member `head`; or the file of "
    "either): the log has to go on from there.",
)
@json_option
def verify(path: Path, keys: tuple[PublicKey, ...], kept: tuple[str, ...], as_json: bool) -> None:
    """Checks that nothing in an export was changed, left out, added or moved.

    FILE is what GET /v1/audit/export answered; or - for standard input. An export may begin late,
    since old records leave; what it begins from is bound by the head's signature.
    """
    heads = [AuditHead.signed_by(_head(each), keys) for each in kept]
    with _opened(path) as file:
        found = check(_lines(file), keys, kept=heads)
    value = {"whole": True, "first": found.first, "last": found.last, "at": found.at}
    count = found.last - found.first + 1
    said = f"records {found.first} to {found.last}" if count else "no records"
    output.answer(as_json, value, [f"whole: {said}, head signed {moment(found.at)}"])


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    # Not read as a whole: a log may be larger than memory.
    return nullcontext(sys.stdin.buffer) if str(path) == output.STDIO else path.open("rb")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Each line without its break, and of one that is too long its beginning."""
    while line := file.readline(MAX_LINE + 2):
        yield line.removesuffix(b"\n")


def _head(said: str) -> bytes:
    """The packed head in a text, in an answer of the service, or in the file of either."""
    try:
        if Path(said).is_file():
            said = read_file(Path(said), _MAX_SAID).decode("ascii", "replace")
    except OSError as error:  # a text that is too long for a name
        raise Malformed("not a head") from error
    said = said.strip()
    return from_text("", _member(said) if said.startswith("{") else said, _MAX_HEAD)


def _member(said: str) -> str:
    try:
        value: Any = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise Malformed("not a head") from error
    text = value.get("head")
    if not isinstance(text, str):
        raise Malformed("not a head")
    return text
