"""What is printed, and how: answers on standard output, messages on standard error.

Nothing from outside reaches a terminal unescaped, and no secret is part of a message.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from chaincred import Failure
from chaincred.files import write_file

STDIO: Final = "-"
_SECRET: Final = re.compile(r"(cc1[skm]_)[\w\-]+")


def plain(text: str) -> str:
    """`text` with every character escaped that could do more to a terminal than be read."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def painted(text: str, **style: Any) -> str:
    """`text`, escaped, and in colour if standard output is a terminal that may have some."""
    return click.style(plain(text), **style) if _has_colours() else plain(text)


def say(message: str) -> None:
    """Tells the person something that is not the answer."""
    click.echo(f"chaincred: {plain(message)}", err=True)


def answer(as_json: bool, value: Mapping[str, Any], lines: Iterable[str]) -> None:
    """The answer of a command, for a program or for a person; `lines` are escaped already."""
    click.echo(_json(value) if as_json else "\n".join(lines))


def refusal(as_json: bool, code: str, message: str, failures: Iterable[Failure] = ()) -> None:
    """The one line, or the one JSON object, that an error ends in."""
    # A secret typed in the wrong place comes back in the parser's message.
    message = _SECRET.sub(r"\1…", " ".join(message.split()))
    if not as_json:
        say(f"{code}: {message}")
        return
    listed = [failure_json(failure) for failure in failures]
    click.echo(
        _json({"error": code, "message": message} | ({"failures": listed} if listed else {}))
    )


def failure_json(failure: Failure) -> dict[str, Any]:
    """A caveat that forbids, for a program."""
    return {
        "hop": failure.hop,
        "kind": failure.kind,
        "wanted": failure.wanted,
        "given": failure.given,
    }


def write(path: Path | None, text: str) -> None:
    """Writes a text that is no secret to a file, or to standard output for None and `-`."""
    if path is None or str(path) == STDIO:
        click.echo(text)
        return
    write_file(path, text.encode() + b"\n")
    say(f"wrote {path}")


def never_fail_on_a_character() -> None:
    """Lets a stream that cannot spell a character print its number instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def close() -> None:
    """Gives up standard output, so that the interpreter does not fail to flush it at exit."""
    with contextlib.suppress(OSError):
        sys.stdout.close()


def _has_colours() -> bool:
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") != "dumb"
    )


def _json(value: Mapping[str, Any]) -> str:
    import json

    return json.dumps(value, indent=1)
