"""Delegation trees in a store, held against a simple model, the same in both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaincred import Caveat, Entry, Expires, Task, Token
from chaincred.block import Statement
from chaincred.chain import Chain
from chaincred.revocation import Footing
from chaincred_verifier import blocks, killing, published, trees, upkeep
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service
from chaincred_verifier.settings import Settings
from tests.cast import key_of
from tests.verifier.running import Keys
from tests.verifier.stores import NOW, Store

KEY = key_of("list key")
ROOTS = [key_of("root"), key_of("other root")]
HOLDERS = [key_of(name) for name in ("planner", "worker", "helper", "mallory")]
TASKS = ["report", "Ünïcode ☃"]


@dataclass
class Forest:
    """Chains that stand on one another, each with the number of the one that it goes on from."""

    tokens: list[Token] = field(default_factory=list)
    holders: list[int] = field(default_factory=list)

    def grow(
        self, on: int | None, holder: int, *caveats: Caveat, root: int = 0, purpose: str = "help"
    ) -> Token:
        """One chain more: a new root, or one block more on another chain."""
        # Not by `Token`, which makes nothing that contradicts itself: others do.
        ends = [Expires(NOW + 540)] if on is None else []
        wire = [each.to_wire() for each in [*ends, *caveats]]
        # A holder may date its block as it likes: only the issuer's date counts.
        issued_at = NOW - 60 if on is None else NOW - 120
        said = Statement(issued_at, HOLDERS[holder].public_key, f"agent-{holder}", purpose, wire)
        if on is None:
            block = said.root(ROOTS[root], len(self.tokens).to_bytes(16, "big"))
            token = Token(Chain.of([block]))
        else:
            chain = self.tokens[on].chain
            block = said.hop(HOLDERS[self.holders[on]], chain.links[-1])
            token = Token(chain.followed_by(block))
        self.tokens.append(token)
        self.holders.append(holder)
        return token


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    forest = Forest()
    for number in range(draw(st.integers(1, 9))):
        on = draw(st.none() | st.integers(0, number - 1)) if number else None
        tasks = draw(st.sets(st.sampled_from(TASKS)))
        ends = draw(st.lists(st.integers(NOW + 1, NOW + 30), max_size=1))
        caveats = [*map(Task, sorted(tasks)), *map(Expires, ends)]
        forest.grow(on, draw(st.integers(0, 3)), *caveats, root=draw(st.integers(0, 1)))
    return forest


def entry_for(token: Token, kind: int, depth: int) -> Entry | None:
    """An entry of some kind that kills the block of a token at `depth`."""
    hop = token.hops[depth % len(token.hops)]
    match kind:
        case 0:
            return Entry.chain(hop.link)
        case 1:
            return Entry.holder(hop.holder)
        case 2:
            # Before some blocks 0 and after none, after all, or for good.
            before = [NOW - 61, NOW - 60, NOW - 59, NOW][depth % 4]
            return Entry.issuer(token.chain.issuer, before=before)
    tasks = [each.id for each in hop.caveats if isinstance(each, Task)]
    return Entry.task(tasks[depth % len(tasks)]) if tasks else None


def kills(entry: Entry, token: Token, depth: int) -> bool:
    """Whether revocation.md 1 says that the chain up to a block is dead."""
    hops = token.hops[: depth + 1]
    tasks = [each.id for hop in hops for each in hop.caveats if isinstance(each, Task)]
    footing = Footing.of(token.chain, tasks)
    n = len(token.hops)
    links, holders = footing.ids[:n][: depth + 1], footing.ids[n : 2 * n][: depth + 1]
    if entry.before is not None:
        return entry.id == footing.issuer and footing.issued_at < entry.before
    return entry.id in (*links, *holders, *footing.ids[2 * n :])


@dataclass
class Block:
    token: Token
    depth: int
    expires_at: int
    uses: int = 0
    refused: int = 0
    last_used: int | None = None

    @property
    def link(self) -> bytes:
        return self.token.chain.links[self.depth]


class Model:
    """What the trees hold, as a page of Python says it."""

    def __init__(self) -> None:
        self.blocks: dict[bytes, Block] = {}
        self.entries: list[Entry] = []

    def see(self, token: Token, used: int, refused: int, now: int) -> None:
        expires_at = 2**53 - 1
        for depth, hop in enumerate(token.hops):
            expires_at = min([expires_at, *[e.at for e in hop.caveats if isinstance(e, Expires)]])
            self.blocks.setdefault(hop.link, Block(token, depth, expires_at))
        end = self.blocks[token.chain.links[-1]]
        end.uses += used
        end.refused += refused
        end.last_used = now if used else end.last_used

    def killer(self, block: Block) -> int | None:
        for number, entry in enumerate(self.entries, 1):
            if kills(entry, block.token, block.depth):
                return number
        return None

    def is_alive(self, block: Block, now: int) -> bool:
        return block.expires_at > now and self.killer(block) is None


_EVENTS = st.one_of(
    st.tuples(
        st.just("see"),
        st.lists(
            st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 2)),
            min_size=1,
            max_size=4,
        ),
    ),
    st.tuples(
        st.just("revoke"), st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 5))
    ),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("forget"), st.none()),
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(forest=forests(), events=st.lists(_EVENTS, max_size=12))
def test_trees_are_what_was_shown_and_dead_is_what_was_revoked(
    store: Store, forest: Forest, events: list[tuple[str, Any]]
) -> None:
    model, known, tokens, now = Model(), Known(), forest.tokens, NOW
    with store.trying() as writing:
        published.begin(writing, KEY, fresh_for=300)
        for event, said in events:
            match event:
                case "see":
                    seen = [blocks.Seen(tokens[at % len(tokens)], *more) for at, *more in said]
                    blocks.saw(writing, seen, known)
                    for each in seen:
                        model.see(each.token, each.used, each.refused, now)
                case "revoke":
                    at, kind, depth = said
                    revoke(writing, model, entry_for(tokens[at % len(tokens)], kind, depth), now)
                case "wait":
                    now = writing.now = now + said
                case "forget":
                    known.clear()
            check(writing, model, now)


def revoke(writing: Writing, model: Model, entry: Entry | None, now: int) -> None:
    if entry is None:
        return
    dying = {
        block.link.hex()
        for block in model.blocks.values()
        if model.is_alive(block, now) and kills(entry, block.token, block.depth)
    }
    shown, more = killing.would_kill(writing, entry, now, 1_000)
    assert {each["link"] for each in shown} == dying and more == 0
    some, more = killing.would_kill(writing, entry, now, 1)
    assert some == shown[:1] and len(some) + more == len(dying)
    number = published.append(writing, KEY, entry, made_by="security", fresh_for=300)
    assert killing.mark_killed(writing, entry, number) == len(dying)
    model.entries.append(entry)


def check(writing: Writing, model: Model, now: int) -> None:
    """Every tree is as the model has it, and so is what is found."""
    roots: dict[bytes, list[Block]] = {}
    for block in model.blocks.values():
        roots.setdefault(block.token.chain.root_id, []).append(block)
    for root_id, grown in roots.items():
        tree = trees.chain(writing, root_id, now)
        assert tree["issuer"] == grown[0].token.chain.issuer.hex()
        depths = [node["depth"] for node in tree["nodes"]]
        assert depths == sorted(depths) and len(depths) == len(grown)
        for node in tree["nodes"]:
            check_node(node, model.blocks[bytes.fromhex(node["link"])], model, now)
    found = trees.search(writing, now, limit=200)["chains"]
    assert {each["root_id"] for each in found} == {root_id.hex() for root_id in roots}
    latest = []
    for each in found:
        grown = roots[bytes.fromhex(each["root_id"])]
        used = [block.last_used for block in grown if block.last_used is not None]
        assert each["nodes"] == len(grown)
        assert each["uses"] == sum(block.uses for block in grown)
        assert each["alive"] == sum(model.is_alive(block, now) for block in grown)
        assert each["last_used"] == max(used, default=None)
        assert each["agent"] == grown[0].token.hops[0].agent
        latest.append(each["last_used"])
    told = [at for at in latest if at is not None]
    assert told == sorted(told, reverse=True)


def check_node(node: dict[str, Any], block: Block, model: Model, now: int) -> None:
    hop = block.token.hops[block.depth]
    parent = block.token.chain.links[block.depth - 1].hex() if block.depth else None
    assert (node["parent"], node["depth"]) == (parent, block.depth)
    assert (node["agent"], node["purpose"]) == (hop.agent, "help")
    assert (node["holder"], node["delegator"]) == (hop.holder.hex(), hop.delegator.hex())
    assert (node["issued_at"], node["expires_at"]) == (hop.issued_at, block.expires_at)
    assert (node["uses"], node["refused"]) == (block.uses, block.refused)
    assert node["last_used"] == block.last_used and node["first_seen"] <= now
    assert [each["kind"] for each in node["caveats"]] == [type(c).__name__ for c in hop.caveats]
    assert node["alive"] == model.is_alive(block, now)
    number = model.killer(block)
    revoked = node["revoked"]
    assert (revoked and revoked["number"]) == number
    if number is not None:
        assert revoked["what"] == trees.WHAT[model.entries[number - 1].what]


@pytest.fixture
def forest() -> Forest:
    """A planner's tree of three blocks and another of one."""
    made = Forest()
    made.grow(None, 0, Task("report"))
    made.grow(0, 1)
    made.grow(1, 2)
    made.grow(None, 3, root=1)
    return made


