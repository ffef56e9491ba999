"""JSON Schemas of bodies, for the OpenAPI document. What is taken is decided in `wire`."""

from __future__ import annotations

from typing import Any, Final

_HEX32: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_UNTIL: Final = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}


def _object(needed: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**needed, **(optional or {})},
        "required": list(needed),
        "additionalProperties": False,
    }


def body(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """What a route says of its body."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


_REQUEST: Final = _object(
    {
        "tool": {"type": "string", "minLength": 1, "maxLength": 256},
        "effect": {"enum": ["read", "write", "irreversible"]},
    },
    {
        "resource": {"type": "string", "maxLength": 1024},
        "args": {"type": "object"},
        "task": {"type": "string", "maxLength": 128},
        "context": {"type": "string", "pattern": "^([0-9a-f]{64})?$"},
    },
)
_CHECK: Final = _object(
    {"presentation": {"type": "string", "pattern": "^cc1p_"}, "request": _REQUEST},
    {"audience": {"type": "string", "minLength": 1, "maxLength": 256}},
)
_SAID: Final = {"reason": {"type": "string", "maxLength": 200}, "until": _UNTIL}

VERIFY: Final = body(
    {
        "oneOf": [
            _CHECK,
            _object({"checks": {"type": "array", "items": _CHECK, "minItems": 1, "maxItems": 100}}),
        ]
    }
)
VERIFY_ONE: Final = body(_CHECK)
REVOKE: Final = body(
    {
        "oneOf": [
            _object({"what": {"const": "chain"}, "link": _HEX32}, _SAID),
            _object({"what": {"const": "chain"}, "token": _TEXT}, _SAID),
            _object({"what": {"const": "holder"}, "key": _HEX32}, _SAID),
            _object({"what": {"const": "issuer"}, "key": _HEX32}, {**_SAID, "before": _TIME}),
            _object(
                {
                    "what": {"const": "task"},
                    "task": {"type": "string", "minLength": 1, "maxLength": 128},
                },
                _SAID,
            ),
        ]
    }
)
FOLLOWER: Final = body(_object({"key": _HEX32}))
ACK: Final = body({"type": "string", "format": "binary"}, "application/vnd.chaincred.ack")

_LIMITS: Final = {
    "purpose": {"type": "string", "maxLength": 256},
    "lifetime": {"type": "integer", "minimum": 1, "maximum": 31_536_000},
    "max_hops": {"type": "integer", "minimum": 0, "maximum": 15},
}
_ASK: Final = _object(
    {"holder": _HEX32, "agent": {"type": "string", "minLength": 1, "maxLength": 128}},
    {**_LIMITS, "caveats": {"type": "array", "items": {"type": "object"}, "maxItems": 32}},
)
_EXCHANGE: Final = _object(
    {
        "grant_type": _TEXT,
        "subject_token": _TEXT,
        "subject_token_type": _TEXT,
        "holder": _HEX32,
        "holder_proof": _TEXT,
    },
    {**_LIMITS, "requested_token_type": _TEXT, "caveats": _TEXT},
)
ISSUE: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _ASK},
            "application/x-www-form-urlencoded": {"schema": _EXCHANGE},
        },
    }
}
