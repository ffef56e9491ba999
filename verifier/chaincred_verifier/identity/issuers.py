"""Who may say who a workload is: OIDC issuers and SPIFFE trust domains, as configured.

An issuer picks out the JWTs that claim to be its own, and once such a one is rightly signed says
whom it names. Each has names that no other can give: an OIDC issuer's begin with its prefix, a
trust domain's with `spiffe://` and its own name. So one that turns against us names only its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from chaincred.block import MAX_AGENT
from chaincred.encoding import MAX_TIME, is_text
from chaincred_verifier.identity.jwt import Jwt, refused
from chaincred_verifier.identity.kept_keys import KeptKeys

DRIFT: Final = 60
"""Seconds that an issuer's clock may be ahead of ours, as for proofs."""
MAX_AGE: Final = 86_400
"""Seconds since a JWT was issued: one that is older, and still good, was made to be kept."""
SPIFFE: Final = "spiffe://"
_SPIFFE_ID: Final = re.compile(r"spiffe://[a-z0-9._\-]+(?:/(?!\.\.?(?:/|\Z))[\w.\-]+)+", re.ASCII)


class Issuer(Protocol):
    """One party whose word on who a workload is counts. `audience` is the service's own name."""

    @property
    def keys(self) -> KeptKeys:
        """Its keys."""

    def is_meant_by(self, jwt: Jwt) -> bool:
        """Whether the JWT claims to be of this issuer."""

    def name_in(self, jwt: Jwt, *, audience: str, now: int) -> str:
        """Whom a rightly signed JWT names. Raises Refused, `identity`."""


@dataclass(frozen=True, slots=True)
class OidcIssuer:
    """An OpenID Connect provider. Names are its prefix and the `sub`."""

    issuer: str
    prefix: str
    keys: KeptKeys = field(repr=False)
    audience: str | None = None
    """What its JWTs have as `aud`, where that is not the service's own name."""

    def is_meant_by(self, jwt: Jwt) -> bool:
        return jwt.claims.get("iss") == self.issuer

    def name_in(self, jwt: Jwt, *, audience: str, now: int) -> str:
        _check_audience(jwt.claims, self.audience or audience)
        _check_times(jwt.claims, now)
        if "iat" not in jwt.claims:
            raise refused("the JWT does not say when it was issued")
        return _name(self.prefix, jwt.claims)


@dataclass(frozen=True, slots=True)
class TrustDomain:
    """A SPIFFE trust domain. Names are SPIFFE ids (SPIFFE JWT-SVID 3)."""

    trust_domain: str
    keys: KeptKeys = field(repr=False)
    audience: str | None = None

    def is_meant_by(self, jwt: Jwt) -> bool:
        sub = jwt.claims.get("sub")
        return isinstance(sub, str) and sub.startswith(f"{SPIFFE}{self.trust_domain}/")

    def name_in(self, jwt: Jwt, *, audience: str, now: int) -> str:
        _check_audience(jwt.claims, self.audience or audience)
        _check_times(jwt.claims, now)
        name = _name("", jwt.claims)
        if not _SPIFFE_ID.fullmatch(name):
            raise refused("the JWT's subject is not a SPIFFE id of a workload")
        return name


def _check_audience(claims: Mapping[str, Any], audience: str) -> None:
    # Exactly one: what another party is also meant to take, that party could exchange for itself.
    if claims.get("aud") not in (audience, [audience]):
        raise refused("the JWT is not for this service alone")


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    if now >= _time(claims, "exp"):
        raise refused("the JWT has expired")
    if "nbf" in claims and now + DRIFT < _time(claims, "nbf"):
        raise refused("the JWT is not good yet")
    if "iat" in claims and not now - MAX_AGE <= _time(claims, "iat") <= now + DRIFT:
        raise refused("the JWT was issued in the future, or more than a day ago")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # No bool; and no NaN, with which every comparison is false.
    if isinstance(value, int | float) and value is not True and 0 <= value <= MAX_TIME:
        return value
    raise refused(f"the JWT's {name} is not a time")


def _name(prefix: str, claims: Mapping[str, Any]) -> str:
    sub = claims.get("sub")
    name = f"{prefix}{sub}"
    if not isinstance(sub, str) or not sub or not is_text(name, 1, MAX_AGENT):
        raise refused(f"the JWT's subject cannot be an agent's name of {MAX_AGENT} bytes")
    return name
