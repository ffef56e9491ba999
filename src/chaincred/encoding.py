"""The strict subset of MessagePack, and the text forms around it (specs/token.md 1).

A value has one spelling. The decoder decodes, packs the result again and compares, so that
whatever the encoder would not have written (long headers, doubled keys, bytes left over) is
refused without a rule for each. What survives that comparison and still must not be there
(nil, floats, maps, unsorted keys, depth) is a matter of types: a reader that knows the shape
checks them part by part, and for the rest there is a scan.
"""

from __future__ import annotations

import binascii
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgpack

from chaincred.errors import Malformed

MAX_DEPTH: Final = 16
"""Arrays and maps inside one another. A block needs 5; JSON arguments rarely reach 10."""
MAX_OUTER: Final = 16
"""Elements of an array that holds packed parts: the blocks of a token are the most."""
MAX_ELEMENTS: Final = 256
"""Elements of an array in a body: more tools than an agent is told of."""
MAX_TIME: Final = 2**53 - 1
"""The largest integer that every JSON and JavaScript reader holds exactly."""

_EXACT_FLOAT: Final = 2**53
_INT_RANGE: Final = range(-(2**63), 2**64)
_PLAIN: Final[frozenset[type]] = frozenset({list, bytes, str, int, bool})
_ANY: Final[frozenset[type]] = _PLAIN | {dict, float, type(None)}
# Not `dict | Mapping` where it is asked: that makes a type anew each time.
_MAPS: Final = (dict, Mapping)
_LISTS: Final = (list, tuple)
_CONTAINERS: Final[frozenset[type]] = frozenset({list, dict})
_ARRAY_HEADERS: Final = frozenset({*range(0x90, 0xA0), 0xDC, 0xDD})
_UNREADABLE: Final = (
    IndexError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
    msgpack.UnpackException,
)
# The digits of the other alphabet become none at all.
_FROM_URL: Final = bytes.maketrans(b"-_+/", b"+/!!")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)


def pack(value: Any) -> bytes:
    """The one spelling of a value made of lists, bytes, str, int, bool (and sorted maps).

    Values come from `canonical` or from validated fields; this does not check them again.
    """
    packed: bytes = msgpack.packb(value, strict_types=True)
    return packed


def unpack(data: bytes, limit: int, longest: int = MAX_OUTER) -> Any:
    """The value that `data` spells, at most `limit` bytes. Raises Malformed.

    No array in it has more than `longest` elements: msgpack makes room for as many as a header
    claims, on each of a thousand levels, before it finds that they are not there.

    For what has a known shape: whoever takes the value apart checks the type of each part, by
    `type(x) is`. What has none goes through `require_plain` as well.
    """
    if len(data) > limit:
        raise Malformed(f"{len(data)} bytes, at most {limit} are allowed")
    try:
        value = msgpack.unpackb(
            data,
            strict_map_key=True,
            max_array_len=longest,
            max_ext_len=0,
            ext_hook=_no_extension,
        )
        spelled = pack(value)
    except _UNREADABLE:
        spelled = None
    # Raised outside `except`: msgpack's errors carry the bytes, which may be a secret, to wherever
    # a cause is printed.
    if spelled is None:
        raise Malformed("not MessagePack in the allowed subset")
    if spelled != data:
        raise Malformed("not the one spelling of its value")
    return value


def unpack_flat(data: bytes, limit: int, longest: int) -> list[Any]:
    """The array that `data` spells, of scalars and of arrays of at most `longest` scalars.

    For what nobody has signed yet and may be long: it takes memory in proportion to `data`,
    whatever that claims to hold. Raises Malformed.
    """
    if len(data) > limit:
        raise Malformed(f"{len(data)} bytes, at most {limit} are allowed")
    try:
        value = _flat(data, longest)
        spelled = pack(value)
    except (*_UNREADABLE, msgpack.OutOfData):
        spelled = None
    if spelled != data:
        raise Malformed("not the one spelling of an array of scalars and their arrays")
    return value


def _flat(data: bytes, longest: int) -> list[Any]:
    # The limits of zero are on what `unpack` reads; headers are read one by one.
    reader = msgpack.Unpacker(
        max_buffer_size=len(data), max_array_len=0, max_map_len=0, max_ext_len=0
    )
    reader.feed(data)
    value = []
    for _ in range(min(reader.read_array_header(), MAX_OUTER)):
        if data[reader.tell()] in _ARRAY_HEADERS:
            count = reader.read_array_header()
            if count > longest:
                raise ValueError("more elements than are allowed")
            value.append([reader.unpack() for _ in range(count)])
        else:
            value.append(reader.unpack())
    return value


def unpack_arguments(data: bytes, limit: int) -> Any:
    """The value that `data` spells, where maps, floats and nil are allowed. Raises Malformed."""
    value = unpack(data, limit, longest=limit)
    _check_types(value, _ANY, MAX_DEPTH)
    return value


