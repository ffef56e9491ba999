"""Where a token, a presentation or a bearer token comes from: a text, a file, standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from chaincred import Bearer, Malformed, Presentation, Token
from chaincred.bearer import PREFIX as BEARER
from chaincred.cli.output import STDIO
from chaincred.files import read_file, read_secret
from chaincred.presentation import PREFIX as PRESENTATION
from chaincred.token import PREFIX as TOKEN

MAX_TEXT: Final = 16_384
"""Bytes. The longest text form is some 12,300 characters."""

Credential = Token | Presentation | Bearer


def read_input(limit: int) -> bytes:
    """Standard input, at most `limit` bytes, and only once in a run."""
    meta = click.get_current_context().meta
    if meta.setdefault("chaincred.stdin", False):
        raise click.UsageError("standard input can be read only once")
    meta["chaincred.stdin"] = True
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise Malformed(f"more than {limit} bytes on standard input")
    return data


def read_bytes(source: Path, limit: int) -> bytes:
    """The content of a file, or of standard input for `-`."""
    return read_input(limit) if str(source) == STDIO else read_file(source, limit)


def text_of(source: str) -> str:
    """The text that `source` is, or that its file holds. Refuses a secret typed as an argument."""
    if source.startswith(BEARER):
        raise click.UsageError("a secret among arguments is seen by others; give its file or -")
    if source.startswith((TOKEN, PRESENTATION)):
        return source
    return _decoded(read_bytes(Path(source), MAX_TEXT))


def credential(text: str) -> Credential:
    """What a text form spells. Raises Malformed."""
    if text.startswith(PRESENTATION):
        return Presentation.parse(text)
    if text.startswith(BEARER):
        return Bearer.parse(text)
    return Token.parse(text)


def token_in(found: Credential) -> Token:
    """The token that is presented or carried. Raises Malformed."""
    match found:
        case Presentation(token=data):
            return Token.from_bytes(data)
        case Bearer():
            return found.token
    return found


def read_bearer(source: Path) -> Bearer:
    """The bearer token in a file that only its owner can read, or on standard input."""
    if str(source) == STDIO:
        return Bearer.parse(_decoded(read_input(MAX_TEXT)))
    return Bearer.parse(read_secret(source))


def _decoded(data: bytes) -> str:
    if not data.isascii():
        raise Malformed("not a text form: a byte that is not ASCII")
    return data.decode().strip()
