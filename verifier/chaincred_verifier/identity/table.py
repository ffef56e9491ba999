"""A TOML table that is read key by key; what nobody read is refused.

An operator's slip (a key misspelled, a number as a string) is told with its place, and never
becomes a rule that is not there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from chaincred import ChaincredError
from chaincred.encoding import is_text, is_uint
from chaincred_verifier.settings import SettingsRefused

T = TypeVar("T")
_NEEDED: Final[Any] = object()


class Table:
    """What a table says. `place` is what to call it in a message."""

    def __init__(self, said: Mapping[str, Any], place: str) -> None:
        self._said = dict(said)
        self._place = place

    @classmethod
    def read(cls, path: Path) -> Table:
        """The table that a file is. Raises SettingsRefused."""
        try:
            return cls(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, ValueError) as error:
            raise SettingsRefused(f"{path}: {error}") from error

    def take(self, key: str, read: Callable[[Any], T], default: Any = _NEEDED) -> T:
        """What `read` makes of the value of `key`; the default where there is none.

        Raises SettingsRefused if there has to be one, and for what `read` raises.
        """
        if key not in self._said:
            if default is _NEEDED:
                self.refuse(f"{key} is needed")
            given: T = default
            return given
        try:
            return read(self._said.pop(key))
        except (ValueError, TypeError, ChaincredError) as error:
            raise SettingsRefused(f"{self._place}: {key}: {error}") from error

    def tables(self, key: str) -> list[Table]:
        """The tables of an array of tables, `[[key]]`; none where there is no such array."""
        said = self._said.pop(key, [])
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
            self.refuse(f"{key} is written [[{key}]]")
        return [Table(each, f"{self._place}: {key} {n}") for n, each in enumerate(said, 1)]

    def done(self) -> None:
        """Raises SettingsRefused if something was not read."""
        for key in sorted(self._said):
            self.refuse(f"there is no such key as {key}")

    def refuse(self, why: str) -> NoReturn:
        """Raises SettingsRefused with the place."""
        raise SettingsRefused(f"{self._place}: {why}")


def text(high: int) -> Callable[[Any], str]:
    """Reads a text of 1 to `high` bytes."""

    def read(said: Any) -> str:
        if not is_text(said, 1, high):
            raise ValueError(f"a text of 1 to {high} bytes")
        return str(said)

    return read


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Reads a whole number."""

    def read(said: Any) -> int:
        if not is_uint(said, high) or said < low:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(said)

    return read
