"""What a peer is to this benchmark: the same work in its own terms, and a note on what that is."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

from bench.rounds import Subject

PEERS: Final = {"tenuo": "bench.with_tenuo", "biscuit-python": "bench.with_biscuit"}
"""The distribution on PyPI and the module here that works with it."""


class Peer(Protocol):
    """A module for one peer; subjects have the names of ours."""

    NOTE: str

    def making(self, depth: int) -> list[Subject]: ...

    def deciding(self, depth: int) -> list[Subject]: ...

    def sizes(self) -> tuple[int, int]:
        """Bytes of a token at depth 0 and of one at depth 8."""


def installed() -> tuple[dict[str, Peer], list[str]]:
    """The peers that are here, by name and version, and the names of those that are not."""
    here: dict[str, Peer] = {}
    absent = []
    for name, module in PEERS.items():
        try:
            here[f"{name} {version(name)}"] = import_module(module)
        except (PackageNotFoundError, ImportError):
            absent.append(name)
    return here, absent
