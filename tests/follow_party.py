"""A party that publishes a list over real sockets, honestly or not, for followers to meet."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from chaincred import Entry, Malformed, RevocationList, RevocationView, SigningKey
from chaincred.ack import Ack
from chaincred.encoding import to_text
from tests.cast import LIST_KEY

HEARTBEAT: Final = 0.1

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request. `party.answers` may have another answer for its kind than the honest one."""

    protocol_version = "HTTP/1.1"
    server: Server

    @property
    def party(self) -> Party:
        return self.server.party

    @property
    def since(self) -> int | None:
        query = parse_qs(urlsplit(self.path).query)
        return int(query["since"][0]) if query else None

    def setup(self) -> None:
        super().setup()
        self.party.connections.add(self.connection)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.party.connections.discard(self.connection)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/stream"):
            self.answer("stream", self.stream)
        elif self.since is not None:
            self.answer("entries", self.update)
        else:
            self.answer("list", self.update)

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer("ack", self.ack)

    def answer(self, kind: str, honest: Callable[[], None]) -> None:
        self.party.asked.append((kind, self.path, dict(self.headers)))
        other = self.party.answers.get(kind)
        try:
            other(self) if other else honest()
        except OSError:
            self.close_connection = True

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def update(self) -> None:
        try:
            self.reply(200, self.party.publish(self.since))
        except ValueError:
            self.reply(410, b'{"code": "gone"}')

    def stream(self) -> None:
        self.begin_stream()
        known = self.since
        while self.party.running:
            try:
                data = self.party.publish(known)
            except ValueError:
                self.wfile.write(b"event: reset\n\n")
                return
            known = self.party.list.place.seq
            self.wfile.write(event(data))
            self.wfile.flush()
            self.party.wait_for_change(known)

    def ack(self) -> None:
        try:
            self.party.acks.append(Ack.from_bytes(self.body))
        except Malformed:
            self.reply(400)
        else:
            self.reply(204)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    party: Party


class Party:
    """A service of one list. `answers` replaces what it says, by kind of question.

    The kinds are `list` (the whole), `entries`, `stream` and `ack`.
    """

    def __init__(self, key: SigningKey = LIST_KEY) -> None:
        self.key = key
        self.list = RevocationList.begin(key, now=int(time.time()) - 1)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.acks: list[Ack] = []
        self.connections: set[socket.socket] = set()
        self.running = False
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def view(self, **said: Any) -> RevocationView:
        """A view that relies on this party's list."""
        return RevocationView([self.key.public_key], **said)

    def publish(self, since: int | None = None) -> bytes:
        with self._changed:
            return self.list.publish(self.key, now=int(time.time()), since=since)

    def revoke(self, entry: Entry) -> None:
        with self._changed:
            self.list = self.list.revoke(entry)
            self._changed.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While the list is changed in several steps nobody is shown it."""
        with self._changed:
            yield

    def compact(self) -> None:
        self.list = self.list.compact(int(time.time()))

    def wait_for_change(self, known: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.list.place.seq != known, HEARTBEAT)

    def count(self, kind: str) -> int:
        """How often it was asked for this kind."""
        return sum(each == kind for each, _, _ in self.asked)

    def start(self) -> None:
        """Serves, on the port that it had before if it was started before."""
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.party = self
        if self.tls:
            plain = self._server.socket
            self._server.socket = self.tls.wrap_socket(plain, server_side=True)
        self.port = self._server.server_port
        self.running = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Dies: nothing listens any more and every connection is cut."""
        self.running = False
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def cut(self) -> None:
        """Cuts every connection that there is."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(key: SigningKey = LIST_KEY) -> Iterator[Party]:
    party = Party(key)
    party.start()
    try:
        yield party
    finally:
        party.stop()


def event(data: bytes) -> bytes:
    """An event of the stream with this packed update."""
    return b"event: update\nid: 1\ndata: " + to_text("", data).encode() + b"\n\n"


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answers with this status."""
    return lambda handler: handler.reply(code, body, **headers)


def raw(data: bytes) -> Answer:
    """Answers with these bytes instead of HTTP, and hangs up."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def hang(handler: Handler) -> None:
    """Answers nothing, as long as the party lives."""
    while handler.party.running:
        time.sleep(0.02)


def streams(*pieces: bytes, then: Answer | None = None) -> Answer:
    """Answers with a stream of these pieces, then does as `then` or ends."""

    def answer(handler: Handler) -> None:
        handler.begin_stream()
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
        if then:
            then(handler)

    return answer


def drips(handler: Handler) -> None:
    """Goes on with a byte of a comment now and then, as long as the party lives."""
    while handler.party.running:
        handler.wfile.write(b":\n")
        time.sleep(0.02)


def eventually(holds: Callable[[], bool], within: float = 10.0) -> bool:
    """Whether `holds` becomes true within so many seconds."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
