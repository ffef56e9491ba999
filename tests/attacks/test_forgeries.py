"""A hostile encoder: an attacker who holds one right key writes whatever she likes.

Mallory is the last holder of some chains that honest people made for her and has seen others.
She signs with her own keys only. Whatever the verifier then admits has to begin with the blocks
that were really made for her, and to ask for what they allow her: judged by a model that shares
nothing with the library.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgpack
import pytest

from chaincred import InMemoryReplay, PublicKey, Verifier
from tests.attacks import families_caveats, families_chain, model, tally
from tests.attacks.cast import (
    ARGS,
    AUDIENCE,
    CONTEXT,
    EXPIRES,
    HOUR,
    MALLORY,
    MAX_EFFECT,
    MAX_HOPS,
    MINION,
    NOT_BEFORE,
    NOW,
    OTHER_ROOT,
    PLANNER,
    RESOURCES,
    ROOT,
    SERVER,
    TASK,
    TOOLS,
    WORKER,
    Ask,
    Block,
    Body,
    Key,
    Log,
    Proof,
    chain,
    chain_entry,
    extended,
    ground,
    hop_body,
    links_of,
    outcome,
    pack,
    presented,
    proof,
    root_body,
    signed,
    unpack,
)
from tests.attacks.long import LONG
from tests.attacks.views import fed

# So much is done here that counting its lines would take longer than doing it.
pytestmark = pytest.mark.uncounted

FORGERIES = 200_000 if LONG else 12_000

TOOL_NAMES = ("read_file", "write_file", "fs/delete")
RESOURCE_NAMES = ("", "docs/q3.md", "docs/2026/q3.md", "secrets/pay", "/etc/passwd")
DIGEST = bytes(range(32))
MINE = (MALLORY, MINION)
HOPS_LEFT = [MAX_HOPS, 3]


def world() -> tuple[list[list[Block]], list[list[Block]], list[Block]]:
    """The chains made for mallory, others that she has seen, and one that was revoked."""
    narrow = [[TOOLS, ["read_file"]], [RESOURCES, ["docs/**"]], [MAX_EFFECT, 0]]
    for_planner = root_body(PLANNER, [[TOOLS, ["*", "fs/*"]], HOPS_LEFT], nonce=b"1" * 16)
    for_others = root_body(PLANNER, [[RESOURCES, ["docs/*"]], HOPS_LEFT], nonce=b"2" * 16)
    direct = root_body(MALLORY, [[RESOURCES, ["docs/**", "secrets/*"]]], nonce=b"3" * 16)
    in_task = [[TASK, "t1"], [ARGS, [["n", True, [2, [1], [9]]]], False], [MAX_HOPS, 0]]
    dead = root_body(PLANNER, [HOPS_LEFT], nonce=b"4" * 16)
    made_for_her = [
        chain((ROOT, for_planner), (PLANNER, hop_body(MALLORY, narrow))),
        chain((ROOT, for_others), (PLANNER, hop_body(MALLORY, in_task))),
        chain((ROOT, direct)),
        chain((ROOT, for_planner), (PLANNER, hop_body(WORKER)), (WORKER, hop_body(MALLORY))),
    ]
    seen = [
        chain((ROOT, for_planner)),
        chain((ROOT, for_planner), (PLANNER, hop_body(WORKER, agent="worker"))),
        chain((ROOT, for_others), (PLANNER, hop_body(WORKER)), (WORKER, hop_body(PLANNER))),
        chain((ROOT, root_body(WORKER, nonce=b"5" * 16))),
    ]
    return made_for_her, seen, chain((ROOT, dead), (PLANNER, hop_body(MALLORY)))


FOR_HER, SEEN, REVOKED = world()
ALL = [*FOR_HER, *SEEN, REVOKED]
HOLDERS: dict[bytes, Key] = {key.public: key for key in (ROOT, PLANNER, WORKER, *MINE)}


def holder_of(blocks: list[Block]) -> bytes:
    body = unpack(blocks[-1][0])
    return bytes(body[5 if body[0] == 0 else 2])


def recorded() -> list[tuple[list[Block], Proof, Ask]]:
    """What honest holders sent over the same wire."""
    sent: list[tuple[list[Block], Proof, Ask]] = []
    for blocks in SEEN:
        key = HOLDERS[holder_of(blocks)]
        asked = (Ask(), Ask("write_file", effect=1))
        sent += [(blocks, proof(key, links_of(blocks)[-1], ask), ask) for ask in asked]
    # One that was meant for another server, so this one has not seen it.
    elsewhere = proof(PLANNER, links_of(SEEN[0])[-1], Ask(), audience="mail.example")
    return [*sent, (SEEN[0], elsewhere, Ask())]


RECORDED = recorded()


@dataclass
class Forgery:
    """What mallory has on her desk: blocks, and later a proof for what she asks."""

    dice: random.Random
    blocks: list[list[bytes]]
    ask: Ask
    now: int = NOW
    signer: Key = MALLORY
    made: Proof | None = None
    tricks: list[str] = field(default_factory=list)

    def body(self, at: int) -> Body:
        body: Body = unpack(self.blocks[at][0])
        return body

    def pick(self) -> int:
        return self.dice.randrange(len(self.blocks))

    def put(self, at: int, body: Body | bytes, how: str | None = None) -> None:
        """Writes `body` at block `at`, signed in one of the ways open to her."""
        packed = body if isinstance(body, bytes) else pack(body)
        how = how or self.dice.choice(("kept", "mine", "minion", "other", "zero", "loose link"))
        before = links_of(self.blocks[:at])[-1] if at else ROOT.public
        signature = self.blocks[at][1]
        if how == "mine":
            signature = signed(packed, MALLORY, before)[1]
        elif how == "minion":
            signature = signed(packed, MINION, before)[1]
        elif how == "other":
            signature = self.dice.choice(self.dice.choice(ALL))[1]
        elif how == "zero":
            signature = bytes(64)
        elif how == "loose link":
            signature = signed(packed, MALLORY, self.dice.choice(links_of(ALL[0])))[1]
        self.blocks[at] = [packed, signature]

    def sign_on(self) -> None:
        """Signs again whatever follows and is hers to sign, so that only the forgery is wrong."""
        for at in range(1, len(self.blocks)):
            key = HOLDERS.get(holder_of(self.blocks[:at]))
            if key in MINE:
                before = links_of(self.blocks[:at])[-1]
                self.blocks[at] = signed(self.blocks[at][0], key, before)


CAVEATS = (
    [TOOLS, ["**"]],
    [TOOLS, ["read_file", "write_file"]],
    [RESOURCES, ["docs/**"]],
    [RESOURCES, ["secrets/*"]],
    [MAX_EFFECT, 0],
    [MAX_EFFECT, 2],
    [EXPIRES, NOW + 10],
    [EXPIRES, NOW + 80_000],
    [NOT_BEFORE, NOW],
    [MAX_HOPS, 0],
    [MAX_HOPS, 15],
    [AUDIENCE, [SERVER]],
    [TASK, "t1"],
    [CONTEXT, DIGEST],
    [ARGS, [["n", True, [0, 5]]], True],
    [200, "what nobody knows"],
)


def random_hop(dice: random.Random, holder: Key) -> Body:
    return hop_body(holder, dice.sample(CAVEATS, dice.randrange(4)), agent="forged")


# Each trick edits what is on the desk. A later one may undo or cover up an earlier one.


def extend(forged: Forgery) -> None:
    """Attenuates with her own key: the one trick that is allowed."""
    holder = forged.dice.choice(MINE)
    forged.blocks = extended(forged.blocks, forged.signer, random_hop(forged.dice, holder))
    forged.signer = holder


def extend_for_another(forged: Forgery) -> None:
    signer = forged.dice.choice(MINE)
    holder = forged.dice.choice((PLANNER, WORKER, *MINE))
    forged.blocks = extended(forged.blocks, signer, random_hop(forged.dice, holder))


def edit_caveats(forged: Forgery) -> None:
    at = forged.pick()
    body = forged.body(at)
    caveats = body[-1]
    how = forged.dice.randrange(5)
    if how == 0 and caveats:
        del caveats[forged.dice.randrange(len(caveats))]
    elif how == 1 and caveats:
        caveats[forged.dice.randrange(len(caveats))] = forged.dice.choice(CAVEATS)
    elif how == 2 and caveats:
        caveats.append(forged.dice.choice(caveats))
    elif how == 3:
        caveats.clear()
    else:
        body[-1] = [[EXPIRES, NOW + HOUR], [TOOLS, ["**"]]]
    forged.put(at, body)


def edit_holder(forged: Forgery) -> None:
    at = forged.pick()
    body = forged.body(at)
    body[5 if body[0] == 0 else 2] = forged.dice.choice(MINE).public
    forged.put(at, body)


def edit_field(forged: Forgery) -> None:
    at = forged.pick()
    body = forged.body(at)
    field_ = forged.dice.randrange(len(body))
    body[field_] = forged.dice.choice(
        (0, 1, 2, True, NOW, b"", bytes(16), MALLORY.public, ROOT.public, "x", [], 1.0, None)
    )
    forged.put(at, body)


def edit_bytes(forged: Forgery) -> None:
    at = forged.pick()
    part = forged.dice.randrange(2)
    data = bytearray(forged.blocks[at][part])
    if not data:
        return
    data[forged.dice.randrange(len(data))] ^= 1 << forged.dice.randrange(8)
    if part == 0 and forged.dice.random() < 0.5:
        forged.put(at, bytes(data), "mine")
        return
    forged.blocks[at][part] = bytes(data)


def own_root(forged: Forgery) -> None:
    """A root of hers, under her name or under the real issuer's."""
    issuer = forged.dice.choice((ROOT, OTHER_ROOT, MALLORY)).public
    body = root_body(MALLORY, issuer=issuer, nonce=forged.dice.randbytes(16))
    signer = forged.dice.choice((MALLORY, OTHER_ROOT))
    forged.blocks[0] = signed(body, signer, forged.dice.choice((issuer, ROOT.public)))


