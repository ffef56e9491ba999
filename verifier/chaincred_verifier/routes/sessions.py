"""Signing in to the page, and out (specs/service.md 11.1)."""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred_verifier import callers, schemas, wire
from chaincred_verifier.ledger import Writing
from chaincred_verifier.limits import body_of
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import query_of
from chaincred_verifier.service import service_of

LONGEST: Final = 3_600
"""Seconds of a session: an incident's first hour."""
TOOL: Final = "chaincred.sign_in"

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.post("/v1/sessions", status_code=201, openapi_extra=schemas.SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begins a session for an administrator whose presentation asks for one."""
    service = service_of(request)
    query_of(request)
    presentation = callers.presented(request)
    if presentation is None:
        raise Refused("unauthenticated", "no presentation")
    asked = callers.call(request, TOOL, "read", await body_of(request))
    verified, _ = await service.admins.verify(presentation, asked)
    id, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    expires_at = min(verified.token.authority.expires_at, service.clock() + LONGEST)
    row = (callers.hashed(id), callers.hashed(csrf), verified.token.to_bytes(), expires_at)

    def put(writing: Writing) -> None:
        writing.rows(
            "INSERT INTO sessions (id, csrf, token, expires_at, seal) VALUES (?, ?, ?, ?, ?)",
            *row,
            service.seal(*row),
        )
        writing.record("sign_in", "ok", by=verified.hops[0].agent, root_id=verified.root_id.hex())

    await service.write(put)
    answer = wire.answer(
        {"csrf": csrf, "agent": verified.agent, "expires_at": expires_at}, status=201
    )
    answer.set_cookie(
        callers.COOKIE,
        id,
        max_age=expires_at - service.clock(),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete("/v1/sessions", status_code=204, openapi_extra=schemas.SIGN_OUT)
async def sign_out(request: Request) -> Response:
    """Ends the session whose cookie came. Needs no more than that."""
    service = service_of(request)
    query_of(request)
    id = callers.hashed(request.cookies.get(callers.COOKIE, ""))
    # Looked for first: writing is one at a time, and anybody may call here.
    if await service.read(lambda store: store.rows("SELECT 1 FROM sessions WHERE id = ?", id)):
        await service.write(lambda writing: writing.rows("DELETE FROM sessions WHERE id = ?", id))
    answer = Response(status_code=204)
    answer.delete_cookie(callers.COOKIE, path="/")
    return answer
