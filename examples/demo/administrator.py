"""The security team: holds an administrator's token, and calls the verification service.

It makes the service's keys too, as whoever installs it would. Run as `administrator.py
PUBLIC_FOLDER SERVICE_FOLDER`.
"""

import json
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
from pipe import answer

from chaincred import Bearer, Request, SigningKey, Tools
from chaincred.audit import check
from chaincred.files import write_file, write_key

NAME = "verifier.example"
TOOLS = ["chaincred.revoke", "chaincred.read", "chaincred.followers"]


class Administrator:
    """Makes the keys; then signs each call with its own token."""

    def __init__(self, public: Path, folder: Path) -> None:
        root_key, list_key = SigningKey.generate(), SigningKey.generate()
        folder.mkdir(mode=0o700)
        write_key(folder / "list.key", list_key)
        write_file(public / "list.pub", list_key.public_key.hex().encode())
        write_file(public / "admins.pub", root_key.public_key.hex().encode())
        self._list_key = list_key.public_key
        self._held = Bearer.issue(
            root_key,
            agent="security",
            purpose="on call",
            now=int(time.time()),
            caveats=[Tools(TOOLS)],
        )
        self._client = httpx2.Client(timeout=10)

    def ready(self) -> bool:
        return True

    def register(self, service: str, name: str, key: str) -> int:
        """Names a follower. Gives the HTTP status."""
        said = {"key": key}
        path = f"/v1/followers/{name}"
        return self._call(service, "PUT", path, "chaincred.followers", "write", said)[0]

    def would_kill(self, service: str, link: str) -> list[str]:
        """The agents that a revocation of this link would end, as far as they are known."""
        path = "/v1/revocations?dry_run=true"
        said = {"what": "chain", "link": link}
        _, told = self._call(service, "POST", path, "chaincred.revoke", "irreversible", said)
        return [each["agent"] for each in told["would_kill"]]

    def revoke(self, service: str, link: str, reason: str) -> dict[str, Any]:
        """Ends the block with this link and all below it. `began` is on the machine's clock."""
        said = {"what": "chain", "link": link, "reason": reason}
        began = time.monotonic()
        status, told = self._call(
            service, "POST", "/v1/revocations", "chaincred.revoke", "irreversible", said
        )
        return {"status": status, "began": began, "answered": time.monotonic(), **told}

    def closure(self, service: str, number: int) -> dict[str, Any]:
        """Who enforces an entry, as far as they said so."""
        path = f"/v1/revocations/{number}/closure"
        told: dict[str, Any] = self._call(service, "GET", path, "chaincred.read", "read")[1]
        return told

    def tree(self, service: str, root_id: str) -> list[dict[str, Any]]:
        path = f"/v1/chains/{root_id}"
        nodes: list[dict[str, Any]] = self._call(service, "GET", path, "chaincred.read", "read")[1][
            "nodes"
        ]
        return nodes

    def audit(self, service: str) -> list[int]:
        """Fetches the audit log and checks it as anybody could, offline: its first and last."""
        path = "/v1/audit/export"
        text = self._send(service, "GET", path, "chaincred.read", "read", b"").content
        checked = check(text.splitlines(), [self._list_key])
        return [checked.first, checked.last]

    def _call(
        self, service: str, method: str, path: str, tool: str, effect: str, said: Any = None
    ) -> tuple[int, Any]:
        body = b"" if said is None else json.dumps(said).encode()
        answered = self._send(service, method, path, tool, effect, body)
        return answered.status_code, answered.json() if answered.content else None

    def _send(
        self, service: str, method: str, path: str, tool: str, effect: str, body: bytes
    ) -> httpx2.Response:
        where, _, query = path.partition("?")
        args = {"method": method, "query": query, "body": sha256(body).digest()}
        request = Request(tool, effect=effect, resource=where.removeprefix("/"), args=args)
        shown = self._held.present(request, audience=NAME, now=int(time.time()))
        headers = {"Authorization": f"Chaincred {shown}", "Content-Type": "application/json"}
        return self._client.request(method, service + path, content=body, headers=headers)


if __name__ == "__main__":
    own = Administrator(Path(sys.argv[1]), Path(sys.argv[2]))
    calls = ("ready", "register", "would_kill", "revoke", "closure", "tree", "audit")
    answer({name: getattr(own, name) for name in calls})
