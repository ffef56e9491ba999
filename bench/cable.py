"""A way to a port of the loopback that can be cut, and mended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Self

from bench.server import PATIENCE, free_port

_AT_ONCE: Final = 65_536


class Cable:
    """Listens at `port` and carries to `target` what comes, while the `with` lasts.

    Once cut, what it carries is dropped and who comes is refused, until it is mended.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._carrying: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cable")

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def mend(self) -> None:
        self._do(self._listen())

    def cut(self) -> None:
        self._do(self._drop())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def _drop(self) -> None:
        self._server.close()
        for each in self._carrying:
            each.transport.abort()
        while self._carrying:
            await asyncio.sleep(0.001)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            beyond, onward = await asyncio.open_connection("127.0.0.1", self._target)
            ends = {writer, onward}
            self._carrying |= ends
            try:
                await asyncio.gather(_pass(reader, onward), _pass(beyond, writer))
            finally:
                self._carrying -= ends


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
