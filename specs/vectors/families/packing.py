"""MessagePack with one spelling for each value (token.md 1.1), written by hand.

`Raw` lets a vector break a rule in one place: its bytes are put in as they are.
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Raw:
    """Bytes that stand for a value already packed, rightly or not."""

    data: bytes


Value: TypeAlias = (
    "bool | int | float | str | bytes | Raw | Sequence[Value] | Mapping[str, Value] | None"
)

# The widths that a length or an integer may take, with their header bytes.
_STR = ((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I"))
_BIN = ((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I"))
_ARRAY = ((0xDC, ">H"), (0xDD, ">I"))
_MAP = ((0xDE, ">H"), (0xDF, ">I"))
_UNSIGNED = ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"))
_SIGNED = ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))


def pack(value: Value) -> bytes:
    """The one spelling of a value."""
    match value:
        case Raw():
            return value.data
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _pack_int(value)
        case float():
            return _pack_float(value)
        case str():
            data = value.encode()
            return _header(len(data), 0xA0, 32, _STR) + data
        case bytes():
            return _header(len(value), 0, 0, _BIN) + value
        case Mapping():
            return _pack_map(value)
        case _:
            return _header(len(value), 0x90, 16, _ARRAY) + b"".join(map(pack, value))


def text_form(prefix: str, packed: bytes) -> str:
    """The prefix and the base64url of the bytes, unpadded (token.md 1.3)."""
    return prefix + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _pack_int(value: int) -> bytes:
    if 0 <= value < 128 or -32 <= value < 0:
        return bytes([value & 0xFF])
    return _shortest(value, _UNSIGNED if value > 0 else _SIGNED)


def _pack_float(value: float) -> bytes:
    if value.is_integer() and abs(value) <= 2**53:
        return _pack_int(int(value))
    return b"\xcb" + struct.pack(">d", value)


def _pack_map(value: Mapping[str, Value]) -> bytes:
    items = sorted((key.encode(), key) for key in value)
    packed = b"".join(pack(key) + pack(value[key]) for _, key in items)
    return _header(len(items), 0x80, 16, _MAP) + packed


def _header(length: int, fixed: int, below: int, widths: tuple[tuple[int, str], ...]) -> bytes:
    if length < below:
        return bytes([fixed | length])
    return _shortest(length, widths)


def _shortest(number: int, widths: tuple[tuple[int, str], ...]) -> bytes:
    for head, width in widths:
        try:
            return bytes([head]) + struct.pack(width, number)
        except struct.error:
            continue
    raise ValueError(f"{number} has no place in MessagePack")
