"""The page for security people (specs/service.md 11): whole pages, and parts of them for htmx."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred_verifier import audit_pages, callers, closing, trees, wire
from chaincred_verifier.page import assets, following, words
from chaincred_verifier.page.asking import reader, with_query
from chaincred_verifier.page.refusing import PageRoute, sign_in
from chaincred_verifier.page.rendering import is_fragment, render
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import query_of, uint_in
from chaincred_verifier.routes.operate import what_is_unfit
from chaincred_verifier.service import service_of

_SEARCH: Final = ("agent", "task", "tool", "root_id")
_FOUND: Final = 50
_RECORDS: Final = 50
_FOREVER: Final = "public, max-age=31536000, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/page/static/{digest}/{path:path}")
async def asset(request: Request, digest: str, path: str) -> Response:
    """A file of the page's own, to be kept for good."""
    found = assets.ASSETS.get(path)
    if found is None or digest != assets.DIGEST:
        raise Refused("not_found", "no such file")
    headers = {"ETag": found.etag, "Cache-Control": _FOREVER}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=found.media_type)


@router.get("/")
async def home(request: Request) -> Response:
    """The trees; before anybody signed in, where to do so."""
    if callers.COOKIE not in request.cookies:
        return sign_in(request)
    return await search(request)


@router.get("/page/trees")
async def search(request: Request) -> Response:
    """Trees by agent, task, tool, or the beginning of a root id; the last used first."""
    service = service_of(request)
    query = query_of(request, *_SEARCH, "limit")
    caller = await reader(request, with_query("/v1/chains", request))
    limit = uint_in(query, "limit", _FOUND, 1, trees.MAX_FOUND)
    asked = {name: query.get(name, "").strip() for name in _SEARCH}
    now = service.clock()
    found = await service.read(
        lambda store: trees.search(
            store,
            now,
            agent=asked["agent"],
            task=asked["task"],
            tool=asked["tool"],
            root_id=asked["root_id"],
            limit=limit,
        )
    )
    return render(
        request,
        "_found.html" if is_fragment(request) else "trees.html",
        chains=found["chains"],
        asked=asked,
        is_cut=len(found["chains"]) == limit,
        widest=trees.MAX_FOUND,
        limit=limit,
        agent=caller.agent,
        at="trees",
    )


@router.get("/page/trees/{root_id}")
async def tree(request: Request, root_id: str) -> Response:
    """One tree; its blocks are asked for by the script."""
    service = service_of(request)
    wire.hex_of(root_id, "the root id", 32)
    now, caller = service.clock(), await reader(request, f"/v1/chains/{root_id}")
    found = await service.read(lambda store: trees.search(store, now, root_id=root_id))
    if not found["chains"]:
        raise Refused("not_found", "no chain under this root was ever seen")
    return render(
        request,
        "tree.html",
        root_id=root_id,
        root=found["chains"][0],
        most=trees.MAX_NODES,
        agent=caller.agent,
        at="trees",
    )


@router.get("/page/trees/{root_id}/nodes")
async def nodes(request: Request, root_id: str) -> Response:
    """The tree as JSON, each caveat in words."""
    service = service_of(request)
    link, now = wire.hex_of(root_id, "the root id", 32), service.clock()
    await reader(request, f"/v1/chains/{root_id}")
    found = await service.read(lambda store: trees.chain(store, link, now))
    for node in found["nodes"]:
        node["words"] = [words.caveat(each) for each in node.pop("caveats")]
    is_cut = len(found["nodes"]) == trees.MAX_NODES
    return wire.answer(found | {"now": now, "is_cut": is_cut})


@router.get("/page/followers")
async def followers(request: Request) -> Response:
    """The list, and who follows it how closely."""
    service = service_of(request)
    query_of(request)
    caller = await reader(request, "/v1/followers")
    found = await closing.followers(service)
    return render(
        request,
        "_followers.html" if is_fragment(request) else "followers.html",
        list=found["list"],
        unfit=await what_is_unfit(service),
        followers=following.judged(found, service.clock()),
        agent=caller.agent,
        at="followers",
    )


@router.get("/page/audit")
async def audit(request: Request) -> Response:
    """The audit log, the last record first."""
    service = service_of(request)
    query = query_of(request, *audit_pages.FILTERS, "before")
    caller = await reader(request, with_query("/v1/audit", request))
    before = uint_in(query, "before", 0)
    filters = {name: query.get(name, "").strip() for name in audit_pages.FILTERS}
    found = await audit_pages.page(service, after=before, limit=_RECORDS, newest=True, **filters)
    records = found["records"]
    return render(
        request,
        "audit.html",
        records=records,
        filters=filters,
        before=before,
        older=records[-1]["n"] if len(records) == _RECORDS else None,
        agent=caller.agent,
        at="audit",
    )


@router.get("/page/status")
async def status(request: Request) -> Response:
    """One line on how the list is, on every page."""
    service = service_of(request)
    await reader(request, "/v1/followers")
    view = service.published.view
    return render(
        request,
        "_status.html",
        number=view.seq,
        age=view.age(service.clock()),
        unfit=await what_is_unfit(service),
    )
