"""Nothing but a ChaincredError escapes what reads bytes from outside, and nothing takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaincred import (
    Args,
    Authority,
    Bearer,
    ChaincredError,
    Entry,
    Exact,
    Host,
    InMemoryReplay,
    ListRefused,
    Malformed,
    PathBelow,
    Pattern,
    Presentation,
    PublicKey,
    Request,
    Resources,
    RevocationList,
    RevocationView,
    Token,
    Tools,
)
from chaincred.caveats import decode
from chaincred.encoding import from_text, is_text, require_plain, unpack, unpack_arguments
from chaincred.patterns import is_name, is_pattern, url_host
from chaincred.revocation import Floor, Head, Signed, Snapshot, Update
from tests.attacks import tally
from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    CONTEXT,
    EXPIRES,
    LIST_KEY,
    MAX_EFFECT,
    MAX_HOPS,
    NOT_BEFORE,
    NOW,
    PLANNER,
    RESOURCES,
    ROOT,
    SERVER,
    TASK,
    TOOLS,
    WORKER,
    Ask,
    Log,
    chain,
    chain_entry,
    extended,
    ground,
    holder_entry,
    hop_body,
    issuer_entry,
    list_id,
    outcome,
    pack,
    root_block,
    root_body,
    shown,
    task_entry,
    text,
    untext,
)
from tests.attacks.cast import (
    unpack as open_,
)
from tests.attacks.long import LONG
from tests.attacks.views import KeptFloor, fed

BLOCKS = chain(
    (ROOT, root_body(PLANNER, [[RESOURCES, ["docs/**"]]])),
    (PLANNER, hop_body(WORKER, [[TOOLS, ["read_file"]], [ARGS, [["n", True, [0, 1]]], False]])),
)
SHOWN = shown(BLOCKS, WORKER, Ask(args={"n": 1}))
TOKEN = pack(BLOCKS)
LOG = Log((chain_entry(bytes(32)), holder_entry(WORKER), issuer_entry(ROOT, NOW), task_entry("t")))
UPDATE = LOG.update()
FLOOR = pack([*LOG.place(), NOW])


@dataclass(frozen=True)
class Decoder:
    """A door for bytes (or text, where `prefix` is given) and something right to bring in."""

    about: str
    read: Callable[[Any], object]
    right: bytes
    prefix: str | None = None

    def __call__(self, data: bytes) -> bool:
        """Whether `data` is taken; any other error than ours gets out."""
        try:
            self.read(data if self.prefix is None else text(data, self.prefix))
        except ChaincredError:
            return False
        return True


def as_view(data: bytes) -> None:
    RevocationView([PublicKey(LIST_KEY.public)], floor=KeptFloor(data))


def resume(data: bytes) -> None:
    RevocationList.resume(data, [PublicKey(LIST_KEY.public)])


def verify(presentation: str) -> None:
    ground().verify(presentation, Ask(args={"n": 1}).request(), now=NOW)


def explain(presentation: str) -> None:
    refusals = ground().explain(presentation, Ask(args={"n": 1}).request(), now=NOW).refusals
    if refusals:
        raise refusals[0]


BODY, _ = open_(LOG.head())
SNAPSHOT_BODY, _ = open_(LOG.snapshot(4))
DECODERS = [
    Decoder("Token.from_bytes", Token.from_bytes, TOKEN),
    Decoder("Token.parse", Token.parse, TOKEN, "cc1_"),
    Decoder("Token.from_wire", lambda data: Token.from_wire(unpack(data, 2**24)), TOKEN),
    Decoder("Presentation.parse", Presentation.parse, untext(SHOWN), "cc1p_"),
    Decoder("Bearer.parse", Bearer.parse, pack([BLOCKS, WORKER.seed]), "cc1s_"),
    Decoder("Verifier.verify", verify, untext(SHOWN), "cc1p_"),
    Decoder("Verifier.explain", explain, untext(SHOWN), "cc1p_"),
    Decoder("Entry.from_bytes", Entry.from_bytes, LOG.entries[2]),
    Decoder("Update.from_bytes", Update.from_bytes, UPDATE),
    Decoder("Signed.from_bytes", Signed.from_bytes, LOG.head()),
    Decoder("Head.from_body", Head.from_body, BODY),
    Decoder("Snapshot.from_body", Snapshot.from_body, SNAPSHOT_BODY),
    Decoder("Floor.from_bytes", Floor.from_bytes, FLOOR),
    Decoder("RevocationView of a floor", as_view, FLOOR),
    Decoder("RevocationView.update", lambda data: fed(data), UPDATE),
    Decoder("RevocationList.resume", resume, UPDATE),
    Decoder("RevocationList.read_unverified", RevocationList.read_unverified, UPDATE),
    Decoder("unpack", lambda data: unpack(data, 2**21), TOKEN),
    Decoder("unpack_arguments", lambda data: unpack_arguments(data, 2**21), pack({"a": [1.5]})),
]
doors = pytest.mark.parametrize("door", DECODERS, ids=lambda door: door.about)


@doors
def test_a_decoder_takes_the_whole_and_no_prefix_and_no_tail_too_many(door):
    assert door(door.right)
    for cut in range(len(door.right)):
        assert not door(door.right[:cut]), cut
    for tail in (b"\0", b"\xc0", b"\xff", door.right):
        assert not door(door.right + tail), tail


@doors
def test_a_decoder_meets_every_edited_byte_with_our_own_errors(door):
    for at, byte in enumerate(door.right):
        for bit in range(8):
            door(door.right[:at] + bytes([byte ^ 1 << bit]) + door.right[at + 1 :])


HUGE = [
    ("a bin of 4 GiB to come", b"\xc6\xff\xff\xff\xff"),
    ("a str of 4 GiB to come", b"\xdb\xff\xff\xff\xff"),
    ("an array of 2**32 to come", b"\xdd\xff\xff\xff\xff"),
    ("a map of 2**32 to come", b"\xdf\xff\xff\xff\xff"),
    ("an extension of 4 GiB to come", b"\xc9\xff\xff\xff\xff\x01"),
    ("an array of 65,535 to come", b"\xdc\xff\xff"),
    ("a time", b"\xd6\xff\0\0\0\0"),
    ("a time of 12 bytes", b"\xc7\x0c\xff" + bytes(12)),
    ("an extension of 1 byte", b"\xd4\x05\0"),
    ("the byte that means nothing", b"\xc1"),
    ("arrays 100 deep", b"\x91" * 100 + b"\xc0"),
    ("arrays 1,020 deep", b"\x91" * 1020 + b"\xc0"),
    ("arrays a million deep", b"\x91" * 2**20 + b"\xc0"),
    ("arrays that never end", b"\x91" * 2**20),
    ("maps 1,000 deep", b"\x81\xa0" * 1000 + b"\xc0"),
    ("maps 500,000 deep", b"\x81\xa0" * 500_000 + b"\xc0"),
    ("a map with an array for a key", b"\x81\x90\x00"),
    ("a map with a map for a key", b"\x81\x80\x00"),
    ("a str that is not UTF-8", b"\xa2\xff\xfe"),
    ("a str with a surrogate", b"\xa3\xed\xa0\x80"),
    ("a NaN", b"\xcb\x7f\xf8\0\0\0\0\0\0"),
    ("1 MiB of zero bytes", bytes(2**20)),
    ("1 MiB of ff", b"\xff" * 2**20),
    ("65,536 empty arrays", b"\xdd\x00\x01\x00\x00" + b"\x90" * 2**16),
    ("a str of 1 MiB", b"\xdb\x00\x10\x00\x00" + b"a" * 2**20),
    ("nothing", b""),
]


@doors
@pytest.mark.parametrize(("about", "data"), HUGE, ids=[about for about, _ in HUGE])
def test_a_decoder_meets_huge_and_deep_values_with_our_own_errors(door, about, data):
    door(data)
    if door.right[0] & 0xF0 == 0x90 and data:
        # The same inside an array of the right length, in the place of its first element.
        size = door.right[0] & 0x0F
        door(door.right[:1] + data + b"\xc0" * (size - 1))


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([0, 1, 2, 5, 15, NOW, 2**32 - 1, 2**53, -1])
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["docs/**", "*", "**", "/", "http://a.b", "read_file", SERVER, "\u202e"])
    | st.binary(max_size=6)
    | st.sampled_from([bytes(16), bytes(32), bytes(64), WORKER.public, WORKER.seed])
)
keys = st.text(max_size=4) | st.binary(max_size=4) | st.sampled_from([WORKER.public, "docs/**"])
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def reached(tree: Any, path: tuple[int, ...]) -> Any:
    for at in path:
        tree = tree[at]
    return tree


def as_map(value: Any) -> Any:
    """A list's elements as the keys of a map, for a reader that only goes through them."""
    if isinstance(value, list) and all(isinstance(each, (str, bytes)) for each in value):
        return dict.fromkeys(value)
    return [value]


