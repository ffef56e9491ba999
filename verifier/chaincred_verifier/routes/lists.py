"""Publishing the list: whole, deltas, head, and a live stream (specs/service.md 7)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from gzip import compress as zipped
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chaincred_verifier import published, schemas, wire
from chaincred_verifier.limits import caller_of
from chaincred_verifier.problems import Refused, Unavailable
from chaincred_verifier.queries import number_of, query_of, uint_in
from chaincred_verifier.service import Service, service_of
from chaincred_verifier.store.driver import Reading

MEDIA_TYPE: Final = "application/vnd.chaincred.list"
_SHORT: Final = 1_024
"""Bytes of a delta that are not worth compressing: hashes and signatures do not get shorter."""

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.get("/v1/list", openapi_extra=schemas.WHOLE_OR_DELTA)
async def whole_or_delta(request: Request) -> Response:
    """The whole list, or what follows number `since`."""
    service = service_of(request)
    query = query_of(request, "since")
    gzip = _takes_gzip(request.headers.get("accept-encoding", ""))
    since = uint_in(query, "since", 0) if "since" in query else None

    def look(store: Reading) -> tuple[str, tuple[bytes, ...] | None, bool]:
        state = published.held_state(store)
        if request.headers.get("if-none-match") == state.etag:
            return state.etag, None, False
        if since is None:
            return state.etag, service.published.whole(store, gzip=gzip), gzip
        data = published.delta(store, since)
        worthwhile = gzip and len(data) > _SHORT
        return state.etag, (zipped(data, 1) if worthwhile else data,), worthwhile

    etag, parts, compressed = await service.read(look)
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if parts is None:
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(sum(map(len, parts)))
    return StreamingResponse(_sent(parts), media_type=MEDIA_TYPE, headers=headers)


def _takes_gzip(said: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not with a weight of 0 (RFC 9110 12.5.3)."""
    # Cut, not matched: between many spaces a pattern would go back and forth for a minute.
    for each in said.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            value = weight.partition("=")[2].strip()
            return not value or value.strip("0.") != ""
    return False


async def _sent(parts: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    # In parts: joining them would copy the whole list for each caller.
    for part in parts:
        yield part


@router.get("/v1/list/head", openapi_extra=schemas.HEAD)
async def head(request: Request) -> Response:
    """A heartbeat: the head, without entries."""
    service = service_of(request)
    query_of(request)
    etag, data = await service.read(_heartbeat)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=MEDIA_TYPE, headers=headers)


def _heartbeat(store: Reading) -> tuple[str, bytes]:
    state = published.held_state(store)
    return state.etag, published.delta(store, state.place.seq)


@router.get("/v1/list/key", openapi_extra=schemas.LIST_KEY)
async def key(request: Request) -> Response:
    """The list's id and keys, for people to compare with what they were given."""
    service = service_of(request)
    query_of(request)
    keys = [each.hex() for each in service.settings.list_keys]
    return wire.answer({"list_id": service.list_id.hex(), "keys": keys})


@router.get("/v1/list/stream", openapi_extra=schemas.STREAM)
async def stream(request: Request) -> Response:
    """Updates as they come, as server-sent events."""
    service = service_of(request)
    query = query_of(request, "since")
    said = request.headers.get("last-event-id", query.get("since"))
    since = number_of(said) if said else 0
    address = caller_of(request.scope)
    if not service.streams.has_room(address):
        raise Unavailable("too many streams")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _events(service, since, address), media_type="text/event-stream", headers=headers
    )


async def _events(service: Service, since: int, address: str) -> AsyncIterator[bytes]:
    """Each update after `since`. Who reads slowly is sent fewer, longer ones."""
    told = -1
    with service.streams.holding(address):
        while True:
            if told != service.published.issued_at or since < service.published.view.seq:
                told = service.published.issued_at
                try:
                    seq, data = await service.published.latest(service.read, since)
                except Refused as error:
                    if error.code == "unavailable":
                        return
                    yield b"event: reset\ndata:\n\n"
                    return
                since = seq
                text = urlsafe_b64encode(data).rstrip(b"=")
                yield b"event: update\nid: %d\ndata: %s\n\n" % (seq, text)
            await service.published.wait(service.settings.heartbeat)
