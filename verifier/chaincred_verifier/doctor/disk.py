"""Disks: whether what is written there stays, and room for it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from chaincred_verifier.doctor.finding import Finding, Findings, note, ok, wrong

_LEAST: Final = 256 * 2**20
"""Bytes: some weeks of decisions, before a full disk admits nobody."""
_MOUNTS: Final = Path("/proc/self/mounts")
_REMOTE: Final = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs")
_MEMORY: Final = ("tmpfs", "ramfs")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def writable(what: str, path: Path) -> Finding:
    """Whether a file, or a folder to make one in, is this user's to write."""
    if os.access(path, os.W_OK):
        return ok(what, f"{path} can be written")
    return wrong(what, f"{path} cannot be written by this user", "chown it, or mount it writable")


def room(what: str, folder: Path, size: int = 0) -> Finding:
    """Whether there is room for as much again as `size`, which a backup and a compaction take."""
    free, least = shutil.disk_usage(folder).free, max(size, _LEAST)
    if free < least:
        return wrong(
            what, f"{_mib(free)} MiB are free at {folder}, of {_mib(least)} needed", "make room"
        )
    return ok(what, f"{_mib(free)} MiB are free at {folder}")


def kind(what: str, folder: Path) -> Findings:
    """Whether the file system is one that keeps what is synced to it."""
    found = _file_system(folder)
    if found.startswith(_REMOTE):
        yield wrong(
            what,
            f"{folder} is on {found}, where SQLite's locks and syncs cannot be relied on",
            "use a local disk, or PostgreSQL",
        )
    if found in _MEMORY:
        yield note(what, f"{folder} is in memory: it is gone when the machine stops")


def _file_system(folder: Path) -> str:
    """The kind of file system at a folder; empty where that is not known."""
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return ""
    at, found = -1, ""
    for line in lines:
        _, point, name, *_ = line.split(" ")
        mount = Path(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), point))
        if folder.is_relative_to(mount) and len(mount.parts) >= at:
            at, found = len(mount.parts), name
    return found


def _mib(size: int) -> int:
    return size // 2**20
