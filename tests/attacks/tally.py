"""What the attacks counted, for the end of the run."""

from __future__ import annotations

# By title, then by what each line is about: a later one takes an earlier one's place.
LINES: dict[str, dict[str, str]] = {}


def tell(title: str, line: str, about: str | None = None) -> None:
    """Has `line` printed under `title` at the end of the run, also under -q."""
    LINES.setdefault(title, {})[line if about is None else about] = line
