"""Sending the head and the body of an answer in one go.

The server writes them one after the other, and either would go out at once: two ways through the
kernel for each answer, and a peer that is woken by a head to wait for the body.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

SMALL: Final = 4_096
"""Bytes that may wait: a head and the answer to a decision."""


class Gathering:
    """A transport that sends together what is written until `send`, or in one turn of the loop.

    Only so much waits as is small; all else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = b""

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self.send)
        self._waiting += data
        if len(self._waiting) > SMALL:
            self.send()

    def send(self) -> None:
        """Sends what waits."""
        data, self._waiting = self._waiting, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self.send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
