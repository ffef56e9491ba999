"""Revoking from the page: what would die, what has died, and who enforces it (service.md 11)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred.revocation import MAX_REASON
from chaincred_verifier import closing, revoking, wire
from chaincred_verifier.page import following, kills
from chaincred_verifier.page.asking import reader
from chaincred_verifier.page.refusing import PageRoute
from chaincred_verifier.page.rendering import render
from chaincred_verifier.queries import number_of, query_of, uint_in
from chaincred_verifier.service import service_of

_ENTRIES: Final = 50
_SHOWN: Final = 200
"""Names of the dead shown at once; how many there are is said in any case."""

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/page/trees/{root_id}/revoke")
async def choose(request: Request, root_id: str) -> Response:
    """What can be revoked, seen from one node of a tree."""
    service = service_of(request)
    link = wire.hex_of(query_of(request, "link").get("link", root_id), "the link", 32)
    wire.hex_of(root_id, "the root id", 32)
    await reader(request, f"/v1/chains/{root_id}")
    choices = await service.read(lambda store: kills.choices(store, link, root_id))
    return render(request, "_choose.html", choices=choices, longest=MAX_REASON)


@router.post("/page/revocations")
async def revoke(request: Request) -> Response:
    """Revokes what a form says; with `dry_run` shows what would die."""
    service = service_of(request)
    asked = await kills.asked(request)
    revocation = revoking.Revocation.of(asked.said)
    caller = await asked.allowed(request)
    if asked.is_dry:
        would = await revoking.dry_run(service, revocation)
        return render(
            request,
            "_would_kill.html",
            kill=asked.kill,
            dying=would["would_kill"][:_SHOWN],
            count=len(would["would_kill"]) + would["more"],
            trees=len({each["root_id"] for each in would["would_kill"]}),
            already=would["already"],
        )
    made, new = await revoking.revoke(service, revocation, caller.agent)
    return render(
        request,
        "_revoked.html",
        made=made,
        new=new,
        killed=made.get("killed"),
        headers={"HX-Trigger": "chaincred:revoked"},
    )


@router.get("/page/revocations")
async def revocations(request: Request) -> Response:
    """Revocations, the last one first."""
    service = service_of(request)
    query = query_of(request, "before")
    last = service.published.view.seq
    before = uint_in(query, "before", last + 1, 1)
    after = max(0, min(before, last + 1) - 1 - _ENTRIES)
    caller = await reader(request, f"/v1/revocations?after={after}&limit={_ENTRIES}")
    found = await revoking.listed(service, after, _ENTRIES)
    return render(
        request,
        "revocations.html",
        revocations=found["revocations"][::-1],
        older=after + 1 if after else None,
        agent=caller.agent,
        at="revocations",
    )


@router.get("/page/revocations/{number}")
async def revocation(request: Request, number: str) -> Response:
    """One revocation: what it killed, and who enforces it."""
    service = service_of(request)
    query_of(request)
    at = number_of(number)
    caller = await reader(request, f"/v1/revocations/{at}")
    made = await service.read(lambda store: revoking.numbered(store, at))
    killed, more = await service.read(lambda store: kills.killed(store, at, _SHOWN))
    return render(
        request,
        "revocation.html",
        made=made,
        killed=killed,
        count=len(killed) + more,
        agent=caller.agent,
        at="revocations",
    )


@router.get("/page/revocations/{number}/closure")
async def closure(request: Request, number: str) -> Response:
    """Which followers enforce a revocation: asked for again until all do."""
    service = service_of(request)
    query_of(request)
    at = number_of(number)
    await reader(request, f"/v1/revocations/{at}/closure")
    return render(request, "_closure.html", **following.closed(await closing.closure(service, at)))
