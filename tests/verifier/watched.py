"""A running service with a resource server that follows its list, and all that was done written up.

Everything goes through one hand, so the audit log has to say the same in the same order.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from chaincred import (
    Bearer,
    ChaincredError,
    Freshness,
    InMemoryReplay,
    NoFloor,
    Request,
    RevocationView,
    SigningKey,
    Verifier,
)
from chaincred.audit import check
from chaincred.follow import Follower
from tests.follow_party import eventually
from tests.verifier.running import AUDIENCE, Keys, Running

FOLLOWER: Final = "files-1"
SOON: Final = 5.0
"""Seconds for what takes milliseconds: on a machine that is busy they may become many."""
LIFETIME, HOPS = 900, 5
POLICY: Final = f"""
[[grant]]
identity = "admin/*"
max_hops = {HOPS}
lifetime = {{ irreversible = {LIFETIME}, write = {LIFETIME}, read = {LIFETIME} }}
"""
"""Of the service: administrators have tokens as the tests issue them by themselves."""
REVOKE: Final = {"tool": "chaincred.revoke", "effect": "irreversible"}


class Watched:
    """`number` is that of the last entry, `delays` the seconds until each was enforced."""

    def __init__(self, folder: Path) -> None:
        (folder / "policy.toml").write_text(POLICY)
        self.running = Running(
            Keys(folder),
            refused_per_second=100_000,
            # A busy machine is not to make a list stale: that is tested elsewhere.
            freshness="write=60,irreversible=60",
            root_key=folder / "root.key",
            issuing_policy=folder / "policy.toml",
        )
        self.written: list[dict[str, Any]] = []
        self.number = 0
        self.delays: list[float] = []

    def __enter__(self) -> Self:
        self.running.start()
        key = SigningKey.generate()
        said = {"key": key.public_key.hex()}
        self.by_administrator(
            "PUT", f"/v1/followers/{FOLLOWER}", "chaincred.followers", "write", said
        )
        self.wrote("follower", "ok")
        self.view = RevocationView([self.running.list_key], floor=NoFloor())
        self._follower = Follower(self.running.url, self.view, acknowledge=(FOLLOWER, key))
        self._verifier = Verifier(
            audience=AUDIENCE,
            roots={self.running.root_key.public_key: self.view},
            replay=InMemoryReplay(),
            freshness=Freshness(write=60, irreversible=60),
        )
        self._follower.start()
        assert self._follower.wait_until_fresh(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.stop()
        self.running.__exit__()

    def wrote(self, what: str, code: str, bearer: Bearer | None = None, **more: Any) -> int:
        """A record has to be there, of this holder's chain; gives its number."""
        said = {"what": what, "code": code, **more}
        if bearer:
            said["link"] = bearer.token.chain.links[-1].hex()
        self.written.append(said)
        return len(self.written)

    def by_administrator(
        self, method: str, path: str, tool: str, effect: str, body: Any = None
    ) -> httpx2.Response:
        answer = self.running.call(method, path, tool=tool, effect=effect, json=body)
        self.wrote("verify", "ok", self.running.admin, tool=tool)
        return answer

    def read(self, path: str) -> httpx2.Response:
        return self.by_administrator("GET", path, "chaincred.read", "read")

    def by_holder(self, bearer: Bearer, said: dict[str, Any]) -> httpx2.Response:
        """A holder's call to revoke."""
        answer = self.running.call("POST", "/v1/revocations", json=said, bearer=bearer, **REVOKE)
        self.wrote("verify", "ok", bearer, tool=REVOKE["tool"])
        return answer

    def enforced(self, number: int) -> None:
        """Entry `number` was just answered: waits until the resource server enforces it."""
        self.number = number
        begun = time.monotonic()
        assert eventually(lambda: self.view.seq >= number, within=SOON)
        self.delays.append(time.monotonic() - begun)

    def at_server(self, presentation: str, request: Request) -> str:
        """What the resource server says, by itself: `ok`, or the code of its refusal."""
        try:
            self._verifier.verify(presentation, request, now=int(time.time()))
        except ChaincredError as refused:
            return refused.code
        return "ok"

    def closed(self, number: int) -> dict[str, Any]:
        """Who enforces an entry, once everybody does."""
        found: dict[str, Any] = {}

        def is_closed() -> bool:
            found.update(self.read(f"/v1/revocations/{number}/closure").json())
            return bool(found["state"] == "closed")

        assert eventually(is_closed, within=SOON), found
        return found

    def require_written(self) -> None:
        """The audit log checks, and says what was done, all of it and nothing besides."""
        lines = self.read("/v1/audit/export").content.splitlines()
        checked = check(lines, [self.running.list_key])
        records = [_record(line) for line in lines[1:]]
        assert (checked.first, checked.last) == (1, len(self.written))
        for wanted, record in zip(self.written, records, strict=True):
            assert {name: record.get(name) for name in wanted} == wanted


def _record(line: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(line)
    if said.get("hops"):
        said["link"] = said["hops"][-1]["link"]
    return said
