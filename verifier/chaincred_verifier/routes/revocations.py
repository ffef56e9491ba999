"""Revoking, and whether a revocation took hold (specs/service.md 6 and 8.3)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred import ChaincredError
from chaincred_verifier import callers, closing, revoking, schemas, wire
from chaincred_verifier.limits import body_of
from chaincred_verifier.queries import number_of, query_of, switch_in, uint_in
from chaincred_verifier.service import Service, service_of

TOOL = "chaincred.revoke"
EFFECT = "irreversible"
HOLDER = "holder/"
"""Before the name of a holder who revoked: it may have called itself as administrators are."""

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.post("/v1/revocations", openapi_extra=schemas.REVOKE)
async def revoke(request: Request) -> Response:
    """Revokes a chain, any hop of one, a holder's key, an issuer's, or a task."""
    service = service_of(request)
    query = query_of(request, "dry_run")
    asked = revoking.Revocation.of(wire.json_of(await body_of(request)))
    asked, by = await _allowed(service, request, asked)
    if switch_in(query, "dry_run"):
        return wire.answer(await revoking.dry_run(service, asked))
    made, new = await revoking.revoke(service, asked, by)
    return wire.answer(made, 201 if new else 200)


async def _allowed(
    service: Service, request: Request, asked: revoking.Revocation
) -> tuple[revoking.Revocation, str]:
    """What may be revoked of this, and who asks: an administrator, or a holder what is its own."""
    presentation = callers.presented(request)
    if presentation is None or service.admins.claims(presentation):
        return asked, (await callers.authority(service, request, TOOL, EFFECT)).agent
    # Not an administrator's root: then it is a holder, or nobody.
    token = await callers.holder(service, request, TOOL, EFFECT, await body_of(request))
    by = HOLDER + token.chain.blocks[-1].agent
    try:
        return await revoking.own(service, asked, token), by
    except ChaincredError as error:
        # Its proof was right, and that is recorded as admitted: this is what became of it.
        code = error.code
        await service.write(
            lambda writing: writing.record("revoke", code, token, by=by, revoked=asked.what)
        )
        raise


@router.get("/v1/revocations", openapi_extra=schemas.REVOCATIONS)
async def listed(request: Request) -> Response:
    """Entries after a number, in order. Needs `chaincred.read`."""
    service = service_of(request)
    query = query_of(request, "after", "limit")
    await callers.authority(service, request, "chaincred.read", "read")
    after, limit = uint_in(query, "after", 0), uint_in(query, "limit", 100, 1, 1_000)
    return wire.answer(await revoking.listed(service, after, limit))


@router.get("/v1/revocations/{number}", openapi_extra=schemas.REVOCATION)
async def one(request: Request, number: Annotated[str, schemas.NUMBER]) -> Response:
    """One entry. Needs `chaincred.read`."""
    service = service_of(request)
    query_of(request)
    await callers.authority(service, request, "chaincred.read", "read")
    at = number_of(number)
    return wire.answer(await service.read(lambda store: revoking.numbered(store, at)))


@router.get("/v1/revocations/{number}/closure", openapi_extra=schemas.CLOSURE)
async def closure(request: Request, number: Annotated[str, schemas.NUMBER]) -> Response:
    """Which followers enforce an entry, which do not, and which were not heard."""
    service = service_of(request)
    query_of(request)
    await callers.authority(service, request, "chaincred.read", "read")
    return wire.answer(await closing.closure(service, number_of(number)))