RUNS = 2000 if LONG else 80
random_runs = settings(
    max_examples=RUNS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def packed(value: Any) -> bytes:
    """`value` as MessagePack; as bytes of surrogates where Python has to be told."""
    data: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return data


@doors
@random_runs
@given(st.binary(max_size=300))
def test_a_decoder_meets_random_bytes_with_our_own_errors(door, data):
    door(data)


@doors
@random_runs
@given(trees)
def test_a_decoder_meets_random_values_with_our_own_errors(door, value):
    door(packed(value))


def nodes(tree: Any, here: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield here
    if isinstance(tree, list):
        for at, inner in enumerate(tree):
            yield from nodes(inner, (*here, at))


def grafted(tree: Any, path: tuple[int, ...], value: Any) -> Any:
    if not path:
        return value
    at, *rest = path
    return [*tree[:at], grafted(tree[at], tuple(rest), value), *tree[at + 1 :]]


@doors
@random_runs
@given(st.data())
def test_a_decoder_meets_a_random_value_in_the_right_shape_with_our_own_errors(door, data):
    tree = open_(door.right)
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(nodes(tree))
        tree = grafted(tree, data.draw(st.sampled_from(places)), data.draw(trees))
    door(packed(tree))


@random_runs
@given(st.data())
def test_a_signed_body_of_the_right_shape_with_random_values_meets_our_own_errors(data):
    """The holder signs what she likes: nonsense then comes behind a right signature."""
    body: Any = hop_body(WORKER, [[TOOLS, ["read_file"]], [ARGS, [["n", True, [0, 1]]], False]])
    for _ in range(data.draw(st.integers(1, 3))):
        body = grafted(body, data.draw(st.sampled_from(list(nodes(body)))), data.draw(trees))
    blocks = extended(BLOCKS, WORKER, packed(body))
    presentation = shown(blocks, WORKER, Ask(args={"n": 1}))
    server = ground()
    request = Ask(args={"n": 1}).request()
    code = server.explain(presentation, request, now=NOW).code
    assert code == outcome(lambda: server.verify(presentation, request, now=NOW))


CAVEATS = [
    [EXPIRES, NOW],
    [NOT_BEFORE, NOW],
    [TOOLS, ["a", "b/**"]],
    [RESOURCES, ["a", "b/**"]],
    [MAX_EFFECT, 1],
    [MAX_HOPS, 3],
    [AUDIENCE, ["a", "b"]],
    [TASK, "t"],
    [CONTEXT, bytes(32)],
    [ARGS, [["n", True, [0, 1]], ["o", False, [1, [1, 2]]], ["p", True, [2, [1], [2]]]], True],
    [ARGS, [["n", True, [3, "a/*"]], ["o", True, [4, "a"]], ["p", True, [5, ["a.b"]]]], False],
    [10, 5],
    [11, "EUR", 5],
    [12, sorted([WORKER.public, PLANNER.public]), 2, "paid", 0, 60],
    [77, "anything", [1, [b"2"]]],
]


def plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(plain, value))
    return type(value) in (int, str, bool, bytes)


@settings(random_runs, max_examples=RUNS * 4)
@given(st.data())
def test_a_caveat_that_is_read_has_the_one_spelling_it_is_written_with(data):
    """What no encoder of the specification writes is malformed: no map, float, nil or disorder."""
    caveat = data.draw(st.sampled_from(CAVEATS))
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.sampled_from(list(nodes(caveat))[1:]))
        caveat = grafted(caveat, place, data.draw(trees | st.just(as_map(reached(caveat, place)))))
    block = root_block(packed(root_body(WORKER, [caveat])))
    try:
        token = Token.from_bytes(pack([block]))
    except Malformed:
        return
    assert plain(caveat), caveat
    assert packed(token.caveats[0][1].to_wire()) == packed(caveat)


