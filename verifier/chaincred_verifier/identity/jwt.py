"""A JWT as it came, before anybody has looked at its signature (RFC 7519, RFC 8725).

It is taken apart strictly, so that what is checked here and what joserfc checks are the same bytes
and the same values. Header fields that bring a key along (`jwk`, `jku`, `x5c`, `x5u`) are not read:
a JWT does not say whom to trust. Nothing of a JWT is in a message: its text is a credential.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel

from chaincred.caveat_json import parsed
from chaincred.encoding import from_text
from chaincred.errors import Malformed
from chaincred_verifier.identity.keyset import Key
from chaincred_verifier.problems import Refused

MAX_JWT: Final = 8_192
"""Bytes: what proxies take as one header line; the largest of known issuers have some 2,000."""
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Asymmetric ones only: under HS256 whoever may check may also sign."""
_TYPES: Final = (None, "JWT", "JOSE", "at+jwt", "application/at+jwt")
# Under another type the issuer said something else than who this is.


class _Registry(jws.JWSRegistry):
    max_header_length = MAX_JWT
    max_payload_length = MAX_JWT

    def get_alg(self, name: str) -> JWSAlgModel:
        # EdDSA is any curve by RFC 8037; the only keys taken here are of this one.
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


_REGISTRY: Final = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Jwt:
    """What a JWT says; believe none of it before `is_signed_by`."""

    text: str = field(repr=False)
    algorithm: str
    kid: str | None
    claims: dict[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Jwt:
        """The JWT that a text spells. Raises Refused, `identity`."""
        if len(text) > MAX_JWT:
            raise refused(f"the JWT has more than {MAX_JWT} bytes")
        parts = text.split(".")
        if len(parts) != 3:
            raise refused("not a signed JWT")
        header, claims = (_object(part) for part in parts[:2])
        _bytes(parts[2])
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise refused("the JWT's algorithm is not one that is taken")
        if header.get("typ") not in _TYPES:
            raise refused("the JWT's type is another one")
        if "crit" in header or "b64" in header:
            raise refused("the JWT has a header that has to be understood and is not")
        kid = header.get("kid")
        if not isinstance(kid, str | None):
            raise refused("the JWT's key id is not a string")
        return cls(text, str(algorithm), kid, claims)

    def is_signed_by(self, key: Key) -> bool:
        """Whether `key` signed these bytes with the algorithm that the header names."""
        if self.algorithm not in key.algorithms:
            return False
        try:
            jws.deserialize_compact(self.text, key.verifying, registry=_REGISTRY)
        except (JoseError, ValueError, TypeError):
            return False
        return True


def refused(why: str) -> Refused:
    """The one refusal of an identity. `why` holds nothing of the JWT."""
    return Refused("identity", why)


def _object(part: str) -> dict[str, Any]:
    try:
        value = parsed(_bytes(part).decode())
    except ValueError:
        value = None
    # Raised outside `except`: a decoder's errors carry the text they did not understand.
    if not isinstance(value, dict):
        raise refused("not a signed JWT")
    return value


def _bytes(part: str) -> bytes:
    try:
        return from_text("", part, MAX_JWT)
    except Malformed as error:
        raise refused("not a signed JWT") from error