def other_body_old_signature(forged: Forgery) -> None:
    """Another root body of the same issuer, under a signature the issuer did make."""
    body = root_body(MALLORY, nonce=forged.dice.randbytes(16))
    forged.blocks[0] = [pack(body), forged.dice.choice(ALL)[0][1]]


def splice(forged: Forgery) -> None:
    other = forged.dice.choice(ALL)
    at = forged.dice.randrange(len(forged.blocks) + 1)
    forged.blocks[at:] = [list(block) for block in other[forged.dice.randrange(len(other)) :]]


def drop(forged: Forgery) -> None:
    if len(forged.blocks) > 1:
        del forged.blocks[forged.pick()]


def cut(forged: Forgery) -> None:
    del forged.blocks[forged.dice.randrange(1, len(forged.blocks) + 1) :]


def repeat(forged: Forgery) -> None:
    at = forged.pick()
    forged.blocks.insert(at, list(forged.blocks[at]))


def reorder(forged: Forgery) -> None:
    forged.dice.shuffle(forged.blocks)


def swap_signatures(forged: Forgery) -> None:
    one, two = forged.pick(), forged.pick()
    first, second = forged.blocks[one], forged.blocks[two]
    first[1], second[1] = second[1], first[1]


def swap_bodies(forged: Forgery) -> None:
    other = forged.dice.choice(forged.dice.choice(ALL))
    forged.blocks[forged.pick()][0] = other[0]