@pytest.mark.parametrize("known", [True, False], ids=["seen before", "seen after"])
@pytest.mark.parametrize("kind", range(4), ids=trees.WHAT)
def test_what_a_revocation_kills_is_dead_whenever_it_is_seen(
    store: Store, forest: Forest, kind: int, known: bool
) -> None:
    planners, workers, helpers, others = forest.tokens
    entry = [
        Entry.chain(planners.chain.root_id),
        Entry.holder(planners.chain.holder),
        Entry.issuer(ROOTS[0].public_key, before=NOW - 59),
        Entry.task("report"),
    ][kind]
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        if known:
            writing.saw(workers)
        number = published.append(writing, KEY, entry, made_by="", fresh_for=300)
        assert killing.mark_killed(writing, entry, number) == 2 * known
        writing.saw_all([blocks.Seen(helpers, refused=1), blocks.Seen(others, used=1)])
    dead = trees.chain(store.connection, planners.chain.root_id, NOW)["nodes"]
    assert [node["revoked"] and node["revoked"]["number"] for node in dead] == [number] * 3
    (alive,) = trees.chain(store.connection, others.chain.root_id, NOW)["nodes"]
    assert alive["alive"] and alive["revoked"] is None


# By name


def numbers(store: Store, forest: Forest, **asked: Any) -> list[int]:
    """Which chains of one block are the roots that are found, in order."""
    with store.connection.reading():
        found = trees.search(store.connection, NOW, **asked)["chains"]
    roots = [token.chain.root_id.hex() for token in forest.tokens]
    return [roots.index(each["root_id"]) for each in found]


