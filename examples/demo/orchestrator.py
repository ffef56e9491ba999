"""The orchestrator: splits a task and narrows its token for each helper, offline.

Nobody is asked for a child token. To show that, this process cannot open a socket at all.
"""

import json
import socket
import sys
import time
from typing import Any

from calls import AUDIENCE, as_request
from pipe import answer

from chaincred import (
    Authority,
    Caveat,
    MaxEffect,
    MaxHops,
    PublicKey,
    Resources,
    SigningKey,
    Token,
    Tools,
)

HELPERS: dict[str, tuple[str, list[Caveat]]] = {
    "researcher": (
        "find out what happened",
        [Tools(["read_file", "search"]), Resources(["docs/**"]), MaxEffect("read")],
    ),
    "writer": (
        "write it up",
        [Tools(["write_file"]), Resources(["reports/**"]), MaxHops(0)],
    ),
    "auditor": ("read the contracts", [Resources(["docs/vendors", "docs/vendors/*"])]),
    "archivist": ("look up last year's prices", [Tools(["search"]), MaxHops(0)]),
}


def no_sockets(event: str, _arguments: object) -> None:
    if event.startswith("socket."):
        raise PermissionError("the orchestrator is offline")


class Orchestrator:
    """Holds one key, and one token a task."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self._tokens: dict[str, Token] = {}

    def public_key(self) -> str:
        return self._key.public_key.hex()

    def take(self, token: str) -> None:
        taken = Token.parse(token)
        (task,) = Authority.of(taken.caveats).tasks
        self._tokens[task] = taken

    def delegate(self, task: str, to: str, holder: str) -> str:
        """A child token for the helper called `to`, who holds the key `holder`."""
        purpose, caveats = HELPERS[to]
        child = self._tokens[task].attenuate(
            self._key,
            holder=PublicKey.from_hex(holder),
            agent=to,
            purpose=purpose,
            now=int(time.time()),
            caveats=caveats,
        )
        return str(child)

    def sign(self, task: str, tool: str, args: dict[str, str]) -> dict[str, Any]:
        """A call of its own, signed. Somebody who is online carries it to the server."""
        call = {"tool": tool, "args": args, "task": task}
        presentation = self._tokens[task].present(
            self._key, as_request(call), audience=AUDIENCE, now=int(time.time())
        )
        return {"presentation": str(presentation), "body": json.dumps(call)}

    def try_network(self) -> str:
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except PermissionError as error:
            return str(error)
        except OSError:
            pass
        return "online"


if __name__ == "__main__":
    # An audit hook stays for the life of the process; no later code can take it off.
    sys.addaudithook(no_sockets)
    own = Orchestrator()
    answer(
        {
            "public_key": own.public_key,
            "take": own.take,
            "delegate": own.delegate,
            "sign": own.sign,
            "try_network": own.try_network,
        }
    )
