"""MessagePack values that are spelled rightly and wrongly (token.md 1.1)."""

from collections.abc import Iterator

from families.packing import Raw, Value, pack
from families.scenario import Vector, decode

INTS = (
    *(0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1),
    *(-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)),
)
STRS = ("", "a" * 31, "b" * 32, "c" * 255, "d" * 256, "\N{GRINNING FACE}")
BINS = (b"", bytes(1), bytes(255), bytes(256))

# Rows: what is right, and the value.
RIGHT_IN_BLOCKS: tuple[tuple[str, str, Value], ...] = (
    ("ints", "integers at the edge of each width", INTS),
    ("strs", "texts at the edge of each width", STRS),
    ("bins", "byte strings at the edge of each width", BINS),
    ("bools", "true and false", [True, False]),
    ("empty-array", "an array of nothing", []),
    ("array-of-15", "the longest array with a header of one byte", [0] * 15),
    ("array-of-16", "the shortest array with a header of three bytes", [0] * 16),
)
RIGHT_IN_ARGS: tuple[tuple[str, str, Value], ...] = (
    ("empty-map", "a map of nothing", {}),
    ("nil", "nil is a value in arguments", None),
    ("map-of-15", "a map of 15 keys", {f"{n:02}": n for n in range(15)}),
    ("map-of-16", "a map of 16 keys", {f"{n:02}": n for n in range(16)}),
    ("float-half", "a float that is not a whole number", 0.5),
    ("float-denormal", "the smallest float above zero", 5e-324),
    ("float-past-2-53", "the first whole float above 2^53", 2.0**53 + 2),
    ("float-below-minus-2-53", "the first whole float below -2^53", -(2.0**53) - 2),
    ("float-huge", "a whole number far beyond the integers", 1e300),
    ("map-in-array", "a map inside an array inside a map", {"a": [{"b": None}]}),
    ("empty-key", "the empty str is a key like any other", {"": 0}),
    (
        "key-order-is-of-utf-8",
        "keys go by utf-8, in which U+FB00 is before U+10000, not by utf-16",
        {"\ufb00": 0, "\U00010000": 1},
    ),
    ("key-order-is-not-by-length", "the key aa is before b", {"aa": 0, "b": 1}),
)

