"""A real service in a process of its own, with keys and an administrator to call it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from chaincred import Bearer, Caveat, PublicKey, Request, SigningKey, Token, Tools
from chaincred.files import write_key

NAME: Final = "verifier.example"
AUDIENCE: Final = "files.example"
TOOLS: Final = (
    "chaincred.revoke",
    "chaincred.issue",
    "chaincred.read",
    "chaincred.followers",
    "chaincred.sign_in",
)
PATIENCE: Final = 20.0


class Keys:
    """The keys of one installation, in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root, self.admin_root, self.list = (SigningKey.generate() for _ in range(3))
        for name, key in (("root", self.root), ("list", self.list)):
            write_key(folder / f"{name}.key", key)

    def admin(self, tools: Sequence[str] = TOOLS, *caveats: Caveat, lifetime: int = 3600) -> Bearer:
        """An administrator's token, with its key."""
        return Bearer.issue(
            self.admin_root,
            agent="security",
            purpose="on call",
            now=int(time.time()),
            caveats=[Tools(list(tools)), *caveats],
            lifetime=lifetime,
        )

    def chain(self, *agents: str, caveats: Sequence[Caveat] = ()) -> list[Bearer]:
        """Tokens from the first agent to the last, each handed over by the one before."""
        now = int(time.time())
        held = [Bearer.issue(self.root, agent=agents[0], purpose="p", now=now, caveats=caveats)]
        for agent in agents[1:]:
            held.append(held[-1].hand_over(agent=agent, purpose=f"help {agent}", now=now))
        return held

    def settings(self, **more: object) -> dict[str, str]:
        """The service's environment."""
        said: dict[str, object] = {
            "name": NAME,
            "audiences": AUDIENCE,
            "store": f"sqlite:///{self.folder / 'service.db'}",
            "roots": self.root.public_key.hex(),
            "admin_roots": self.admin_root.public_key.hex(),
            "list_key": self.folder / "list.key",
            "floor": self.folder / "floor",
            "port": 0,
            "log": "json",
            **more,
        }
        return {f"CHAINCRED_{name.upper()}": str(value) for name, value in said.items()}


class Running:
    """`chaincred serve` as a process. `stderr` is the file that its log goes to."""

    def __init__(
        self, keys: Keys, *, port: int | None = None, under: Sequence[str] = (), **settings: object
    ) -> None:
        self.keys = keys
        self.port = port or free_port()
        scheme = "https" if "tls_key" in settings else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.stderr = keys.folder / f"service-{self.port}.log"
        self._settings = keys.settings(**{**settings, "port": self.port})
        self._under = tuple(under)
        self.admin = keys.admin()
        self.client = httpx2.Client(base_url=self.url, timeout=PATIENCE, verify=False)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def root_key(self) -> SigningKey:
        return self.keys.root

    @property
    def list_key(self) -> PublicKey:
        return self.keys.list.public_key

    def start(self, *, wait: bool = True) -> Self:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CHAINCRED_")
        }
        with self.stderr.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._under, sys.executable, "-c", _SERVE, "serve"],
                env=environment | self._settings,
                cwd=self.keys.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.03)
        self.kill()
        raise AssertionError(f"the service did not start:\n{self.log()}")

    def log(self) -> str:
        return self.stderr.read_text() if self.stderr.exists() else ""

    def kill(self) -> None:
        """Ends the process at once, and its workers."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int:
        """Asks the process to end, and gives its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.kill()

    def call(
        self,
        method: str,
        path: str,
        *,
        tool: str,
        effect: str,
        json: Any = None,
        content: bytes = b"",
        bearer: Bearer | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """An administrator's (or `bearer`'s) call, signed for exactly this (specs/service.md 3)."""
        request = self.client.build_request(
            method, path, json=json, content=content or None, headers=dict(headers or {})
        )
        request.headers["Authorization"] = authorization(
            bearer or self.admin,
            method,
            request.url.raw_path.decode(),
            request.content,
            tool=tool,
            effect=effect,
        )
        return self.client.send(request)

    def revoke(self, **said: Any) -> httpx2.Response:
        return self.call(
            "POST", "/v1/revocations", tool="chaincred.revoke", effect="irreversible", json=said
        )

    def read(self, path: str) -> httpx2.Response:
        return self.call("GET", path, tool="chaincred.read", effect="read")

    def verify(
        self,
        bearer: Bearer,
        tool: str = "read_file",
        *,
        effect: str = "read",
        audience: str = AUDIENCE,
        **said: Any,
    ) -> httpx2.Response:
        """A fresh presentation of `bearer`, shown to the service for a decision."""
        request = Request(tool, effect=effect, **said)
        shown = bearer.present(request, audience=audience, now=int(time.time()))
        return self.client.post("/v1/verify", json=check(str(shown), request, audience))


def check(presentation: str, request: Request, audience: str = AUDIENCE) -> dict[str, Any]:
    """The body of a call to /v1/verify."""
    return {
        "presentation": presentation,
        "request": {
            "tool": request.tool,
            "effect": request.effect.label,
            "resource": request.resource,
            "args": dict(request.args),
            "task": request.task,
            "context": request.context.hex(),
        },
        "audience": audience,
    }


def authorization(
    bearer: Bearer, method: str, target: str, body: bytes, *, tool: str, effect: str
) -> str:
    """The header that signs one call."""
    path, _, query = target.partition("?")
    args = {"method": method, "query": query, "body": sha256(body).digest()}
    request = Request(tool, effect=effect, resource=path.removeprefix("/"), args=args)
    return f"Chaincred {bearer.present(request, audience=NAME, now=int(time.time()))}"


def free_port() -> int:
    """A port that nobody else is given: not by the system, and not to tests that run beside."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_MANY: Final = 5_000
# Below those that the system gives to whoever calls: one of these could come in between. From
# anywhere on, for two runs on one machine.
_PORTS: Final = (12_000 + _MANY * _WORKER + (os.getpid() * 97 + n) % _MANY for n in count())
_SERVE: Final = "from chaincred.cli import main; main()"

__all__ = ["AUDIENCE", "NAME", "Keys", "Running", "Token", "authorization", "check", "free_port"]
