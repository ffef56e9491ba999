"""Who may see a part of the page: whoever may make the call that its data come from.

So a token that allows some calls of the service allows the same of the page, and no more.
"""

from __future__ import annotations

from starlette.requests import Request

from chaincred_verifier import callers
from chaincred_verifier.callers import Caller
from chaincred_verifier.limits import BODY
from chaincred_verifier.service import service_of


def with_query(path: str, request: Request) -> str:
    """`path` with the query string that came, as it came."""
    return f"{path}?{request.scope['query_string'].decode('latin-1')}"


async def reader(request: Request, target: str) -> Caller:
    """The administrator of the session, who may read `target`, a path with its query.

    Raises the refusal of a step, or Refused.
    """
    return await caller(request, "GET", target, tool="chaincred.read", effect="read")


async def caller(
    request: Request, method: str, target: str, *, tool: str, effect: str, body: bytes = b""
) -> Caller:
    """The administrator of the session, who may make this call. Raises as `reader` does."""
    path, _, query = target.partition("?")
    scope = dict(request.scope) | {
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        # A proof is good for the call that it was made for: here only a session counts.
        "headers": [each for each in request.scope["headers"] if each[0] != b"authorization"],
        "state": {},
        BODY: body,
    }
    return await callers.authority(service_of(request), Request(scope), tool, effect)
