"""For whoever runs the service: alive, ready, numbers (specs/service.md 12)."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred import ChaincredError, Effect
from chaincred.view import SKEW
from chaincred_verifier import schemas, wire
from chaincred_verifier.clock import Leapt
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service, service_of

_PATIENCE: Final = 3.0

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.get("/healthz", openapi_extra=schemas.ALIVE)
async def alive(request: Request) -> Response:
    """The process answers."""
    return wire.answer({"alive": True, "list": service_of(request).published.view.seq})


@router.get("/readyz", openapi_extra=schemas.READY)
async def ready(request: Request) -> Response:
    """Whether calls may be sent here, and what is unfit if not."""
    unfit = await what_is_unfit(service_of(request))
    return wire.answer({"ready": not unfit, "unfit": unfit}, 503 if unfit else 200)


@router.get("/metrics", openapi_extra=schemas.METRICS)
async def metrics(request: Request) -> Response:
    """This worker's numbers, in Prometheus' text form."""
    service = service_of(request)
    if not service.settings.metrics:
        raise Refused("not_found", "metrics are off")
    view = service.published.view
    try:
        age = view.age(service.clock())
    except Leapt:
        age = None
    text = service.metrics.text(
        list_number=view.seq,
        # Not 0, which would be as fresh as can be.
        list_age_seconds=math.nan if age is None else age,
        list_entries=len(view),
        streams=service.streams.held,
        ready=not await what_is_unfit(service),
    )
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def what_is_unfit(service: Service) -> list[str]:
    """Of store, list_key, list, clock, floor, those that are; empty if none is."""
    unfit = {service.unfit} if service.unfit else set()
    try:
        async with asyncio.timeout(_PATIENCE):
            await service.read(lambda store: store.rows("SELECT 1"))
    except (TimeoutError, ChaincredError):
        unfit.add("store")
    view = service.published.view
    try:
        now = service.clock()
        age = view.age(now)
        if age is not None and age < -SKEW:
            unfit.add("clock")
        view.require_fresh(Effect.IRREVERSIBLE, service.settings.freshness, now)
    except Leapt:
        unfit.add("clock")
    except ChaincredError:
        unfit.add("list")
    return sorted(unfit)
