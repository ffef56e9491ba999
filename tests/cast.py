"""Who plays in the tests, and when: keys from fixed seeds, time that stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from chaincred import (
    Caveat,
    Entry,
    InMemoryReplay,
    NoFloor,
    Request,
    Resources,
    RevocationList,
    RevocationView,
    SigningKey,
    Token,
    Tools,
    Verifier,
)

NOW = 1_790_000_000
SERVER = "files.example"


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(sha256(name.encode()).digest())


ROOT, PLANNER, WORKER, HELPER, MALLORY, LIST_KEY = map(
    key_of, ("root", "planner", "worker", "helper", "mallory", "list key")
)
READ = Request("read_file", effect="read", resource="docs/q3.md", args={"path": "docs/q3.md"})
WRITE = Request("write_file", effect="write", resource="docs/q3.md")


def planners(caveats: Sequence[Caveat] = (), **said: Any) -> Token:
    """Block 0: the root key lets the planner read and write docs."""
    wide = [Tools(["read_file", "write_file"]), Resources(["docs/**"])]
    said = {"agent": "planner", "purpose": "plan the report", "now": NOW, **said}
    return Token.issue(ROOT, holder=PLANNER.public_key, caveats=[*wide, *caveats], **said)


def workers(caveats: Sequence[Caveat] = (), parent: Token | None = None) -> Token:
    """Block 1: the planner lets the worker go on."""
    return (parent or planners()).attenuate(
        PLANNER,
        holder=WORKER.public_key,
        agent="worker",
        purpose="read one file",
        now=NOW,
        caveats=caveats,
    )


def shown(
    token: Token,
    key: SigningKey,
    request: Request = READ,
    *,
    now: int = NOW,
    audience: str = SERVER,
) -> str:
    """A presentation as text."""
    return str(token.present(key, request, audience=audience, now=now))


def view(*entries: Entry, now: int = NOW, fresh_for: int = 300) -> RevocationView:
    """A view of a list with these entries, as fresh as it gets."""
    revoked = RevocationList.begin(LIST_KEY, now=now)
    for entry in entries:
        revoked = revoked.revoke(entry)
    held = RevocationView([LIST_KEY.public_key], floor=NoFloor())
    held.update(revoked.publish(LIST_KEY, now=now, fresh_for=fresh_for), now=now)
    return held


def verifier(*entries: Entry, roots: Mapping[Any, Any] | None = None, **more: Any) -> Verifier:
    """A verifier that trusts the root, with these entries on its list."""
    trusted = roots if roots is not None else {ROOT.public_key: view(*entries)}
    return Verifier(audience=SERVER, roots=trusted, **{"replay": InMemoryReplay(), **more})
