"""A fleet of agents: one tree, one call after the other at every resource server, until told.

It measures when a revocation takes hold: the moment of the last call that got in, and of the first
that did not. Run as `fleet.py`.
"""

import json
import threading
import time
from typing import Any

from agent import post
from calls import AUDIENCE, as_request
from pipe import answer

from chaincred import Bearer, Request, SigningKey, Token
from chaincred_verifier.wire import spelled

CALL = {"tool": "search", "args": {"path": "docs/vendors", "query": "price"}}
PAUSE = 0.005


class Fleet:
    """A lead that was given a tree, and the worker below it that makes the calls."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self._call: dict[str, Any] = {}
        self._worker: Bearer | None = None
        self._ports: dict[str, int] = {}
        self._watched: dict[str, list[float]] = {}
        self._threads: list[threading.Thread] = []

    def public_key(self) -> str:
        return self._key.public_key.hex()

    def take(self, token: str) -> list[str]:
        """Takes a tree, hands it on twice, and says the links: lead, runner, worker."""
        lead = Bearer(Token.parse(token), self._key)
        now = int(time.time())
        runner = lead.hand_over(agent="runner", purpose="split the work", now=now)
        self._worker = runner.hand_over(agent="worker", purpose="do it", now=now)
        (task,) = lead.token.authority.tasks
        self._call = {**CALL, "task": task}
        return [link.hex() for link in self._worker.token.chain.links]

    def shown(self) -> tuple[str, Request]:
        if self._worker is None:
            raise RuntimeError("no token yet")
        request = as_request(self._call)
        shown = self._worker.present(request, audience=AUDIENCE, now=int(time.time()))
        return str(shown), request

    def once(self, port: int) -> dict[str, Any]:
        """One call at a resource server."""
        return post(port, self.shown()[0], json.dumps(self._call))

    def at_service(self, port: int) -> int:
        """Asks the service itself to decide on a call. Gives the HTTP status."""
        import http.client

        shown, request = self.shown()
        said = {
            "tool": request.tool,
            "effect": request.effect.label,
            "resource": request.resource,
            "args": dict(request.args),
            "task": request.task,
        }
        body = spelled({"presentation": shown, "request": said, "audience": AUDIENCE})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/v1/verify", body.encode())
            return connection.getresponse().status
        finally:
            connection.close()

    def watch(self, ports: dict[str, int]) -> bool:
        """Begins to call every server, over and over, until each refuses."""
        self._watched = {name: [0.0, 0.0] for name in ports}
        self._threads = [
            threading.Thread(target=self._until_refused, args=each) for each in ports.items()
        ]
        for thread in self._threads:
            thread.start()
        return True

    def refused(self) -> dict[str, list[float]]:
        """For each server, when it admitted last and refused first, on the machine's clock."""
        for thread in self._threads:
            thread.join(8)
        return self._watched

    def _until_refused(self, name: str, port: int) -> None:
        end = time.monotonic() + 7
        while time.monotonic() < end:
            code = self.once(port)["code"]
            if code != "ok":
                self._watched[name][1] = time.monotonic() if code == "revoked" else 0.0
                return
            self._watched[name][0] = time.monotonic()
            time.sleep(PAUSE)


if __name__ == "__main__":
    own = Fleet()
    answer(
        {
            "public_key": own.public_key,
            "take": own.take,
            "once": own.once,
            "at_service": own.at_service,
            "watch": own.watch,
            "refused": own.refused,
        }
    )