def hop_as_root(forged: Forgery) -> None:
    """The body of a hop at the beginning, or written over into that of a root."""
    body = forged.body(len(forged.blocks) - 1)
    if forged.dice.random() < 0.5 and body[0] == 1:
        body = root_body(MALLORY, body[-1])
    forged.put(0, body)


def root_as_hop(forged: Forgery) -> None:
    forged.blocks.append(list(forged.dice.choice(ALL)[0]))
    if forged.dice.random() < 0.5:
        forged.put(len(forged.blocks) - 1, root_body(MALLORY), "mine")


def version(forged: Forgery) -> None:
    body = forged.body(0)
    if len(body) > 1:
        body[1] = forged.dice.choice((0, 2, True, 1.0, "1"))
    forged.put(0, body)


def more_or_less(forged: Forgery) -> None:
    at = forged.pick()
    body = forged.body(at)
    if forged.dice.random() < 0.5:
        body.append(forged.dice.choice((0, [], None)))
    else:
        del body[forged.dice.randrange(len(body))]
    forged.put(at, body)


def loose(forged: Forgery) -> None:
    """The same values under longer headers, or with a byte left over."""
    at = len(forged.blocks) - 1
    body = forged.blocks[at][0]
    if body[:1] == b"\x96":
        body = forged.dice.choice((b"\xdc\x00\x06" + body[1:], body + b"\xc0", body + body))
    else:
        body = body + b"\x00"
    forged.put(at, body, forged.dice.choice(("kept", "mine")))


def edited_ancestor(forged: Forgery) -> None:
    """An ancestor without caveats, in the name of a key of hers, signed on from there."""
    at = forged.pick()
    holder = forged.dice.choice(MINE)
    forged.put(at, root_body(holder) if at == 0 else hop_body(holder), "mine")
    forged.sign_on()


