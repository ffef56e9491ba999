"""Who calls, and with what authority (specs/service.md 3)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.requests import Request

from chaincred import ChaincredError, Malformed, Token, Verified
from chaincred import Request as Asked
from chaincred_verifier import decider
from chaincred_verifier.limits import body_of
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service

SCHEME: Final = "chaincred"
COOKIE: Final = "chaincred_session"
CSRF: Final = "chaincred-csrf"
_SAFE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An administrator whose chain allows this call."""

    verified: Verified
    body: bytes

    @property
    def agent(self) -> str:
        """Named by who issued block 0: the names after it are what holders called themselves."""
        return self.verified.hops[0].agent


async def authority(service: Service, request: Request, tool: str, effect: str) -> Caller:
    """The administrator who makes this call. Raises the refusal of a step, or Refused."""
    body = await body_of(request)
    presentation = presented(request)
    if presentation is None:
        return Caller(await _session(service, request, tool, effect, body), body)
    asked = call(request, tool, effect, body)
    verified, _ = await service.admins.verify(presentation, asked)
    return Caller(verified, body)


async def holder(service: Service, request: Request, tool: str, effect: str, body: bytes) -> Token:
    """The token of the holder who makes this call, whatever its caveats say (6.2)."""
    presentation = presented(request)
    if presentation is None:
        raise Refused("unauthenticated", "no presentation")
    token, _ = await service.decider.identify(presentation, call(request, tool, effect, body))
    return token


def presented(request: Request) -> str | None:
    """The presentation that came with a call. Raises Malformed for two, or another scheme."""
    said = request.headers.getlist("authorization")
    if not said:
        return None
    scheme, _, presentation = said[0].partition(" ")
    if len(said) > 1 or scheme.lower() != SCHEME:
        raise Malformed("Authorization is once: Chaincred cc1p_…")
    return presentation


def call(request: Request, tool: str, effect: str, body: bytes) -> Asked:
    """What a call asks for, as its caller signed it (3.1). Raises Malformed."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    try:
        path, query = raw.decode("ascii"), request.scope["query_string"].decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("the path or the query is not ASCII") from error
    args = {"method": request.method, "query": query, "body": sha256(body).digest()}
    return Asked(tool, effect=effect, resource=path.removeprefix("/"), args=args)


async def _session(
    service: Service, request: Request, tool: str, effect: str, body: bytes
) -> Verified:
    """What a session's chain admits now (3.2). What it refuses is recorded, as any decision."""
    signed_in = await _signed_in(service, request)
    asked = call(request, tool, effect, body)
    try:
        return service.admins.verifier(None).recheck(signed_in, asked, now=service.clock())
    except ChaincredError as error:
        code, said = error.code, decider.asked(asked) | {"audience": service.settings.name}
        await service.write(lambda writing: writing.record("verify", code, signed_in.token, **said))
        raise


async def _signed_in(service: Service, request: Request) -> Verified:
    """What began the session whose cookie came. Raises Refused, `unauthenticated`."""
    id = hashed(request.cookies.get(COOKIE, ""))
    csrf = hashed(request.headers.get(CSRF, ""))

    found = await service.read(
        lambda store: store.rows(
            "SELECT token, csrf, expires_at, seal FROM sessions WHERE id = ?", id
        )
    )
    if not found or found[0][2] <= service.clock():
        raise Refused("unauthenticated", "no presentation, and no session that lasts")
    packed, known, seal = (bytes(found[0][at]) for at in (0, 1, 3))
    # Who can write to the store must not sign in by it: tokens are there to be read.
    if not hmac.compare_digest(service.seal(id, known, packed, found[0][2]), seal):
        raise Refused("unauthenticated", "not a session that was begun here")
    # A page elsewhere can make a browser send the cookie; it cannot read this token.
    if request.method not in _SAFE and not hmac.compare_digest(csrf, known):
        raise Refused("unauthenticated", "the session's token is missing")
    token = Token.from_bytes(packed)
    try:
        token.chain.check_signatures(service.settings.admin_roots)
    except ChaincredError as error:
        raise Refused("unauthenticated", "the session's root is not trusted any more") from error
    return Verified(token, _ANY, None, None)


def hashed(secret: str) -> bytes:
    """What is stored of a session's secrets, so that who reads the store has no session."""
    return sha256(secret.encode("utf-8", "replace")).digest()


_ANY: Final = Asked("chaincred.session", effect="read")

__all__ = ["Caller", "authority", "call", "hashed", "holder", "presented"]
