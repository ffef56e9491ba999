"""The acts in which security ends what was allowed, and the one in which it cannot be heard."""

import time
from collections.abc import Callable

from cast import REPORT, REVIEW, Answer, Cast
from resource_server import POLL
from security import FRESH_FOR, HEARTBEAT
from story import NotAsTold

REVOKED_WITHIN = 1.0
"""Seconds from the order to revoke until nobody in the tree gets in: a poll, and a busy machine."""
STALE_WITHIN = FRESH_FOR + 1.0
"""Seconds from the last heartbeat until nobody gets in: its promise, and a busy machine."""

Try = Callable[[], Answer]


def revoke_root(cast: Cast) -> None:
    story = cast.story
    story.act("Security revokes the first tree at its root")
    first, second = holders(cast)
    root = cast.link_in_log("writer", hop=0)
    story.say(f"One entry, with the id that the log shows: {root[:32]}.")
    revoke(cast, root, "its researcher obeys mails", first["researcher"])
    for name, attempt in first.items():
        story.expect(
            "revoked", name, f"does what it did before, for {REPORT}", attempt(), brief=True
        )
    for name, attempt in second.items():
        story.expect("ok", name, f"goes on, for {REVIEW}", attempt(), brief=True)


def revoke_hop(cast: Cast) -> None:
    story = cast.story
    story.act("Security revokes one hop of the second tree, in the middle")
    _, second = holders(cast)
    hop = cast.link_in_log("auditor", hop=1)
    story.say(f"One entry: {hop[:32]}, the auditor's block.")
    revoke(cast, hop, "read the wrong contracts", second["auditor"])
    for code, name, what in (
        ("revoked", "auditor", "the hop itself"),
        ("revoked", "assistant", "below it, though nobody listed it"),
        ("ok", "archivist", "beside it"),
        ("ok", "orchestrator", "above it"),
    ):
        story.expect(code, name, what, second[name](), brief=True)


def withhold(cast: Cast) -> None:
    story = cast.story
    story.act("Somebody withholds the list")
    archivist = holders(cast)[1]["archivist"]
    story.say(
        f"Security is stopped, and with it its heartbeat, every {HEARTBEAT} s. Each one is good "
        f"for {FRESH_FOR} s at most."
    )
    passed = seconds_until("stale", archivist, cast.security.pause, STALE_WITHIN)
    story.check(passed <= STALE_WITHIN, f"in force after {passed:.2f} s (bound: {STALE_WITHIN} s)")
    story.expect("stale", "archivist", "not revoked; but who could tell?", archivist())
    passed = seconds_until("ok", archivist, cast.security.go_on, REVOKED_WITHIN)
    story.expect("ok", "archivist", f"heartbeat again, {passed:.2f} s ago", archivist(), brief=True)


def holders(cast: Cast) -> tuple[dict[str, Try], dict[str, Try]]:
    """For each holder in the first tree, and in the second, a call that it was made for."""
    incidents = {"path": "docs/incidents", "query": "outage"}
    vendors = {"path": "docs/vendors", "query": "price"}
    late = {"path": "reports/late.md", "content": "too late"}
    first: dict[str, Try] = {
        "orchestrator": lambda: cast.orchestrator_calls(REPORT, "search", **incidents),
        "researcher": lambda: cast.agent_calls("researcher", "search", **incidents),
        "sub-agent": lambda: cast.agent_calls("sub-agent", "search", **incidents),
        "writer": lambda: cast.agent_calls("writer", "write_file", **late),
    }
    second: dict[str, Try] = {
        "orchestrator": lambda: cast.orchestrator_calls(REVIEW, "search", **vendors),
        "auditor": lambda: cast.agent_calls("auditor", "search", **vendors),
        "assistant": lambda: cast.agent_calls("assistant", "search", **vendors),
        "archivist": lambda: cast.agent_calls("archivist", "search", **vendors),
    }
    return first, second


def revoke(cast: Cast, link: str, reason: str, attempt: Try) -> None:
    """Has a link revoked and waits until that is in force, which must be within the bound."""
    passed = seconds_until(
        "revoked",
        attempt,
        lambda: cast.security.ask("revoke", link=link, reason=reason),
        REVOKED_WITHIN,
    )
    told = f"bound: {REVOKED_WITHIN} s, the list is read every {POLL} s"
    cast.story.check(passed <= REVOKED_WITHIN, f"in force after {passed:.2f} s ({told})")


def seconds_until(code: str, attempt: Try, order: Callable[[], object], bound: float) -> float:
    """Seconds from an order until `attempt` ends with `code`. Raises NotAsTold past the bound."""
    begun = time.monotonic()
    order()
    while attempt()["code"] != code:
        if time.monotonic() - begun > bound:
            raise NotAsTold(f"no {code!r} within {bound} s")
        time.sleep(0.02)
    return time.monotonic() - begun
