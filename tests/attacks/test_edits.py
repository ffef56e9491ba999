"""No edited, dropped, added, swapped or repeated byte, block, signature or field verifies.

Every position of one presentation is tried, before a verifier that has never seen the chain and
one that remembers it. Each attempt gets a fresh replay memory, so that it is never the replay
that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaincred import InMemoryReplay, Malformed, Token, Verifier
from tests.attacks import tally
from tests.attacks.cast import (
    AUDIENCE,
    MALLORY,
    MAX_HOPS,
    NOW,
    PLANNER,
    RESOURCES,
    ROOT,
    SERVER,
    TOOLS,
    WORKER,
    Ask,
    chain,
    ground,
    hop_body,
    links_of,
    nonce_of,
    outcome,
    pack,
    presented,
    proof,
    root_body,
    text,
    unpack,
    untext,
)
from tests.attacks.long import LONG

# So much is done here that counting its lines would take longer than doing it.
pytestmark = pytest.mark.uncounted

ASK = Ask(args={"n": 1}, task="t1", context=bytes(range(32)))
HOPS = (
    (ROOT, root_body(PLANNER, [[RESOURCES, ["docs/**"]], [MAX_HOPS, 3]], agent="planner")),
    (PLANNER, hop_body(WORKER, [[TOOLS, ["read_file"]]], agent="worker", purpose="read")),
    (WORKER, hop_body(MALLORY, [[AUDIENCE, [SERVER]]], agent="helper")),
)
BLOCKS = chain(*HOPS)
MADE = proof(MALLORY, links_of(BLOCKS)[-1], ASK, nonce=nonce_of("the only proof"))
SHOWN = presented(BLOCKS, MADE)
PACKED = untext(SHOWN)
# Another chain of the same people, and another proof: what fields may be swapped with.
OTHERS = chain(
    (ROOT, root_body(PLANNER, nonce=nonce_of("other root"), issued_at=NOW - 1, agent="other")),
    (PLANNER, hop_body(WORKER, [[TOOLS, ["*"]]], agent="other", issued_at=NOW - 1)),
    (WORKER, hop_body(MALLORY, agent="other", issued_at=NOW - 1)),
)
OTHER = presented(OTHERS, proof(MALLORY, links_of(OTHERS)[-1], ASK.but(task="t2")))

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def cold() -> Verifier:
    return ground(remember=0)


def warm() -> Verifier:
    server = ground()
    server.verify(SHOWN, ASK.request(), now=NOW)
    return server


def admitted(server: Verifier, edited: str) -> bool:
    server._replay = InMemoryReplay()
    return outcome(lambda: server.verify(edited, ASK.request(), now=NOW)) == "ok"


def edits(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Every single-byte edit: 8 flips, one byte less, one more, one twice."""
    for at, byte in enumerate(data):
        before, after = data[:at], data[at + 1 :]
        for bit in range(8):
            yield f"bit {bit} of byte {at}", before + bytes([byte ^ 1 << bit]) + after
        yield f"byte {at} dropped", before + after
        yield f"byte {at} repeated", before + bytes([byte, byte]) + after
        for added in range(256) if LONG else (0x00, 0x80, 0xC0, 0xFF):
            yield f"{added:02x} put before byte {at}", before + bytes([added]) + data[at:]


def text_edits() -> Iterator[tuple[str, str]]:
    for at, character in enumerate(SHOWN):
        before, after = SHOWN[:at], SHOWN[at + 1 :]
        yield f"character {at} dropped", before + after
        yield f"character {at} repeated", before + character + character + after
        for bit in range(8):
            yield f"bit {bit} of character {at}", before + chr(ord(character) ^ 1 << bit) + after
        for added in ("\n", " ", "=", "A", "\u00e9", "\ud800"):
            yield f"{added!r} put before character {at}", before + added + SHOWN[at:]
        for other in BASE64URL if LONG else ():
            if other != character:
                yield f"{other} for character {at}", before + other + after
    for tail in ("=", "==", "A", "\n", "\0", SHOWN):
        yield f"{tail!r} added", SHOWN + tail


@pytest.mark.parametrize("server", [cold, warm], ids=["never seen", "remembered"])
def test_the_presentation_itself_is_admitted(server):
    assert admitted(server(), SHOWN)


@pytest.mark.parametrize("make", [cold, warm], ids=["never seen", "remembered"])
def test_no_presentation_with_an_edited_byte_is_admitted(make):
    server = make()
    count = 0
    for about, edited in edits(PACKED):
        assert edited != PACKED
        assert not admitted(server, text(edited)), about
        count += 1
    tally.tell("edits", f"{count} edits of {len(PACKED)} packed bytes, {make.__name__} verifier")


@pytest.mark.parametrize("make", [cold, warm], ids=["never seen", "remembered"])
def test_no_presentation_with_an_edited_character_is_admitted(make):
    server = make()
    count = 0
    for about, edited in text_edits():
        assert edited != SHOWN
        assert not admitted(server, edited), about
        count += 1
    tally.tell("edits", f"{count} edits of {len(SHOWN)} characters, {make.__name__} verifier")


def opened(presentation: str) -> Any:
    """A presentation as lists all the way down: the bodies of blocks are unpacked as well."""
    blocks, made, discharges = unpack(untext(presentation))
    return [[[unpack(body), signature] for body, signature in blocks], made, discharges]


