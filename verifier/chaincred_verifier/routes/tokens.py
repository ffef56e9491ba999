"""Issuing root tokens: for an administrator, or for a workload's JWT (specs/service.md 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chaincred import Caveat, ChaincredError, Malformed, ProofRefused, PublicKey, Token
from chaincred.block import MAX_AGENT, MAX_CAVEATS, MAX_PURPOSE
from chaincred.caveat_json import caveat_of
from chaincred.encoding import is_text, is_uint
from chaincred.key_proof import KeyProof
from chaincred_verifier import callers, schemas, wire
from chaincred_verifier.identity.configured import ADMIN
from chaincred_verifier.issuing import MAX_HOPS, MAX_LIFETIME, Issuing, Wanted
from chaincred_verifier.ledger import Writing
from chaincred_verifier.limits import body_of
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import number_of, query_of
from chaincred_verifier.service import Service, service_of

TOOL: Final = "chaincred.issue"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
CC1: Final = "urn:chaincred:token-type:cc1"
MAX_FORM: Final = 65_536
"""Bytes: a JWT of 8 KiB, and caveats for a block of 8 KiB as JSON, percent-encoded."""
_NEEDED: Final = ("grant_type", "subject_token", "subject_token_type", "holder", "holder_proof")
_OPTIONAL: Final = ("purpose", "caveats", "lifetime", "max_hops")
_OF_OTHERS: Final = {
    "resource": "invalid_target",
    "audience": "invalid_target",
    "scope": "invalid_scope",
}
"""Parameters of RFC 8693 that ask for what there is not, and the error that says so."""
_ERRORS: Final = {"unavailable": "temporarily_unavailable"}
"""RFC 6749's word for a code; for all others, by RFC 8693 2.2.2, `invalid_request`."""
_RECORDED: Final = frozenset({"identity", "key_proof", "proof_replayed", "grant", "revoked"})
_LOOSE_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")

router = APIRouter(default_response_class=Response, responses=schemas.REFUSALS)


@router.post("/v1/tokens", openapi_extra=schemas.ISSUE)
async def issue(request: Request) -> Response:
    """Issues a root token as far as the issuing policy allows. As JSON needs `chaincred.issue`."""
    service = service_of(request)
    query_of(request)
    issuing = service.issuing
    if issuing is None:
        raise Refused("not_found", "no tokens are issued here")
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said == JSON:
        return await _for_administrator(service, issuing, request)
    if said == FORM:
        return await _for_workload(service, issuing, request)
    raise Refused("unsupported_media_type", f"a token is asked for by {JSON} or {FORM}")


async def _for_administrator(service: Service, issuing: Issuing, request: Request) -> Response:
    caller = await callers.authority(service, request, TOOL, "write")
    said = wire.members(wire.json_of(caller.body), ("holder", "agent"), _OPTIONAL)
    asked = Wanted(
        PublicKey.from_hex(wire.text_in(said, "holder")),
        _text_in(said, "agent", 1, MAX_AGENT),
        _text_in(said, "purpose", 0, MAX_PURPOSE),
        _caveats(said.get("caveats", [])),
        _number_in(said, "lifetime", 1, MAX_LIFETIME),
        _number_in(said, "max_hops", 0, MAX_HOPS),
    )
    by = ADMIN + caller.agent
    try:
        token = issuing.issue(by, asked, now=service.clock())
        service.published.view.require_alive(token.footing, "")
        await service.write(_issued(token, by))
    except ChaincredError as error:
        await _record(service, error, by)
        raise
    return wire.answer(
        {
            "token": str(token),
            "root_id": token.root_id.hex(),
            "expires_at": token.root_expires_at,
        }
    )


async def _for_workload(service: Service, issuing: Issuing, request: Request) -> Response:
    try:
        return await _exchanged(service, issuing, await body_of(request))
    except ChaincredError as error:
        members = {"error": _ERRORS.get(error.code, "invalid_request")}
        members |= error.members if isinstance(error, Refused) else {}
        raise Refused(error.code, str(error), **members) from error


