"""Any sequence of issuing, handing over, asking and revoking, against a simple model.

One service and one resource server that follows its list, both real. The machine looks for a
sequence after which one of them decides otherwise than the model, a tree or a dry run shows
something else, what is dead lives again, or the audit log tells another story.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chaincred import (
    FOREVER,
    Audience,
    Bearer,
    Caveat,
    MaxEffect,
    MaxHops,
    Resources,
    SigningKey,
    Task,
    Token,
    Tools,
)
from chaincred.caveat_json import caveat_json
from tests.attacks import tally
from tests.attacks.cast import EXPIRES, MAX_HOPS, Ask
from tests.attacks.long import LONG
from tests.verifier.running import AUDIENCE, check
from tests.verifier.service_model import Held, Model, Named, Node
from tests.verifier.watched import FOLLOWER, HOPS, LIFETIME, Watched

GRACE = 60
UNSEEN = 86_400 + GRACE
"""Seconds that the entry of a chain lasts which the service has not seen (service.md 6)."""

MARKS = count()
some_caveats = st.lists(
    st.sampled_from(
        [
            Tools(["**"]),
            Tools(["fs/*"]),
            Resources(["docs/**"]),
            MaxEffect("write"),
            MaxEffect("read"),
            MaxHops(1),
            Audience([AUDIENCE, "mail"]),
            Audience(["mail"]),
            Task("t1"),
            Task("t1"),
            Task("t2"),
        ]
    ),
    max_size=2,
)
likely = st.just(Ask(tool="fs/read", resource="docs/a", task="t1"))
asks = likely | st.builds(
    Ask,
    tool=st.sampled_from(["read", "fs/read"]),
    resource=st.sampled_from(["", "docs/a", "mail/a"]),
    effect=st.integers(0, 2),
    task=st.sampled_from(["", "t1", "t2"]),
)
whose = st.integers(0, 3)
whats = st.sampled_from(["chain", "chain", "chain", "holder", "task"])
# Not drawn from what there is: how many entries that makes depends on the seconds that pass.
indices = st.integers(0, 10_000)
untils = st.sampled_from([None, None, FOREVER, 2_000_000_000])


class Machine(RuleBasedStateMachine):
    """What an example names is its own: its keys are new, its tasks bear its mark."""

    watched: ClassVar[Watched]
    counted: ClassVar[Counter[str]] = Counter()
    nodes: Bundle[Node] = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.mark = next(MARKS)
        self.model = Model()
        self.keys = [SigningKey.generate() for _ in range(3)]
        self.shown: list[tuple[Node, dict[str, Any]]] = []

    @initialize(target=nodes, hops=st.lists(st.tuples(some_caveats, whose), max_size=4))
    def begin(self, hops: list[tuple[list[Caveat], int]]) -> Any:
        """A chain, each holder of which keeps what it was given."""
        made = [self.issue([])]
        for caveats, whose in hops:
            found = self.hand_over(made[-1], caveats, whose)
            made += [found] if isinstance(found, Node) else []
        return multiple(*made)

    @rule(target=nodes, caveats=some_caveats)
    def issue(self, caveats: list[Caveat]) -> Any:
        caveats = self.marked(caveats)
        bearer = self.issued(caveats)
        return multiple() if bearer is None else self.made(Node(bearer, self.said(bearer, caveats)))

    @rule(target=nodes, caveats=some_caveats, whose=whose)
    def have_it_issued(self, caveats: list[Caveat], whose: int) -> Any:
        """By the service, to one of three agents with a key of their own, or to one without."""
        key = [*self.keys, SigningKey.generate()][whose]
        caveats = self.marked(caveats)
        asked = {"holder": key.public_key.hex(), "agent": f"agent-{len(self.model.nodes)}"}
        answer = self.watched.by_administrator(
            "POST",
            "/v1/tokens",
            "chaincred.issue",
            "write",
            asked | {"purpose": "p", "caveats": [caveat_json(each) for each in caveats]},
        )
        code = answer.json().get("code", "ok")
        named = [("holder", asked["holder"])]
        named += [("task", each.id) for each in caveats if isinstance(each, Task)]
        dead = any(self.model.held(each) for each in named)
        # What could never be used is not issued by anybody.
        usable = self.issued(caveats) is not None
        assert code == ("grant" if not usable else "revoked" if dead else "ok"), answer.text
        self.counted[f"{code}, issued by the service"] += 1
        if code != "ok":
            self.watched.wrote("issue", code, by="admin/security")
            return multiple()
        bearer = Bearer(Token.parse(answer.json()["token"]), key)
        self.watched.wrote("issue", "ok", bearer, by="admin/security")
        assert [each.agent for each in bearer.token.hops] == [asked["agent"]]
        said = self.said(bearer, caveats)
        assert said == [each.to_wire() for each in bearer.token.caveats[0]]
        node = self.made(Node(bearer, said))
        self.model.see(node)
        return node

    def issued(self, caveats: list[Caveat]) -> Bearer | None:
        """A token that the root's owner issues by itself; None for one that is of no use."""
        try:
            return Bearer.issue(
                self.watched.running.root_key,
                agent=f"agent-{len(self.model.nodes)}",
                purpose="p",
                now=int(time.time()),
                caveats=caveats,
                lifetime=LIFETIME,
                max_hops=HOPS,
            )
        except ValueError:
            return None

    @staticmethod
    def said(bearer: Bearer, caveats: list[Caveat]) -> list[Any]:
        """What stands in a block 0 that was just issued."""
        expires_at = bearer.token.root_expires_at
        assert abs(expires_at - time.time() - LIFETIME) < GRACE
        return [[EXPIRES, expires_at], [MAX_HOPS, HOPS], *(each.to_wire() for each in caveats)]

    @rule(target=nodes, parent=nodes, caveats=some_caveats, whose=whose)
    def hand_over(self, parent: Node, caveats: list[Caveat], whose: int) -> Any:
        """To one of three agents with a key of their own, or to one without."""
        key = [*self.keys, SigningKey.generate()][whose]
        caveats = self.marked(caveats)
        try:
            token = parent.bearer.attenuate(
                holder=key.public_key,
                agent=f"agent-{len(self.model.nodes)}",
                purpose="p",
                now=int(time.time()),
                caveats=caveats,
            )
        except ValueError:
            return multiple()
        said = [each.to_wire() for each in caveats]
        return self.made(Node(Bearer(token, key), said, parent))

    def made(self, node: Node) -> Node:
        self.model.nodes.append(node)
        return node

    @rule(node=nodes, asked=st.lists(asks, min_size=1, max_size=3))
    def ask(self, node: Node, asked: list[Ask]) -> None:
        self.decide([(node, self.marked_ask(each)) for each in asked])

    def decide(self, asked: Sequence[tuple[Node, Ask]]) -> None:
        """Asks the service and the resource server, in a batch, each with a new proof."""
        now = int(time.time())
        checks = []
        for node, ask in asked:
            request = ask.request()
            shown = str(node.bearer.present(request, audience=AUDIENCE, now=now))
            checks.append(check(shown, request))
            self.shown.append((node, checks[-1]))
            # The list is enforced there since its last entry was answered.
            assert self.watched.at_server(shown, request) == self.model.code(node, ask, now)
        for (node, ask), said in zip(asked, self.results(checks), strict=True):
            code = self.model.code(node, ask, now)
            self.settled(node, code, said, ask.tool)

    @precondition(lambda self: self.shown)
    @rule(which=indices)
    def ask_again_with_an_old_proof(self, which: int) -> None:
        node, old = self.shown[which % len(self.shown)]
        (said,) = self.results([old])
        self.settled(node, "proof_replayed", said, old["request"]["tool"])

    def results(self, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self.watched.running.client.post("/v1/verify", json={"checks": checks})
        assert answer.status_code == 200
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    def settled(self, node: Node, code: str, said: dict[str, Any], tool: str) -> None:
        """The service said `said` where the model says `code`."""
        assert said.get("code", "ok") == code, said
        self.counted[code] += 1
        self.model.see(node)
        n = self.watched.wrote("verify", code, node.bearer, tool=tool)
        if code == "ok":
            node.uses += 1
            assert [hop["link"] for hop in said["hops"]] == [each.link for each in node.path]
            assert (said["audit"], said["list"]["seq"]) == (n, self.watched.number)
        else:
            node.refused += 1

    @rule(node=nodes, what=whats, until=untils, shown=st.booleans())
    def revoke(self, node: Node, what: str, until: int | None, shown: bool) -> None:
        name, said = self.asked(node, what, until, shown=shown)
        begun = time.time()
        answer = self.watched.by_administrator(*REVOKE, said)
        holding, lasting = self.lasting(name, node, until, begun)
        self.revoked(name, holding, lasting, answer, "security")

    def revoked(
        self, name: Named, holding: set[int | None], lasting: range, answer: Any, by: str
    ) -> None:
        """A revocation was answered: it is in force wherever the list is followed."""
        said = answer.json()
        if answer.status_code == 200:
            assert said["number"] in holding - {None}
            return
        assert answer.status_code == 201 and None in holding, said
        assert said["number"] == self.watched.number + 1
        assert said["until"] in lasting and said["made_by"] == by
        assert said["killed"] == len(self.model.kills(name))
        held = Held(said["number"], said["until"], said["made_at"])
        self.model.entries.setdefault(name, []).append(held)
        self.watched.wrote("revoke", "ok", by=by, number=said["number"], id=said["id"])
        self.watched.enforced(said["number"])
        self.counted["revocations"] += 1
        self.ask_everybody()

    @rule(node=nodes, what=whats, until=untils, shown=st.booleans())
    def dry_run(self, node: Node, what: str, until: int | None, shown: bool) -> None:
        name, body = self.asked(node, what, until, shown=shown)
        begun = time.time()
        method, path, tool, effect = REVOKE
        answer = self.watched.by_administrator(method, f"{path}?dry_run=true", tool, effect, body)
        said = answer.json()
        dying = sorted(each.link for each in self.model.kills(name))
        assert sorted(each["link"] for each in said["would_kill"]) == dying
        holding, _ = self.lasting(name, node, until, begun)
        assert said["already"] in holding and said["more"] == 0

    @rule(node=nodes, what=whats, until=untils, shown=st.booleans(), which=indices)
    def revoke_as_a_holder_above(
        self, node: Node, what: str, until: int | None, shown: bool, which: int
    ) -> None:
        self.revoke_as_a_holder(node.path[which % len(node.path)], node, what, until, shown)

    @rule(holder=nodes, node=nodes, what=whats, until=untils, shown=st.booleans())
    def revoke_as_a_holder(
        self, holder: Node, node: Node, what: str, until: int | None, shown: bool
    ) -> None:
        name, body = self.asked(node, what, until, shown=shown)
        begun = time.time()
        answer = self.watched.by_holder(holder.bearer, body)
        holder.uses += 1
        self.model.see(holder)
        yours = what == "chain" and self.model.may_revoke(holder, node, shown=shown)
        by = f"holder/{holder.bearer.token.chain.blocks[-1].agent}"
        if yours and self.model.killer(holder) is None:
            latest = holder.bearer.token.authority.expires_at + GRACE
            holding, lasting = self.lasting(name, node, until, begun, latest)
            self.revoked(name, holding, lasting, answer, by)
        else:
            code = "revoked" if yours else "not_yours"
            assert (answer.status_code, answer.json().get("code")) == (403, code)
            self.watched.wrote("revoke", code, holder.bearer, by=by, revoked=what)
            self.counted[f"{code}, to a holder"] += 1

    def asked(
        self, node: Node, what: str, until: int | None, *, shown: bool
    ) -> tuple[Named, dict[str, Any]]:
        """What dies, and the body that asks for it."""
        said: dict[str, Any] = {"what": what} | ({"until": until} if until else {})
        if what == "holder":
            return ("holder", node.key), said | {"key": node.key}
        if what == "task":
            tasks = [id for kind, id in node.stands_on() if kind == "task"]
            id = tasks[0] if tasks else self.task("t1")
            return ("task", id), said | {"task": id}
        named = {"token": str(node.bearer.token)} if shown else {"link": node.link}
        return ("chain", node.link), said | named

    def lasting(
        self, name: Named, node: Node, until: int | None, begun: float, latest: int = FOREVER
    ) -> tuple[set[int | None], range]:
        """For what was asked at `begun`: the entry that does it already, and until when one lasts.

        One of these: which second was the present is known to the service only. An entry of who
        asks lasts until `latest`.
        """
        enough = UNSEEN if name[0] == "chain" and not until else FOREVER + 1
        first = last = until or FOREVER
        if name[0] == "chain":
            natural = node.bearer.token.authority.expires_at if node.seen else 0
            first = max(until or 0, natural or int(begun) + UNSEEN)
            last = max(until or 0, natural or int(time.time()) + UNSEEN)
        first, last = min(first, latest), min(last, latest)
        holding = {self.model.holding(name, each, enough) for each in (first, last)}
        return holding, range(first, last + 1)

    @rule(node=nodes)
    def look_at_the_tree(self, node: Node) -> None:
        root = node.path[0]
        answer = self.watched.read(f"/v1/chains/{root.link}")
        seen = [each for each in self.model.nodes if each.seen and each.path[0] is root]
        if not seen:
            assert answer.json()["code"] == "not_found"
            return
        found = {each["link"]: each for each in answer.json()["nodes"]}
        assert found.keys() == {each.link for each in seen}
        for each in seen:
            told, killer = found[each.link], self.model.killer(each)
            assert told["parent"] == (each.parent.link if each.parent else None)
            assert told["depth"] == len(each.path) - 1 and told["holder"] == each.key
            assert (told["uses"], told["refused"]) == (each.uses, each.refused)
            assert told["alive"] == (killer is None)
            assert (told["revoked"] and told["revoked"]["number"]) == killer

    @precondition(lambda self: self.model.entries)
    @rule(which=indices)
    def ask_who_enforces_it(self, which: int) -> None:
        numbers = sorted(each.number for held in self.model.entries.values() for each in held)
        found = self.watched.closed(numbers[which % len(numbers)])
        assert [each["name"] for each in found["enforced"]] == [FOLLOWER]
        assert not found["behind"] and not found["silent"]

    @invariant()
    def nothing_else_is_on_the_list(self) -> None:
        assert self.watched.view.seq == self.watched.number

    def ask_everybody(self) -> None:
        """Whoever should have died has, nobody else did, and nobody came back."""
        for task in ("", "t1"):
            ask = Ask(tool="fs/read", resource="docs/a", task=self.task(task))
            self.decide([(node, ask) for node in self.model.nodes])

    def teardown(self) -> None:
        if self.model.nodes:
            self.ask_everybody()

    def task(self, id: str) -> str:
        return f"{self.mark}/{id}" if id else ""

    def marked(self, caveats: list[Caveat]) -> list[Caveat]:
        return [Task(self.task(each.id)) if isinstance(each, Task) else each for each in caveats]

    def marked_ask(self, ask: Ask) -> Ask:
        return ask.but(task=self.task(ask.task))


REVOKE = ("POST", "/v1/revocations", "chaincred.revoke", "irreversible")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Watched(tmp_path) as installation:
        yield installation


def run(watched: Watched, **more: Any) -> None:
    Machine.watched = watched
    said = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), **more}
    run_state_machine_as_test(Machine, settings=settings(**said))


