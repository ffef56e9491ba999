"""The decision, step by step (specs/token.md 8)."""

import pytest

from chaincred import (
    CaveatRefused,
    Denied,
    Entry,
    Expires,
    Freshness,
    InMemoryReplay,
    Malformed,
    MaxEffect,
    PolicyRefused,
    ProofRefused,
    PublicKey,
    Request,
    Revoked,
    SigningKey,
    Stale,
    Token,
    Tools,
    Untrusted,
    Verifier,
    unrevocable,
)
from chaincred.block import Statement
from tests.cast import (
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    ROOT,
    WORKER,
    WRITE,
    planners,
    shown,
    verifier,
    view,
    workers,
)


def code(check, presentation, request=READ, now=NOW):
    try:
        check.verify(presentation, request, now=now)
    except (Malformed, Denied) as error:
        return error.code
    return "ok"


def test_what_is_admitted_comes_back_with_its_provenance():
    token = workers([MaxEffect("read")])
    verified = verifier(Entry.task("other")).verify(shown(token, WORKER), READ, now=NOW)
    assert verified.root_id == token.chain.root_id
    assert verified.agent == "worker"
    assert (verified.list_seq, verified.list_age) == (1, 0)
    assert verified.request is READ
    first, second = verified.hops
    assert (first.delegator, first.holder, first.agent) == (
        ROOT.public_key,
        PLANNER.public_key,
        "planner",
    )
    assert (second.delegator, second.holder) == (PLANNER.public_key, WORKER.public_key)
    assert (second.purpose, second.issued_at) == ("read one file", NOW)
    assert second.caveats == (MaxEffect("read"),)
    assert second.link == token.chain.links[1]


def test_the_first_step_that_fails_gives_the_code():
    now = NOW + 1000
    other = Request("delete", effect="irreversible")
    dead = verifier(Entry.chain(planners().chain.root_id), policy=lambda *_: False)
    text = shown(workers(), WORKER, audience="elsewhere")
    assert code(dead, "cc1p_", other, now) == "malformed"
    assert code(verifier(roots={MALLORY.public_key: view()}), text, other, now) == "untrusted"
    assert code(dead, text, other, now) == "proof_audience"
    text = shown(workers(), WORKER)
    assert code(dead, text, other, now) == "proof_time"
    assert code(dead, text, other) == "proof_signature"
    late = shown(workers(), WORKER, other, now=now)
    assert code(dead, late, other, now) == "stale"
    token = workers()
    revoked = verifier(Entry.chain(token.chain.root_id), policy=lambda *_: False)
    assert code(revoked, shown(token, WORKER, other), other) == "revoked"
    picky = verifier(policy=lambda *_: False)
    assert code(picky, shown(token, WORKER, other), other) == "caveat"
    assert code(picky, shown(token, WORKER)) == "policy"


def test_a_proof_lives_for_a_minute_on_either_side():
    for apart, expected in ((-61, "proof_time"), (-60, "ok"), (60, "ok"), (61, "proof_time")):
        assert code(verifier(freshness=Freshness(read=999)), shown(workers(), WORKER), READ,
                    NOW + apart) == expected  # fmt: skip


def test_two_calls_in_one_second_both_pass_and_a_replay_never_does():
    check, token = verifier(), workers()
    first, second = shown(token, WORKER), shown(token, WORKER)
    assert [code(check, text) for text in (first, second, first, second)] == [
        "ok",
        "ok",
        "proof_replayed",
        "proof_replayed",
    ]


def test_a_refused_proof_is_used_up():
    check, text = verifier(), shown(workers(), WORKER, WRITE)
    assert code(check, text, WRITE) == "ok"
    narrow = shown(workers([MaxEffect("read")]), WORKER, WRITE)
    assert code(check, narrow, WRITE) == "caveat"
    assert code(check, narrow, WRITE) == "proof_replayed"


