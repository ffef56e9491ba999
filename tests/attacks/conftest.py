"""Prints what the attacks counted."""

from __future__ import annotations

from typing import Any

from tests.attacks.tally import LINES


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for title, lines in LINES.items():
        terminalreporter.section(title, sep="-")
        for line in lines.values():
            terminalreporter.write_line(line)
