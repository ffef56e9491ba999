"""Tokens: issued, attenuated, told at once of what could never be used."""

import pytest

from chaincred import (
    Args,
    Audience,
    Context,
    Exact,
    Expires,
    Malformed,
    MaxHops,
    MaxUses,
    NotBefore,
    OneOf,
    Range,
    Resources,
    Task,
    Token,
    Tools,
    Unknown,
)
from chaincred.block import Statement
from chaincred.encoding import pack
from tests.cast import HELPER, MALLORY, NOW, PLANNER, ROOT, WORKER, planners, workers


def test_a_token_lives_15_minutes_and_3_hops_unless_more_is_asked_for():
    first = Token.issue(ROOT, holder=PLANNER.public_key, agent="a", purpose="", now=NOW, caveats=[])
    assert first.caveats == ((Expires(NOW + 900), MaxHops(3)),)
    long = planners(lifetime=3600, max_hops=5)
    assert long.caveats[0][:2] == (Expires(NOW + 3600), MaxHops(5))


def test_a_token_comes_back_from_its_text_and_bytes():
    token = workers()
    assert Token.parse(str(token)) == token == Token.from_bytes(token.to_bytes())
    assert len({token, Token.parse(str(token))}) == 1
    assert token != planners() and token != str(token)
    assert repr(token).startswith("Token(root ") and "2 blocks, for 'worker'" in repr(token)


def test_a_token_cannot_be_altered():
    token = workers()
    for name in ("chain", "caveats", "root_expires_at", "root_id", "authority", "hops", "footing"):
        with pytest.raises(AttributeError):
            setattr(token, name, ())
    with pytest.raises(ValueError, match="does not go on from its parent"):
        Token(token.chain, planners())


@pytest.mark.parametrize("caveat", [MaxUses(3), Unknown((99,))], ids=str)
def test_a_caveat_that_is_not_built_is_refused_where_it_is_added(caveat):
    with pytest.raises(ValueError, match="not built"):
        planners([caveat])
    with pytest.raises(ValueError, match="not built"):
        workers([caveat])


def test_attenuating_leaves_the_parent_as_it_was():
    parent = planners()
    before = str(parent)
    child = workers([Tools(["read_file"])], parent)
    assert str(parent) == before
    assert child.chain.blocks[0] == parent.chain.blocks[0]
    assert child.root_id == parent.root_id == parent.chain.root_id


def test_only_the_holder_attenuates_and_presents():
    with pytest.raises(ValueError, match="the holder's key is"):
        planners().attenuate(MALLORY, holder=WORKER.public_key, agent="a", purpose="", now=NOW)
    with pytest.raises(ValueError, match="the holder's key is"):
        planners().present(WORKER, None, audience="x", now=NOW)


USELESS = [
    ("another tool", [Tools(["delete_file"])], "no tool"),
    ("another resource", [Resources(["mail/**"])], "no resource"),
    ("another audience", [Audience(["b"])], "no audience"),
    ("another task", [Task("t2")], "two tasks"),
    ("another context", [Context(bytes(32))], "two contexts"),
    ("an expiry in the past", [Expires(NOW)], "it expired"),
    ("a beginning after the end", [NotBefore(NOW + 900)], "expires before it begins"),
    ("a later expiry", [Expires(NOW + 901)], "its parent"),
    ("more hops than are left", [MaxHops(3)], "more hops than are left"),
    ("another value", [Args({"n": Exact(11)})], "the argument n"),
    ("other values", [Args({"n": OneOf([11, 12])})], "the argument n"),
    ("another range", [Args({"n": Range(low=11)})], "the argument n"),
    ("an argument that is closed out", [Args({"m": Exact(1)})], "asked for and forbidden"),
]


@pytest.mark.parametrize(("about", "caveats", "message"), USELESS, ids=[row[0] for row in USELESS])
def test_a_child_that_could_never_be_used_is_refused_at_once(about, caveats, message):
    bounds = [Audience(["a"]), Task("t1"), Context(bytes(range(32)))]
    parent = planners([*bounds, Args({"n": Range(1, 10)}, closed=True)])
    with pytest.raises(ValueError, match=message):
        workers(caveats, parent)


def test_a_child_may_ask_for_no_more_hops_than_are_left():
    child = workers([MaxHops(2)])
    with pytest.raises(ValueError, match="more hops"):
        child.attenuate(
            WORKER, holder=HELPER.public_key, agent="a", purpose="", now=NOW, caveats=[MaxHops(2)]
        )


def test_hops_run_out():
    with pytest.raises(ValueError, match="more hops than are left"):
        workers(parent=planners(max_hops=0))


def test_a_token_has_at_most_16_blocks():
    token = planners(max_hops=15)
    for _ in range(15):
        token = token.attenuate(PLANNER, holder=PLANNER.public_key, agent="a", purpose="", now=NOW)
    assert Token.parse(str(token)) == token
    with pytest.raises(ValueError, match="at most 16 blocks"):
        token.attenuate(PLANNER, holder=PLANNER.public_key, agent="a", purpose="", now=NOW)


def test_a_token_has_at_most_8_kib():
    many = Tools(["read_file", *[f"read_file/{i}/" + "x" * 200 for i in range(12)]])
    child = workers([many], planners([many]))
    assert len(child.to_bytes()) < 8192
    more = {"holder": WORKER.public_key, "agent": "a", "purpose": "", "now": NOW}
    with pytest.raises(ValueError, match="a token of 8"):
        child.attenuate(WORKER, caveats=[many], **more)
    with pytest.raises(ValueError, match="at most 8192"):
        child.attenuate(WORKER, caveats=[many] * 4, **more)


def test_what_is_no_token_is_malformed():
    for raw in (None, [], [[b"", b""]], [planners().to_wire()[0]] * 2):
        with pytest.raises(Malformed):
            Token.from_wire(raw)
    with pytest.raises(Malformed):
        Token.from_bytes(pack([block for _ in range(17) for block in planners().to_wire()]))


def test_a_root_without_expiry_is_malformed():
    block = Statement(NOW, PLANNER.public_key, "a", "", [[5, 3]]).root(ROOT, bytes(16))
    with pytest.raises(Malformed, match="without Expires"):
        Token.from_wire([block.to_wire()])


def test_a_holder_passes_on_caveats_that_it_does_not_know():
    block = Statement(NOW, PLANNER.public_key, "a", "", [[0, NOW + 60], [200, "new"]])
    token = Token.from_wire([block.root(ROOT, bytes(16)).to_wire()])
    child = workers(parent=token)
    assert [caveat.name for caveat in child.caveats[0]] == ["Expires", "Unknown"]


def test_a_token_stands_on_its_links_holders_and_tasks():
    footing = workers([Task("t1")]).footing
    assert len(footing.ids) == 2 + 2 + 1
    assert footing.issued_at == NOW
