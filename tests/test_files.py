"""Secrets and floors on disk."""

import errno
import fcntl
import os
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import sample

import pytest

from chaincred.errors import FileRefused
from chaincred.files import (
    FileFloor,
    read_file,
    read_key,
    read_public_key,
    read_secret,
    write_file,
    write_key,
    write_public_key,
    write_secret,
)
from chaincred.revocation import Floor, Place
from tests.cast import ROOT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "root.key"


def test_a_key_file_is_for_its_owner_only(path):
    write_key(path, ROOT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path).public_key == ROOT.public_key
    assert path.read_text().startswith("cc1k_")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o777])
def test_a_key_file_that_others_can_open_is_refused(path, mode):
    write_key(path, ROOT)
    path.chmod(mode)
    with pytest.raises(FileRefused, match="open to others"):
        read_key(path)


def test_a_key_file_of_somebody_else_is_refused(path, monkeypatch):
    write_key(path, ROOT)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    if path.stat().st_uid != 0:
        pytest.skip("only root's files are anybody's")
    read_key(path)
    os.chown(path, 4321, -1)
    with pytest.raises(FileRefused, match="somebody else"):
        read_key(path)


def test_a_refused_file_is_closed(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(9):
        with pytest.raises(FileRefused):
            read_secret(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_write_that_fails_leaves_nothing_in_the_way(path, monkeypatch):
    def fails(_fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(FileRefused, match="No space left"):
            write_key(path, ROOT)
    write_key(path, ROOT)
    with pytest.raises(ValueError, match="ASCII"):
        write_secret(path.with_name("other"), "é")


def test_a_floor_that_cannot_be_read_was_once_saved(tmp_path):
    with pytest.raises(FileRefused):
        FileFloor(tmp_path).load()
    with pytest.raises(FileRefused):
        FileFloor(tmp_path / ("x" * 300)).load()


def test_a_key_is_never_written_over(path):
    write_key(path, ROOT)
    with pytest.raises(FileRefused, match="exists"):
        write_key(path, ROOT)


def test_what_is_no_file_is_refused(path, tmp_path):
    for read in (read_key, read_secret, read_public_key, lambda each: read_file(each, 9)):
        with pytest.raises(FileRefused):
            read(path)
        with pytest.raises(FileRefused):
            read(tmp_path)
    os.mkfifo(path, 0o600)
    with pytest.raises(FileRefused, match="not a regular file"):
        read_secret(path)


@pytest.mark.parametrize("text", ["", "cc1k_", "cc1k_AAAA", "cc1s_" + "A" * 43, "x" * 20_000])
def test_what_is_no_key_is_refused_and_not_repeated(path, text):
    write_secret(path, text)
    with pytest.raises(FileRefused) as refused:
        read_key(path)
    shown = "".join(traceback.format_exception(refused.value))
    assert not text or text not in shown


def test_bytes_are_no_secret(path):
    write_secret(path, "x")
    path.write_bytes(b"\xff")
    with pytest.raises(FileRefused, match="one secret"):
        read_secret(path)


def test_a_public_key_comes_from_its_digits(path):
    write_public_key(path, ROOT.public_key)
    assert path.read_text() == ROOT.public_key.hex() + "\n"
    assert read_public_key(path) == ROOT.public_key


def test_a_file_is_read_up_to_its_limit(path):
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(FileRefused, match="more than 4"):
        read_file(path, 4)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(path, tmp_path, monkeypatch):
    write_file(path, b"old")

    def fails(_fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(FileRefused, match="No space left"):
            write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(FileRefused):
        write_file(tmp_path / "nowhere" / "x", b"")


def test_a_file_that_is_replaced_stays_as_open_as_it_was(path):
    write_file(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    write_file(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def floor_at(seq, issued_at, name=b"list"):
    return Floor(Place(name.ljust(16, b"."), seq, bytes(32)), issued_at).to_bytes()


def test_a_floor_is_what_was_saved_last(path):
    floor = FileFloor(path)
    assert floor.load() is None
    for saved in (floor_at(1, 1), floor_at(1, 2), floor_at(2, 2), floor_at(2, 2)):
        floor.save(saved)
        assert FileFloor(path).load() == saved


def test_a_floor_that_views_share_never_goes_back(path):
    FileFloor(path).save(floor_at(5, 50))
    for earlier in (floor_at(4, 50), floor_at(5, 49), floor_at(4, 60), floor_at(6, 40)):
        FileFloor(path).save(earlier)
        assert FileFloor(path).load() == floor_at(5, 50)


def test_of_views_that_save_at_once_the_latest_stays(path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: FileFloor(path).save(floor_at(n, n)), sample(range(200), 200)))
    assert FileFloor(path).load() == floor_at(199, 199)


@pytest.mark.parametrize("held", [b"", b"garbage", floor_at(0, 0, b"other")])
def test_what_is_no_floor_of_this_list_is_not_written_over(path, held):
    path.write_bytes(held)
    with pytest.raises(FileRefused, match="floor"):
        FileFloor(path).save(floor_at(1, 1))
    assert path.read_bytes() == held


def test_where_nothing_can_be_locked_no_floor_is_written(path, monkeypatch):
    def flock(fd, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(FileRefused, match="No locks available"):
        FileFloor(path).save(floor_at(1, 1))
    assert not path.exists()


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileRefused, match="not a regular file"):
        write_file(pipe, b"data")
    assert pipe.is_fifo()
