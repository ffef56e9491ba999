"""Followers and their acknowledgements (specs/service.md 8)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred import PublicKey
from chaincred.ack import MAX_ACK, MEDIA_TYPE
from chaincred_verifier import callers, closing, schemas, wire
from chaincred_verifier.limits import body_of
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import query_of
from chaincred_verifier.service import service_of

TOOL: Final = "chaincred.followers"

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.get("/v1/followers", openapi_extra=schemas.FOLLOWERS)
async def listed(request: Request) -> Response:
    """Every follower and what it said last. Needs `chaincred.read`."""
    service = service_of(request)
    query_of(request)
    await callers.authority(service, request, "chaincred.read", "read")
    return wire.answer(await closing.followers(service))


@router.put("/v1/followers/{name}", openapi_extra=schemas.FOLLOWER)
async def put(request: Request, name: Annotated[str, schemas.FOLLOWER_NAME]) -> Response:
    """Names a follower and its key. Needs `chaincred.followers`."""
    service = service_of(request)
    query_of(request)
    caller = await callers.authority(service, request, TOOL, "write")
    said = wire.members(wire.json_of(caller.body), ("key",))
    key = PublicKey.from_hex(wire.text_in(said, "key"))
    await closing.register(service, name, key, caller.agent)
    return wire.answer({"name": name, "key": key.hex()})


@router.delete("/v1/followers/{name}", status_code=204, openapi_extra=schemas.FORGET_FOLLOWER)
async def delete(request: Request, name: Annotated[str, schemas.FOLLOWER_NAME]) -> Response:
    """Forgets a follower. Needs `chaincred.followers`."""
    service = service_of(request)
    query_of(request)
    caller = await callers.authority(service, request, TOOL, "write")
    await closing.remove(service, name, caller.agent)
    return Response(status_code=204)


@router.post("/v1/acks", status_code=204, openapi_extra=schemas.ACK)
async def acknowledge(request: Request) -> Response:
    """Takes what a follower says that it enforces, signed by its key."""
    service = service_of(request)
    query_of(request)
    if request.headers.get("content-type") != MEDIA_TYPE:
        raise Refused("unsupported_media_type", f"an acknowledgement is {MEDIA_TYPE}")
    data = await body_of(request)
    if len(data) > MAX_ACK:
        raise Refused("too_large", f"an acknowledgement has at most {MAX_ACK} bytes")
    await closing.acknowledge(service, data)
    return Response(status_code=204)
