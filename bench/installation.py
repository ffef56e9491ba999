"""The keys of one service, its settings, and its administrator."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from bench.ours import AUDIENCE
from chaincred import Bearer, PublicKey, Request, SigningKey, Tools
from chaincred.files import write_key

NAME: Final = "verifier.example"
_REVOCATIONS: Final = "/v1/revocations"


@dataclass(frozen=True, slots=True)
class Installation:
    """What `chaincred serve` needs, in files of `folder`; it trusts `root`, and keeps to SQLite."""

    folder: Path
    root: PublicKey
    list_key: SigningKey
    admin_root: PublicKey
    admin: Bearer

    @classmethod
    def new(cls, folder: Path, root: PublicKey) -> Self:
        list_key, admin_root = SigningKey.generate(), SigningKey.generate()
        write_key(folder / "list.key", list_key)
        admin = Bearer.issue(
            admin_root,
            agent="security",
            purpose="benchmark",
            now=int(time.time()),
            caveats=[Tools(["chaincred.revoke"])],
        )
        return cls(folder, root, list_key, admin_root.public_key, admin)

    def environment(self) -> dict[str, str]:
        said = {
            "name": NAME,
            "audiences": AUDIENCE,
            "store": f"sqlite:///{self.folder / 'service.db'}",
            "roots": self.root.hex(),
            "admin_roots": self.admin_root.hex(),
            "list_key": str(self.folder / "list.key"),
            "floor": str(self.folder / "floor"),
        }
        return {f"CHAINCRED_{name.upper()}": each for name, each in said.items()}

    def revocation(self, link: bytes) -> tuple[str, str, dict[str, str], bytes]:
        """The call that revokes a chain, signed: method, path, headers, body."""
        body = json.dumps({"what": "chain", "link": link.hex()}).encode()
        args = {"method": "POST", "query": "", "body": sha256(body).digest()}
        resource = _REVOCATIONS.removeprefix("/")
        asked = Request("chaincred.revoke", effect="irreversible", resource=resource, args=args)
        presentation = self.admin.present(asked, audience=NAME, now=int(time.time()))
        headers = {
            "Authorization": f"Chaincred {presentation}",
            "Content-Type": "application/json",
        }
        return "POST", _REVOCATIONS, headers, body