def closed(tree: Any) -> str:
    blocks, *rest = tree or [None]
    if isinstance(blocks, list):
        blocks = [
            [pack(block[0]), *block[1:]] if isinstance(block, list) and block else block
            for block in blocks
        ]
    return text(pack([blocks, *rest]))


def paths(tree: Any, here: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if isinstance(tree, list):
        for at, inner in enumerate(tree):
            yield (*here, at)
            yield from paths(inner, (*here, at))


def at(tree: Any, path: tuple[int, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


Edit = Callable[[list[Any], int], None]


def _drop(around: list[Any], place: int) -> None:
    del around[place]


def _repeat(around: list[Any], place: int) -> None:
    around.insert(place, around[place])


def _swap_with_next(around: list[Any], place: int) -> None:
    around[place], around[place - 1] = around[place - 1], around[place]


def _empty(around: list[Any], place: int) -> None:
    around[place] = type(around[place])()


def _wrap(around: list[Any], place: int) -> None:
    around[place] = [around[place]]


def _nil(around: list[Any], place: int) -> None:
    around[place] = None


def _true(around: list[Any], place: int) -> None:
    around[place] = True


def _float(around: list[Any], place: int) -> None:
    if type(around[place]) is int:
        around[place] = float(around[place])


def _other_string(around: list[Any], place: int) -> None:
    """A str for a bin, a bin for a str: the same characters in another type."""
    value = around[place]
    if isinstance(value, str):
        around[place] = value.encode()
    elif isinstance(value, bytes):
        around[place] = value.decode("latin-1")


def _add(around: list[Any], place: int) -> None:
    around.insert(place, [])


EDITS: tuple[Edit, ...] = (
    _drop,
    _repeat,
    _swap_with_next,
    _empty,
    _wrap,
    _nil,
    _true,
    _float,
    _other_string,
    _add,
)


def fields_edited() -> Iterator[tuple[str, str]]:
    for path in paths(opened(SHOWN)):
        for edit in EDITS:
            tree = opened(SHOWN)
            edit(at(tree, path[:-1]), path[-1])
            if tree != opened(SHOWN) or repr(tree) != repr(opened(SHOWN)):
                yield f"{edit.__name__} at {path}", closed(tree)


def fields_exchanged() -> Iterator[tuple[str, str]]:
    """Any part for any part of the same presentation, and for the same part of another."""
    everywhere = list(paths(opened(SHOWN)))
    for path in everywhere:
        tree = opened(SHOWN)
        try:
            foreign = at(opened(OTHER), path)
        except IndexError:
            foreign = "nothing stands here in the other one"
        at(tree, path[:-1])[path[-1]] = foreign
        if tree != opened(SHOWN):
            yield f"another's {path}", closed(tree)
        for other in everywhere:
            tree = opened(SHOWN)
            at(tree, path[:-1])[path[-1]] = at(opened(SHOWN), other)
            if repr(tree) != repr(opened(SHOWN)):
                yield f"{other} for {path}", closed(tree)


@pytest.mark.parametrize("make", [cold, warm], ids=["never seen", "remembered"])
def test_no_presentation_with_an_edited_or_exchanged_field_is_admitted(make):
    server = make()
    count = 0
    for about, edited in (*fields_edited(), *fields_exchanged()):
        assert edited != SHOWN
        assert not admitted(server, edited), about
        count += 1
    tally.tell("edits", f"{count} edits and exchanges of fields, {make.__name__} verifier")


def arranged() -> Iterator[tuple[str, list[list[bytes]]]]:
    """Every order and choice of up to four blocks, whole or with their signatures exchanged."""
    signatures = [signature for _, signature in BLOCKS]
    for size in range(5):
        for code in range(3**size):
            picked = [code // 3**place % 3 for place in range(size)]
            yield f"blocks {picked}", [BLOCKS[each] for each in picked]
    for code in range(3**3):
        picked = [code // 3**place % 3 for place in range(3)]
        bodies = [body for body, _ in BLOCKS]
        pairs = [[body, signatures[each]] for body, each in zip(bodies, picked, strict=True)]
        yield f"signatures {picked}", pairs


@pytest.mark.parametrize("make", [cold, warm], ids=["never seen", "remembered"])
def test_no_other_arrangement_of_blocks_or_signatures_is_admitted(make):
    server = make()
    count = 0
    for about, blocks in arranged():
        if blocks == BLOCKS:
            continue
        # Once with the old proof, once with a new one by the key that mallory has.
        assert not admitted(server, presented(blocks, MADE)), about
        link = links_of(blocks)[-1] if blocks else bytes(32)
        assert not admitted(server, presented(blocks, proof(MALLORY, link, ASK))), about
        count += 2
    tally.tell("edits", f"{count} arrangements of blocks, {make.__name__} verifier")


@pytest.mark.parametrize("at", range(3))
def test_a_token_with_an_edited_byte_is_another_token_or_none(at):
    body, signature = BLOCKS[at]
    whole = Token.from_bytes(pack(BLOCKS))
    for part, original in ((0, body), (1, signature)):
        for place in range(len(original)):
            edited = bytearray(original)
            edited[place] ^= 1
            blocks = [list(block) for block in BLOCKS]
            blocks[at][part] = bytes(edited)
            try:
                token = Token.from_bytes(pack(blocks))
            except Malformed:
                continue
            assert token != whole
            if part == 0:
                assert set(token.chain.links[at:]).isdisjoint(whole.chain.links)
