"""The resource server: files behind three tools. It holds two public keys and no secret.

Run as `resource_server.py PUBLIC_FOLDER WORKSPACE [NAME SERVICE]`: with the address of a
verification service it follows that one's list, under its name, else a file in the public folder.
"""

import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from calls import AUDIENCE, as_request
from pipe import answer

from chaincred import (
    ChaincredError,
    Freshness,
    Hop,
    InMemoryReplay,
    Malformed,
    Request,
    RevocationView,
    SigningKey,
    Verified,
    Verifier,
)
from chaincred.files import FileFloor, read_file, read_public_key
from chaincred.follow import Follower

POLL = 0.2
"""Seconds between two looks at the revocation list."""
MAX_BODY = 65_536
MAX_LIST = 2**20


class Workspace:
    """The folder, and what the tools do in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def is_inside(self, _verified: Verified, request: Request) -> bool:
        """The policy: no link leads elsewhere. `..` never comes here, it is malformed."""
        path = self._folder / request.resource
        return path.resolve() == path

    def run(self, request: Request) -> Any:
        """What the tool gives back. Raises OSError."""
        path = self._folder / request.resource
        match request.tool:
            case "read_file":
                return path.read_text()
            case "write_file":
                path.parent.mkdir(parents=True, exist_ok=True)
                return path.write_text(request.args["content"])
            case "search":
                found = sorted(path.glob("*.md"))
                return [
                    f"{file.relative_to(self._folder)}: {line}"
                    for file in found
                    if not file.is_symlink()
                    for line in file.read_text().splitlines()
                    if request.args["query"] in line
                ]
        raise ValueError(f"{request.tool} is listed and not built")


class Gate:
    """Decides every call, and writes down what it decided."""

    def __init__(self, public: Path, workspace: Workspace) -> None:
        self._list_file = public / "revocations"
        self._view = RevocationView(
            [read_public_key(public / "list.pub")], floor=FileFloor(Path("floor"))
        )
        self._verifier = Verifier(
            audience=AUDIENCE,
            roots={read_public_key(public / "root.pub"): self._view},
            replay=InMemoryReplay(),
            freshness=Freshness(read=4, write=4, irreversible=1),
            policy=workspace.is_inside,
        )
        self._workspace = workspace
        self._log = Path("audit.log").open("a")  # noqa: SIM115 (open as long as the process)
        self._lock = threading.Lock()

    def handle(self, presentation: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """An HTTP status and the answer to one call."""
        now = int(time.time())
        request = None
        try:
            request = as_request(_json(body))
            verified = self._verifier.verify(presentation, request, now=now)
        except ChaincredError as error:
            self._log_refusal(error, presentation, request, now)
            status = 400 if isinstance(error, Malformed) else 403
            return status, {"code": error.code, "why": str(error)}
        self._write_log("ok", request, verified.hops, [])
        try:
            return 200, {"code": "ok", "result": self._workspace.run(request)}
        except (OSError, UnicodeError) as error:
            return 404, {"code": "failed", "why": type(error).__name__}

    def follow(self, name: str, service: str, *, key: SigningKey) -> None:
        """Keeps the list fresh from a service, and tells it what is enforced here."""
        Follower(service, self._view, acknowledge=(name, key)).start()

    def watch_list(self) -> None:
        """Takes in the list whenever it changed. If this ends, the list goes stale: nobody in."""
        seen = b""
        while True:
            try:
                data = read_file(self._list_file, MAX_LIST)
                if data != seen:
                    self._view.update(data, now=int(time.time()))
                    seen = data
            except ChaincredError as error:
                self._write_log(error.code, None, (), [str(error)])
            time.sleep(POLL)

    def _log_refusal(
        self, error: ChaincredError, presentation: str, request: Request | None, now: int
    ) -> None:
        if request is None:
            self._write_log(error.code, None, (), [str(error)])
            return
        # verify stops at the first reason; whoever reads the log wants all of them.
        explained = self._verifier.explain(presentation, request, now=now)
        why = [str(each) for each in explained.failures] or [str(error)]
        self._write_log(error.code, request, explained.hops, why)

    def _write_log(
        self, code: str, request: Request | None, hops: tuple[Hop, ...], why: list[str]
    ) -> None:
        line = {
            "code": code,
            "call": f"{request.tool} {request.resource}" if request else "",
            "task": request.task if request else "",
            "hops": [
                {"agent": hop.agent, "purpose": hop.purpose, "link": hop.link.hex()} for hop in hops
            ],
            "why": why,
        }
        with self._lock:
            print(json.dumps(line), file=self._log, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, gate: Gate) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.gate = gate

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 3  # seconds that a client may keep a thread waiting

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,5}", length) or int(length) > MAX_BODY:
            self._answer(413, {"code": "malformed", "why": f"a body of 0 to {MAX_BODY} bytes"})
            return
        try:
            body = self.rfile.read(int(length))
        except TimeoutError:
            self._answer(408, {"code": "malformed", "why": "the body did not come"})
            return
        scheme, _, presentation = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Chaincred":
            self._answer(401, {"code": "malformed", "why": "no presentation"})
            return
        self._answer(*self.server.gate.handle(presentation, body))

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the gate keeps the log."""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error


def main(public: Path, folder: Path, *service: str) -> None:
    gate = Gate(public, Workspace(folder))
    server = Server(gate)
    key = SigningKey.generate()
    if service:
        gate.follow(*service, key=key)
    else:
        threading.Thread(target=gate.watch_list, daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer({"port": lambda: server.server_address[1], "public_key": key.public_key.hex})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
