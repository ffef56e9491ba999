"""The application: its routes, and the service that starts and stops with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from chaincred import ChaincredError
from chaincred_verifier import schemas, upkeep
from chaincred_verifier.front import Observed, OwnCookie, Straight, faulted, refused, unrouted
from chaincred_verifier.limits import Limited
from chaincred_verifier.routes import (
    followers,
    lists,
    operate,
    page,
    page_revoking,
    records,
    revocations,
    sessions,
    tokens,
    verify,
)
from chaincred_verifier.service import Service
from chaincred_verifier.settings import Settings

_ROUTES: Final = (verify, revocations, lists, followers, records, sessions, tokens, operate)

log = structlog.get_logger()

Started = Callable[[], Awaitable[Service]]


class Application(FastAPI):
    """Counted first, then limited; then the calls that go straight, then the routes."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.front(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return super().openapi() | {"components": schemas.COMPONENTS}


def create_app(settings: Settings, start: Started | None = None) -> Application:
    """The ASGI application. `start` makes another service than the settings' own."""

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

    app = Application(
        title="chaincred verification service",
        version=version("chaincred"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            ChaincredError: refused,
            HTTPException: unrouted,
            Exception: faulted,
        },
    )
    for module in (*_ROUTES, page, page_revoking) if settings.page else _ROUTES:
        app.router.routes.extend(module.router.routes)
    routed = OwnCookie(super(Application, app).__call__)
    straight = Straight(routed, {("POST", "/v1/verify"): verify.verify})
    app.front = Observed(Limited(straight))
    return app
