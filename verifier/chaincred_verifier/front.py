"""What every call passes before its route: counted, timed, and its refusal put in words."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chaincred import ChaincredError
from chaincred_verifier import callers, problems
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service

_SESSION: Final = re.compile(callers.COOKIE.encode() + rb"=[A-Za-z0-9_-]{43}")
_NONE: Final = 0
"""The status of a call that is not answered yet."""

log = structlog.get_logger()

Handler = Callable[[Request], Awaitable[Response]]


class Observed:
    """ASGI middleware: counts and times calls, by the pattern of their route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = _NONE

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not shown
            # Here, not where the framework would print it: a traceback's last line is the error's
            # message, which may hold what came in.
            found = {"kind": type(error).__name__, "where": _where(error)}
            log.error("fault", route=_route(scope), **found)  # noqa: TRY400 - not its message
            if status == _NONE:
                await _fault()(scope, receive, seen)
        finally:
            service: Service = scope["app"].state.service
            route = _route(scope)
            took = None if route.endswith("/stream") else time.perf_counter() - begun
            service.metrics.answered(route, status, took)


class Straight:
    """ASGI middleware: a few calls go to their handler at once.

    The framework's way to a route costs as much as a decision.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[tuple[str, str], Handler]) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = None
        if scope["type"] == "http":
            handler = self._handlers.get((scope["method"], scope["path"]))
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["straight"] = scope["path"]
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except ChaincredError as error:
            response = await refused(request, error)
        await response(scope, receive, send)


class OwnCookie:
    """ASGI middleware: of all cookies only the session's goes on, if it can be one.

    The framework unquotes every cookie of every call, which in some versions of Python takes half
    a minute for one head that is full of backslashes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            said = b";".join(value for name, value in scope["headers"] if name == b"cookie")
            if said:
                others = [each for each in scope["headers"] if each[0] != b"cookie"]
                scope["headers"] = others + _session_in(said)
        await self._app(scope, receive, send)


def _session_in(said: bytes) -> list[tuple[bytes, bytes]]:
    for each in said.split(b";"):
        if _SESSION.fullmatch(each.strip()):
            return [(b"cookie", each.strip())]
    return []


async def refused(request: Request, error: Exception) -> Response:
    """What a refusal is answered with, and a line in the log."""
    if not isinstance(error, ChaincredError):
        raise error
    request.state.refused = error.code
    address = request.client.host if request.client else ""
    log.info("refused", code=error.code, route=_route(request.scope), address=address)
    return problems.answer(error)


async def faulted(_: Request, __: Exception) -> Response:
    """What a fault is answered with; the framework goes on to raise it."""
    return _fault()


def _fault() -> Response:
    return problems.answer(Refused("internal", "a fault of the service's own"))


async def unrouted(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: no such path, another method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    answer = await refused(request, problems.of_status(status))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(_methods(request.scope)))
    return answer


def _methods(scope: Scope) -> set[str]:
    """What the path can be asked for. The framework names only those of one route."""
    fit = [each for each in scope["app"].routes if each.matches(scope)[0] is not Match.NONE]
    return {method for each in fit for method in getattr(each, "methods", None) or ()}


def _route(scope: Scope) -> str:
    """The pattern that a call's path matched: the path itself may hold whatever was pasted."""
    return str(getattr(scope.get("route"), "path", scope.get("straight", "none")))


def _where(error: BaseException) -> list[str]:
    found: list[str] = []
    frame: Any = error.__traceback__
    while frame is not None:
        found.append(f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}")
        frame = frame.tb_next
    return found[-6:]
