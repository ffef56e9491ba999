"""What an operator types: the commands of docs/operations.md, at the places of a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.verifier.running import Running

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
PROGRAM: Final = [sys.executable, "-c", "from chaincred.cli import main; main()"]
"""What the entry point does; it is found wherever the tests run from."""


def section(heading: str) -> str:
    """What the page says under a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    after = PAGE.partition(f"\n{heading}\n")[2]
    assert after, f"the page has no {heading!r}"
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", after)[0]


def shown(heading: str, *, language: str = "sh") -> list[str]:
    """The blocks of code under a heading, without those of further headings below it."""
    own = re.split(r"(?m)^#+ ", section(heading))[0]
    return re.findall(rf"```{language}\n(.*?)```", own, re.DOTALL)


def chaincred(
    *args: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What came of the program, told only the settings in `environment`."""
    return subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=plain_environment() | dict(environment or {}),
        stdin=subprocess.DEVNULL,
    )


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CHAINCRED_")}


def typed(
    block: str, running: Running, backups: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """A block of the page, at the places of a test; any command of it that fails, fails all."""
    folder = running.keys.folder
    places = {
        "/var/lib/chaincred": str(folder),
        "/var/backups/chaincred": str(backups),
        "https://verifier.example": running.url,
        **more,
    }
    for said, meant in places.items():
        block = block.replace(said, meant)
    command = " ".join(f"'{each}'" for each in PROGRAM)
    script = f'chaincred() {{ {command} "$@"; }}\n{block}'
    environment = plain_environment() | running._settings
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
