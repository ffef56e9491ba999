"""`chaincred keygen`."""

from __future__ import annotations

from pathlib import Path

import click

from chaincred import SigningKey
from chaincred.cli.output import answer, say
from chaincred.cli.params import File, example, json_option
from chaincred.errors import FileRefused
from chaincred.files import write_key


@click.command(epilog=example("chaincred keygen root"))
@click.argument("path", type=File())
@json_option
def keygen(path: Path, as_json: bool) -> None:
    """Makes a key: PATH.key (a secret, mode 0600) and PATH.pub.

    Never replaces one. The public key is also the answer.
    """
    public, private = Path(f"{path}.pub"), Path(f"{path}.key")
    key = SigningKey.generate()
    _write_new(public, key.public_key.hex())
    try:
        write_key(private, key)
    except FileRefused:
        public.unlink()
        raise
    if not as_json:
        say(f"wrote {private} (a secret) and {public}")
    value = {"public_key": key.public_key.hex(), "key": str(private), "pub": str(public)}
    answer(as_json, value, [key.public_key.hex()])


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(text + "\n")
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