NOT_LISTS = [
    ("tools in a map", [TOOLS, {"read_file": None}]),
    ("resources in a map", [RESOURCES, {"docs/**": 1.5}]),
    ("audiences in a map", [AUDIENCE, {SERVER: {}}]),
    ("keys in a map", [12, {WORKER.public: None}, 1, "paid", 0, 60]),
    ("hosts in a map", [ARGS, [["url", True, [5, {"a.example": None}]]], False]),
    ("values in a map", [ARGS, [["n", True, [1, {"a": None}]]], False]),
    ("arguments in a map", [ARGS, {"abc": None}, True]),
    ("a range in maps", [ARGS, [["n", True, [2, {}, [1]]]], False]),
    ("an argument in a map", [ARGS, [{"n": 1, "o": 2, "pq": 3}], True]),
    ("a constraint in a bin", [ARGS, [["n", True, b"\x00\x05"]], False]),
    ("required as 1", [ARGS, [["n", 1, [0, 1]]], False]),
    ("closed as 1", [ARGS, [["n", True, [0, 1]]], 1]),
    ("a constraint's number as true", [ARGS, [["n", True, [False, 1]]], False]),
    ("an effect as true", [MAX_EFFECT, True]),
    ("hops as true", [MAX_HOPS, True]),
    ("a time as a float", [EXPIRES, float(NOW)]),
    ("a time as nil", [EXPIRES, None]),
]


