"""Trees and the audit log (specs/service.md 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chaincred_verifier import audit_pages, callers, schemas, trees, wire
from chaincred_verifier.queries import number_of, query_of, uint_in
from chaincred_verifier.service import Service, service_of

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


async def _reader(request: Request, *known: str) -> tuple[Service, dict[str, Any]]:
    service = service_of(request)
    query = query_of(request, *known)
    await callers.authority(service, request, "chaincred.read", "read")
    return service, dict(query)


@router.get("/v1/chains", openapi_extra=schemas.CHAINS)
async def search(request: Request) -> Response:
    """Finds trees by agent, task, tool, or the beginning of a root id."""
    service, query = await _reader(request, "agent", "task", "tool", "root_id", "limit", "before")
    limit = uint_in(query, "limit", 50, 1, trees.MAX_FOUND)
    before = _cursor(query["before"]) if "before" in query else None
    asked = {name: query.get(name, "") for name in ("agent", "task", "tool", "root_id")}
    now = service.clock()
    return wire.answer(
        await service.read(
            lambda store: trees.search(store, now, limit=limit, before=before, **asked)
        )
    )


def _cursor(text: str) -> tuple[int, bytes]:
    """A second, and the root id after which to go on among those last used in it."""
    second, joined, root_id = text.partition("-")
    after = wire.hex_of(root_id, "the root id in before", 32) if joined else b"\xff" * 32
    return number_of(second), after


@router.get("/v1/chains/{root_id}", openapi_extra=schemas.CHAIN)
async def chain(request: Request, root_id: Annotated[str, schemas.ROOT_ID]) -> Response:
    """The delegation tree of a root, as far as it was seen."""
    service, _ = await _reader(request)
    link, now = wire.hex_of(root_id, "the root id", 32), service.clock()
    return wire.answer(await service.read(lambda store: trees.chain(store, link, now)))


@router.get("/v1/audit/head", openapi_extra=schemas.AUDIT_HEAD)
async def head(request: Request) -> Response:
    """Where the audit log is, signed by the list key."""
    service, _ = await _reader(request)
    return wire.answer(await audit_pages.head(service))


@router.get("/v1/audit/export", openapi_extra=schemas.AUDIT_EXPORT)
async def export(request: Request) -> Response:
    """The audit log as JSON lines, for `chaincred audit verify`."""
    service, _ = await _reader(request)
    lines = audit_pages.export(service)
    # Before the answer begins: a store that fails is a refusal then, not half an export.
    first = await anext(lines)
    return StreamingResponse(
        _joined(first, lines),
        media_type="application/jsonl",
        headers={"Cache-Control": "no-store"},
    )


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


@router.get("/v1/audit", openapi_extra=schemas.AUDIT)
async def page(request: Request) -> Response:
    """Records after a number, by filters."""
    service, query = await _reader(request, "after", "limit", *audit_pages.FILTERS)
    after, limit = uint_in(query, "after", 0), uint_in(query, "limit", 100, 1, audit_pages.MAX_PAGE)
    filters = {name: query.get(name, "") for name in audit_pages.FILTERS}
    return wire.answer(await audit_pages.page(service, after=after, limit=limit, **filters))
