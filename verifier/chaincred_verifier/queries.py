"""Query strings and numbers in paths: each name once, and no other than is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from chaincred import Malformed
from chaincred.encoding import MAX_TIME, is_text

_MAX_TEXT: Final = 256
_DIGITS: Final = 16


def query_of(request: Request, *known: str) -> Mapping[str, str]:
    """The parameters of a query string. Raises Malformed."""
    if not request.scope["query_string"]:
        return {}
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) != len(pairs) or found.keys() - set(known):
        raise Malformed(f"a query takes {', '.join(known) or 'nothing'}, each once")
    if not all(is_text(value, 0, _MAX_TEXT) for value in found.values()):
        raise Malformed("a value of a query is a text of at most 256 bytes")
    return found


def number_of(text: str, low: int = 0, high: int = MAX_TIME) -> int:
    """A whole number in digits. Raises Malformed."""
    # isdigit takes other scripts' digits, and int() takes signs, spaces and underscores.
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Malformed("not a number")
    value = int(text)
    if not low <= value <= high:
        raise Malformed(f"not a number from {low} to {high}")
    return value


def uint_in(
    query: Mapping[str, str], name: str, default: int, low: int = 0, high: int = MAX_TIME
) -> int:
    """A parameter that is a number. Raises Malformed."""
    return number_of(query[name], low, high) if name in query else default


def switch_in(query: Mapping[str, str], name: str) -> bool:
    """A parameter that is true or false; without it false. Raises Malformed."""
    said = query.get(name, "false")
    if said not in ("true", "false"):
        # A dry run that is misspelled must not become a revocation.
        raise Malformed(f"{name} is true or false")
    return said == "true"
