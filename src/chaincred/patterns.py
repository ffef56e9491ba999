"""Names of tools and resources, and the patterns that match them (specs/token.md 7).

Segments, not regular expressions: `*` is one whole segment, `**` one or more at the end. Nothing
is normalised; what is not in normal form is refused, so that two readers of one name cannot
mean two things. Every function here takes time linear in its input.
"""

from __future__ import annotations

import re
import string
from typing import Final

from chaincred.encoding import is_text

_UNRESERVED: Final = string.ascii_letters + string.digits + "-._~"
_ENCODABLE: Final = "|".join(
    f"{byte:02X}"
    for byte in range(0x20, 0x100)
    if byte != 0x7F and chr(byte) not in _UNRESERVED + "/\\*"
)
_SCHEME: Final = r"(?:[a-z][a-z0-9+.\-]*+://)?+"
_SEGMENT: Final = rf"(?!\.\.?(?:/|\Z))(?:[^/\\*%]|%(?:{_ENCODABLE}))++"
_NAME: Final = re.compile(rf"{_SCHEME}/?+{_SEGMENT}(?:/{_SEGMENT})*+")
_PATTERN: Final = re.compile(
    rf"{_SCHEME}/?+(?:(?:\*|{_SEGMENT})(?:/(?:\*(?!\*)|{_SEGMENT}))*+(?:/\*\*)?+|\*\*)"
)

_LABEL: Final = r"(?!-)[a-z0-9\-]{1,63}+(?<!-)"
_PORT: Final = r"(?::[1-9][0-9]{0,4}+)?+"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+{_PORT}")
_LISTED_HOST: Final = re.compile(rf"(?:\*\.)?+{_LABEL}(?:\.{_LABEL})*+{_PORT}")
_URL: Final = re.compile(r"https?://([^/?#\\ ]*+)(?:[/?#][^\\ ]*+)?+")

MAX_NAME: Final = 1024
MAX_VALUE: Final = 8192
"""Bytes of an argument read as a name or URL: what servers take as a request line."""
_MAX_HOST: Final = 253
_MAX_PORT: Final = 65535


def is_name(name: object, high: int = MAX_NAME) -> bool:
    """Whether `name` is a name in normal form of 1 to `high` bytes."""
    return is_text(name, 1, high) and _NAME.fullmatch(str(name)) is not None


def is_pattern(pattern: object, high: int = MAX_NAME) -> bool:
    """Whether `pattern` is one, of 1 to `high` bytes."""
    return is_text(pattern, 1, high) and _PATTERN.fullmatch(str(pattern)) is not None


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern` matches `name`, both already in their form."""
    star = pattern.find("*")
    if star < 0:
        return pattern == name
    if star and star == len(pattern) - 2:
        # What is below it, but not what has another scheme: see `is_below`.
        return name.startswith(pattern[:star]) and not name.startswith("/", star)
    wanted, given = pattern.split("/"), name.split("/")
    if wanted[-1] == "**":
        head = len(wanted) - 1
        if len(given) <= head or not all(given[head:]):
            return False
        wanted, given = wanted[:head], given[:head]
    return len(wanted) == len(given) and all(
        part == segment or (part == "*" and segment != "")
        for part, segment in zip(wanted, given, strict=True)
    )


def meet(one: str, other: str) -> str | None:
    """The pattern that matches just what both match; None if they share nothing."""
    short, long = sorted((one.split("/"), other.split("/")), key=_length_then_deep)
    deep, head = short[-1] == "**", len(short) - 1
    if not deep and len(short) != len(long):
        return None
    tail: list[str] = []
    if deep:
        short, long, tail = short[:head], long[:head], long[head:]
    if not all(tail):
        return None
    shared = [_meet_segment(a, b) for a, b in zip(short, long, strict=True)]
    if None in shared:
        return None
    return "/".join([part for part in shared if part is not None] + tail)


def is_below(path: str, name: str) -> bool:
    """Whether `name` is `path` or lies under it, both already in normal form."""
    # "file:" is a name of one segment and must not contain "file:///etc", which has a scheme.
    under = name.startswith(path + "/") and not name.startswith(path + "//")
    return under or name == path


def is_listed_host(host: object) -> bool:
    """Whether `host` may stand in a `Host` constraint: a host, or `*.` and a host."""
    return isinstance(host, str) and _is_host(host, _LISTED_HOST)


def url_host(url: str) -> str | None:
    """The host, with its port if it has one, of an http or https URL in normal form."""
    # First, since reading a megabyte for each of hundreds of caveats takes seconds.
    if not is_text(url, 1, MAX_VALUE):
        return None
    found = _URL.fullmatch(url)
    return found[1] if found and _is_host(found[1], _HOST) else None


def host_matches(listed: str, host: str) -> bool:
    """Whether a listed host stands for `host`; `*.` stands for exactly one label."""
    if listed.startswith("*."):
        return host.partition(".")[2] == listed[2:]
    return listed == host


def _length_then_deep(segments: list[str]) -> tuple[int, bool]:
    return len(segments), segments[-1] != "**"


def _is_host(host: str, form: re.Pattern[str]) -> bool:
    if not form.fullmatch(host):
        return False
    name, _, port = host.partition(":")
    return len(name) <= _MAX_HOST and int(port or 0) <= _MAX_PORT


def _meet_segment(one: str, other: str) -> str | None:
    if one == other:
        return one
    if "*" in (one, other) and "" not in (one, other):
        return other if one == "*" else one
    return None