async def _exchanged(service: Service, issuing: Issuing, body: bytes) -> Response:
    form = _form(body)
    jwt, holder = form["subject_token"], PublicKey.from_hex(form["holder"])
    proof = KeyProof.parse(form["holder_proof"])
    purpose = _text_in(form, "purpose", 0, MAX_PURPOSE)
    caveats = _caveats(wire.json_of(form.get("caveats", "[]").encode()))
    lifetime = number_of(form["lifetime"], 1, MAX_LIFETIME) if "lifetime" in form else None
    max_hops = number_of(form["max_hops"], 0, MAX_HOPS) if "max_hops" in form else None
    now, who = service.clock(), None
    try:
        who = (await issuing.identities.verify(jwt, now)).name
        if not proof.holds(holder, jwt, audience=service.settings.name, now=now):
            raise Refused("key_proof", "the holder's key did not sign this exchange, here and now")
        asked = Wanted(holder, who, purpose, caveats, lifetime, max_hops)
        token = issuing.issue(who, asked, now=now)
        service.published.view.require_alive(token.footing, "")
        await service.write(_issued(token, who, proof))
    except ChaincredError as error:
        await _record(service, error, who)
        raise
    return wire.answer(
        {
            "access_token": str(token),
            "issued_token_type": CC1,
            "token_type": "N_A",
            "expires_in": token.root_expires_at - now,
            "root_id": token.root_id.hex(),
        }
    )


def _issued(token: Token, by: str, proof: KeyProof | None = None) -> Callable[[Writing], None]:
    """What is durable before the token leaves: its proof is used up, its tree is begun."""

    def put(writing: Writing) -> None:
        if proof:
            key = proof.replay_key(token.chain.holder)
            if not writing.remember(key, proof.remembered_until, writing.now):
                raise ProofRefused("proof_replayed", "this key proof was seen before")
        writing.saw(token)
        writing.record("issue", "ok", token, by=by)

    return put


async def _record(service: Service, error: ChaincredError, by: str | None) -> None:
    if error.code in _RECORDED:
        detail = str(error)
        await service.write(
            lambda writing: writing.record("issue", error.code, by=by, detail=detail)
        )


def _form(body: bytes) -> Mapping[str, str]:
    """The parameters of an exchange, each once. Raises Malformed, Refused."""
    if len(body) > MAX_FORM:
        raise Refused("too_large", f"a form of more than {MAX_FORM} bytes")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError as error:
        raise Malformed("the form is not urlencoded UTF-8 of at most 20 parameters") from error
    found = dict(pairs)
    if len(found) != len(pairs) or _LOOSE_PERCENT.search(text):
        raise Malformed("a parameter twice, or a % that stands for nothing")
    # RFC 6749 3.2: a parameter without a value is not there.
    form = {name: value for name, value in found.items() if value}
    for name in sorted(form.keys() & _OF_OTHERS.keys()):
        raise Refused("malformed", f"there is no {name} to choose", error=_OF_OTHERS[name])
    wire.members(form, _NEEDED, ("requested_token_type", *_OPTIONAL))
    if form["grant_type"] != EXCHANGE:
        message = "the grant type is token exchange"
        raise Refused("malformed", message, error="unsupported_grant_type")
    if form["subject_token_type"] != JWT or form.get("requested_token_type", CC1) != CC1:
        raise Malformed("a JWT is exchanged for a chaincred token, and nothing else for another")
    return form


def _caveats(said: Any) -> tuple[Caveat, ...]:
    if not isinstance(said, list) or len(said) > MAX_CAVEATS:
        raise Malformed(f"caveats are an array of at most {MAX_CAVEATS}")
    try:
        return tuple(caveat_of(each) for each in said)
    except ValueError as error:
        raise Malformed(f"a caveat that is not so: {error}") from error


def _text_in(said: Mapping[str, Any], name: str, low: int, high: int) -> str:
    value = wire.text_in(said, name, "")
    if not is_text(value, low, high):
        raise Malformed(f"{name} is not a text of {low} to {high} bytes")
    return value


def _number_in(said: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = said.get(name)
    if value is None and name not in said:
        return None
    if not is_uint(value, high) or value is None or value < low:
        raise Malformed(f"{name} is not a number from {low} to {high}")
    return int(value)