@pytest.mark.parametrize("answer", [None, 1, "yes", False])
def test_a_replay_memory_that_does_not_say_true_admits_nothing(answer):
    class Vague:
        def add(self, key, until, now):
            return answer

    assert code(verifier(replay=Vague()), shown(workers(), WORKER)) == "proof_replayed"


@pytest.mark.parametrize("answer", [None, 1, "yes", False])
def test_a_policy_that_does_not_say_true_admits_nothing(answer):
    check = verifier(policy=lambda verified, request: answer)
    with pytest.raises(PolicyRefused, match="did not agree"):
        check.verify(shown(workers(), WORKER), READ, now=NOW)


def test_a_replay_memory_that_fails_admits_nothing():
    class Gone:
        def add(self, key, until, now):
            raise ConnectionError

    with pytest.raises(ProofRefused, match="failed") as refused:
        verifier(replay=Gone()).verify(shown(workers(), WORKER), READ, now=NOW)
    assert refused.value.code == "proof_replayed"


def test_a_policy_that_fails_admits_nothing():
    def fails(verified, request):
        raise ZeroDivisionError

    with pytest.raises(PolicyRefused, match="failed") as refused:
        verifier(policy=fails).verify(shown(workers(), WORKER), READ, now=NOW)
    assert isinstance(refused.value.__cause__, ZeroDivisionError)


def test_a_policy_sees_who_asks_through_whom():
    asked = []

    def notes(verified, request):
        asked.append((verified.agent, len(verified.hops), request.tool))
        return True

    assert code(verifier(policy=notes), shown(workers(), WORKER)) == "ok"
    assert asked == [("worker", 2, "read_file")]


def test_a_known_chain_is_asked_everything_else_again():
    list_of_root = view()
    check = verifier(roots={ROOT.public_key: list_of_root})
    token = workers([Expires(NOW + 100)])
    assert code(check, shown(token, WORKER)) == "ok"
    assert code(check, shown(token, WORKER, WRITE), READ) == "proof_signature"
    assert code(check, shown(token, MALLORY_AS_WORKER)) == "proof_signature"
    assert code(check, shown(token, WORKER, now=NOW + 100), now=NOW + 100) == "caveat"
    assert code(check, shown(token, WORKER, now=NOW + 301), now=NOW + 301) == "stale"
    dead = verifier(roots={ROOT.public_key: view(Entry.holder(PLANNER.public_key))})
    dead._remembered = check._remembered
    assert code(dead, shown(token, WORKER)) == "revoked"


class _Mallory(SigningKey):
    """Signs with mallory's key and says that it is the worker's."""

    __slots__ = ()


MALLORY_AS_WORKER = _Mallory(MALLORY.reveal_seed())
MALLORY_AS_WORKER.public_key = WORKER.public_key


def test_a_chain_that_failed_is_not_remembered():
    check, token = verifier(), workers()
    first, second = token.chain.blocks
    forged = Token.from_wire([first.to_wire(), [second.body, bytes(64)]])
    text = shown(forged, WORKER)
    assert [code(check, text) for _ in range(3)] == ["broken_chain"] * 3
    assert check._remembered.token(forged.to_bytes()) is None
    assert code(check, shown(token, WORKER)) == "ok"
    assert code(check, shown(forged, WORKER)) == "broken_chain"


def test_each_root_answers_to_its_own_list():
    roots = {
        ROOT.public_key: view(Entry.holder(WORKER.public_key)),
        HELPER.public_key: unrevocable(max_lifetime=900),
    }
    check = verifier(roots=roots)
    other = Token.issue(
        HELPER, holder=WORKER.public_key, agent="w", purpose="", now=NOW, caveats=[]
    )
    verified = check.verify(shown(other, WORKER), READ, now=NOW)
    assert (verified.list_seq, verified.list_age) == (None, None)
    assert code(check, shown(workers(), WORKER)) == "revoked"


