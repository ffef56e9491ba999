"""One spelling a value (specs/token.md 1)."""

import math
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred.encoding import (
    MAX_DEPTH,
    canonical,
    from_text,
    is_text,
    is_uint,
    pack,
    require_plain,
    to_text,
    unpack,
    unpack_arguments,
)
from chaincred.errors import Malformed

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.binary(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_packed_is_unpacked_as_the_same_canonical_value(value):
    spelled = canonical(value)
    unpacked = unpack_arguments(pack(spelled), 2**20)
    assert pack(unpacked) == pack(spelled)
    assert repr(unpacked) == repr(spelled)


@given(values, st.binary(min_size=1, max_size=3))
def test_no_prefix_and_no_longer_string_spells_a_value(value, tail):
    data = pack(canonical(value))
    for cut in range(len(data)):
        with pytest.raises(Malformed):
            unpack(data[:cut], 2**20)
    with pytest.raises(Malformed):
        unpack(data + tail, 2**20)


LOOSE = [
    ("nothing", ""),
    ("an integer in more bytes than it needs", "cc01"),
    ("a positive integer in a signed form", "d001"),
    ("a str header longer than it needs", "d90161"),
    ("a bin header longer than it needs", "c50001ff"),
    ("an array header longer than it needs", "dc000101"),
    ("a doubled key", "82a16101a16101"),
    ("keys out of order", "82a16201a16101"),
    ("a key that is not a string", "810101"),
    ("a float of 32 bits", "ca3fc00000"),
    ("a whole float", "cb3ff0000000000000"),
    ("minus zero", "cb8000000000000000"),
    ("not a number", "cb7ff8000000000000"),
    ("infinity", "cb7ff0000000000000"),
    ("an extension", "d40100"),
    ("an empty extension", "c70001"),
    ("a timestamp", "d6ff00000001"),
    ("a byte that begins nothing", "c1"),
    ("a str that is not UTF-8", "a1ff"),
    ("a lone surrogate in UTF-8", "a3eda080"),
    ("more elements than there are bytes", "ddffffffff"),
    ("a thousand levels", "91" * 1000 + "90"),
]


@pytest.mark.parametrize(("about", "data"), LOOSE, ids=[about for about, _ in LOOSE])
def test_a_loose_spelling_is_malformed(about, data):
    with pytest.raises(Malformed):
        unpack_arguments(bytes.fromhex(data), 2**20)


def test_a_header_makes_no_room_for_what_is_not_there():
    nested = (b"\xdc\x23\x00" * 1000)[:9000]
    tracemalloc.start()
    for longest in (16, 256):
        with pytest.raises(Malformed):
            unpack(nested, 9216, longest)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**16
    assert unpack(pack([0] * 16), 99) == [0] * 16
    with pytest.raises(Malformed):
        unpack(pack([0] * 17), 99)


def test_what_is_longer_than_its_limit_is_malformed():
    assert unpack(pack(b"x" * 8), 10) == b"x" * 8
    with pytest.raises(Malformed, match="at most 9"):
        unpack(pack(b"x" * 8), 9)


@pytest.mark.parametrize("value", [None, 0.5, {}, [[None]], [{"a": 1}]])
def test_what_is_for_arguments_only_is_not_plain(value):
    assert unpack_arguments(pack(value), 99) == value
    with pytest.raises(Malformed):
        require_plain(unpack(pack(value), 99))


@pytest.mark.parametrize("leaf", [1, [], {}])
def test_sixteen_levels_are_deep_enough(leaf):
    inner = 0 if leaf == 1 else 1
    value = leaf
    for _ in range(MAX_DEPTH - inner):
        value = [value]
    assert canonical(value) == unpack_arguments(pack(value), 99) == value
    with pytest.raises(Malformed):
        canonical([value])
    with pytest.raises(Malformed):
        unpack_arguments(pack([value]), 99)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**64, -(2**63) - 1, "\ud800", {"\ud800": 1}, {1: 1}, [{b"": 1}]]
)
def test_what_json_can_carry_and_we_do_not_is_malformed(value):
    with pytest.raises(Malformed):
        canonical(value)


def test_a_value_of_another_type_is_the_callers_slip():
    with pytest.raises(TypeError, match="set cannot be an argument"):
        canonical({1, 2})


def test_equal_numbers_are_spelled_equally_and_true_is_not_one():
    assert pack(canonical(1.0)) == pack(1) != pack(True)
    assert pack(canonical(-0.0)) == pack(0)
    assert pack(canonical(2.0**53)) == pack(2**53)
    assert pack(canonical(2.0**54)) == msgpack.packb(2.0**54)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("", False),
        ("a", True),
        ("é", True),
        ("e\u0301", False),
        ("a\nb", False),
        ("a\x85", False),
        ("\u202egnp", False),
        ("\ud800", False),
        ("é" * 3, False),
        (b"a", False),
        ("a b~", True),
    ],
)
def test_a_text_has_its_size_and_hides_nothing(text, good):
    assert is_text(text, 1, 5) is good


def test_an_empty_text_may_be_allowed():
    assert is_text("", 0, 5)


@pytest.mark.parametrize(("value", "good"), [(0, True), (2**53 - 1, True), (2**53, False)])
def test_a_time_is_within_what_every_reader_holds(value, good):
    assert is_uint(value) is good


@pytest.mark.parametrize("value", [True, -1, 1.0, "1", None])
def test_a_time_is_an_integer(value):
    assert not is_uint(value)


@given(st.binary(max_size=60))
def test_a_text_form_has_one_spelling(data):
    text = to_text("cc1_", data)
    assert from_text("cc1_", text, 60) == data
    for other in (text + "=", text + "\n", " " + text, text + "+", text[1:]):
        with pytest.raises(Malformed):
            from_text("cc1_", other, 60)
    with pytest.raises(Malformed):
        from_text("cc1_", to_text("cc1_", data + b"\0\0\0"), len(data))


def test_unused_bits_are_zero():
    assert from_text("cc1_", "cc1_AA", 9) == b"\0"
    with pytest.raises(Malformed):
        from_text("cc1_", "cc1_AB", 9)


@pytest.mark.parametrize(
    "text", [None, 5, b"cc1_AA", "cc1_A", "cc1_é", "cc1_A+/=", "cc1_AA==", "cc1_A A"]
)
def test_what_is_not_base64url_is_malformed(text):
    with pytest.raises(Malformed):
        from_text("cc1_", text, 99)
