"""What is kept of chains in JSON."""

from __future__ import annotations

import tracemalloc

from chaincred import Bearer, SigningKey, Token, Tools
from chaincred_verifier.wire import Spelled
from tests.attacks.cast import NOW

KEY = SigningKey.generate()


def token(n: int, patterns: int = 1) -> Token:
    """A token whose caveats take the more room the more patterns they have."""
    return Bearer.issue(
        KEY,
        agent=f"agent-{n}",
        purpose="",
        now=NOW,
        caveats=[Tools([f"t{each}" for each in range(patterns)])],
    ).token


def test_what_is_said_of_a_chain_is_spelled_once():
    asked: list[str] = []

    def spell(token: Token) -> dict[str, str]:
        asked.append(token.hops[0].agent)
        return {"agent": asked[-1]}

    spelled, one, two = Spelled(spell), token(1), token(2)
    assert [spelled(each) for each in (one, two, one)] == [
        '{"agent":"agent-1"}',
        '{"agent":"agent-2"}',
        '{"agent":"agent-1"}',
    ]
    assert asked == ["agent-1", "agent-2"]


def test_what_is_long_is_not_kept():
    spelled = Spelled(lambda token: {"agent": token.hops[0].agent, "long": "x" * 9_000})
    tracemalloc.start()
    for n in range(300):
        spelled(token(n))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


def test_a_token_is_not_kept_with_what_is_said_of_it():
    spelled = Spelled(lambda token: {"agent": token.hops[0].agent})
    tracemalloc.start()
    for n in range(100):
        spelled(token(n, 250))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 300_000
