"""A bare FastAPI echo: a body of the same form as a call to /v1/verify comes, and goes back.

What FastAPI on uvicorn takes for reading, checking and writing JSON of that size, and nothing
else. Run as `python -m bench.echo PORT`.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Asked(BaseModel):
    """A request as it travels (specs/service.md 4)."""

    tool: str
    effect: Literal["read", "write", "irreversible"]
    resource: str
    args: dict[str, Any]
    task: str
    context: str


class Check(BaseModel):
    """A presentation, and the request that it is for."""

    presentation: str
    request: Asked
    audience: str


@app.post("/echo")
async def echo(check: Check) -> Check:
    """What came."""
    return check


@app.get("/readyz")
async def ready() -> None:
    """That it answers."""


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        # As the service has it, so that what differs is what is done with a call.
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        backlog=1024,
    )
