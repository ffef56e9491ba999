"""Attacks on the forms of things: two spellings of one value, and what must not be written.

What is read only by its holder or its owner (a key, a bare token) is an attack that ends when it
is read; all else ends when it is admitted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from chaincred import PublicKey, Token, encoding
from chaincred import block as block_module
from chaincred import caveats as caveats_module
from chaincred import keys as keys_module
from chaincred import presentation as presentation_module
from chaincred import request as request_module
from chaincred import token as token_module
from chaincred.encoding import from_text, is_text, unpack_arguments
from chaincred.encoding import unpack as read
from tests.attacks.cast import (
    ARGS,
    EXPIRES,
    NOW,
    PLANNER,
    RESOURCES,
    ROOT,
    TASK,
    TOOLS,
    WORKER,
    Ask,
    chain,
    extended,
    hop_body,
    pack,
    root_block,
    root_body,
    shown,
    text,
    unpack,
    untext,
)
from tests.attacks.family import ASK, Anything, Attack, Break, always, family, shows, under

BLOCKS = under([RESOURCES, ["docs/**"]])
SHOWN = shown(BLOCKS, WORKER)


def spelling_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    packed = encoding.pack
    patch.setattr(encoding, "pack", lambda value: Anything(packed(value)))


def texts_spelling_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    spelled = encoding._digits
    patch.setattr(encoding, "_digits", lambda data: Anything(spelled(data)))


def prefixes_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "chaincred.presentation.from_text",
        lambda prefix, text, limit: from_text(prefix, prefix + text.partition("_")[2], limit),
    )


def keys_order_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(encoding, "_sorted", lambda container: container.values())


def numbers_types_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chaincred.block.is_uint", lambda value, high=2**53: 0 <= value <= high)


def unknown_fields_may_be_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caveats_module, "require_plain", always(None))
    patch.setattr(caveats_module.Unknown, "holds", always(True))


def order_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chaincred.caveats._listed", lambda kind, values: kind(values))


def arguments_spelling_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chaincred.caveats.pack", lambda value: Anything(encoding.pack(value)))


def small_keys_are_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys_module, "_REFUSED", frozenset())


def names_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(request_module, "is_name", always(True))


def hidden_characters_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(encoding, "_HIDDEN", re.compile("(?!)"))
    # What is ASCII takes a shorter way, which is the same check.
    patch.setattr(
        "chaincred.block.is_text",
        lambda value, low, high: is_text("".join(c for c in value if ord(c) > 31), low, high),
    )


def composition_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "chaincred.block.is_text",
        lambda value, low, high: is_text(unicodedata.normalize("NFC", value), low, high),
    )


def discharges_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chaincred.presentation.unpack", lambda data, limit: [*read(data, limit)[:2], []])


def blocks_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    # Both, since each covers for the other: no array around packed parts is longer than a token.
    patch.setattr(token_module, "MAX_BLOCKS", 1000)
    for where in (token_module, presentation_module):
        patch.setattr(where, "unpack", lambda data, limit: encoding.unpack(data, limit, 1000))


def limit_is(module: Any, name: str) -> Break:
    """A named limit is a thousand times what it is."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(module, name, getattr(module, name) * 1000)

    return broken


def a_token_may_be_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(token_module, "MAX_TOKEN", 2**20)
    patch.setattr(presentation_module, "MAX_PRESENTATION", 2**20)


# Attacks.


def loosely(about: str, loosen: Callable[[bytes], bytes]) -> Attack:
    """The planner signs a hop whose body is spelled in another way."""
    body = pack(hop_body(WORKER, [[EXPIRES, NOW + 60]], agent="agent"))
    loose = loosen(body)
    assert loose != body
    blocks = extended(chain((ROOT, root_body(PLANNER))), PLANNER, loose)
    return Attack(about, "malformed", shows(shown(blocks, WORKER)))


def hop(about: str, body: Any, ask: Ask = ASK) -> Attack:
    """The planner signs a hop that must not be so."""
    blocks = extended(chain((ROOT, root_body(PLANNER))), PLANNER, body)
    return Attack(about, "malformed", shows(shown(blocks, WORKER, ask), ask))


def caveat(about: str, *caveats: Any, ask: Ask = ASK) -> Attack:
    return hop(about, hop_body(WORKER, caveats), ask)


def spelled(about: str, presentation: str) -> Attack:
    return Attack(about, "malformed", shows(presentation))


def loose_bits(given: str) -> Attack:
    return Attack(f"unused bits in {given}", "malformed", lambda: from_text("", given, 9))


def key(about: str, raw: bytes) -> Attack:
    return Attack(f"{about} as a root", "malformed", lambda: PublicKey.from_hex(raw.hex()))


