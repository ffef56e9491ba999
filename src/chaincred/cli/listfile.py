"""A revocation list in a file: read, extended and signed again, by one process at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from chaincred import PublicKey, RevocationList, SigningKey
from chaincred.cli.output import STDIO
from chaincred.errors import FileRefused
from chaincred.files import locked, read_file, write_file
from chaincred.revocation import MAX_UPDATE, Head, Signed, Update


class ListFile:
    """A list and the time of its last head, as its publisher keeps them."""

    def __init__(self, held: RevocationList, signed_at: int) -> None:
        self.held = held
        self.signed_at = signed_at

    def time(self, now: int) -> int:
        """When the next head is signed: one older than what was signed would be a rollback."""
        return max(now, self.signed_at, self.held.base.taken_at)


@contextmanager
def updating(
    path: Path,
    key: SigningKey,
    trusted: Collection[PublicKey],
    *,
    create: bool,
    fresh_for: int,
    now: int,
) -> Iterator[ListFile]:
    """The list in a file, to be changed; then its head is signed and the file replaced.

    Raises ListRefused, FileRefused: where there is no file, unless `create` says to begin a list.
    """
    if str(path) == STDIO:
        raise click.UsageError("a list that is signed anew is a file, not -")
    with locked(path):
        file = _opened(path, key, trusted, create, now)
        yield file
        at = file.time(now)
        write_file(path, file.held.publish(key, now=at, fresh_for=fresh_for))


def _opened(
    path: Path, key: SigningKey, trusted: Collection[PublicKey], create: bool, now: int
) -> ListFile:
    if not path.exists():
        if not create:
            raise FileRefused(f"{path}: no such list; --create begins one")
        return ListFile(RevocationList.begin(key, now=now), 0)
    data = read_file(path, MAX_UPDATE)
    held = RevocationList.resume(data, [*trusted, key.public_key])
    head = Head.from_body(Signed.from_bytes(Update.from_bytes(data).head).body)
    return ListFile(held, head.issued_at)
