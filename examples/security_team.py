"""For whoever has to stop agents: keep a revocation list, and know what it protects from.

Run as `python examples/security_team.py`.

Time is an argument everywhere, so this story passes hours in a moment.
"""

import time

from chaincred import (
    Bearer,
    ChaincredError,
    Entry,
    InMemoryReplay,
    ListRefused,
    NoFloor,
    Request,
    RevocationList,
    RevocationView,
    SigningKey,
    Task,
    Verifier,
)

READ = Request("files/read", effect="read", resource="docs/a", task="audit")


class Server:
    """A verifier and its view of the list, as on any machine far away."""

    def __init__(self, root_key: SigningKey, list_key: SigningKey) -> None:
        self.view = RevocationView([list_key.public_key], floor=NoFloor())
        self._verifier = Verifier(
            audience="files.example",
            roots={root_key.public_key: self.view},
            replay=InMemoryReplay(),
        )

    def code(self, bearer: Bearer, now: int) -> str:
        shown = str(bearer.present(READ, audience="files.example", now=now))
        try:
            self._verifier.verify(shown, READ, now=now)
        except ChaincredError as error:
            return error.code
        return "ok"

    def take(self, update: bytes, now: int) -> str:
        try:
            self.view.update(update, now=now)
        except ListRefused as error:
            return error.code
        return "ok"


def tree(root_key: SigningKey, now: int) -> dict[str, Bearer]:
    """A lead, two agents below it, and one more below the first."""
    audit = Task("audit")
    lead = Bearer.issue(root_key, agent="lead", purpose="audit", now=now, caveats=[audit])
    left = lead.hand_over(agent="left", purpose="the first half", now=now)
    right = lead.hand_over(agent="right", purpose="the second half", now=now)
    leaf = left.hand_over(agent="leaf", purpose="count", now=now)
    return {"lead": lead, "left": left, "leaf": leaf, "right": right}


def show_revocations(root_key: SigningKey, list_key: SigningKey, now: int) -> None:
    """One entry each, and what is left of the tree after it."""
    agents = tree(root_key, now)
    left, until = agents["left"].token, now + 86_400  # by then all of it is dead anyway
    for about, entry, alive in (
        ("the root", Entry.chain(left.chain.root_id, until=until), set()),
        ("one hop", Entry.chain(left.chain.links[1], until=until), {"lead", "right"}),
        ("one agent's key", Entry.holder(left.chain.holder, until=until), {"lead", "right"}),
        ("the task", Entry.task("audit", until=until), set()),
        ("what the issuer signed so far", Entry.issuer(root_key.public_key, before=now + 1), set()),
    ):
        server = Server(root_key, list_key)
        listed = RevocationList.begin(list_key, now=now)
        assert server.take(listed.publish(list_key, now=now), now) == "ok"
        assert all(server.code(agent, now) == "ok" for agent in agents.values())
        assert server.take(listed.revoke(entry).publish(list_key, now=now), now) == "ok"
        codes = {name: server.code(agent, now) for name, agent in agents.items()}
        print(f"  {about:32}", *(f"{name} {code:8}" for name, code in codes.items()))
        assert {name for name, code in codes.items() if code == "ok"} == alive
        assert set(codes.values()) <= {"ok", "revoked"}


def show_the_network(root_key: SigningKey, list_key: SigningKey, now: int) -> None:
    """What whoever sits between the list and a server can do: delay, and that not for long."""
    server, leaf = Server(root_key, list_key), tree(root_key, now)["leaf"]
    empty = RevocationList.begin(list_key, now=now)
    innocent = empty.revoke(Entry.task("another one", reason="never approved"))
    old = empty.publish(list_key, now=now)
    assert server.take(innocent.publish(list_key, now=now), now) == "ok"

    other_past = empty.revoke(Entry.task("yet another"))
    mallory = SigningKey.generate()
    for about, update, code in (
        ("an older list", old, "list_rollback"),
        ("another past", other_past.publish(list_key, now=now), "list_forked"),
        ("a list by another key", innocent.publish(mallory, now=now), "list_untrusted"),
        ("half of one", old[: len(old) // 2], "list_malformed"),
    ):
        print(f"  {about:32} {server.take(update, now)}")
        assert server.take(update, now) == code

    # A heartbeat: nothing after the entries that are known, just a newer head.
    beat = innocent.publish(list_key, now=now + 240, since=innocent.place.seq)
    assert server.take(beat, now + 240) == "ok"
    print(f"  a heartbeat of {len(beat)} bytes         good for another 300 s")
    for wait, code in ((240, "ok"), (539, "ok"), (540, "stale")):
        print(f"  after {wait} s: {server.code(leaf, now + wait)}")
        assert server.code(leaf, now + wait) == code


def main() -> None:
    now = int(time.time())
    root_key, list_key = SigningKey.generate(), SigningKey.generate()
    print("revoke, with one entry, …")
    show_revocations(root_key, list_key, now)
    print("\nshow a server …")
    show_the_network(root_key, list_key, now)
    print("\nno news is bad news: stale means no, and nothing needs to reach the agents.")


if __name__ == "__main__":
    main()