@pytest.mark.parametrize(("about", "caveat"), NOT_LISTS, ids=[about for about, _ in NOT_LISTS])
def test_a_caveat_with_a_value_of_another_type_is_malformed(about, caveat):
    block = root_block(root_body(WORKER, [caveat]))
    with pytest.raises(Malformed):
        Token.from_bytes(pack([block]))


ENTRIES = [
    ("of a chain with nil for a time", [0, bytes(16), NOW, "", None]),
    ("of a task with nil for a time", [3, bytes(16), NOW, "", None]),
    ("of an issuer with nil for a time", [2, bytes(16), NOW, "", None]),
    ("of a chain with a time", [0, bytes(16), NOW, "", NOW]),
    ("of an issuer without a time", [2, bytes(16), NOW, ""]),
    ("of what there is not", [4, bytes(16), NOW, ""]),
    ("of true", [True, bytes(16), NOW, ""]),
    ("until a float", [0, bytes(16), float(NOW), ""]),
    ("with a reason of bytes", [0, bytes(16), NOW, b""]),
    ("in a map", {"a": 1, "b": 2, "c": 3, "d": 4}),
]


@pytest.mark.parametrize(("about", "entry"), ENTRIES, ids=[about for about, _ in ENTRIES])
def test_an_entry_that_is_not_so_is_list_malformed(about, entry):
    with pytest.raises(ListRefused) as refused:
        Entry.from_bytes(pack(entry))
    assert refused.value.code == "list_malformed"


@settings(random_runs)
@given(st.data())
def test_an_entry_that_is_read_has_the_one_spelling_it_is_written_with(data):
    entry: Any = open_(data.draw(st.sampled_from(LOG.entries)))
    entry = grafted(entry, data.draw(st.sampled_from(list(nodes(entry)))), data.draw(trees))
    if data.draw(st.booleans()) and isinstance(entry, list):
        entry.append(data.draw(st.none() | leaves))
    try:
        read = Entry.from_bytes(packed(entry))
    except ListRefused:
        return
    assert read.to_bytes() == packed(entry)


