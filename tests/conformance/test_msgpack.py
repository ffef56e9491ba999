"""The encodings of kawanet/msgpack-test-suite: only a value's one spelling is decoded.

Which one that is, a small encoder says that follows specs/token.md 1.1 and not the library.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest

from chaincred import Malformed
from chaincred.encoding import unpack_arguments
from tests.conformance.outside import outside

SUITE: dict[str, list[dict[str, Any]]] = json.loads(
    (outside("msgpack-test-suite") / "msgpack-test-suite.json").read_text()
)
LIMIT = 2**20

# Of every file: how many of its encodings are the one spelling, and how many are not.
COUNTS = {
    "10.nil.yaml": (1, 0),
    "11.bool.yaml": (2, 0),
    "12.binary.yaml": (3, 6),
    "20.number-positive.yaml": (11, 62),
    "21.number-negative.yaml": (8, 25),
    "22.number-float.yaml": (2, 2),
    "23.number-bignum.yaml": (9, 10),
    "30.string-ascii.yaml": (4, 9),
    "31.string-utf8.yaml": (5, 5),
    "32.string-emoji.yaml": (2, 2),
    "40.array.yaml": (5, 9),
    "41.map.yaml": (3, 6),
    "42.nested.yaml": (4, 8),
    "50.timestamp.yaml": (0, 19),
    "60.ext.yaml": (0, 11),
}


def value_of(case: dict[str, Any]) -> Any:
    """What the encodings of a case stand for. A timestamp or an extension is no value of ours."""
    match case:
        case {"binary": digits}:
            return bytes.fromhex(digits.replace("-", ""))
        case {"bignum": digits}:
            return int(digits)
        case {"timestamp": _} | {"ext": _}:
            return NotImplemented
    [value] = (value for name, value in case.items() if name != "msgpack")
    return value


def spelled(value: Any) -> bytes | None:
    """The one spelling of a value of the suite; None for what has none."""
    if value is NotImplemented:
        return None
    if value is None or type(value) is bool:
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if type(value) is float and not value.is_integer():
        sign, exponent, fraction = math.copysign(1, value) < 0, *binary64(abs(value))
        return b"\xcb" + (sign << 63 | exponent << 52 | fraction).to_bytes(8, "big")
    if type(value) in (int, float):
        return integer(int(value))
    if type(value) is str:
        text = value.encode()
        return header(len(text), (0xA0, 32), (0xD9, 0xDA, 0xDB)) + text
    if type(value) is bytes:
        return header(len(value), (0, 0), (0xC4, 0xC5, 0xC6)) + value
    if type(value) is list:
        return header(len(value), (0x90, 16), (None, 0xDC, 0xDD)) + joined(value)
    pairs = sorted((key.encode(), key, inner) for key, inner in value.items())
    inside = joined([part for _, *pair in pairs for part in pair])
    return header(len(value), (0x80, 16), (None, 0xDE, 0xDF)) + inside


def binary64(value: float) -> tuple[int, int]:
    """The exponent and fraction bits of a positive normal float."""
    mantissa, exponent = math.frexp(value)
    return exponent + 1022, int((mantissa * 2 - 1) * 2**52)


def integer(value: int) -> bytes:
    if -32 <= value < 128:
        return bytes([value % 256])
    first, fits = (0xCC, value) if value > 0 else (0xD0, 2 * (-value - 1) + 1)
    power = next(power for power in range(4) if fits < 256 ** (2**power))
    return bytes([first + power]) + (value % 2**64).to_bytes(8, "big")[-(2**power) :]


def header(size: int, short: tuple[int, int], long: tuple[int | None, ...]) -> bytes:
    """The shortest header for `size`: `short` is (first byte, how many), `long` by power of 2."""
    first, count = short
    if size < count:
        return bytes([first + size])
    for power, byte in enumerate(long):
        if byte is not None and size < 256 ** (2**power):
            return bytes([byte]) + size.to_bytes(2**power, "big")
    raise AssertionError("longer than anything in the suite")


def joined(values: list[Any]) -> bytes:
    return b"".join(spelled(value) or b"" for value in values)


ENCODINGS = [
    (file, value_of(case), bytes.fromhex(encoding.replace("-", "")))
    for file, cases in SUITE.items()
    for case in cases
    for encoding in case["msgpack"]
]


def test_the_suite_is_as_it_was_counted():
    found = Counter((file, data == spelled(value)) for file, value, data in ENCODINGS)
    assert {file: (found[file, True], found[file, False]) for file in SUITE} == COUNTS
    assert (len(ENCODINGS), sum(one for one, _ in COUNTS.values())) == (233, 59)


def test_every_value_of_ours_has_exactly_one_spelling_in_the_suite():
    for cases in SUITE.values():
        for case in cases:
            own = spelled(value_of(case))
            given = [bytes.fromhex(encoding.replace("-", "")) for encoding in case["msgpack"]]
            assert [each == own for each in given].count(True) == (own is not None)


@pytest.mark.parametrize(
    ("value", "data"), [each[1:] for each in ENCODINGS], ids=[d.hex()[:40] for *_, d in ENCODINGS]
)
def test_only_the_one_spelling_is_decoded(value, data):
    if data == spelled(value):
        decoded = unpack_arguments(data, LIMIT)
        assert decoded == value
        assert (type(decoded) is bool) == (type(value) is bool)
        return
    with pytest.raises(Malformed):
        unpack_arguments(data, LIMIT)
