"""Watches every test for secrets, and prints at the end what was counted.

A test that shows a seed fails, whatever it asserted.
Looked at are a test's name, its report (traceback, assertion, repr) and what it printed and
logged. The seeds are those of the cast, which almost every test uses, and a marked one.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Generator, Iterator
from hashlib import sha512
from hmac import digest
from typing import Any, Final

import pytest

from tests.attacks import tally
from tests.cast import key_of

MARKED: Final = bytes.fromhex("5eed" * 16)
"""A secret that is easily seen, for those who try to make something show it."""

_NAMES: Final = ("root", "planner", "worker", "helper", "mallory", "list key")
_SECRETS: Final = {
    "the marked secret": MARKED,
    **{f"the seed of {name}": key_of(name).reveal_seed() for name in _NAMES},
}


def leaks(text: str) -> list[str]:
    """Whose secret `text` shows and how it is spelled; empty if it shows none."""
    # Wherever a line was broken: a wrapped secret is a shown one.
    joined = re.sub(r"\s", "", text)
    return sorted({f"{whose} as {how}" for whose, how, spelled in _SPELLINGS if spelled in joined})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    places = [("its name", report.nodeid), ("its report", report.longreprtext), *report.sections]
    found = [f"{place}: {leak}" for place, text in places for leak in leaks(text)]
    if found:
        report.outcome = "failed"
        # Nothing of what was shown is shown again.
        report.longrepr = "\n".join([f"{report.when} showed a secret", *found])
        report.sections = []
        item._report_sections.clear()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    if item.get_closest_marker("uncounted") is None:
        return (yield)
    tracing = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracing)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # What a worker counted is printed by who started it.
    getattr(session.config, "workeroutput", {})["tally"] = tally.LINES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for title, lines in getattr(node, "workeroutput", {}).get("tally", {}).items():
        tally.LINES.setdefault(title, {}).update(lines)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for title, lines in tally.LINES.items():
        terminalreporter.section(title, sep="-")
        for line in lines.values():
            terminalreporter.write_line(line)


def _derived(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """What is as good as the secret itself."""
    yield "", secret
    scalar = bytearray(sha512(secret).digest()[:32])
    yield "the unclamped scalar in ", bytes(scalar)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    yield "the scalar in ", bytes(scalar)
    yield (
        "the macaroon key in ",
        digest(b"macaroons-key-generator".ljust(32, b"\0"), secret, "sha256"),
    )


def _spelled(half: bytes) -> Iterator[tuple[str, str]]:
    yield "raw bytes", half.decode("latin-1")
    yield "raw bytes", half.decode(errors="replace")
    yield "hex", half.hex()
    yield "hex", half.hex().upper()
    yield "repr", repr(half)[2:-1]
    yield "a list", ",".join(map(str, half))
    # Base64 has three spellings, by where in a longer text the bytes begin.
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(half)) * 8 // 6
        text = b64encode(bytes(before) + half).decode()[skipped:whole]
        yield "base64", text
        yield "base64url", text.replace("+", "-").replace("/", "_")


def _spellings() -> Iterator[tuple[str, str, str]]:
    for whose, secret in _SECRETS.items():
        for what, derived in _derived(secret):
            # Half a secret shown is one too many.
            for half in (derived[:16], derived[16:]):
                for how, spelled in _spelled(half):
                    yield whose, what + how, re.sub(r"\s", "", spelled)
            for order in ("big", "little"):
                yield whose, f"{what}an integer", str(int.from_bytes(derived, order))


_SPELLINGS: Final[list[Any]] = sorted(set(_spellings()))