TEXTS = st.text(max_size=40) | st.builds(
    lambda prefix, rest: prefix + rest,
    st.sampled_from(["cc1_", "cc1p_", "cc1s_", "cc1k_", "CC1_"]),
    st.text(max_size=60) | st.text("ABCDabcd0123-_=", max_size=60),
)


@random_runs
@given(TEXTS)
def test_text_from_outside_meets_our_own_errors(given):
    for read in (Token.parse, Presentation.parse, Bearer.parse, PublicKey.from_hex):
        try:
            read(given)
        except ChaincredError:
            continue
    for prefix in ("cc1_", "cc1p_", ""):
        try:
            data = from_text(prefix, given, 64)
        except ChaincredError:
            continue
        assert text(data, prefix) == given


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)
ARGUMENTS = Args({"n": Exact(1), "p": PathBelow("docs"), "u": Host(["a.example"])}, closed=True)


@settings(random_runs, max_examples=RUNS * 2)
@given(
    st.just("read_file") | json_values,
    st.just("docs/q3.md") | json_values,
    json_values,
    st.just("") | json_values,
)
def test_a_request_of_any_json_values_is_one_that_can_be_verified_or_malformed(
    tool, resource, args, task
):
    """What a client sent as JSON goes into these four as it is."""
    try:
        request = Request(tool, resource=resource, effect="read", args=args, task=task)
    except ChaincredError:
        return
    asking = ARGUMENTS.to_wire()
    blocks = chain((ROOT, root_body(WORKER, [asking])))
    server = ground()
    assert isinstance(request.args, Mapping)
    assert server.explain(shown(blocks, WORKER), request, now=NOW).code != "ok"


NOT_MAPS = [["n"], ["x"], [["n", 1]], "n", "not a map", 5, 1.5, True, [], "", 0, False]


@pytest.mark.parametrize("args", NOT_MAPS, ids=repr)
def test_arguments_that_are_not_a_map_are_malformed(args):
    with pytest.raises(Malformed):
        Request("read_file", effect="read", args=args)