def key_in_a_chain(about: str, raw: bytes) -> Attack:
    blocks = [root_block(root_body(raw))]
    return Attack(f"{about} as a holder", "malformed", lambda: Token.from_bytes(pack(blocks)))


def packed_arguments(about: str, data: bytes) -> Attack:
    return Attack(about, "malformed", lambda: unpack_arguments(data, 1000))


def named(name: str, *, tool: bool = False) -> Attack:
    """A holder of `docs/**` (or of the tools below `fs`) asks under a name that leads out."""
    caveat = [TOOLS, ["fs/**"]] if tool else [RESOURCES, ["docs/**"]]
    ask = Ask(tool=name) if tool else Ask(resource=name)
    about = f"{'tool' if tool else 'resource'} {name!r}"
    return Attack(about, "malformed", shows(shown(under(caveat), WORKER, ask), ask))


def filled(size: int) -> list[list[bytes]]:
    """A chain of more than `size` packed bytes."""
    blocks = under()
    while len(pack(blocks)) <= size:
        blocks = extended(blocks, WORKER, hop_body(WORKER, [[TASK, "t" * 128]] * 8))
    return blocks


def many_blocks(count: int) -> list[list[bytes]]:
    blocks = chain((ROOT, root_body(WORKER)))
    while len(blocks) < count:
        blocks = extended(blocks, WORKER, hop_body(WORKER))
    return blocks


P = 2**255 - 19
SMALL = {
    "order 4": 0,
    "order 1": 1,
    "order 2": P - 1,
    "order 8": int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    "order 8, the other": int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
    "y of p": P,
    "y of p + 1": P + 1,
    "y of 2**255 - 1": 2**255 - 1,
}
WEAK = [
    (f"{about}{', sign bit set' if sign else ''}", (y | sign << 255).to_bytes(32, "little"))
    for about, y in SMALL.items()
    for sign in (0, 1)
]
WEAK_KEYS = [attack(about, raw) for about, raw in WEAK for attack in (key, key_in_a_chain)]
LONG = ASK.but(args={"content": "x" * 2**20})
TASKS = ASK.but(task="t" * 128)

