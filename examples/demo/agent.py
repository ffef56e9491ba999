"""An agent: holds a token and the key that uses it, calls tools, may delegate further.

Run as `agent.py PORT`.
"""

import http.client
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from calls import AUDIENCE, as_request
from pipe import answer

from chaincred import Bearer, Expires, MaxHops, Resources, SigningKey, Token, Tools
from chaincred.files import read_secret, write_key, write_secret


def post(port: int, presentation: str, body: str) -> dict[str, Any]:
    """What the resource server answers to one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"Authorization": f"Chaincred {presentation}"}
        connection.request("POST", "/call", body.encode(), headers)
        answered: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answered


class Agent:
    """Begins with nothing; `take` or `take_bearer` gives it authority."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._key: SigningKey | None = None
        self._held: Bearer | None = None

    def public_key(self) -> str:
        """A key of its own, kept in its folder; only the public half leaves."""
        self._key = SigningKey.generate()
        write_key(Path("agent.key"), self._key)
        return self._key.public_key.hex()

    def take(self, token: str) -> None:
        """Takes a token made for its key."""
        if self._key is None:
            raise RuntimeError("no key that a token could be for")
        self._held = Bearer(Token.parse(token), self._key)

    def take_bearer(self, path: str) -> str:
        """Takes a token that brings its key along, and says which token that is."""
        self._held = Bearer.parse(read_secret(Path(path)))
        return str(self._held.token)

    def delegate(self, to: str, purpose: str, folder: str, path: str) -> None:
        """Leaves a bearer token in `path`: to search in `folder`, for a minute, no further."""
        now = int(time.time())
        child = self.held.hand_over(
            agent=to,
            purpose=purpose,
            now=now,
            caveats=[Tools(["search"]), Resources([folder]), Expires(now + 60), MaxHops(0)],
        )
        write_secret(Path(path), child.reveal())

    def call(self, tool: str, args: dict[str, str]) -> dict[str, Any]:
        """Signs and makes one call. `sent` is what went over the wire."""
        (task,) = self.held.token.authority.tasks
        call = {"tool": tool, "args": args, "task": task}
        request = as_request(call)
        presentation = str(self.held.present(request, audience=AUDIENCE, now=int(time.time())))
        sent = {"presentation": presentation, "body": json.dumps(call)}
        return {**post(self._port, **sent), "sent": sent}

    def read_and_obey(self, path: str) -> list[dict[str, Any]]:
        """Reads a file and then, like a model that was talked into it, does what it says."""
        read = self.call("read_file", {"path": path})
        orders = re.findall(r"calls: (\w+) (\S+)", read.get("result", ""))
        return [read, *(self.call(tool, {"path": target}) for tool, target in orders)]

    @property
    def held(self) -> Bearer:
        if self._held is None:
            raise RuntimeError("no token yet")
        return self._held


if __name__ == "__main__":
    own = Agent(int(sys.argv[1]))
    answer(
        {
            "public_key": own.public_key,
            "take": own.take,
            "take_bearer": own.take_bearer,
            "delegate": own.delegate,
            "call": own.call,
            "read_and_obey": own.read_and_obey,
        }
    )