def test_trees_are_found_by_what_occurs_in_them(store: Store, forest: Forest) -> None:
    with store.writing(NOW - 10) as writing:
        writing.saw(forest.tokens[2], used=1)
        writing.record(
            "verify", "ok", root_id=forest.tokens[0].chain.root_id.hex(), tool="send", task="other"
        )
    with store.writing(NOW - 5) as writing:
        writing.saw(forest.tokens[3], used=1)
    for asked, found in [
        ({}, [3, 0]),
        ({"limit": 1}, [3]),
        ({"before": (NOW - 5, bytes(32))}, [3, 0]),
        ({"before": (NOW - 5, forest.tokens[3].root_id)}, [0]),
        ({"before": (NOW - 10, b"\xff" * 32)}, []),
        ({"agent": "agent-2"}, [0]),
        ({"agent": "AGENT-"}, [3, 0]),
        ({"agent": "gent_2"}, []),
        ({"agent": "%"}, []),
        ({"agent": "\\"}, []),
        ({"task": "report"}, [0]),
        ({"task": "other"}, [0]),
        ({"task": "Report"}, []),
        ({"tool": "send"}, [0]),
        ({"tool": "sen"}, []),
        ({"tool": "send", "agent": "agent-3"}, []),
        ({"root_id": forest.tokens[3].chain.root_id.hex()[:9]}, [3]),
        ({"root_id": forest.tokens[3].chain.root_id.hex().upper()}, [3]),
        ({"root_id": forest.tokens[1].chain.links[1].hex()}, []),
    ]:
        assert numbers(store, forest, **asked) == found, asked


def test_what_is_not_the_beginning_of_a_root_id_is_malformed(store: Store) -> None:
    with pytest.raises(Refused) as caught:
        trees.search(store.connection, NOW, root_id="xyz")
    assert caught.value.code == "malformed"


def test_a_tree_that_nobody_has_shown_is_not_found(store: Store, forest: Forest) -> None:
    root_id = forest.tokens[0].chain.root_id
    with pytest.raises(Refused) as caught:
        trees.chain(store.connection, root_id, NOW)
    assert caught.value.code == "not_found"
    assert trees.known_chain(store.connection, root_id) is None


def test_a_block_knows_the_way_to_its_root(store: Store, forest: Forest) -> None:
    with store.writing() as writing:
        writing.saw(forest.tokens[2])
    links = forest.tokens[2].chain.links
    assert trees.known_chain(store.connection, links[2]) == (NOW + 540, [*reversed(links)])
    assert trees.known_chain(store.connection, links[0]) == (NOW + 540, [links[0]])