def test_a_root_is_rotated_by_trusting_two_and_then_one():
    old, new = workers(), Token.issue(
        HELPER, holder=WORKER.public_key, agent="w", purpose="", now=NOW, caveats=[]
    )  # fmt: skip
    both = verifier(roots={ROOT.public_key: view(), HELPER.public_key: view()})
    assert code(both, shown(old, WORKER)) == code(both, shown(new, WORKER)) == "ok"
    after = verifier(roots={HELPER.public_key: view()})
    assert code(after, shown(old, WORKER)) == "untrusted"
    assert code(after, shown(new, WORKER)) == "ok"


def test_a_root_block_may_not_live_too_long():
    day = planners(lifetime=86_400)
    longer = planners(lifetime=86_401)
    assert code(verifier(), shown(day, PLANNER)) == "ok"
    assert code(verifier(), shown(longer, PLANNER)) == "caveat"
    assert code(verifier(max_lifetime=86_401), shown(longer, PLANNER)) == "ok"
    short = verifier(roots={ROOT.public_key: unrevocable(max_lifetime=899)})
    assert code(short, shown(planners(), PLANNER)) == "caveat"


def test_a_block_from_the_future_is_refused():
    token = planners(now=NOW + 61, lifetime=900)
    assert code(verifier(), shown(token, PLANNER)) == "caveat"
    assert code(verifier(), shown(planners(now=NOW + 60), PLANNER)) == "ok"


def test_explaining_names_everything_and_admits_nobody():
    check = verifier(Entry.task("t1"))
    token = workers([MaxEffect("read"), Tools(["read_file"])])
    asked = Request("delete", effect="irreversible", task="t1")
    text = shown(token, WORKER, now=NOW + 100)
    told = check.explain(text, asked, now=NOW)
    assert [error.code for error in told.refusals] == ["proof_time", "revoked", "caveat"]
    assert told.code == "proof_time"
    assert [(failure.hop, failure.kind) for failure in told.failures] == [
        (0, "Tools"),
        (0, "Resources"),
        (1, "MaxEffect"),
        (1, "Tools"),
    ]
    assert told.failures[2].wanted == "at most read" and told.failures[2].given == "irreversible"
    assert str(told.failures[2]) == "hop 1: MaxEffect wants at most read, given irreversible"
    assert [hop.agent for hop in told.hops] == ["planner", "worker"]


def test_explaining_leaves_the_proof_unused():
    check, text = verifier(), shown(workers(), WORKER)
    assert check.explain(text, READ, now=NOW).code == "ok"
    assert code(check, text) == "ok"
    assert check.explain(text, READ, now=NOW).code == "ok"


def test_explaining_reads_nothing_from_a_chain_that_is_not_signed():
    told = verifier(roots={MALLORY.public_key: view()}).explain(
        shown(workers(), WORKER), READ, now=NOW
    )
    assert (told.code, told.failures, told.hops) == ("untrusted", (), ())
    assert verifier().explain("cc1p_", READ, now=NOW).code == "malformed"


def test_explaining_asks_the_policy_only_if_nothing_else_refuses():
    asked = []
    check = verifier(policy=lambda verified, request: bool(asked.append(request)))
    assert check.explain(shown(workers(), WORKER, WRITE), READ, now=NOW).code == "proof_signature"
    assert not asked
    assert check.explain(shown(workers(), WORKER), READ, now=NOW).code == "policy"
    assert asked == [READ]


def test_a_refusal_names_each_caveat_that_forbids():
    narrow = workers([MaxEffect("read"), Expires(NOW + 9)])
    with pytest.raises(CaveatRefused) as refused:
        verifier().verify(shown(narrow, WORKER, WRITE, now=NOW + 9), WRITE, now=NOW + 9)
    assert [failure.kind for failure in refused.value.failures] == ["MaxEffect", "Expires"]


@pytest.mark.parametrize(
    ("change", "slip"),
    [
        ({"roots": {ROOT.public_key: None}}, TypeError),
        ({"roots": {ROOT.public_key.hex(): view()}}, TypeError),
        ({"max_lifetime": "1"}, ValueError),
        ({"remember": -1}, ValueError),
    ],
    ids=["no list", "a key as text", "a lifetime as text", "less than nothing"],
)
def test_a_slip_in_the_set_up_shows_at_once(change, slip):
    with pytest.raises(slip):
        verifier(**change)