# Rows: what is wrong, and the bytes in hexadecimal.
WRONG_IN_BLOCKS = (
    ("empty", "there is not one byte", ""),
    ("trailing-byte", "a byte is left over", "0000"),
    ("trailing-byte-after-array", "a byte is left over after an array", "910000"),
    ("never-used", "the header c1 means nothing", "c1"),
    ("uint8-for-127", "127 in two bytes", "cc7f"),
    ("uint16-for-255", "255 in three bytes", "cd00ff"),
    ("uint32-for-65535", "65535 in five bytes", "ce0000ffff"),
    ("uint64-for-2-32-less-1", "2^32-1 in nine bytes", "cf00000000ffffffff"),
    ("int8-for-1", "1 in a signed form", "d001"),
    ("int16-for-128", "128 in a signed form", "d10080"),
    ("int32-for-65536", "65536 in a signed form", "d200010000"),
    ("int64-for-2-32", "2^32 in a signed form", "d30000000100000000"),
    ("int8-for-minus-32", "-32 in two bytes", "d0e0"),
    ("int16-for-minus-128", "-128 in three bytes", "d1ff80"),
    ("int32-for-minus-32768", "-32768 in five bytes", "d2ffff8000"),
    ("int64-for-minus-2-31", "-2^31 in nine bytes", "d3ffffffff80000000"),
    ("str8-for-31", "a text of 31 bytes under a two-byte header", "d91f" + "61" * 31),
    ("str16-for-32", "a text of 32 bytes under a long header", "da0020" + "61" * 32),
    ("str32-for-256", "a text of 256 under a long header", "db00000100" + "61" * 256),
    ("bin16-for-1", "one byte under a long header", "c5000100"),
    ("bin32-for-256", "256 bytes under a long header", "c600000100" + "00" * 256),
    ("array16-for-15", "15 items under a long header", "dc000f" + "00" * 15),
    ("array32-for-16", "16 items under a long header", "dd00000010" + "00" * 16),
    ("str-continuation", "a continuation byte on its own is not utf-8", "a180"),
    ("str-overlong", "zero in two bytes is not utf-8", "a2c080"),
    ("str-surrogate", "a surrogate is not utf-8", "a3eda080"),
    ("str-past-unicode", "U+110000 does not exist", "a4f4908080"),
    ("str-cut", "the last character lacks a byte", "a2e282"),
    ("truncated-uint16", "an integer of two bytes has only one", "cd01"),
    ("truncated-str", "a text of three bytes has only two", "a36161"),
    ("truncated-bin", "a byte string has no length", "c4"),
    ("truncated-array", "an array of two has one item", "9200"),
    ("array-of-4-billion", "an array claims 2^32-1 items", "ddffffffff00"),
    ("bin-of-4-billion", "a byte string claims 2^32-1 bytes", "c6ffffffff00"),
    ("nil-in-a-block", "nil is for arguments only", "c0"),
    ("map-in-a-block", "a map is for arguments only", "80"),
    ("float-in-a-block", "a float is for arguments only", "cb3fe0000000000000"),
    ("nil-deep-in-a-block", "nil is for arguments only, at any depth", "9191c0"),
    ("ext-fix1", "an extension type of one byte", "d40100"),
    ("ext-fix2", "an extension type of two bytes", "d5010000"),
    ("ext-fix8", "an extension type of eight bytes", "d701" + "00" * 8),
    ("ext-fix16", "an extension type of sixteen bytes", "d801" + "00" * 16),
    ("ext8", "an extension type of three bytes", "c70301000000"),
    ("ext16", "an extension type with a length of two bytes", "c8000101" + "00"),
    ("ext32", "an extension type with a length of four bytes", "c90000000101" + "00"),
    ("timestamp", "a timestamp is an extension type", "d6ff6ab13b80"),
)
WRONG_IN_ARGS = (
    ("float32", "a half in 32 bits", "ca3f000000"),
    ("float-nan", "not a number", "cb7ff8000000000000"),
    ("float-infinity", "infinity", "cb7ff0000000000000"),
    ("float-minus-infinity", "minus infinity", "cbfff0000000000000"),
    ("float-one", "1 written as a float", "cb3ff0000000000000"),
    ("float-zero", "0 written as a float", "cb0000000000000000"),
    ("float-minus-zero", "-0.0 written as a float", "cb8000000000000000"),
    ("float-2-53", "2^53 written as a float", "cb4340000000000000"),
    ("float-minus-2-53", "-2^53 written as a float", "cbc340000000000000"),
    ("float-cut", "a float lacks its last byte", "cb3fe00000000000"),
    ("map-duplicate-key", "a key occurs twice", "82a16100a16101"),
    ("map-unsorted", "the key b comes before a", "82a16200a16100"),
    ("map-by-length", "the key b comes before aa", "82a16200a2616101"),
    ("map-by-utf-16", "the key U+10000 is before U+FB00", "82a4f090808000a3efac8000"),
    ("map-int-key", "a key is an integer", "810000"),
    ("map-bin-key", "a key is a byte string", "81c4016100"),
    ("map-without-value", "the last key has no value", "81a161"),
    ("map16-for-1", "one key under a long header", "de0001a16100"),
    ("map32-for-1", "one key under a longer header", "df00000001a16100"),
    ("map-key-long-header", "a key has a long header", "81d9016100"),
    ("map-value-long-header", "a value has a long header", "81a161cc01"),
    ("map-key-not-utf-8", "a key is not utf-8", "81a1ff00"),
    ("ext-in-args", "an extension type is nothing for arguments either", "d40100"),
    ("trailing-byte-in-args", "a byte is left over after the map", "8000"),
)


def vectors() -> Iterator[Vector]:
    for name, about, value in RIGHT_IN_BLOCKS:
        yield decode(f"encoding-{name}", f"well packed: {about}", "ok", "block", pack(value))
    for name, about, value in RIGHT_IN_ARGS:
        yield decode(f"encoding-{name}", f"well packed: {about}", "ok", "args", pack(value))
    for name, about, data in WRONG_IN_BLOCKS:
        wrong = bytes.fromhex(data)
        yield decode(f"encoding-{name}", f"badly packed: {about}", "malformed", "block", wrong)
    for name, about, data in WRONG_IN_ARGS:
        wrong = bytes.fromhex(data)
        yield decode(f"encoding-{name}", f"badly packed: {about}", "malformed", "args", wrong)
    yield from _depths()


def _depths() -> Iterator[Vector]:
    rows = (
        ("arrays", "block", b"\x91" * 15 + b"\x90"),
        ("maps", "args", b"\x81\xa0" * 15 + b"\x80"),
        ("maps-and-arrays", "args", b"\x81\xa0\x91" * 7 + b"\x81\xa0\x90"),
    )
    for name, form, deep in rows:
        said = name.replace("-", " ")
        yield decode(f"encoding-depth-16-{name}", f"{said}, 16 deep", "ok", form, deep)
        yield decode(
            f"encoding-depth-17-{name}",
            f"{said}, 17 deep",
            "malformed",
            form,
            b"\x91" + deep,
        )
    bomb = b"\x91" * 4000 + b"\x90"
    yield decode("encoding-depth-4001", "four thousand arrays deep", "malformed", "block", bomb)
    scalar = pack([Raw(b"\x91" * 15 + b"\x07")])
    yield decode(
        "encoding-depth-16-with-a-scalar",
        "an integer inside 16 arrays adds no depth",
        "ok",
        "block",
        scalar,
    )