def test_a_tree_of_many_branches_is_killed_as_one(store: Store) -> None:
    forest = Forest()
    forest.grow(None, 0)
    branches = [forest.grow(0, 1, Task(f"t{n}")) for n in range(450)]
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        writing.saw_all([blocks.Seen(token, used=1) for token in branches])
        writing.saw_all([blocks.Seen(token, used=1) for token in branches])
        entry = Entry.chain(forest.tokens[0].chain.root_id)
        number = published.append(writing, KEY, entry, made_by="", fresh_for=300)
        assert killing.mark_killed(writing, entry, number) == 451
        late = forest.grow(5, 2)
        writing.saw(late, refused=1)
    tree = trees.chain(store.connection, forest.tokens[0].chain.root_id, NOW)
    assert [node["uses"] for node in tree["nodes"]] == [0, *[2] * 450, 0]
    assert not any(node["alive"] for node in tree["nodes"])
    assert {node["revoked"]["number"] for node in tree["nodes"]} == {number}


@pytest.mark.parametrize("kind", range(4), ids=trees.WHAT)
def test_a_revocation_of_more_than_it_marks_at_once_is_gone_on_with(
    store: Store, kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever holds a token can make its tree as large as it likes.
    monkeypatch.setattr(killing, "AT_ONCE", 5)
    forest = Forest()
    forest.grow(None, 0)
    for _ in range(30):
        forest.grow(None, 1, Task("report"))
    for on in [0] * 12 + list(range(1, 13)) * 2 + [31, 31, 43]:
        forest.grow(on, 2, purpose=str(len(forest.tokens)))
    alive = forest.grow(None, 3, root=1)
    entry, doomed = [
        (Entry.chain(forest.tokens[0].chain.root_id), 1 + 12 + 2),
        (Entry.holder(HOLDERS[1].public_key), 30 + 24 + 1),
        (Entry.issuer(ROOTS[0].public_key), 70),
        (Entry.task("report"), 30 + 24 + 1),
    ][kind]
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        writing.saw_all([blocks.Seen(token, used=1) for token in forest.tokens])
        assert killing.would_kill(writing, entry, NOW, 1)[1] == doomed - 1
        number = published.append(writing, KEY, entry, made_by="", fresh_for=300)
        assert killing.mark_killed(writing, entry, number) <= 3 * 5
    late: list[Token] = []
    for _ in range(100):
        with store.writing() as writing:
            late.append(forest.grow(1 if kind else 31, 2, purpose=f"late {len(late)}"))
            writing.saw(late[-1])
            if not killing.mark_more(writing):
                break
    else:
        raise AssertionError("it never ends")
    ((marked,),) = store.connection.rows("SELECT count(*) FROM blocks WHERE killed_by = ?", number)
    assert marked == doomed + len(late)
    for rest in ("killing", "dying"):
        assert store.connection.rows(f"SELECT number FROM {rest}") == []
    (node,) = trees.chain(store.connection, alive.chain.root_id, NOW)["nodes"]
    assert node["alive"]


def test_a_block_that_is_not_marked_yet_is_shown_as_dead(
    store: Store, forest: Forest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "AT_ONCE", 1)
    root_id = forest.tokens[0].chain.root_id
    with store.writing() as writing:
        published.begin(writing, KEY, fresh_for=300)
        writing.saw_all([blocks.Seen(token) for token in forest.tokens])
        entry = Entry.chain(root_id)
        number = published.append(writing, KEY, entry, made_by="", fresh_for=300)
        assert killing.mark_killed(writing, entry, number) == 1
    nodes = trees.chain(store.connection, root_id, NOW)["nodes"]
    assert [node["alive"] for node in nodes] == [False] * 3
    assert [node["revoked"]["number"] for node in nodes] == [number] * 3


def test_the_service_marks_the_rest_by_itself(
    store: Store, forest: Forest, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "AT_ONCE", 1)

    def revoke(writing: Writing) -> int:
        writing.saw_all([blocks.Seen(token) for token in forest.tokens])
        entry = Entry.chain(forest.tokens[0].chain.root_id)
        number = published.append(writing, keys.list, entry, made_by="", fresh_for=300)
        return killing.mark_killed(writing, entry, number)

    async def story() -> None:
        settings = Settings.from_environment(keys.settings(store=store.url))
        service = await Service.start(settings, lambda: NOW)
        try:
            assert await service.write(revoke) == 1
            await upkeep.once(service)
        finally:
            await service.stop()

    asyncio.run(story())
    found = store.connection.rows("SELECT count(*) FROM blocks WHERE killed_by IS NOT NULL")
    assert found == [(3,)]


def test_what_was_rolled_back_is_written_when_it_is_seen_again(
    store: Store, forest: Forest
) -> None:
    known = Known()
    with pytest.raises(KeyError), store.writing(known=known) as writing:  # noqa: PT012 - all is left
        writing.saw(forest.tokens[0])
        raise KeyError
    known.clear()  # as the writer does
    with store.writing(known=known) as writing:
        writing.saw(forest.tokens[0], used=1)
    assert numbers(store, forest) == [0]
