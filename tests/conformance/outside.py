"""What the tests of outside cases share: where the cases are, and that they sign bare messages.

The cases are data that others published, kept beside the project, not in it.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final, cast

import pytest

from chaincred.keys import Context

FOLDER: Final = Path(__file__).resolve().parents[3] / "shared" / "conformance"


class _Bare(bytes, Enum):
    NOTHING = b""


NO_CONTEXT: Final = cast("Context", _Bare.NOTHING)
"""What published signatures are made for. It goes through our own `verify`, with its guards."""


def outside(name: str) -> Path:
    """The folder of outside cases called `name`; where it is absent, the module is skipped."""
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(f"no outside cases in ../shared/conformance/{name}", allow_module_level=True)
    return folder
