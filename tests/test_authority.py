"""What a chain allows once all its caveats are taken together."""

from hypothesis import given
from hypothesis import strategies as st

from chaincred import (
    Args,
    Audience,
    Authority,
    Context,
    Effect,
    Exact,
    Expires,
    MaxEffect,
    MaxHops,
    NotBefore,
    OneOf,
    Optional,
    Range,
    Request,
    Resources,
    Task,
    Tools,
)
from chaincred.caveats import Asked

patterns = st.lists(
    st.sampled_from(["a", "b", "a/b", "*", "*/b", "a/*", "**", "a/**", "/a", "x://a", "x://**"]),
    min_size=1,
    max_size=4,
)
requests = st.builds(
    lambda tool, resource, effect: Request(tool, effect=effect, resource=resource),
    st.sampled_from(["a", "b", "a/b", "/a"]),
    st.sampled_from(["", "a", "a/b", "a/b/c", "/a", "x://a", "x://a/b"]),
    st.sampled_from(list(Effect)),
)
caveats = st.one_of(
    st.builds(Tools, patterns),
    st.builds(Resources, patterns),
    st.builds(MaxEffect, st.sampled_from(list(Effect))),
    st.builds(Expires, st.integers(5, 15)),
    st.builds(NotBefore, st.integers(5, 15)),
    st.builds(Audience, st.lists(st.sampled_from("abc"), min_size=1)),
    st.builds(Task, st.sampled_from("tu")),
)


def allows(authority, asked):
    request = asked.request
    return all(
        [
            authority.not_before <= asked.now < authority.expires_at,
            request.effect <= authority.effect,
            authority.tools is None or Tools(sorted(authority.tools)).holds(asked),
            authority.resources is None or Resources(sorted(authority.resources)).holds(asked),
            authority.audiences is None or asked.audience in authority.audiences,
            authority.tasks <= {request.task},
        ]
        if authority.contradiction() is None
        else [False]
    )


@given(
    st.lists(st.lists(caveats, max_size=4), min_size=1, max_size=4), requests, st.integers(4, 15)
)
def test_the_authority_allows_just_what_every_caveat_allows(blocks, request, now):
    asked = Asked(request, now, "a", below=0)
    authority = Authority.of(blocks)
    assert authority.exact
    assert allows(authority, asked) == all(
        caveat.holds(asked) for block in blocks for caveat in block
    )


def test_nothing_said_is_nothing_narrowed():
    assert Authority.of([[]]) == Authority(hops_left=15)


def test_hops_are_counted_from_where_they_were_said():
    assert Authority.of([[MaxHops(3)]]).hops_left == 3
    assert Authority.of([[MaxHops(3)], []]).hops_left == 2
    assert Authority.of([[MaxHops(3)], [MaxHops(0)]]).hops_left == 0
    assert Authority.of([[MaxHops(0)], []]).contradiction() == "more hops than are left"


def test_a_pattern_that_another_covers_is_left_out():
    assert Authority.of([[Tools(["a/*", "a/**", "a/b", "c"])]]).tools == {"a/**", "c"}


def test_the_same_caveat_twice_is_one():
    args = Args({"n": Exact(1)})
    assert Authority.of([[args], [args, Context(bytes(32))]]).rest == (args,)


def test_arguments_may_contradict_each_other():
    def contradiction(*said):
        return Authority.of([said]).contradiction()

    assert contradiction(Args({"n": Range(1, 5)}), Args({"n": Range(6, 9)}))
    assert contradiction(Args({"n": Range(low=6)}), Args({"n": Range(high=5)}))
    assert contradiction(Args({"n": Exact(1)}), Args({"n": Optional(Exact(2))}))
    assert contradiction(Args({"n": Exact(1)}), Args({}, closed=True))
    assert not contradiction(Args({"n": Optional(Exact(1))}), Args({"n": Optional(Exact(2))}))
    assert not contradiction(Args({"n": Optional(Exact(1))}), Args({}, closed=True))
    assert not contradiction(Args({"n": OneOf([1, 2])}), Args({"n": Exact(2)}))
    assert not contradiction(Args({"n": Range(1, 5)}), Args({"n": Range(5)}))
    assert not contradiction(Args({"n": Range(low=1)}), Args({"n": Range(low=5)}))


def test_a_thousand_patterns_in_each_block_take_no_time():
    many = Tools([f"a/{i}" for i in range(1000)])
    authority = Authority.of([[many], [Tools([*many.patterns, "*/x"])], [Tools(["a/*"])]])
    assert not authority.exact
    assert authority.tools is not None and len(authority.tools) <= 1001