# Then the proof.


def honest_proof(forged: Forgery) -> Proof:
    """By the key that she thinks the last holder is, if it is hers; else by her own."""
    try:
        key = HOLDERS.get(holder_of(forged.blocks), MALLORY)
    except (ValueError, msgpack.UnpackException, IndexError, TypeError):
        key = MALLORY
    signer = key if key in MINE else MALLORY
    return proof(signer, links_of(forged.blocks)[-1], forged.ask)


def recorded_proof(forged: Forgery) -> Proof:
    """Another's proof, maybe with a field changed."""
    blocks, made, ask = forged.dice.choice(RECORDED)
    if forged.dice.random() < 0.5:
        forged.blocks, forged.ask = [list(block) for block in blocks], ask
    made = list(made)
    edit = forged.dice.randrange(5)
    if edit == 0:
        made[0] = SERVER
    elif edit == 1:
        made[1] = NOW + forged.dice.randrange(-90, 90)
    elif edit == 2:
        made[2] = forged.dice.randbytes(16)
    elif edit == 3:
        forged.ask = random_ask(forged.dice)
    return made


def wrong_key(forged: Forgery) -> Proof:
    signer = forged.dice.choice((*MINE, OTHER_ROOT))
    return proof(signer, links_of(forged.blocks)[-1], forged.ask)


def other_request(forged: Forgery) -> Proof:
    return proof(forged.signer, links_of(forged.blocks)[-1], random_ask(forged.dice))


def other_audience(forged: Forgery) -> Proof:
    link = links_of(forged.blocks)[-1]
    made = proof(forged.signer, link, forged.ask, audience="mail.example")
    return [forged.dice.choice((SERVER, "mail.example")), *made[1:]]


def other_link(forged: Forgery) -> Proof:
    link = forged.dice.choice([link for blocks in ALL for link in links_of(blocks)])
    return proof(forged.signer, link, forged.ask)


def other_time(forged: Forgery) -> Proof:
    at = NOW + forged.dice.choice((-61, -60, 60, 61, 1000))
    return proof(forged.signer, links_of(forged.blocks)[-1], forged.ask, issued_at=at)


def block_for_a_proof(forged: Forgery) -> Proof:
    return [SERVER, NOW, forged.dice.randbytes(16), forged.blocks[-1][1]]


TRICKS: tuple[Callable[[Forgery], None], ...] = (
    extend,
    extend_for_another,
    edit_caveats,
    edit_holder,
    edit_field,
    edit_bytes,
    own_root,
    other_body_old_signature,
    splice,
    drop,
    cut,
    repeat,
    reorder,
    swap_signatures,
    swap_bodies,
    hop_as_root,
    root_as_hop,
    version,
    more_or_less,
    loose,
    edited_ancestor,
)
PROOFS: tuple[Callable[[Forgery], Proof], ...] = (
    recorded_proof,
    wrong_key,
    other_request,
    other_audience,
    other_link,
    other_time,
    block_for_a_proof,
)


def random_ask(dice: random.Random) -> Ask:
    return Ask(
        dice.choice(TOOL_NAMES),
        dice.choice(RESOURCE_NAMES),
        dice.choice((0, 0, 1, 2)),
        dice.choice(({}, {"n": 5}, {"n": 50}, {"n": 5, "m": 1})),
        dice.choice(("", "t1", "t2")),
        dice.choice((b"", b"", DIGEST)),
    )


def forgery(seed: int) -> Forgery:
    dice = random.Random(seed)
    blocks = dice.choice(FOR_HER if dice.random() < 0.7 else ALL)
    forged = Forgery(dice, [list(block) for block in blocks], random_ask(dice))
    forged.now = NOW + dice.choice((0, 0, 0, 5, 30))
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        trick = dice.choice((*TRICKS, extend, extend))
        try:
            trick(forged)
        except (ValueError, msgpack.UnpackException, IndexError, TypeError, AttributeError):
            # An earlier trick left no body that can be read; it stays as it is.
            forged.tricks.append("(nothing)")
        forged.tricks.append(trick.__name__)
    make = honest_proof if dice.random() < 0.7 else dice.choice(PROOFS)
    forged.made = make(forged)
    forged.tricks.append(make.__name__)
    return forged


def caveats_of(blocks: list[list[bytes]]) -> list[list[list[object]]]:
    return [unpack(body)[-1] for body, _ in blocks]