def test_the_service_and_its_follower_do_as_the_model_says(watched: Watched):
    Machine.counted.clear()
    if LONG:
        run(watched, max_examples=300, stateful_step_count=40)
    else:
        run(watched, max_examples=20, stateful_step_count=15, derandomize=True)
    watched.require_written()
    told = ", ".join(f"{n} {code}" for code, n in sorted(Machine.counted.items()))
    delays = f"enforced after {median(watched.delays):.3f} s, {max(watched.delays):.3f} s at most"
    tally.tell("service machine", f"{told}; {delays}", "machine")


STANDS_ON = Node.stands_on


def forgetting(kind: str) -> Callable[[Node], list[Named]]:
    return lambda node: [each for each in STANDS_ON(node) if each[0] != kind]


def only_its_own_link(node: Node) -> list[Named]:
    return [each for each in STANDS_ON(node) if each[0] != "chain" or each[1] == node.link]


@pytest.mark.long
@pytest.mark.parametrize(
    ("of", "name", "wrong"),
    [
        (Node, "stands_on", forgetting("holder")),
        (Node, "stands_on", forgetting("task")),
        (Node, "stands_on", only_its_own_link),
        (Model, "is_over", lambda *_: False),
        (Model, "may_revoke", lambda *_, **__: True),
        (Model, "may_revoke", lambda _, holder, target, **__: holder is target),
    ],
    ids=["holders", "tasks", "ancestors", "tasks asked for", "any holder", "no holder"],
)
def test_the_machine_finds_a_model_that_is_wrong(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, of: type, name: str, wrong: Any
):
    monkeypatch.setattr(of, name, wrong)
    with pytest.raises((AssertionError, Flaky)):
        run(
            watched,
            max_examples=300,
            stateful_step_count=40,
            derandomize=True,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        )
