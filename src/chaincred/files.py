"""What is kept on disk: secrets, readable by their owner only, and the floor of a list.

The only part of the library that touches a disk; nothing else imports it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chaincred.encoding import from_text, to_text
from chaincred.errors import FileRefused, ListRefused, Malformed
from chaincred.keys import KEY_SIZE, PublicKey, SigningKey
from chaincred.revocation import Floor

KEY_PREFIX: Final = "cc1k_"
"""Begins every key file, so that scanners for leaked secrets can find one."""
_MAX_SECRET: Final = 16_384
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def write_secret(path: Path, text: str) -> None:
    """Writes a new file that only its owner can read. Raises FileRefused if it is there."""
    _write_new(path, text, 0o600)


def write_public_key(path: Path, key: PublicKey) -> None:
    """Writes a public key, as `read_public_key` takes it, to a new file. Raises FileRefused."""
    _write_new(path, key.hex(), 0o644)


def read_secret(path: Path) -> str:
    """What `write_secret` wrote. Raises FileRefused, also if others could read or change it."""
    try:
        # Not blocking: a pipe in its place must not hang the reader.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            # Asked of the open file, not of its name: the name could point elsewhere by then.
            _require_private(path, os.fstat(fd))
            secret = _one_secret(os.read(fd, _MAX_SECRET + 1))
        finally:
            os.close(fd)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
    if secret is None:
        raise FileRefused(f"{path}: not a file of one secret")
    return secret


def write_key(path: Path, key: SigningKey) -> None:
    """Writes a private key to a new file of mode 0600. Raises FileRefused."""
    write_secret(path, to_text(KEY_PREFIX, key.reveal_seed()))


def read_key(path: Path) -> SigningKey:
    """The private key in a file. Raises FileRefused, also if the file is open to others."""
    key = _key_in(read_secret(path))
    if key is None:
        raise FileRefused(f"{path}: not a key file")
    return key


def read_public_key(path: Path) -> PublicKey:
    """The public key in a file of 64 hexadecimal digits. Raises FileRefused or Malformed."""
    return PublicKey.from_hex(read_file(path, 2 * KEY_SIZE + 2).decode("ascii", "replace").strip())


def read_file(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes. Raises FileRefused."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise FileRefused(f"{path}: more than {limit} bytes")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Replaces a file as a whole, durably: after a crash it is the old one or the new one.

    Raises FileRefused, also for what is there and no file: a device must not become one.
    """
    try:
        if path.exists() and not path.is_file():
            raise FileRefused(f"{path}: not a regular file")
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                # What replaces a file is as open to others as the file was; a new one is not.
                with contextlib.suppress(FileNotFoundError):
                    Path(name).chmod(stat.S_IMODE(path.stat().st_mode))
                file.write(data)
                file.flush()
                os.fsync(fd)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps others that ask the same out of `path` meanwhile. Raises FileRefused.

    The lock is a file beside it, which stays: `path` itself is replaced as a whole.
    """
    try:
        import fcntl
    except ImportError:
        raise FileRefused(f"{path}: files cannot be locked on this system") from None
    try:
        fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FileRefused(f"{path}.lock: {error.strerror}") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise FileRefused(f"{path}.lock: {error.strerror}") from error
        yield
    finally:
        os.close(fd)


class FileFloor:
    """The floor of a revocation view, in a file (specs/revocation.md 5). Raises FileRefused.

    Views of one list, also in several processes, may share it: it never goes back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        try:
            return read_file(self._path, 256)
        except FileRefused as error:
            # Only a floor that is not there was never saved: one that cannot be read was.
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def save(self, floor: bytes) -> None:
        # Where files cannot be locked, of two views at once the earlier may still be the last.
        with locked(self._path) if os.name == "posix" else contextlib.nullcontext():
            # A view that was slower than another one would forget what that one relies on.
            if not self._holds_later(Floor.from_bytes(floor)):
                write_file(self._path, floor)

    def _holds_later(self, floor: Floor) -> bool:
        saved = self.load()
        try:
            held = None if saved is None else Floor.from_bytes(saved)
        except ListRefused as error:
            raise FileRefused(f"{self._path}: not a floor") from error
        if held is None:
            return False
        if held.place.list_id != floor.place.list_id:
            raise FileRefused(f"{self._path}: the floor of another list")
        return held.place.seq > floor.place.seq or held.issued_at > floor.issued_at


def _write_new(path: Path, text: str, mode: int) -> None:
    if not text.isascii():
        raise ValueError("what is kept in such a file is ASCII")
    line = text.encode() + b"\n"
    try:
        # The mode is given at creation: a chmod afterwards would leave a moment to read it.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(line)
                file.flush()
                os.fsync(fd)
        except OSError:
            path.unlink()
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(f"{path}: not a regular file")
    if os.name != "posix":  # pragma: no cover - modes and owners mean nothing there
        return
    if status.st_mode & _OTHERS:
        raise FileRefused(f"{path}: open to others ({status.st_mode & 0o777:o}); chmod 600")
    if status.st_uid not in (0, os.geteuid()):
        raise FileRefused(f"{path}: belongs to somebody else")


# These answer None, so that where the refusal is raised no local variable and no cause holds what
# may be a secret: reports of errors show both.
def _one_secret(data: bytes) -> str | None:
    return data.decode().strip() if len(data) <= _MAX_SECRET and data.isascii() else None


def _key_in(text: str) -> SigningKey | None:
    try:
        return SigningKey.from_seed(from_text(KEY_PREFIX, text, KEY_SIZE))
    except (Malformed, ValueError):
        return None


def _sync_directory(path: Path) -> None:
    # A rename is durable only once the directory is.
    if os.name != "posix":  # pragma: no cover - directories cannot be opened there
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