def honest_beginning(blocks: list[list[bytes]]) -> int:
    """How many blocks from the first on are those of an honest chain, in its order."""
    longest = 0
    for honest in ALL:
        count = 0
        while count < min(len(honest), len(blocks)) and honest[count] == blocks[count]:
            count += 1
        longest = max(longest, count)
    return longest


def judge(forged: Forgery) -> str | None:
    """What is wrong with admitting this; None if it is mallory's to ask."""
    blocks = forged.blocks
    count = honest_beginning(blocks)
    if count == 0:
        return "it does not begin with a block that the root signed"
    if holder_of(blocks[:count]) not in {key.public for key in MINE}:
        return "the last honest block names another holder"
    if blocks[:1] == REVOKED[:1]:
        return "it stands on what is revoked"
    caveats = caveats_of(blocks)
    if not model.allows(caveats[:count], forged.ask, now=forged.now, length=len(blocks)):
        return "the honest blocks do not allow it"
    if not model.allows(caveats, forged.ask, now=forged.now):
        return "her own blocks do not allow it"
    return None


def servers() -> tuple[Verifier, Verifier]:
    """One that remembers chains, has seen them all and every recorded proof; one that forgets."""
    revoked = Log((chain_entry(links_of(REVOKED)[0]),))
    roots = {PublicKey(ROOT.public): fed(revoked.update())}
    warm, cold = (
        ground(roots, remember=remember, replay=InMemoryReplay()) for remember in (1024, 0)
    )
    for server in (warm, cold):
        for blocks, made, ask in RECORDED[:-1]:
            shown_before = Forgery(random.Random(0), blocks, ask)
            assert decision(server, presented(blocks, made), shown_before) in ("ok", "caveat")
    return warm, cold


def decision(server: Verifier, text: str, forged: Forgery) -> str:
    return outcome(lambda: server.verify(text, forged.ask.request(), now=forged.now))


def test_no_forgery_is_admitted_with_more_than_its_honest_beginning_allows():
    warm, cold = servers()
    codes: Counter[str] = Counter()
    tricks: Counter[str] = Counter()
    for seed in range(FORGERIES):
        forged = forgery(seed)
        assert forged.made is not None
        text = presented(forged.blocks, forged.made)
        code = decision(warm, text, forged)
        assert code == decision(cold, text, forged), (seed, forged.tricks)
        if code == "ok":
            wrong = judge(forged)
            assert wrong is None, (seed, forged.tricks, wrong)
        codes[code] += 1
        tricks.update(set(forged.tricks))
    assert codes.total() >= 10_000
    # Each stage that can refuse a forgery did, and what is hers was admitted: a generator that
    # writes only rubbish would prove nothing.
    stages = ("malformed", "untrusted", "broken_chain", "proof_audience", "proof_time")
    later = ("proof_signature", "proof_replayed", "revoked", "caveat")
    assert all(codes[code] >= 20 for code in (*stages, *later)), codes
    assert codes["ok"] >= FORGERIES // 50, codes
    assert all(tricks[trick.__name__] >= 50 for trick in TRICKS), tricks
    told = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    tally.tell("forgeries", f"{codes.total()} generated; none admitted beyond its right: {told}")


@pytest.mark.parametrize("blocks", FOR_HER, ids=lambda blocks: f"{len(blocks)} blocks")
def test_what_was_made_for_mallory_is_hers_to_use(blocks):
    ask = Ask(task="t1", args={"n": 5})
    forged = Forgery(random.Random(0), blocks, ask)
    forged.made = honest_proof(forged)
    assert decision(ground(), presented(blocks, forged.made), forged) == "ok"
    assert judge(forged) is None


def test_the_generator_catches_verifiers_that_lack_a_check(monkeypatch):
    """It would be no proof that nothing is admitted if it could not find what is admitted."""
    for broken in (
        families_chain.hops_are_not_checked,
        families_chain.any_holder_may_sign,
        families_chain.root_signature_is_not_checked,
        families_chain.the_last_holder_is_not_asked,
        families_chain.signatures_are_not_compared,
        families_caveats.only_the_last_block_is_asked,
    ):
        with monkeypatch.context() as patch:
            broken(patch)
            warm, _ = servers()
            assert any(
                decision(warm, presented(forged.blocks, forged.made or []), forged) == "ok"
                and judge(forged)
                for forged in map(forgery, range(3_000))
            ), broken.__name__
