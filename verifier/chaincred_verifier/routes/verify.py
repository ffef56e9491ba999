"""Deciding: `/v1/verify`, `/v1/explain`, `/v1/forward-auth` (specs/service.md 4 and 5)."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred import ChaincredError, Malformed
from chaincred_verifier import callers, problems, schemas, wire
from chaincred_verifier.limits import STRANGE, body_of, caller_of
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import query_of
from chaincred_verifier.service import Service, service_of

MAX_BATCH: Final = 100

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.post("/v1/verify", openapi_extra=schemas.VERIFY)
async def verify(request: Request) -> Response:
    """Admits or refuses a request, or each of a batch. The presentation speaks for itself."""
    service = service_of(request)
    query_of(request)
    said = wire.json_of(await body_of(request))
    if isinstance(said, dict) and "checks" in said:
        checks = wire.members(said, ("checks",))["checks"]
        if not isinstance(checks, list) or not 1 <= len(checks) <= MAX_BATCH:
            raise Malformed(f"checks are 1 to {MAX_BATCH}")
        results = []
        for each in checks:
            # What is refused at once waits for nothing, and a hundred of those are a second.
            await asyncio.sleep(0)
            results.append(await _result(request, service, each))
        return wire.answer(f'{{"results":[{",".join(results)}]}}')
    return wire.answer(await _decided(service, said))


async def _result(request: Request, service: Service, said: Any) -> str:
    address = caller_of(request.scope)
    # Counted one by one: the answer to the batch as a whole is never a refusal.
    if not service.refusals.allows(address):
        return wire.spelled(problems.problem(Refused("rate_limited", "too many refused calls")))
    try:
        return await _decided(service, said)
    except ChaincredError as error:
        if error.code in STRANGE:
            service.refusals.count(address)
        return wire.spelled(problems.problem(error))


async def _decided(service: Service, said: Any) -> str:
    """The answer for what is admitted, in JSON."""
    try:
        said = wire.members(said, ("presentation", "request"), ("audience",))
        audience = wire.text_in(said, "audience") if "audience" in said else None
        presentation = wire.text_in(said, "presentation")
        # First, as step 1 comes first: a request that is none is malformed, whoever asks.
        request = wire.request_of(said["request"])
        verified, n = await service.decider.verify(presentation, request, audience=audience)
    except ChaincredError as error:
        service.metrics.decided(error.code)
        raise
    service.metrics.decided("ok")
    return wire.verified_json(verified, n)


@router.post("/v1/explain", openapi_extra=schemas.EXPLAIN)
async def explain(request: Request) -> Response:
    """Every reason to refuse a request. Admits nobody. Needs `chaincred.read`."""
    service = service_of(request)
    query_of(request)
    caller = await callers.authority(service, request, "chaincred.read", "read")
    said = wire.members(wire.json_of(caller.body), ("presentation", "request"), ("audience",))
    audience = wire.text_in(said, "audience") if "audience" in said else None
    explanation = service.decider.verifier(audience).explain(
        wire.text_in(said, "presentation"), wire.request_of(said["request"]), now=service.clock()
    )
    return wire.answer(wire.explained_json(explanation))


@router.get("/v1/forward-auth", status_code=204, openapi_extra=schemas.FORWARD_AUTH)
async def forward_auth(request: Request) -> Response:
    """Decides for a gateway, by headers alone."""
    service = service_of(request)
    try:
        presentation = callers.presented(request)
        if presentation is None:
            raise Refused("unauthenticated", "no presentation")
        asked, audience = service.rules.request(request.headers)
        verified, _ = await service.decider.verify(presentation, asked, audience=audience)
    except ChaincredError as error:
        service.metrics.decided(error.code)
        # Gateways turn every other status into a fault of their own.
        return problems.answer(error, 401 if error.code == "unauthenticated" else 403)
    service.metrics.decided("ok")
    headers = {
        "Chaincred-Root": verified.root_id.hex(),
        "Chaincred-Link": verified.hops[-1].link.hex(),
        "Chaincred-Agent": quote(verified.agent, safe=""),
        "Chaincred-Hops": str(len(verified.hops)),
        "Chaincred-List": str(verified.list_seq),
        "Cache-Control": "no-store",
    }
    return Response(status_code=204, headers=headers)