MIB = 2**20
LONG_TEXTS = [
    ("letters", "a" * MIB),
    ("segments", "a/" * (MIB // 2)),
    ("segments and an end", "a/" * (MIB // 2 - 1) + "a"),
    ("slashes", "/" * MIB),
    ("dots", "." * MIB),
    ("dots between slashes", "./" * (MIB // 2)),
    ("dots up", "../" * (MIB // 3)),
    ("stars", "*" * MIB),
    ("stars between slashes", "*/" * (MIB // 2)),
    ("double stars", "**/" * (MIB // 3)),
    ("percents", "%" * MIB),
    ("escapes", "%20" * (MIB // 3)),
    ("escapes that end early", "%20" * (MIB // 3 - 1) + "%2"),
    ("schemes", "a://" * (MIB // 4)),
    ("a scheme without end", "a" * (MIB - 1) + ":"),
    ("labels", "http://" + "a." * (MIB // 2 - 4)),
    ("hyphens", "http://" + "a-" * (MIB // 2 - 4)),
    ("a port", "http://a:" + "1" * (MIB - 9)),
    ("a long path", "http://a.example/" + "a" * (MIB - 17)),
    ("accents", "e\u0301" * (MIB // 3)),
    ("accents on one letter", "e" + "\u0301" * (MIB // 2 - 1)),
    ("accents out of order", "e" + "\u0301\u0323" * (MIB // 4 - 1)),
    ("accents in order that may compose", "e" + "\u0323" * (MIB // 4) + "\u0301" * (MIB // 4 - 1)),
    ("Hangul", "\u1100\u1161\u11a8" * (MIB // 9)),
    ("what reorders", "\u202e" * (MIB // 3)),
    ("beyond the first plane", "\U0001f600" * (MIB // 4)),
    ("surrogates", "\ud800" * (MIB // 3)),
]
SLOWEST = 2.0
"""Seconds for what takes some milliseconds: only worse than linear gets there."""


def readings(given: str) -> Iterator[Callable[[], object]]:
    yield lambda: is_text(given, 0, MIB)
    yield lambda: is_name(given, MIB)
    yield lambda: is_pattern(given, MIB)
    yield lambda: url_host(given)
    yield lambda: from_text("", given, MIB)
    yield lambda: Token.parse("cc1_" + given)
    yield lambda: Presentation.parse("cc1p_" + given)
    yield lambda: PublicKey.from_hex(given)
    yield lambda: Request(given, effect="read")
    yield lambda: Request("a", effect="read", resource=given)
    yield lambda: Request("a", effect="read", task=given)
    yield lambda: Request("a", effect="read", args={given: given})
    yield lambda: Tools([given])
    yield lambda: Resources([given])
    yield lambda: [
        constraint.allows(given)
        for constraint in (Pattern("**"), Pattern("*/**"), PathBelow("a"), Host(["a.example"]))
    ]
    yield lambda: ground().verify(given, Request("a", effect="read"), now=NOW)


@pytest.mark.parametrize(("about", "given"), LONG_TEXTS, ids=[about for about, _ in LONG_TEXTS])
def test_a_mebibyte_of_text_is_read_in_linear_time(about, given):
    slowest = 0.0
    for read in readings(given):
        begun = time.perf_counter()
        with suppress(ChaincredError, ValueError):
            read()
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < SLOWEST


def test_a_token_full_of_patterns_is_held_against_a_long_argument_in_time():
    """What costs the verifier most: every caveat a holder can add, on the longest argument."""
    many = [[ARGS, [["p", True, [3, "a/**"]]], False]] * 30
    blocks = chain((ROOT, root_body(WORKER, many)))
    while len(pack(blocks)) + len(pack(many)) + 200 < 8192:
        blocks = extended(blocks, WORKER, hop_body(WORKER, many))
    request = Ask(args={"p": "a/" + "\u00e9" * 4000})
    begun = time.perf_counter()
    ground().verify(shown(blocks, WORKER, request), request.request(), now=NOW)
    took = time.perf_counter() - begun
    assert took < SLOWEST
    tally.tell("decoders", f"{len(blocks)} blocks of 30 patterns on 8 KiB: {took * 1000:.0f} ms")


def test_a_hostile_token_is_intersected_in_time():
    """Before a holder attenuates, the authority of what it was handed is worked out."""
    patterns = sorted(f"{at:x}/*" for at in range(250))
    blocks = chain((ROOT, root_body(WORKER, [[TOOLS, patterns], [RESOURCES, patterns]])))
    while len(pack(blocks)) + 1200 < 8192:
        blocks = extended(blocks, WORKER, hop_body(WORKER, [[TOOLS, patterns[:200]]]))
    begun = time.perf_counter()
    token = Token.from_bytes(pack(blocks))
    Authority.of(token.caveats).contradiction()
    assert time.perf_counter() - begun < SLOWEST


def test_the_replay_memory_is_not_asked_about_what_is_malformed():
    replay = InMemoryReplay()
    with pytest.raises(Malformed):
        ground(replay=replay).verify("cc1p_AAAA", Ask().request(), now=NOW)
    assert len(replay) == 0


def test_a_value_too_deep_for_a_body_is_malformed_not_a_recursion_error():
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(Malformed):
        decode([[77, deep]])
    with pytest.raises(Malformed):
        require_plain(deep)


def test_an_update_with_random_parts_never_changes_a_view_unless_it_is_taken():
    view = fed(LOG.update())
    before = (view.place, len(view))
    for tried in (LOG.but(entries=()).update(), LOG.update()[:-1], b"", pack([b"", 4, [], b""])):
        with pytest.raises(ListRefused):
            view.update(tried, now=NOW)
        assert (view.place, len(view)) == before
    assert view.list_id == list_id()
