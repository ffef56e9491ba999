"""The application: routes, and what becomes of an error. Everything else is elsewhere."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chaincred import ChaincredError
from chaincred_verifier import problems, upkeep
from chaincred_verifier.limits import Limited
from chaincred_verifier.problems import Refused
from chaincred_verifier.routes import (
    followers,
    lists,
    operate,
    records,
    revocations,
    sessions,
    verify,
)
from chaincred_verifier.service import Service
from chaincred_verifier.settings import Settings

_ROUTES: Final = (verify, revocations, lists, followers, records, sessions, operate)

_NONE: Final = 0
"""The status of a call that is not answered yet."""

log = structlog.get_logger()

Started = Callable[[], Awaitable[Service]]


def create_app(settings: Settings, start: Started | None = None) -> FastAPI:
    """The ASGI application; its service starts and stops with it. `start` makes another one."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = await (start() if start else Service.start(settings))
        app.state.service = service
        service.spawn(upkeep.clean(service))
        log.info("started", list_id=service.list_id.hex(), number=service.published.view.seq)
        try:
            yield
        finally:
            await service.stop()
            log.info("stopped")

    app = FastAPI(
        title="chaincred verification service",
        version=version("chaincred"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            ChaincredError: _refused,
            HTTPException: _http,
        },
    )
    for module in _ROUTES:
        app.include_router(module.router)
    app.add_middleware(Limited)
    app.add_middleware(Observed)
    return app


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
            _log_fault(error, scope["path"])
            if status == _NONE:
                await problems.answer(Refused("internal", "a fault of the service's own"))(
                    scope, receive, seen
                )
        finally:
            service: Service = scope["app"].state.service
            route = getattr(scope.get("route"), "path", "none")
            service.metrics.calls.labels(route, str(status)).inc()
            if not route.endswith("/stream"):
                service.metrics.seconds.labels(route).observe(time.perf_counter() - begun)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ChaincredError):
        raise error
    request.state.refused = error.code
    log.info("refused", code=error.code, path=request.url.path, address=_address(request))
    return problems.answer(error)


async def _http(request: Request, error: Exception) -> Response:
    status: int = getattr(error, "status_code", 400)
    return await _refused(request, problems.of_status(status))


def _log_fault(error: Exception, path: str) -> None:
    log.error("fault", kind=type(error).__name__, path=path, where=_where(error))


def _where(error: BaseException) -> list[str]:
    found: list[str] = []
    frame: Any = error.__traceback__
    while frame is not None:
        found.append(f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}")
        frame = frame.tb_next
    return found[-6:]


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
