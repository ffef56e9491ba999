"""Templates, and the headers that every answer of the page has (specs/service.md 11.2)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chaincred.cli.words import span
from chaincred_verifier.page import assets, words
from chaincred_verifier.service import service_of

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "when": words.when,
        "exactly": words.exactly,
        "short": words.short,
        "span": span,
        "query": _query,
        "json": _json,
        "quoted": shlex.quote,
    }
    made.globals["static"] = assets.BASE
    return made


def _query(asked: Mapping[str, str], **more: object) -> str:
    """A query string of what is not empty."""
    return urlencode({name: value for name, value in {**asked, **more}.items() if value})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


_ENVIRONMENT: Final = _environment()


def is_fragment(request: Request) -> bool:
    """Whether a part of a page is asked for, by htmx, rather than a whole one."""
    return "hx-request" in request.headers


def render(
    request: Request,
    template: str,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    **known: Any,
) -> Response:
    """A template as a response that no cache keeps. `known` is what it knows besides the time."""
    service = service_of(request)
    made = _ENVIRONMENT.get_template(template).render(
        now=service.clock(), service_name=service.settings.name, **known
    )
    return HTMLResponse(made, status, {"Cache-Control": "no-store", **(headers or {})})
