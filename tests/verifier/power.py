"""A disk whose power can go: what SQLite wrote and did not sync is kept, lost or torn at random.

Files live in a folder, as SQLite sees them. Beside that the disk remembers, for each, what was
synced and what was written since; so at any moment it can say what a cut would leave. What is
synced survives whole. Of what is not, each sector of 512 bytes is kept, lost, torn within, or
turned to garbage where it was written (the bytes beside are safe: SQLite counts on that, and so do
the disks that it names). A file that was made or deleted is so for good once its folder is synced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw

from chaincred_verifier.problems import Unavailable
from chaincred_verifier.store.driver import Rows
from chaincred_verifier.store.sqlite import PRAGMAS

SECTOR: Final = 512
_MAKES_FOLDER_SYNC: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
"""SQLite syncs the folder with the first sync of such a file that it made."""


class PowerCut(Exception):
    """The power is gone: what was asked for is not answered any more."""


@dataclass
class _Inode:
    """A file's content: what is synced, and what was done since, in order."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes] | int] = field(default_factory=list)
    """A write (offset, bytes), or the size that the file was cut to."""

    def sync(self) -> None:
        for each in self.since:
            _apply(self.synced, each)
        self.since.clear()

    def after_cut(self, chance: Random, kept: float) -> bytes:
        left = bytearray(self.synced)
        for each in self.since:
            for part in _sectors(each):
                fate = chance.random()
                if fate < kept:
                    _apply(left, part)
                elif fate > 0.95 and not isinstance(part, int):
                    _apply(left, (part[0], _torn(part[1], chance)))
        return bytes(left)


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        return
    offset, data = change
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _sectors(change: tuple[int, bytes] | int) -> Iterator[tuple[int, bytes] | int]:
    if isinstance(change, int):
        yield change
        return
    offset, data = change
    at = 0
    while at < len(data):
        size = SECTOR - (offset + at) % SECTOR
        yield offset + at, data[at : at + size]
        at += size


def _torn(data: bytes, chance: Random) -> bytes:
    begun = data[: chance.randrange(len(data))]
    return begun if chance.random() < 0.5 else chance.randbytes(len(data))


class Disk:
    """The files of a folder. `cut_at` is the operation (from 1 on) at which the power goes."""

    def __init__(self, folder: Path, chance: Random, cut_at: int) -> None:
        self.folder = folder
        self.is_off = False
        self._chance = chance
        self._left = cut_at
        self._live = {
            each.name: _Inode(bytearray(each.read_bytes()))
            for each in folder.iterdir()
            if not each.name.endswith("-shm")
        }
        self._entered = dict(self._live)
        """The folder as it was synced."""

    def _goes_on(self) -> bool:
        """Whether there is power for one operation more."""
        self._left -= 1
        self.is_off = self.is_off or self._left < 0
        return not self.is_off

    def open(self, name: str) -> _Inode:
        if not self.is_off:
            self._live.setdefault(name, _Inode())
        return self._live.get(name) or _Inode()

    def change(self, inode: _Inode, change: tuple[int, bytes] | int) -> None:
        if self.is_off:
            return
        # Also the one that the cut comes into: it may be half done.
        inode.since.append(change)
        self._goes_on()

    def sync(self, name: str, inode: _Inode, *, folder_too: bool) -> None:
        if not self._goes_on():
            return
        inode.sync()
        self._entered[name] = inode
        if folder_too:
            self._entered = dict(self._live)

    def delete(self, name: str, *, folder_too: bool) -> None:
        if self.is_off:
            return
        self._live.pop(name, None)
        if self._goes_on() and folder_too:
            self._entered = dict(self._live)

    def leave(self, folder: Path) -> None:
        """Writes what a cut at this moment leaves into another folder."""
        chance = self._chance
        for name in sorted(self._entered.keys() | self._live.keys()):
            inode = chance.choice([self._entered.get(name), self._live.get(name)])
            if inode is not None:
                kept = chance.choice([0.0, 0.5, 0.9, 0.99, 1.0])
                (folder / name).write_bytes(inode.after_cut(chance, kept))


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: apsw.URIFilename | str, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name if isinstance(name, str) else name.filename()
        self._disk, self._name = disk, Path(path).name
        self._inode = disk.open(self._name)
        self._folder_too = bool(flags[0] & _MAKES_FOLDER_SYNC)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's names
        self._disk.change(self._inode, (offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.change(self._inode, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.sync(self._name, self._inode, folder_too=self._folder_too)
        self._folder_too = False
        super().xSync(flags)


class _Files(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.name = f"power-{id(disk)}"
        self._disk = disk
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.delete(Path(filename).name, folder_too=syncdir)
        super().xDelete(filename, syncdir)


class Powered:
    """Connections to a database file on a disk; each as the service's own `SqliteConnection`."""

    def __init__(self, disk: Disk, name: str, *pragmas: str) -> None:
        self.disk = disk
        self._path = str(disk.folder / name)
        self._pragmas = pragmas
        self._files = _Files(disk)

    def connect(self) -> PoweredConnection:
        opened = apsw.Connection(self._path, vfs=self._files.name)
        for pragma in (*PRAGMAS, *self._pragmas):
            opened.execute(pragma)
        return PoweredConnection(self.disk, opened)

    def close(self) -> None:
        self._files.unregister()


class PoweredConnection:
    """What the service needs of a connection, until the power goes."""

    def __init__(self, disk: Disk, opened: apsw.Connection) -> None:
        self._disk = disk
        self._open = opened

    def rows(self, sql: str, *values: Any) -> Rows:
        found = [tuple(row) for row in self._open.execute(sql, values)]
        if self._disk.is_off:
            raise PowerCut
        return found

    def script(self, sql: str) -> None:
        self.rows(sql)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.rows(begin)
        try:
            yield
            # The disk may be off once this is done, and then nobody is told that it was.
            self.rows("COMMIT")
        except BaseException:
            if self._open.in_transaction:
                self._open.execute("ROLLBACK")
            raise

    def writing(self) -> Any:
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> Any:
        return self._transaction("BEGIN")

    def changes(self) -> object:
        return self.rows("PRAGMA data_version")[0][0]

    def wake(self) -> None:
        pass

    def listen(self, seconds: float) -> bool:
        raise Unavailable("ask for changes")

    def close(self) -> None:
        self._open.close()
