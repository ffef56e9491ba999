"""What the OpenAPI document says of each route. What is taken is decided in `wire` and `queries`.

A constant for each route, for its `openapi_extra`: the tool and effect that a caller needs
(specs/service.md 3), what goes in and what comes out.
"""

from __future__ import annotations

from typing import Final

from chaincred_verifier.schemas.components import (
    COMPONENTS,
    FOLLOWER_NAME,
    NUMBER,
    REFUSALS,
    ROOT_ID,
)
from chaincred_verifier.schemas.parts import (
    BYTES,
    HEX32,
    JSON,
    TEXT,
    UNTIL,
    answer,
    at_least,
    each,
    exactly,
    listed,
    number,
    one_of,
    operation,
    or_null,
    pattern,
    ref,
    text,
)

# Deciding

_AUDIENCE: Final = {"audience": text(1, 256)}
_DECIDED: Final = one_of(ref("Admitted"), ref("Problem"))
VERIFY: Final = operation(
    one_of(ref("Admitted"), at_least({"results": listed(_DECIDED)})),
    takes={JSON: one_of(ref("Check"), exactly({"checks": listed(ref("Check"), 1, 100)}))},
)
EXPLAIN: Final = operation(
    answer("code failures hops", refusals=listed(answer("code message"))),
    # Whatever the presentation is, it is told what is wrong with it.
    takes={JSON: exactly({"presentation": TEXT, "request": ref("Request")}, _AUDIENCE)},
    tool="chaincred.read",
)
FORWARD_AUTH: Final = operation(
    gives={204: None},
    headers=each("X-Original-Method X-Original-URI X-Forwarded-Method X-Forwarded-Uri", TEXT)
    | each("Chaincred-Task Chaincred-Context", TEXT),
) | {"security": [{"presentation": []}]}

# Revoking

_SAID: Final = {"reason": text(0, 200), "until": UNTIL}
_KEY: Final = {"key": HEX32}
_DEAD: Final = answer("link root_id agent purpose expires_at last_used?")
REVOKE: Final = operation(
    gives={
        200: (JSON, one_of(ref("Entry"), answer("more already?", would_kill=listed(_DEAD)))),
        201: (JSON, {"allOf": [ref("Entry"), answer("killed")]}),
    },
    takes={
        JSON: one_of(
            exactly({"what": {"const": "chain"}, "link": HEX32}, _SAID),
            exactly({"what": {"const": "chain"}, "token": pattern("cc1_.*")}, _SAID),
            exactly({"what": {"const": "holder"}} | _KEY, _SAID),
            exactly({"what": {"const": "issuer"}} | _KEY, _SAID | {"before": number()}),
            exactly({"what": {"const": "task"}, "task": text(1, 128)}, _SAID),
        )
    },
    query={"dry_run": {"type": "boolean"}},
    tool="chaincred.revoke",
    effect="irreversible",
)
REVOCATIONS: Final = operation(
    at_least({"revocations": listed(ref("Entry"))}),
    query={"after": number(), "limit": number(1, 1_000)},
    tool="chaincred.read",
)
REVOCATION: Final = operation(ref("Entry"), tool="chaincred.read")
CLOSURE: Final = operation(
    answer(
        "number made_at contained_at?",
        state={"enum": ["closed", "partial", "unknown"]},
        enforced=listed(answer("name at?")),
        behind=listed(answer("name seq? at?")),
        silent=listed(answer("name at?")),
    ),
    tool="chaincred.read",
)

# Publishing

_SINCE: Final = {"since": number()}
_IF_NONE_MATCH: Final = {"If-None-Match": TEXT}
_UPDATE: Final = {200: ("application/vnd.chaincred.list", BYTES), 304: None}
WHOLE_OR_DELTA: Final = operation(gives=_UPDATE, query=_SINCE, headers=_IF_NONE_MATCH)
HEAD: Final = operation(gives=_UPDATE, headers=_IF_NONE_MATCH)
LIST_KEY: Final = operation(answer("list_id", keys=listed(HEX32, 1)))
STREAM: Final = operation(
    gives={200: ("text/event-stream", {})},
    query=_SINCE,
    headers={"Last-Event-ID": pattern("[0-9]{0,15}")},
)

