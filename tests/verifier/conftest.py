"""A service that many tests may share, and one of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verifier.postgres import database, postgres
from tests.verifier.running import Keys, Running
from tests.verifier.stores import empty, store

__all__ = ["database", "empty", "keys", "postgres", "running", "shared", "store"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The library's lines are counted where it is tested by itself; here it is one party of many.
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.uncounted)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
def running(keys: Keys) -> Iterator[Running]:
    """A service of the test's own."""
    with Running(keys) as service:
        yield service


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service for the tests of a module that do not disturb one another."""
    with Running(Keys(tmp_path_factory.mktemp("service")), refused_per_second=100000) as service:
        yield service