FAMILIES = (
    family(
        "loose spelling",
        spelling_is_not_compared,
        loosely("the array in 3 bytes", lambda body: b"\xdc\x00\x06" + body[1:]),
        loosely("the array in 5 bytes", lambda body: b"\xdd\x00\x00\x00\x06" + body[1:]),
        loosely("1 in two bytes", lambda body: body[:1] + b"\xcc\x01" + body[2:]),
        loosely("1 in nine bytes", lambda body: body[:1] + b"\xcf" + bytes(7) + b"\x01" + body[2:]),
        loosely("1 in a signed form", lambda body: body[:1] + b"\xd0\x01" + body[2:]),
        loosely("a time in nine bytes", lambda body: body.replace(b"\xce", b"\xcf\0\0\0\0", 1)),
        loosely("a bin in 3 bytes", lambda body: body.replace(b"\xc4\x20", b"\xc5\x00\x20")),
        loosely("a str in 2 bytes", lambda body: body.replace(b"\xa5agent", b"\xd9\x05agent")),
        loosely(
            "a str in 5 bytes", lambda body: body.replace(b"\xa5agent", b"\xdb\0\0\0\x05agent")
        ),
        loosely("a byte left over", lambda body: body + b"\x00"),
        packed_arguments("a key twice", b"\x82\xa1a\x01\xa1a\x02"),
        packed_arguments("a float of 32 bits", b"\x91\xca\x3f\x00\x00\x00"),
    ),
    family(
        "keys out of order",
        keys_order_is_not_compared,
        packed_arguments("b before a", b"\x82\xa1b\x01\xa1a\x02"),
        packed_arguments("deeper", b"\x91\x82\xa1b\x01\xa1a\x02"),
    ),
    family(
        "loose text",
        texts_spelling_is_not_compared,
        spelled("padded", SHOWN + "="),
        spelled("padded twice", SHOWN + "=="),
        spelled("a new line at the end", SHOWN + "\n"),
        spelled("a space in it", SHOWN[:20] + " " + SHOWN[20:]),
        spelled("a character of no alphabet", SHOWN[:20] + "!" + SHOWN[20:]),
        spelled("a zero byte", SHOWN[:20] + "\0" + SHOWN[20:]),
        *(loose_bits(given) for given in ("AB", "AAB", "A/", "A+")),
    ),
    family(
        "prefix of a text",
        prefixes_are_not_compared,
        spelled("that of a token", "cc1_" + SHOWN[5:]),
        spelled("that of a bearer token", "cc1s_" + SHOWN[5:]),
        spelled("in upper case", "CC1P_" + SHOWN[5:]),
    ),
    family(
        "numbers of another type",
        numbers_types_are_not_compared,
        hop("a time that is true", hop_body(WORKER, issued_at=True)),
        hop("a time that is a float", hop_body(WORKER, issued_at=float(NOW))),
        hop("a time of half a second", hop_body(WORKER, issued_at=NOW - 0.5)),
    ),
    family(
        "unknown caveat with what no block may hold",
        unknown_fields_may_be_anything,
        caveat("a map", [77, {"a": 1}]),
        caveat("nil", [77, None]),
        caveat("a float", [77, 1.5]),
        caveat("too deep", [77, [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]),
    ),
    family(
        "lists out of order",
        order_is_not_compared,
        caveat("tools", [TOOLS, ["write_file", "read_file"]]),
        caveat("a tool twice", [TOOLS, ["read_file", "read_file"]]),
        caveat("resources", [RESOURCES, ["docs/**", "a"]]),
    ),
    family(
        "arguments out of order",
        arguments_spelling_is_not_compared,
        caveat(
            "names",
            [ARGS, [["m", True, [0, 1]], ["a", True, [0, 1]]], False],
            ask=ASK.but(args={"a": 1, "m": 1}),
        ),
        caveat(
            "a name twice, the wider one last",
            [ARGS, [["n", True, [0, 1]], ["n", False, [0, 2]]], False],
        ),
        caveat("required as 0", [ARGS, [["n", 0, [0, 1]]], False]),
        caveat("values", [ARGS, [["n", True, [1, [2, 1]]]], False], ask=ASK.but(args={"n": 1})),
    ),
    family("weak key", small_keys_are_taken, *WEAK_KEYS),
    family(
        "names not in normal form",
        names_are_not_looked_at,
        *(
            named(name)
            for name in (
                "docs/../secrets/pay",
                "docs/./q3.md",
                "docs/a/..",
                "docs//q3.md/",
                "docs/q3.md/",
                "docs/..\\secrets",
                "docs/%2e%2e/secrets",
                "docs/%2F..",
                "docs/%2f",
                "docs/%41",
                "docs/%",
                "docs/*",
                "docs/**",
                "docs/a\0b",
                "docs/a\nb",
                "docs/\u202egnp",
                "docs/e\u0301",
                "docs/\ufeff",
            )
        ),
        named("fs/../delete_all", tool=True),
        named("fs/*", tool=True),
        named("fs/" + "a" * 256, tool=True),
        named("docs/" + "a" * 1024),
    ),
    family(
        "hidden characters",
        hidden_characters_are_passed_over,
        *(
            hop(f"an agent with {character!r}", hop_body(WORKER, agent=f"a{character}b"))
            for character in "\0\n\x1b\u202e\u200f\u2066\ufeff\u2028\u0085"
        ),
        hop("a purpose with an escape", hop_body(WORKER, purpose="\x1b[2J")),
    ),
    family(
        "composition of characters",
        composition_is_not_compared,
        hop("a letter and its accent", hop_body(WORKER, agent="e\u0301")),
        hop("a compatible spelling", hop_body(WORKER, agent="\u212b")),
    ),
    family(
        "discharges",
        discharges_are_passed_over,
        spelled("one", text(pack([*unpack(untext(SHOWN))[:2], [[b"discharge"]]]))),
        spelled("nil", text(pack([*unpack(untext(SHOWN))[:2], None]))),
        spelled("none at all", text(pack(unpack(untext(SHOWN))[:2]))),
        spelled("a fourth element", text(pack([*unpack(untext(SHOWN)), []]))),
    ),
    family(
        "too many blocks",
        blocks_are_not_counted,
        *(spelled(f"{count}", shown(many_blocks(count), WORKER)) for count in (17, 18, 30)),
    ),
    family(
        "too many caveats",
        limit_is(block_module, "MAX_CAVEATS"),
        caveat("33", *[[TASK, "t1"]] * 33, ask=ASK.but(task="t1")),
    ),
    family(
        "too long a token",
        a_token_may_be_long,
        Attack(
            "a presentation of its length",
            "malformed",
            shows(shown(filled(8192), WORKER, TASKS), TASKS),
        ),
    ),
    family(
        "too long an agent",
        limit_is(block_module, "MAX_AGENT"),
        hop("129 bytes", hop_body(WORKER, agent="a" * 129)),
        hop("129 bytes in 43 characters", hop_body(WORKER, agent="\u20ac" * 43)),
    ),
    family(
        "too long a purpose",
        limit_is(block_module, "MAX_PURPOSE"),
        hop("257 bytes", hop_body(WORKER, purpose="p" * 257)),
    ),
    family(
        "too long a request",
        limit_is(request_module, "MAX_REQUEST"),
        Attack(
            "a mebibyte of arguments",
            "malformed",
            shows(shown(BLOCKS, WORKER, LONG), LONG),
        ),
    ),
)
