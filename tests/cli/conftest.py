"""A directory to type commands in, with everybody's keys."""

import pytest

from chaincred.files import write_key
from tests.cast import LIST_KEY, MALLORY, PLANNER, ROOT, WORKER

KEYS = {"root": ROOT, "planner": PLANNER, "worker": WORKER, "mallory": MALLORY, "list": LIST_KEY}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The working directory, with NAME.key and NAME.pub of the cast."""
    monkeypatch.chdir(tmp_path)
    for name, key in KEYS.items():
        write_key(tmp_path / f"{name}.key", key)
        (tmp_path / f"{name}.pub").write_text(key.public_key.hex() + "\n")
    return tmp_path
