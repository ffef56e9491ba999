"""Any sequence of delegations, requests, revocations and seconds, against a simple model.

The model knows three things: the caveats of each block, what is revoked, and how old the list is.
The machine looks for a sequence after which the verifier and the model differ, or after which a
child is admitted for what its parent is refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from chaincred import MaxHops, PublicKey, Request
from tests.attacks import families_caveats, families_lists, model, tally
from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    CONTEXT,
    EXPIRES,
    HOUR,
    MALLORY,
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
    Block,
    Key,
    Log,
    chain,
    chain_entry,
    extended,
    ground,
    holder_entry,
    hop_body,
    issuer_entry,
    links_of,
    outcome,
    root_body,
    shown,
    task_entry,
)
from tests.attacks.family import always
from tests.attacks.long import LONG
from tests.attacks.views import fed

# So much is done here that counting its lines would take longer than doing it.
pytestmark = pytest.mark.uncounted

HOLDERS = (PLANNER, WORKER, MALLORY)
DIGEST = bytes(range(32))

patterns = st.lists(
    st.sampled_from(["*", "**", "docs/*", "docs/**", "docs/a", "read", "fs/*", "fs/read"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(sorted)
moments = st.integers(NOW - 20, NOW + 200)
some_caveat = st.one_of(
    st.tuples(st.just(TOOLS), patterns),
    st.tuples(st.just(RESOURCES), patterns),
    st.tuples(st.just(MAX_EFFECT), st.integers(0, 2)),
    st.tuples(st.just(MAX_HOPS), st.integers(0, 3)),
    st.tuples(st.just(EXPIRES), moments),
    st.tuples(st.just(NOT_BEFORE), moments),
    st.tuples(st.just(AUDIENCE), st.sampled_from([[SERVER], ["mail"], [SERVER, "mail"]])),
    st.tuples(st.just(TASK), st.sampled_from(["t1", "t2"])),
    st.tuples(st.just(CONTEXT), st.just(DIGEST)),
    st.tuples(
        st.just(ARGS),
        st.sampled_from([[["n", True, [0, 1]]], [["n", False, [2, [0], [5]]]]]),
        st.booleans(),
    ),
    st.just((99, "unknown")),
).map(list)
# Mild ones more often: a chain that forbids everything teaches nothing.
mild = st.sampled_from(
    [
        [TOOLS, ["**"]],
        [RESOURCES, ["docs/**"]],
        [MAX_EFFECT, 2],
        [MAX_EFFECT, 1],
        [MAX_HOPS, 0],
        [MAX_HOPS, 1],
        [EXPIRES, NOW + 150],
        [AUDIENCE, [SERVER]],
        [TASK, "t1"],
    ]
)
caveats = st.one_of(
    st.lists(mild, max_size=2), st.lists(mild, max_size=2), st.lists(mild | some_caveat, max_size=3)
)
delegations = st.lists(st.tuples(st.sampled_from(HOLDERS), caveats), min_size=1, max_size=4)
likely = st.builds(Ask, tool=st.just("read"), resource=st.just("docs/a"), task=st.just("t1"))
asks = likely | st.builds(
    Ask,
    tool=st.sampled_from(["read", "fs/read", "fs/write"]),
    resource=st.sampled_from(["", "docs/a", "docs/a/b", "docs/a", "mail/a"]),
    effect=st.integers(0, 2),
    args=st.sampled_from([{}, {"n": 1}, {"n": 9}, {"m": 1}]),
    task=st.sampled_from(["", "t1", "t2"]),
    context=st.sampled_from([b"", DIGEST]),
)


COUNTED: Counter[str] = Counter()


def hops_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MaxHops, "holds", always(True))


BROKEN = (
    hops_are_not_counted,
    families_caveats.only_the_last_block_is_asked,
    families_caveats.only_the_first_block_is_asked,
    families_lists.age_is_not_limited,
    families_lists.requests_tasks_are_not_asked,
    families_lists.tasks_are_not_asked,
)


@dataclass(frozen=True)
class Held:
    """A chain, in the hand of its last holder."""

    blocks: tuple[Block, ...]
    caveats: tuple[tuple[Any, ...], ...]
    holders: tuple[Key, ...]
    issued_at: int

    @property
    def key(self) -> Key:
        return self.holders[-1]

    @property
    def parent(self) -> Held | None:
        if len(self.blocks) == 1:
            return None
        return Held(self.blocks[:-1], self.caveats[:-1], self.holders[:-1], self.issued_at)

    def __repr__(self) -> str:
        return f"Held({self.caveats}, {self.holders}, {self.issued_at - NOW:+})"


class Attenuation(RuleBasedStateMachine):
    tokens: Bundle[Held] = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.codes: Counter[str] = Counter()
        self.now = NOW
        self.log = Log()
        self.head_at = NOW
        self.published: tuple[bytes, ...] = ()
        self.view = fed(self.log.update(fresh_until=NOW + HOUR))
        # One verifier for the whole run: what it remembers must not matter.
        self.server = ground({PublicKey(ROOT.public): self.view})

    @initialize(target=tokens)
    def begin(self) -> Any:
        blocks = chain((ROOT, root_body(PLANNER, nonce=bytes(16), expires=NOW + HOUR)))
        return Held(tuple(blocks), (((EXPIRES, NOW + HOUR),),), (PLANNER,), NOW)

    @rule(
        target=tokens,
        caveats=caveats,
        nonce=st.binary(min_size=16, max_size=16),
        hops=delegations,
    )
    def issue(self, caveats: list[Any], nonce: bytes, hops: list[tuple[Key, list[Any]]]) -> Any:
        expires = self.now + HOUR
        body = root_body(PLANNER, caveats, nonce=nonce, issued_at=self.now, expires=expires)
        said = ((EXPIRES, expires), *caveats)
        return self.attenuate(Held(tuple(chain((ROOT, body))), (said,), (PLANNER,), self.now), hops)

    @rule(target=tokens, token=tokens, hops=delegations)
    def attenuate(self, token: Held, hops: list[tuple[Key, list[Any]]]) -> Any:
        """One delegation after the other; each holder on the way keeps what it was given."""
        tokens = [token]
        for holder, said in hops:
            if len(tokens[-1].blocks) < 16:
                tokens.append(self.child_of(tokens[-1], said, holder))
        return multiple(*tokens[1:])

    @rule(token=tokens, asked=st.lists(asks, min_size=1, max_size=5))
    def present(self, token: Held, asked: list[Ask]) -> None:
        for ask in asked:
            self.present_one(token, ask)

    def present_one(self, token: Held, ask: Ask) -> None:
        request = ask.request()
        code = self.verified(token, ask, request)
        assert code == self.expected(token, ask)
        self.codes[code] += 1
        # Whatever it is refused for, no ancestor is refused more than its child.
        if code == "ok":
            ancestor = token.parent
            while ancestor is not None:
                assert self.explained(ancestor, ask, request) == "ok"
                ancestor = ancestor.parent

    @rule(token=tokens, ask=asks, caveats=caveats)
    def compare_with_a_child(self, token: Held, ask: Ask, caveats: list[Any]) -> None:
        if len(token.blocks) >= 16:
            return
        child = self.child_of(token, caveats)
        request = ask.request()
        if self.explained(token, ask, request) != "ok":
            assert self.verified(child, ask, request) != "ok"

    @rule(seconds=st.sampled_from([1, 4, 6, 20, 31, 70]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(token=tokens, what=st.sampled_from(["root", "hop", "holder"]))
    def revoke(self, token: Held, what: str) -> None:
        links = links_of(list(token.blocks))
        entries = {
            "root": chain_entry(links[0]),
            "hop": chain_entry(links[-1]),
            "holder": holder_entry(token.key),
        }
        # Most often something deep, so that not everything dies at once.
        self.log = self.log.but(entries=(*self.log.entries, entries[what]))

    @rule(before=st.sampled_from([NOW - 5, NOW, NOW + 1]))
    def revoke_the_issuers_past(self, before: int) -> None:
        self.log = self.log.but(entries=(*self.log.entries, issuer_entry(ROOT, before)))

    @rule(task=st.sampled_from(["t1", "t2"]))
    def revoke_a_task(self, task: str) -> None:
        self.log = self.log.but(entries=(*self.log.entries, task_entry(task)))

    @rule(whole=st.booleans())
    def publish(self, whole: bool) -> None:
        since = None if whole else self.view.seq
        update = self.log.update(since, at=self.now, fresh_until=self.now + HOUR)
        self.view.update(update, now=self.now)
        self.head_at, self.published = self.now, self.log.entries

    def teardown(self) -> None:
        COUNTED.update(self.codes)
        told = ", ".join(f"{count} {code}" for code, count in sorted(COUNTED.items()))
        tally.tell("attenuation machine", f"{COUNTED.total()} presentations: {told}", "machine")

    @invariant()
    def the_view_holds_what_was_published(self) -> None:
        assert self.view.seq == len(self.published)

    def child_of(self, token: Held, caveats: list[Any], holder: Key = WORKER) -> Held:
        body = hop_body(holder, caveats, issued_at=self.now)
        blocks = extended(list(token.blocks), token.key, body)
        said = (*token.caveats, tuple(caveats))
        return Held(tuple(blocks), said, (*token.holders, holder), token.issued_at)

    def verified(self, token: Held, ask: Ask, request: Request) -> str:
        presentation = shown(list(token.blocks), token.key, ask, issued_at=self.now)
        code = self.server.explain(presentation, request, now=self.now).code
        # Explaining takes the same steps.
        assert code == outcome(lambda: self.server.verify(presentation, request, now=self.now))
        return code

    def explained(self, token: Held, ask: Ask, request: Request) -> str:
        presentation = shown(list(token.blocks), token.key, ask, issued_at=self.now)
        return self.server.explain(presentation, request, now=self.now).code

    def expected(self, token: Held, ask: Ask) -> str:
        if self.now - self.head_at > (300, 30, 5)[ask.effect]:
            return "stale"
        if self.revoked(token, ask):
            return "revoked"
        if not model.allows(token.caveats, ask, now=self.now):
            return "caveat"
        return "ok"

    def revoked(self, token: Held, ask: Ask) -> bool:
        stands_on = {chain_entry(link) for link in links_of(list(token.blocks))}
        stands_on |= {holder_entry(holder) for holder in token.holders}
        tasks = {caveat[1] for block in token.caveats for caveat in block if caveat[0] == TASK}
        stands_on |= {task_entry(task) for task in tasks | {ask.task} - {""}}
        before = range(token.issued_at + 1, NOW + 10)
        stands_on |= {issuer_entry(ROOT, second) for second in before}
        return not stands_on.isdisjoint(self.published)


class Searching(Attenuation):
    """The same machine, whose presentations to broken verifiers are not counted."""

    def teardown(self) -> None:
        pass


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_the_machine_finds_a_verifier_that_lacks_a_check(broken, monkeypatch):
    broken(monkeypatch)
    searching = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Searching, settings=searching)


TestAttenuation = Attenuation.TestCase
TestAttenuation.settings = settings(
    max_examples=1500 if LONG else 150,
    stateful_step_count=60 if LONG else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
