"""The service as vectors need it: its real application, served by a thread on a real socket.

What a vector fixes (who is trusted, which list answers, what time it is) is put into a running
service between two calls; how a call is read, decided, recorded and answered is all its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx2
import uvicorn

from chaincred import Bearer, Entry, PublicKey, Request, RevocationView, SigningKey, Verifier
from chaincred.files import write_key
from chaincred.verify import MAX_LIFETIME, Unrevocable
from chaincred.view import Freshness
from chaincred_verifier import published
from chaincred_verifier.app import create_app
from chaincred_verifier.decider import Decider, Recorder
from chaincred_verifier.ledger import Writing
from chaincred_verifier.serve import config
from chaincred_verifier.service import Service
from chaincred_verifier.settings import Settings
from chaincred_verifier.writer import Settled, Settling, Writer
from tests.attacks.cast import NOW
from tests.verifier.running import NAME, PATIENCE, Keys

T = TypeVar("T")

LIST_KEY: Final = SigningKey.from_seed(sha256(b"list key").digest())
"""The key of the vectors' list."""
_POLICY: Final = """
[[oidc]]
issuer    = "{url}"
prefix    = "ci/"
jwks_file = "issuer.json"

[[grant]]
identity = "ci/*"
max_hops = 1
lifetime = {{ read = 300, write = 200, irreversible = 100 }}
"""


class Serving:
    """A uvicorn in a thread of its own."""

    def __init__(self, served: uvicorn.Config) -> None:
        self._server = uvicorn.Server(served)
        # Who connects before it serves waits in the backlog.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


class OtherLists:
    """Settles decisions on lists that are not the store's: its number says nothing of theirs."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def settle(self, settling: Settling) -> tuple[Settled, int | None]:
        return await self._writer.settle(replace(settling, list_seq=None))


class Served(Serving):
    """A service whose clock stands still at `now` until somebody sets it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.now = NOW
        keys = Keys(folder)
        list_key = folder / "list-of-vectors.key"
        write_key(list_key, LIST_KEY)
        said = {"list_key": list_key, "refused_per_second": 1_000_000, "heartbeat": 4, **settings}
        self._settings = Settings.from_environment(keys.settings(**said))
        super().__init__(config(self._settings, create_app(self._settings, self._start)))
        self._admin = Bearer.issue(
            keys.admin_root, agent="security", purpose="on call", now=NOW, caveats=[]
        )
        self._client = httpx2.Client(base_url=self.url, timeout=PATIENCE)
        self._loop: asyncio.AbstractEventLoop
        self.service: Service

    async def _start(self) -> Service:
        self._loop = asyncio.get_running_loop()
        self.service = await Service.start(self._settings, lambda: self.now)
        return self.service

    def __enter__(self) -> Self:
        super().__enter__()
        assert self.get("/healthz").status_code == 200
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        super().__exit__()

    def get(self, path: str) -> httpx2.Response:
        return self._client.get(path)

    def post(self, path: str, content: bytes, media_type: str) -> httpx2.Response:
        return self._client.post(path, content=content, headers={"Content-Type": media_type})

    def verify(self, presentation: str, request: Any, audience: str) -> httpx2.Response:
        said = {"presentation": presentation, "request": request, "audience": audience}
        return self.post("/v1/verify", _json(said), "application/json")

    def call(
        self, method: str, path: str, *, tool: str, effect: str, said: Any = None
    ) -> httpx2.Response:
        """An administrator's call."""
        body = b"" if said is None else _json(said)
        target, _, query = path.partition("?")
        args = {"method": method, "query": query, "body": sha256(body).digest()}
        asked = Request(tool, effect=effect, resource=target.removeprefix("/"), args=args)
        shown = self._admin.present(asked, audience=NAME, now=NOW)
        headers = {"Authorization": f"Chaincred {shown}"}
        return self._client.request(method, path, content=body, headers=headers)

    def write(self, job: Callable[[Writing], T]) -> T:
        """What `job` gives, in a transaction of the service's own."""
        done = asyncio.run_coroutine_threadsafe(self.service.write(job), self._loop)
        return done.result(PATIENCE)

    def forget(self) -> None:
        """Empties the replay memory: vectors show the same proofs."""
        self.write(_forget)

    def revoke(self, entries: Iterable[str]) -> None:
        """Appends packed entries to the list."""

        def append(writing: Writing) -> None:
            for packed in entries:
                entry = Entry.from_bytes(bytes.fromhex(packed))
                fresh_for = self._settings.fresh_for
                published.append(writing, LIST_KEY, entry, made_by="test", fresh_for=fresh_for)

        self.write(append)

    def decide_by(
        self,
        roots: Mapping[PublicKey, RevocationView | Unrevocable],
        audience: str,
        *,
        freshness: Freshness | None = None,
        max_lifetime: int = MAX_LIFETIME,
        policy: bool | None = None,
    ) -> None:
        """From now on it decides for this audience, by these roots, and has seen nothing."""

        def make(name: str, replay: Recorder) -> Verifier:
            return Verifier(
                audience=name,
                roots=roots,
                replay=replay,
                freshness=freshness,
                max_lifetime=max_lifetime,
                policy=None if policy is None else lambda *_: policy,
            )

        self.forget()
        self.service.decider = Decider(
            (audience,),
            make,
            roots,
            writer=OtherLists(self.service._writer),
            clock=self.service.clock,
            caught_up=_nothing_to_catch_up,
        )


def issuing(folder: Path, issuer: Mapping[str, str]) -> dict[str, object]:
    """The settings of a service that takes the JWTs of an issuer, whose key is in a file."""
    x = urlsafe_b64encode(bytes.fromhex(issuer["key"])).decode().rstrip("=")
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}
    (folder / "issuer.json").write_text(json.dumps(keys))
    (folder / "policy.toml").write_text(_POLICY.format(url=issuer["url"]))
    return {"root_key": folder / "root.key", "issuing_policy": folder / "policy.toml"}


def _json(said: Any) -> bytes:
    # In ASCII: some vectors hold what is no UTF-8.
    return json.dumps(said).encode()


def _forget(writing: Writing) -> None:
    writing.rows("DELETE FROM replay")
    writing.rows("UPDATE replay_state SET latest = 0, held = 0")


async def _nothing_to_catch_up() -> None:
    """A vector's lists do not come from the store."""
