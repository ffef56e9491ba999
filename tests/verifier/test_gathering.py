"""Sending the head and the body of an answer in one go."""

from __future__ import annotations

import asyncio
import socket

from chaincred_verifier.gathering import SMALL, Gathering
from tests.verifier.running import Running


class Line(asyncio.Transport):
    """A transport that keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


def written(*parts: bytes, then: str = "") -> Line:
    """What was sent of `parts` and what was done `then`, within the turn and after it."""
    line = Line()

    async def turn() -> None:
        gathering = Gathering(line, asyncio.get_running_loop())
        for part in parts:
            gathering.write(part)
        if then:
            getattr(gathering, then)()
            line.sent.append(b"|")
        await asyncio.sleep(0)

    asyncio.run(turn())
    return line


def test_what_is_written_in_one_turn_is_sent_together_when_it_ends():
    assert written(b"head", b"body").sent == [b"headbody"]


def test_what_is_asked_to_be_sent_does_not_wait_for_the_end_of_the_turn():
    assert written(b"head", b"body", then="send").sent == [b"headbody", b"|"]


def test_what_is_long_does_not_wait():
    head, body = b"head", bytes(SMALL)
    assert written(head, body, b"more", then="close").sent == [head + body, b"more", b"|"]


def test_closing_sends_what_waits_and_nothing_is_sent_after_it():
    line = written(b"head", then="close")
    assert (line.sent, line.is_closing()) == ([b"head", b"|"], True)


def test_what_waits_for_a_peer_that_is_gone_is_dropped():
    async def turn() -> None:
        line = Line()
        gathering = Gathering(line, asyncio.get_running_loop())
        gathering.write(b"head")
        line.close()
        await asyncio.sleep(0)
        assert line.sent == []

    asyncio.run(turn())


def test_the_head_of_a_stream_comes_before_its_first_event_is_due(shared: Running):
    head = b"GET /v1/list/stream?since=0 HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as peer:
        peer.sendall(head)
        assert peer.recv(65_536).startswith(b"HTTP/1.1 200 ")
