"""A small world, gone through to its end: no child allows what its parent refuses.

All caveat sets over a few patterns, effects, times and hops are enumerated, and every pair of
them is taken as parent and child against every request there is. What a caveat allows is a
bitmask over the requests, filled in by the real matcher; so a pair costs two ANDs. That the masks
are what the verifier decides, and what `Authority` says, is compared pair by pair.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from chaincred import (
    Authority,
    Caveat,
    Effect,
    InMemoryReplay,
    Request,
    Token,
    Verifier,
)
from chaincred.caveats import Asked, decode
from chaincred.patterns import matches
from tests.attacks import model, tally
from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    EXPIRES,
    HOUR,
    MAX_EFFECT,
    MAX_HOPS,
    NOT_BEFORE,
    NOW,
    PLANNER,
    RESOURCES,
    ROOT,
    SERVER,
    TOOLS,
    WORKER,
    Ask,
    chain,
    extended,
    ground,
    hop_body,
    outcome,
    pack,
    root_body,
    shown,
)
from tests.attacks.long import LONG

# So much is done here that counting its lines would take longer than doing it.
pytestmark = pytest.mark.uncounted

Raw = tuple[Any, ...]
CaveatSet = tuple[Raw, ...]

TOOL_NAMES = ("read", "write", "fs/read", "fs/write")
RESOURCE_NAMES = ("", "docs", "docs/a", "docs/a/b", "/docs/a", "file:///docs/a", "mail/a")
TIMES = (NOW, NOW + 9, NOW + 10, NOW + 19, NOW + 20)
EFFECTS = tuple(Effect)

# What can be asked, and when. Bit `i` of a mask is about number `i`.
WORLD = [
    (Ask(tool, resource, effect), now)
    for tool, resource, effect, now in itertools.product(
        TOOL_NAMES, RESOURCE_NAMES, range(3), TIMES
    )
]
REQUESTS: list[tuple[Request, int]] = [(ask.request(), now) for ask, now in WORLD]
ALL = (1 << len(WORLD)) - 1

NONE: tuple[Raw | None, ...] = (None,)


def lists_of(kind: int, *lists: Sequence[str]) -> tuple[Raw | None, ...]:
    return NONE + tuple((kind, sorted(patterns)) for patterns in lists)


TOOL_CAVEATS = lists_of(TOOLS, ["*"], ["**"], ["fs/*"], ["fs/**"], ["read"], ["read", "fs/read"])
RESOURCE_CAVEATS = lists_of(
    RESOURCES,
    ["*"],
    ["**"],
    ["docs/*"],
    ["docs/**"],
    ["*/a"],
    ["/docs/*"],
    ["docs/a", "file:///**"],
)
EFFECT_CAVEATS: tuple[Raw | None, ...] = (None, (MAX_EFFECT, 0), (MAX_EFFECT, 1))
TIME_CAVEATS: tuple[Raw | None, ...] = (
    None,
    (EXPIRES, NOW + 10),
    (EXPIRES, NOW + 20),
    (NOT_BEFORE, NOW + 10),
    (NOT_BEFORE, NOW + 20),
)
HOP_CAVEATS: tuple[Raw | None, ...] = (None, (MAX_HOPS, 0), (MAX_HOPS, 1))
KINDS = (TOOL_CAVEATS, RESOURCE_CAVEATS, EFFECT_CAVEATS, TIME_CAVEATS, HOP_CAVEATS)


def all_sets() -> list[CaveatSet]:
    return [
        tuple(each for each in choice if each is not None) for choice in itertools.product(*KINDS)
    ]


def as_caveat(raw: Raw) -> Caveat:
    """What the library reads in a block."""
    (caveat,) = decode([list(raw)])
    return caveat


@cache
def _mask_of(caveat: Caveat, below: int) -> int:
    mask = 0
    for bit, (request, now) in enumerate(REQUESTS):
        if caveat.holds(Asked(request, now, SERVER, below)) is True:
            mask |= 1 << bit
    return mask


def mask_of(caveats: CaveatSet, below: int) -> int:
    """The requests that a block with these caveats and `below` blocks after it allows."""
    mask = ALL
    for raw in caveats:
        mask &= _mask_of(READ[raw_key(raw)], below)
    return mask


def raw_key(raw: Raw) -> bytes:
    return pack(raw)


SETS = all_sets()
READ: dict[bytes, Caveat] = {}


def learn(raw: Raw) -> None:
    READ.setdefault(raw_key(raw), as_caveat(raw))


for _options in KINDS:
    for _option in _options:
        if _option is not None:
            learn(_option)


def read_set(caveats: CaveatSet) -> tuple[Caveat, ...]:
    return tuple(READ[raw_key(raw)] for raw in caveats)


# Masks of an authority.


@cache
def _names_mask(patterns: frozenset[str], of: str) -> int:
    mask = 0
    for bit, (request, _) in enumerate(REQUESTS):
        name = getattr(request, of)
        if name != "" and any(matches(pattern, name) for pattern in patterns):
            mask |= 1 << bit
    return mask


@cache
def _time_mask(not_before: int, expires_at: int) -> int:
    return sum(1 << bit for bit, (_, now) in enumerate(REQUESTS) if not_before <= now < expires_at)


@cache
def _effect_mask(effect: Effect) -> int:
    return sum(1 << bit for bit, (request, _) in enumerate(REQUESTS) if request.effect <= effect)


def authority_mask(authority: Authority) -> int:
    """The requests that an authority says are allowed."""
    if authority.hops_left < 0:
        return 0
    if authority.audiences is not None and SERVER not in authority.audiences:
        return 0
    mask = _time_mask(authority.not_before, authority.expires_at) & _effect_mask(authority.effect)
    if authority.tools is not None:
        mask &= _names_mask(authority.tools, "tool")
    if authority.resources is not None:
        mask &= _names_mask(authority.resources, "resource")
    return mask


def check_authority(blocks: Sequence[CaveatSet], mask: int) -> None:
    authority = Authority.of([read_set(caveats) for caveats in blocks])
    assert authority.exact
    assert authority_mask(authority) == mask, blocks
    if authority.contradiction() is not None:
        assert mask == 0, blocks


def chain_mask(blocks: Sequence[CaveatSet]) -> int:
    mask = ALL
    for at, caveats in enumerate(blocks):
        mask &= mask_of(caveats, len(blocks) - at - 1)
    return mask


def test_no_child_allows_what_its_parent_refuses():
    alone = [mask_of(caveats, 0) for caveats in SETS]
    above = [mask_of(caveats, 1) for caveats in SETS]
    pairs = narrowed = 0
    for parent, passed_on in zip(alone, above, strict=True):
        refused = ALL & ~parent
        for own in alone:
            child = passed_on & own
            assert not child & refused
            narrowed += child != parent
        pairs += len(SETS)
    assert pairs >= 100_000
    assert len(WORLD) >= 400
    # Not by refusing everything, and not by narrowing nothing.
    assert pairs // 2 < narrowed < pairs
    assert sum(1 for mask in alone if mask) > len(SETS) // 3
    tally.tell(
        "closed universe",
        f"{len(SETS)} caveat sets, {pairs} parent/child pairs, {len(WORLD)} requests each",
    )


def some_pairs(count: int) -> Iterator[tuple[CaveatSet, CaveatSet]]:
    """Pairs spread evenly over all of them."""
    total = len(SETS) ** 2
    # A step without a factor in common with the total visits no pair twice.
    step = 1_000_003
    for number in range(count):
        at = number * step % total
        yield SETS[at // len(SETS)], SETS[at % len(SETS)]


def test_an_authority_allows_exactly_what_all_caveats_allow():
    count = 1_000_000 if LONG else 40_000
    for parent, child in some_pairs(count):
        check_authority((parent, child), chain_mask((parent, child)))
    tally.tell("closed universe", f"{count} authorities agree with the caveats they stand for")


LOOK_ALIKES = [
    ("an argument of 1 and of true", [ARGS, [["n", True, [0, 1]]], False], True),
    ("an argument of 0 and of false", [ARGS, [["n", True, [0, 0]]], False], False),
    ("unknown caveats with 1 and with true", [77, 1], True),
]


@pytest.mark.parametrize(
    ("about", "one", "value"), LOOK_ALIKES, ids=[about for about, _, _ in LOOK_ALIKES]
)
def test_an_authority_keeps_two_caveats_that_differ_only_in_type(about, one, value):
    """`1 == True` in Python, and not in a caveat."""
    other = [77, value] if one[0] == 77 else [ARGS, [["n", True, [0, value]]], False]
    caveats = decode([one, other])
    assert len(Authority.of([caveats]).rest) == 2
    assert caveats[0] != caveats[1]


TOOL_PATTERNS = ("*", "**", "fs/*", "fs/**", "read", "fs/read", "*/read", "fs")
RESOURCE_PATTERNS = (
    "*",
    "**",
    "docs/*",
    "docs/**",
    "docs/a",
    "docs/a/**",
    "docs/*/b",
    "*/a",
    "*/*",
    "*/**",
    "*/*/*",
    "/docs/*",
    "/*/a",
    "/**",
    "file:///**",
    "file:///docs/*",
    "file://**",
    "mail/**",
)


def pattern_lists(kind: int, patterns: Sequence[str]) -> list[CaveatSet]:
    lists = [*itertools.combinations(patterns, 1), *itertools.combinations(patterns, 2)]
    sets: list[CaveatSet] = [((kind, sorted(each)),) for each in lists]
    for (raw,) in sets:
        learn(raw)
    return sets


def test_an_authority_allows_exactly_what_all_lists_of_patterns_allow():
    count = 0
    for kind, patterns in ((TOOLS, TOOL_PATTERNS), (RESOURCES, RESOURCE_PATTERNS)):
        lists = pattern_lists(kind, patterns)
        for one, two in itertools.product(lists, repeat=2):
            check_authority((one, two), chain_mask((one, two)))
            count += 1
    tally.tell("closed universe", f"{count} pairs of lists of patterns intersect exactly")


def test_an_authority_allows_exactly_what_longer_chains_allow():
    dice = random.Random("longer chains")
    audiences: list[Raw] = [
        (AUDIENCE, [SERVER]),
        (AUDIENCE, [SERVER, "mail"]),
        (AUDIENCE, ["mail"]),
    ]
    for raw in audiences:
        learn(raw)
    for _ in range(50_000 if LONG else 5_000):
        blocks = [dice.choice(SETS) for _ in range(dice.randrange(1, 5))]
        if dice.random() < 0.5:
            blocks[-1] = (*blocks[-1], dice.choice(audiences))
        mask = chain_mask(blocks)
        check_authority(blocks, mask)
        # Each beginning of the chain allows at least as much, to the one who held it then.
        for end in range(1, len(blocks)):
            assert not mask & ~chain_mask(blocks[:end])


def test_the_matcher_agrees_with_the_model_on_every_caveat_and_request():
    pattern_lists(TOOLS, TOOL_PATTERNS)
    pattern_lists(RESOURCES, RESOURCE_PATTERNS)
    compared = 0
    for packed, caveat in READ.items():
        raw = caveat.to_wire()
        assert pack(raw) == packed
        for below in range(3):
            mask = _mask_of(caveat, below)
            for bit, (ask, now) in enumerate(WORLD):
                wanted = model.holds(raw, ask, now=now, below=below)
                assert wanted == bool(mask >> bit & 1), (raw, ask, now, below)
                compared += 1
    tally.tell("closed universe", f"{compared} decisions of the matcher agree with the model")


def built(blocks: Sequence[CaveatSet]) -> list[list[bytes]]:
    """A signed chain with these caveats, its last holder the worker."""
    holders = [*([PLANNER] * (len(blocks) - 1)), WORKER]
    first, *rest = blocks
    made = chain((ROOT, root_body(holders[0], first, expires=NOW + HOUR)))
    for holder, caveats in zip(holders[1:], rest, strict=True):
        made = extended(made, PLANNER, hop_body(holder, caveats))
    return made


def verifiers_mask(server: Verifier, token: Token) -> int:
    """The requests that the verifier's own fifth step allows."""
    mask = 0
    for bit, (request, now) in enumerate(REQUESTS):
        if next(server._failures(token, request, now), None) is None:
            mask |= 1 << bit
    return mask