def test_a_stranger_leaves_nothing_to_remember():
    check, token = verifier(), workers()
    assert code(check, shown(token, MALLORY_AS_WORKER)) == "proof_signature"
    assert check._remembered.token(token.to_bytes()) is None
    assert code(check, shown(token, WORKER)) == "ok"
    assert check._remembered.token(token.to_bytes()) is not None


def test_a_verifier_that_trusts_no_root_admits_nobody():
    assert code(verifier(roots={}), shown(workers(), WORKER)) == "untrusted"


@pytest.mark.parametrize("audience", ["", "a\n", "a" * 257, b"a"])
def test_a_verifier_has_a_name(audience):
    with pytest.raises(ValueError, match="name of an audience"):
        Verifier(audience=audience, roots={}, replay=InMemoryReplay())


@pytest.mark.parametrize("lifetime", [0, -1, True, 1.5])
def test_a_lifetime_is_a_positive_number_of_seconds(lifetime):
    with pytest.raises(ValueError, match="positive"):
        unrevocable(max_lifetime=lifetime)


@pytest.mark.parametrize("now", [NOW + 0.5, str(NOW), True, -1])
def test_now_is_whole_seconds(now):
    text = shown(workers(), WORKER)
    for ask in (verifier().verify, verifier().explain):
        with pytest.raises(TypeError, match="whole seconds"):
            ask(text, READ, now=now)


def test_the_errors_are_a_tree():
    for error in (Untrusted, ProofRefused, Stale, Revoked, CaveatRefused, PolicyRefused):
        assert issubclass(error, Denied)
    assert not issubclass(Malformed, Denied)


def test_a_root_that_signs_a_holder_of_small_order_lets_nobody_in():
    # The identity as a holder: some libraries accept any message under it.
    with pytest.raises(Malformed):
        PublicKey(bytes([1]) + bytes(31))
    weak = Statement(NOW, MALLORY.public_key, "m", "", [[0, NOW + 60]]).root(ROOT, bytes(16))
    body = weak.body.replace(bytes(MALLORY.public_key), bytes([1]) + bytes(31))
    with pytest.raises(Malformed):
        Token.from_wire([[body, weak.signature]])


def test_a_session_is_asked_again_for_each_request_without_a_proof():
    check = verifier()
    admitted = check.verify(shown(workers([Tools(["read_file"])]), WORKER), READ, now=NOW)
    again = check.recheck(admitted, READ, now=NOW + 1)
    assert (again.token, again.request) == (admitted.token, READ)
    with pytest.raises(CaveatRefused):
        check.recheck(admitted, WRITE, now=NOW + 1)


def test_a_session_dies_with_its_chain():
    token = workers()
    admitted = verifier().verify(shown(token, WORKER), READ, now=NOW)
    with pytest.raises(Revoked):
        verifier(Entry.chain(token.root_id)).recheck(admitted, READ, now=NOW)
    with pytest.raises(TypeError):
        verifier().recheck(admitted, READ, now=1.5)


def test_a_holder_is_known_by_its_proof_whatever_its_chain_forbids():
    token = workers([Tools(["read_file"])])
    check = verifier(Entry.chain(token.root_id))
    presentation = shown(token, WORKER, WRITE)
    assert check.identify(presentation, WRITE, now=NOW) == token
    with pytest.raises(ProofRefused, match="seen before"):
        check.identify(presentation, WRITE, now=NOW)


def test_nobody_else_is_taken_for_a_holder():
    with pytest.raises(ProofRefused):
        verifier().identify(shown(workers(), WORKER), WRITE, now=NOW)
    with pytest.raises(Untrusted):
        verifier(roots={}).identify(shown(workers(), WORKER), READ, now=NOW)
