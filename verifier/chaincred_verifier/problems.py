"""Refusals as HTTP says them: problem documents (specs/service.md, RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import Response

from chaincred import CaveatRefused, ChaincredError, Failure

STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "malformed": 400,
        "unauthenticated": 401,
        "identity": 401,
        "untrusted": 403,
        "broken_chain": 403,
        "proof_audience": 403,
        "proof_time": 403,
        "proof_signature": 403,
        "proof_replayed": 403,
        "revoked": 403,
        "caveat": 403,
        "policy": 403,
        "key_proof": 403,
        "grant": 403,
        "not_yours": 403,
        "list_forked": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "timeout": 408,
        "gone": 410,
        "too_large": 413,
        "unsupported_media_type": 415,
        "rate_limited": 429,
        "internal": 500,
        "stale": 503,
        "unavailable": 503,
    }
)
"""The one table from a code to a status."""
_OF_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}


class Refused(ChaincredError):
    """A call that the service refuses with a code of its own page, specs/service.md."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.members = members
        """Further members of the problem."""


class Unavailable(Refused):
    """The store does not answer, so nothing can be made durable and nothing is admitted."""

    def __init__(self, message: str) -> None:
        super().__init__("unavailable", message)


def problem(error: ChaincredError) -> dict[str, Any]:
    """The problem document of a refusal."""
    status = STATUS.get(error.code, 400)
    said = {
        "type": f"urn:chaincred:error:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
        "code": error.code,
    }
    if isinstance(error, CaveatRefused):
        said["failures"] = failures_json(error.failures)
    return said | (error.members if isinstance(error, Refused) else {})


def failures_json(failures: tuple[Failure, ...]) -> list[dict[str, Any]]:
    """Every caveat that forbids."""
    return [
        {"hop": each.hop, "kind": each.kind, "wanted": each.wanted, "given": each.given}
        for each in failures
    ]


def answer(error: ChaincredError, status: int | None = None) -> Response:
    """The problem as a response; `status` replaces the table's."""
    said = problem(error)
    headers = {"Cache-Control": "no-store"}
    code = status or said["status"]
    if code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Chaincred"
    if code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = "1"
    return Response(
        json.dumps(said), status_code=code, headers=headers, media_type="application/problem+json"
    )


def of_status(status: int) -> Refused:
    """The refusal for what the framework answers by itself: no such path, another method."""
    code = _OF_STATUS.get(status, "malformed")
    return Refused(code, HTTPStatus(status).phrase.lower())
