"""A client that asks as fast as it is answered: prepared requests, over a few connections."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop


def post(path: str, body: bytes) -> bytes:
    """A request as it travels."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def seconds(port: int, requests: Sequence[bytes], connections: int) -> float:
    """How long it takes until all are answered, with 200. Connecting is not counted."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_seconds(port, requests, connections))


async def _seconds(port: int, requests: Sequence[bytes], connections: int) -> float:
    loop = asyncio.get_running_loop()
    waiting = iter(requests)
    opened = [
        (await loop.create_connection(lambda: _Connection(waiting), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    begun = time.perf_counter()
    for each in opened:
        each.ask()
    await asyncio.gather(*(each.done for each in opened))
    took = time.perf_counter() - begun
    for each in opened:
        each.close()
    return took


class _Connection(asyncio.Protocol):
    """Asks one request after the other, of those that all connections take from."""

    def __init__(self, waiting: Iterator[bytes]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._came = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self) -> None:
        request = next(self._waiting, None)
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, body = self._came.partition(b"\r\n\r\n")
        if not found:
            return
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < size:
            return
        self._came = b""
        if not head.startswith(b"HTTP/1.1 200 "):
            self._fail(f"refused: {body.decode(errors='replace')}")
            return
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection ended: {exc}")

    def close(self) -> None:
        self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))
