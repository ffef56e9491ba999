"""What a person sees of a refusal, and the headers that every answer has."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from chaincred import CaveatRefused, ChaincredError
from chaincred_verifier import front, problems
from chaincred_verifier.page import words
from chaincred_verifier.page.rendering import HEADERS, is_fragment, render

_OVER: Final = frozenset({"unauthenticated", "revoked", "untrusted"})
"""Refusals that no further click gets past."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route of the page: its refusals are read by people, and every answer has the policy."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await inner(request)
            except ChaincredError as error:
                response = await refused(request, error)
            response.headers.update(HEADERS)
            return response

        return handle


async def refused(request: Request, error: ChaincredError) -> Response:
    """The refusal as a page, or as a part of one; logged and counted as any other is."""
    status = (await front.refused(request, error)).status_code
    if error.code in _OVER:
        if is_fragment(request):
            # The whole page is asked for again, and is then the one to sign in.
            return Response(status_code=status, headers={"HX-Refresh": "true"})
        return sign_in(request, status, code=error.code)
    heading, sentence = words.REFUSED.get(error.code, words.OTHER)
    return render(
        request,
        "_refused.html" if is_fragment(request) else "refused.html",
        status,
        heading=heading,
        sentence=sentence,
        detail="" if isinstance(error, CaveatRefused) else str(error),
        failures=problems.failures_json(getattr(error, "failures", ())),
        agent="",
        at="",
    )


def sign_in(request: Request, status: int = 200, *, code: str = "") -> Response:
    """The page to sign in; `code` says why the last session is over."""
    said = words.REFUSED["revoked" if code == "revoked" else "unauthenticated"] if code else ()
    return render(request, "sign_in.html", status, said=said)