def test_the_verifier_decides_what_the_masks_say():
    server = ground()
    dice = random.Random("which requests")
    decided = verified = admitted = 0
    for parent, child in some_pairs(5_000 if LONG else 250):
        held = built([parent])
        passed_on = extended_by(held, child)
        masks = []
        for blocks, caveats in ((held, [parent]), (passed_on, [parent, child])):
            mask = verifiers_mask(server, Token.from_bytes(pack(blocks)))
            assert mask == chain_mask(caveats), caveats
            masks.append(mask)
            decided += len(WORLD)
        assert not masks[1] & ~masks[0]
        # And so does the whole of it, signatures and proof included.
        for bit in dice.sample(range(len(WORLD)), 4):
            ask, now = WORLD[bit]
            admits = admitted_by(server, passed_on, ask, now)
            assert admits == bool(masks[1] >> bit & 1)
            verified += 1
            admitted += admits
    assert admitted >= 5
    tally.tell(
        "closed universe",
        f"{decided} decisions of the verifier's caveats and {verified} of all of it agree",
    )


def extended_by(blocks: list[list[bytes]], caveats: CaveatSet) -> list[list[bytes]]:
    return extended(blocks, WORKER, hop_body(WORKER, caveats))


def admitted_by(server: Verifier, blocks: list[list[bytes]], ask: Ask, now: int) -> bool:
    server._replay = InMemoryReplay()
    presentation = shown(blocks, WORKER, ask, issued_at=now)
    code = outcome(lambda: server.verify(presentation, ask.request(), now=now))
    assert code in ("ok", "caveat")
    return code == "ok"