# Followers

FOLLOWERS: Final = operation(
    at_least(
        {
            "list": answer("list_id seq? issued_at? fresh_until? unfit?"),
            "followers": listed(answer("name key registered_at seq? issued_at? heard_at?")),
        }
    ),
    tool="chaincred.read",
)
FOLLOWER: Final = operation(
    answer("name key"), takes={JSON: exactly(_KEY)}, tool="chaincred.followers", effect="write"
)
FORGET_FOLLOWER: Final = operation(gives={204: None}, tool="chaincred.followers", effect="write")
ACK: Final = operation(gives={204: None}, takes={"application/vnd.chaincred.ack": BYTES})

# Trees and audit

_FOUND: Final = answer("root_id agent purpose issued_at expires_at nodes last_used? uses")
_CURSOR: Final = pattern("[0-9]{1,16}(-[0-9a-f]{64})?")
CHAINS: Final = operation(
    at_least({"chains": listed(_FOUND), "next": or_null(_CURSOR)}),
    query=each("agent task tool", text(0, 256))
    | {"root_id": pattern("[0-9a-f]{0,64}"), "limit": number(1, 200), "before": _CURSOR},
    tool="chaincred.read",
)
_NODE: Final = answer(
    "link parent? depth agent purpose holder delegator issued_at expires_at caveats first_seen "
    "last_used? uses refused",
    alive={"type": "boolean"},
    revoked=or_null(answer("number what? reason? made_at?")),
)
CHAIN: Final = operation(answer("root_id issuer", nodes=listed(_NODE, 1)), tool="chaincred.read")
AUDIT_HEAD: Final = operation(answer("n hash at first before head"), tool="chaincred.read")
AUDIT_EXPORT: Final = operation(gives={200: ("application/jsonl", TEXT)}, tool="chaincred.read")
AUDIT: Final = operation(
    at_least({"records": listed(answer("n at what code"))}),
    query=each("agent task tool code what", text(0, 256))
    | {"root_id": pattern("([0-9a-f]{64})?"), "after": number(), "limit": number(1, 500)},
    tool="chaincred.read",
)

# Sessions

SIGN_IN: Final = operation(
    gives={201: (JSON, answer("csrf agent expires_at"))}, tool="chaincred.sign_in"
) | {"security": [{"presentation": []}]}
SIGN_OUT: Final = operation(gives={204: None})

# Issuing

_LIMITS: Final = {
    "purpose": text(0, 256),
    "lifetime": number(1, 31_536_000),
    "max_hops": number(0, 15),
}
_ASK: Final = exactly(
    {"holder": HEX32, "agent": text(1, 128)},
    _LIMITS | {"caveats": listed({"type": "object"}, 0, 32)},
)
_EXCHANGE: Final = exactly(
    each("grant_type subject_token subject_token_type holder_proof", TEXT) | {"holder": HEX32},
    _LIMITS | each("requested_token_type caveats", TEXT),
)
ISSUE: Final = operation(
    one_of(
        answer("token root_id expires_at"),
        answer("access_token issued_token_type token_type expires_in root_id"),
    ),
    takes={JSON: _ASK, "application/x-www-form-urlencoded": _EXCHANGE},
    tool="chaincred.issue",
    effect="write",
)

# Operation

_READY: Final = (JSON, at_least({"ready": {"type": "boolean"}, "unfit": listed(TEXT)}))
ALIVE: Final = operation(at_least({"alive": {"const": True}, "list": number()}))
READY: Final = operation(gives={200: _READY, 503: _READY})
METRICS: Final = operation(gives={200: ("text/plain", TEXT)})

__all__ = ["COMPONENTS", "FOLLOWER_NAME", "NUMBER", "REFUSALS", "ROOT_ID"]
