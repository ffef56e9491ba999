"""What routes share in the OpenAPI document, and the one form of every refusal."""

from __future__ import annotations

from typing import Final

from fastapi import Path

from chaincred_verifier.schemas.parts import (
    HEX32,
    TEXT,
    Schema,
    answer,
    exactly,
    listed,
    number,
    or_null,
    pattern,
    ref,
    text,
)

_REQUEST: Final = exactly(
    {"tool": text(1, 256), "effect": {"enum": ["read", "write", "irreversible"]}},
    {
        "resource": text(0, 1024),
        "args": {"type": "object"},
        "task": text(0, 128),
        "context": pattern("([0-9a-f]{64})?"),
    },
)
_PROBLEM: Final = answer("title detail code", type=TEXT, status=number(400, 599))
_PROBLEM["properties"] |= {"failures": listed(ref("Failure")), "error": TEXT}

COMPONENTS: Final[Schema] = {
    "schemas": {
        "Problem": _PROBLEM,
        "Failure": answer("hop kind wanted given"),
        "Hop": answer("agent purpose issued_at delegator holder link caveats"),
        "Request": _REQUEST,
        "Check": exactly(
            {"presentation": pattern(r"cc1p_[A-Za-z0-9_\-]*"), "request": ref("Request")},
            {"audience": text(1, 256)},
        ),
        "Admitted": answer(
            "root_id agent hops audit", admitted={"const": True}, list=answer("seq age")
        ),
        "Entry": answer("number what id until reason made_at made_by", before=or_null(number())),
    },
    "securitySchemes": {
        "presentation": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Chaincred cc1p_…`, made for this one call (specs/service.md 3.1)",
        },
        "session": {"type": "apiKey", "in": "cookie", "name": "chaincred_session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "Chaincred-CSRF"},
    },
}
REFUSALS: Final[dict[int | str, Schema]] = {
    "default": {
        "description": "Refused (specs/service.md 1.3)",
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
}

# Of paths. Only said here: what the framework itself decides it refuses in words of its own.
NUMBER: Final = Path(json_schema_extra=pattern("[0-9]{1,16}"))
ROOT_ID: Final = Path(json_schema_extra=HEX32)
FOLLOWER_NAME: Final = Path(json_schema_extra=pattern(r"[A-Za-z0-9._\-]{1,128}"))
