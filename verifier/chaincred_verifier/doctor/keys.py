"""Key files: that each is a key of its own, and nobody else's to read or replace.

That a private key is not open to others was asked when the settings were read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from chaincred import PublicKey
from chaincred_verifier.doctor.finding import Finding, Findings, note, ok, wrong
from chaincred_verifier.settings import PREFIX, Settings

_PRIVATE = ("LIST_KEY", "ROOT_KEY")


def keys(settings: Settings, environ: Mapping[str, str]) -> Findings:
    """What there is to say of the keys."""
    for name in _PRIVATE:
        said = environ.get(PREFIX + name)
        if said:
            yield _file(name.lower().replace("_", " "), Path(said))
    yield from _parts(settings)
    if settings.retired_list_keys:
        count = len(settings.retired_list_keys)
        yield ok("keys", f"{count} retired list key{'s' * (count > 1)} may have signed the list")


def _file(what: str, path: Path) -> Finding:
    folder = path.resolve().parent
    mode = folder.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        return wrong(
            what,
            f"{folder} can be written by others, who can put a key of theirs there",
            f"chmod go-w {folder}",
        )
    return ok(what, f"{path} is read by its owner only")


def _parts(settings: Settings) -> Findings:
    """One key, one part: else its thief has two, and a rotation of the one is one of the other."""
    lists, roots, admins = (
        frozenset(each) for each in (settings.list_keys, settings.roots, settings.admin_roots)
    )
    if lists & (roots | admins):
        yield wrong(
            "keys", f"{_shown(lists & (roots | admins))} is a list key and a root", "make another"
        )
    if roots & admins:
        yield note(
            "keys",
            f"{_shown(roots & admins)} signs agents' tokens and administrators'",
            "whoever may issue the former could issue the latter; make another for administrators",
        )
    if not admins:
        yield note("keys", "no administrators' root, so nobody can revoke here")
    if not lists & (roots | admins) and not roots & admins:
        yield ok("keys", f"{len(roots)} roots, {len(admins)} of administrators; no key is two")


def _shown(found: frozenset[PublicKey]) -> str:
    return ", ".join(sorted(key.hex() for key in found))
