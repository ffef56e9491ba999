"""Reading the audit log: a page, the head, an export (specs/service.md 9.3)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from chaincred.audit import AuditHead, first_hash, header
from chaincred.encoding import to_text
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.service import Service
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.wire import hex_of

MAX_PAGE: Final = 500
_CHUNK: Final = 2_000
FILTERS: Final = ("root_id", "agent", "task", "tool", "code", "what")
_MOST: Final = {"code": "ok", "what": "verify", "task": ""}
"""What most records have: the others are found by an index of their own."""


async def page(
    service: Service, *, after: int = 0, limit: int = 100, newest: bool = False, **filters: str
) -> dict[str, Any]:
    """Records after a number; or, with `newest`, the last ones before it, the newest first."""
    where: list[str] = []
    values: list[bytes | str | int] = []
    for name, value in filters.items():
        if name not in FILTERS:
            raise TypeError(f"no filter {name}")
        if value:
            where.append(f"{name} = ?")
            values.append(hex_of(value, name, 32) if name == "root_id" else value)
            if value != _MOST.get(name, value):
                # In these words the index is recognised.
                where.append(f"{name} <> '{_MOST[name]}'")
    if newest:
        where += ["n < ?"] if after else []
        values += [after] if after else []
    else:
        where.append("n > ?")
        values.append(after)
    order = "DESC" if newest else "ASC"

    def look(store: Reading) -> dict[str, Any]:
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        found = store.rows(
            f"SELECT line FROM audit {condition} ORDER BY n {order} LIMIT ?",
            *values,
            min(limit, MAX_PAGE),
        )
        return {"records": [json.loads(line) for (line,) in found]}

    return await service.read(look)


async def head(service: Service) -> dict[str, Any]:
    """The signed head, and where the records that are kept begin."""
    n, running, first, before = await service.read(_state)
    signed = _sign(service, n, running)
    return {
        "n": n,
        "hash": running.hex(),
        "at": service.clock(),
        "first": first,
        "before": before.hex(),
        "head": to_text("", signed),
    }


async def export(service: Service) -> AsyncIterator[bytes]:
    """The whole log as JSON lines, some at a time.

    Records that go meanwhile would leave a gap; then the export ends early, and does not check.
    """
    n, running, first, before = await service.read(_state)
    signed = _sign(service, n, running)
    yield header(service.list_id, first - 1, before, signed).encode() + b"\n"
    at = first - 1
    while at < n:
        start = at

        def look(store: Reading, start: int = start) -> list[str]:
            found = store.rows(
                "SELECT line FROM audit WHERE n > ? AND n <= ? ORDER BY n",
                start,
                min(start + _CHUNK, n),
            )
            return [line for (line,) in found]

        lines = await service.read(look)
        if not lines:
            return
        at += len(lines)
        yield "".join(f"{line}\n" for line in lines).encode()


def _sign(service: Service, n: int, running: bytes) -> bytes:
    head = AuditHead(service.list_id, n, running, service.clock())
    return head.sign(service.settings.list_key)


def _state(store: Reading) -> tuple[int, bytes, int, bytes]:
    found = store.rows("SELECT n, hash, first_n, before_hash FROM audit_state")
    if not found:
        state = store.rows("SELECT list_id FROM list_state")
        if not state:
            raise Unavailable("the list is not begun")
        start = first_hash(bytes(state[0][0]))
        return 0, start, 1, start
    n, running, first, before = found[0]
    return n, bytes(running), first, bytes(before)
