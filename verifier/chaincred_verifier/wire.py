"""What travels as JSON: strict in, plain out (specs/service.md 1)."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from starlette.responses import Response

from chaincred import Explanation, Hop, Malformed, Request, Token, Verified
from chaincred.caveat_json import caveat_json, parsed
from chaincred_verifier.problems import failures_json

# Made once: json.dumps makes one for each call that does not want its defaults.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_KEPT: Final = 4_096
_SHORT: Final = 8_192
"""Bytes: of so many chains 32 MB, four times that where each has a letter that takes four."""
_NULL: Final = "null"
_MAX_VALUES: Final = 16_384
"""In one body: what a large table has, or the commas of a megabyte of prose."""
_DIGITS: Final = re.compile(r"0|-?[1-9][0-9]{0,19}")
_FIELDS: Final = frozenset({"tool", "resource", "effect", "args", "task", "context"})


def json_of(body: bytes) -> Any:
    """The value that a body spells, each key once and no NaN. Raises Malformed."""
    # Values cost a hundred times what their bytes cost, and anybody can send a body.
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise Malformed(f"more than {_MAX_VALUES} commas and opening brackets")
    # Each bracket is looked at for how deep they go, and so are those that close nothing.
    if body.count(b"]") + body.count(b"}") > _MAX_VALUES:
        raise Malformed(f"more than {_MAX_VALUES} closing brackets")
    try:
        return parsed(body.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON as it is allowed here") from error


def members(said: Any, needed: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with the members that are needed, and no other than these and the optional ones.

    Raises Malformed.
    """
    if not isinstance(said, dict):
        raise Malformed("not an object")
    missing = [name for name in needed if name not in said]
    if missing:
        raise Malformed(f"without {', '.join(missing)}")
    strange = [name for name in said if name not in needed and name not in optional]
    if strange:
        raise Malformed(f"{len(strange)} members that are not known here")
    return said


def text_in(said: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A member that is a string. Raises Malformed."""
    value = said.get(name, default)
    if not isinstance(value, str):
        raise Malformed(f"{name} is not a string")
    return value


def hex_in(said: Mapping[str, Any], name: str, size: int) -> bytes:
    """A member of `size` bytes as lower-case hexadecimal digits. Raises Malformed."""
    return hex_of(text_in(said, name), name, size)


def hex_of(text: str, name: str, size: int) -> bytes:
    """`size` bytes as lower-case hexadecimal digits. Raises Malformed."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size or value.hex() != text:
        raise Malformed(f"{name} is not {2 * size} lower-case hexadecimal digits")
    return value


def request_of(said: Any) -> Request:
    """The request in a body. Raises Malformed."""
    said = members(said, ("tool", "effect"), _FIELDS)
    context = text_in(said, "context", "")
    try:
        return Request(
            text_in(said, "tool"),
            effect=text_in(said, "effect"),
            resource=text_in(said, "resource", ""),
            args=_argument(said.get("args", {})),
            task=text_in(said, "task", ""),
            context=hex_of(context, "context", 32) if context else b"",
        )
    except (ValueError, TypeError) as error:
        # An unknown effect is the caller's here, not ours.
        raise Malformed(str(error)) from error


def _argument(value: Any) -> Any:
    match value:
        case {"$int": str(digits), **rest} if not rest:
            return _integer(digits)
        case {"$bin": str(digits), **rest} if not rest:
            return hex_of(digits, "$bin", len(digits) // 2)
        case dict():
            return {name: _argument(each) for name, each in value.items()}
        case list():
            return [_argument(each) for each in value]
    return value


def _integer(digits: str) -> int:
    if not _DIGITS.fullmatch(digits):
        raise Malformed("$int is not an integer of 64 bits")
    return int(digits)


def hops_json(hops: Iterable[Hop]) -> list[dict[str, Any]]:
    """Provenance: each delegation in order."""
    return [
        {
            "agent": hop.agent,
            "purpose": hop.purpose,
            "issued_at": hop.issued_at,
            "delegator": hop.delegator.hex(),
            "holder": hop.holder.hex(),
            "link": hop.link.hex(),
            "caveats": [caveat_json(each) for each in hop.caveats],
        }
        for hop in hops
    ]


class Spelled:
    """What `spell` says of a chain, in JSON: the same each time that a token is shown.

    Kept by the last link, which stands for everything in the chain; only what is short, since a
    token can be made whose caveats take a hundred times the room of its bytes. For one thread.
    """

    def __init__(self, spell: Callable[[Token], Any]) -> None:
        self._spell = spell
        self._kept: OrderedDict[bytes, str] = OrderedDict()

    def __call__(self, token: Token) -> str:
        link = token.chain.links[-1]
        text = self._kept.get(link)
        if text is None:
            text = spelled(self._spell(token))
            if len(text.encode()) <= _SHORT:
                self._kept[link] = text
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return text


def _provenance(token: Token) -> dict[str, Any]:
    return {
        "admitted": True,
        "root_id": token.root_id.hex(),
        "agent": token.chain.blocks[-1].agent,
        "hops": hops_json(token.hops),
    }


_told: Final = Spelled(_provenance)


def verified_json(verified: Verified, n: int) -> str:
    """What is admitted (4.3), in JSON."""
    seq, age = (_NULL if each is None else each for each in (verified.list_seq, verified.list_age))
    return f'{_told(verified.token)[:-1]},"list":{{"seq":{seq},"age":{age}}},"audit":{n}}}'


def explained_json(explanation: Explanation) -> dict[str, Any]:
    """Every reason to refuse (4.5)."""
    return {
        "code": explanation.code,
        "refusals": [{"code": each.code, "message": str(each)} for each in explanation.refusals],
        "failures": failures_json(explanation.failures),
        "hops": hops_json(explanation.hops),
    }


def spelled(said: Any) -> str:
    """A value in JSON."""
    return _ENCODER.encode(said)


def answer(said: Any, status: int = 200, **headers: str) -> Response:
    """A JSON response that no cache keeps; a str is JSON already."""
    return _Answer(said if isinstance(said, str) else spelled(said), status, headers)


class _Answer(Response):
    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        # What is the same each time is spelled once.
        self.raw_headers = [*_HEADERS, (b"content-length", b"%d" % len(self.body))]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


_HEADERS: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