def require_plain(value: Any, outside: int = 0) -> None:
    """Raises Malformed if an unpacked value holds a map, a float or nil, or is too deep.

    `outside` is how many levels there are around it.
    """
    _check_types(value, _PLAIN, MAX_DEPTH - outside)


def canonical(value: Any, depth: int = 1) -> Any:
    """A copy of `value` in which equal values are spelled equally, for `pack`.

    Whole floats become ints, tuples lists, mappings dicts in key order. Raises Malformed for
    what JSON can carry and we do not (NaN, 2**64, a lone surrogate, 17 levels), TypeError for
    other types.
    """
    if isinstance(value, str):
        return _utf8(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value in _INT_RANGE:
            return int(value)
        raise Malformed("an integer that does not fit 64 bits")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Malformed("a number that is not finite")
        return float(value) if _is_spelled_as_float(value) else int(value)
    if isinstance(value, bytes):
        return bytes(value)
    if depth > MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} levels deep")
    if isinstance(value, _MAPS):
        if not all(isinstance(key, str) for key in value):
            raise Malformed("a map key that is not a string")
        return {_utf8(key): canonical(value[key], depth + 1) for key in sorted(value)}
    if isinstance(value, _LISTS):
        return [canonical(element, depth + 1) for element in value]
    raise TypeError(f"{type(value).__name__} cannot be an argument")


def is_text(value: object, low: int, high: int) -> bool:
    """Whether `value` is a text of `low` to `high` UTF-8 bytes (specs/token.md 1.2)."""
    if type(value) is not str or len(value) > high:
        return False
    if value.isascii():
        return low <= len(value) <= high and (value.isprintable() or not value)
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return False
    return (
        low <= size <= high
        and not _HIDDEN.search(value)
        and unicodedata.is_normalized("NFC", value)
    )


def is_uint(value: object, high: int = MAX_TIME) -> bool:
    """Whether `value` is an int (not a bool) from 0 to `high`."""
    return type(value) is int and 0 <= value <= high


def require_seconds(now: object) -> None:
    """Raises TypeError unless `now` is whole seconds since 1970."""
    if not is_uint(now):
        raise TypeError("now is whole seconds since 1970")


def to_text(prefix: str, data: bytes) -> str:
    """`prefix` and base64url of `data` without padding."""
    return prefix + _digits(data).translate(_TO_URL).decode()


def from_text(prefix: str, text: str, limit: int) -> bytes:
    """The bytes that `text` spells, at most `limit`. Raises Malformed."""
    if not isinstance(text, str) or not text.startswith(prefix):
        raise Malformed(f"does not begin with {prefix}")
    if len(text) > len(prefix) + -(-limit * 4 // 3):
        raise Malformed(f"more than {limit} bytes")
    try:
        digits = text[len(prefix) :].encode("ascii").translate(_FROM_URL)
        data = binascii.a2b_base64(digits + b"==")
    except (binascii.Error, UnicodeEncodeError):
        data = None
    # Raised outside `except`, as in `unpack`. The decoder skips foreign characters and stray bits:
    # only its own spelling is accepted.
    if data is None or _digits(data) != digits:
        raise Malformed("not the one base64url spelling of its bytes")
    return data


def _digits(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


def _check_types(value: Any, allowed: frozenset[type], depth: int) -> None:
    level: Collection[Any] = (value,)
    for _ in range(depth + 1):
        found = set(map(type, level))
        if not found <= allowed:
            raise Malformed("a value of a type that is not allowed here")
        if float in found and not all(_is_spelled_as_float(v) for v in level if type(v) is float):
            raise Malformed("a float that is not finite, or is whole")
        deeper: list[Any] = []
        if list in found:
            deeper += [inner for outer in level if type(outer) is list for inner in outer]
        if dict in found:
            deeper += [inner for outer in level if type(outer) is dict for inner in _sorted(outer)]
        if found.isdisjoint(_CONTAINERS):
            return
        level = deeper
    raise Malformed(f"more than {MAX_DEPTH} levels deep")


def _sorted(container: dict[Any, Any]) -> Collection[Any]:
    # Python orders strings by code point, which is the order of their UTF-8 bytes.
    if not all(type(key) is str for key in container) or list(container) != sorted(container):
        raise Malformed("map keys that are not strings in ascending order")
    return container.values()


def _is_spelled_as_float(value: float) -> bool:
    return math.isfinite(value) and not (value.is_integer() and abs(value) <= _EXACT_FLOAT)


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("a string with a lone surrogate") from error
    # Of an enumeration's member, str() would be its name.
    return str.__str__(text)


def _no_extension(_code: int, _data: bytes) -> None:
    raise ValueError("extension types are not in the subset")
