"""The public keys of an issuer (RFC 7517).

Each key says with which algorithms alone it verifies, by its own kind: so a JWT's header picks
among the algorithms of a key and never what the key is taken for. What is not such a key (secret
ones, other curves, too short, for another use) is left out, as an issuer may publish it for others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from chaincred.caveat_json import parsed
from chaincred.encoding import from_text
from chaincred.errors import Malformed

MAX_JWKS: Final = 262_144
"""Bytes: issuers that put certificate chains beside their keys have some 30,000."""
MAX_KEYS: Final = 100
_RSA_BITS: Final = range(2_048, 8_193)
_RSA_EXPONENT: Final = range(3, 2**32)
# An exponent or a modulus of any size would make each check as slow as its owner likes.
_MAX_MEMBER: Final = 1_024
"""Bytes of a number in a key: the longest modulus that is taken."""

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ED25519: Final = frozenset({"EdDSA", "Ed25519"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


class KeysRefused(Exception):
    """An issuer's keys cannot be had or are not a key set."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, by its id if it has one, with the algorithms that it verifies."""

    kid: str | None
    algorithms: frozenset[str]
    verifying: RSAKey | ECKey | OKPKey = field(repr=False)

    @classmethod
    def of(cls, kid: str | None, public: Any) -> Key | None:
        """The key of a public key of `cryptography`; None if it is of no kind that is taken."""
        match public:
            case RSAPublicKey():
                numbers = public.public_numbers()
                if public.key_size in _RSA_BITS and numbers.e in _RSA_EXPONENT:
                    return cls(kid, _RSA, RSAKey.import_key(public))
            case EllipticCurvePublicKey() if public.curve.name in _CURVES:
                return cls(kid, frozenset({_CURVES[public.curve.name]}), ECKey.import_key(public))
            case Ed25519PublicKey():
                return cls(kid, _ED25519, OKPKey.import_key(public))
        return None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that an issuer had when it was asked."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def of(cls, keys: Iterable[Key | None]) -> KeySet:
        """Those that are keys at all. Raises KeysRefused if there are too many."""
        found = tuple(key for key in keys if key is not None)
        if len(found) > MAX_KEYS:
            raise KeysRefused(f"more than {MAX_KEYS} keys")
        return cls(found)

    @classmethod
    def parse(cls, data: bytes, uses: Collection[str | None]) -> KeySet:
        """The keys of a JWK set whose `use` is one of `uses`. Raises KeysRefused."""
        if len(data) > MAX_JWKS:
            raise KeysRefused(f"a key set of more than {MAX_JWKS} bytes")
        try:
            said = parsed(data.decode())
        except ValueError as error:
            raise KeysRefused("not JSON with each key once") from error
        keys = said.get("keys") if isinstance(said, dict) else None
        if not isinstance(keys, list) or len(keys) > MAX_KEYS:
            raise KeysRefused(f"not a JWK set of at most {MAX_KEYS} keys")
        return cls.of(_key(jwk) for jwk in keys if isinstance(jwk, dict) and _fits(jwk, uses))

    def find(self, algorithm: str, kid: str | None) -> Key | None:
        """The one key for a JWT of this algorithm and key id; None if it is not exactly one.

        A JWT without a key id may only be of the one key that has its algorithm.
        """
        fitting = [
            key
            for key in self.keys
            if algorithm in key.algorithms and (kid is None or kid == key.kid)
        ]
        return fitting[0] if len(fitting) == 1 else None


def _fits(jwk: dict[str, Any], uses: Collection[str | None]) -> bool:
    use, operations = jwk.get("use"), jwk.get("key_ops", ["verify"])
    return (
        (use is None or isinstance(use, str))
        and use in uses
        and isinstance(operations, list)
        and "verify" in operations
    )


def _key(jwk: dict[str, Any]) -> Key | None:
    kty, kid, algorithm = jwk.get("kty"), jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    # A private key in a published set is everybody's by now.
    if not isinstance(kty, str) or kty not in _MEMBERS or "d" in jwk:
        return None
    names = _MEMBERS[kty]
    if not all(isinstance(jwk.get(name), str) for name in names):
        return None
    try:
        said = {name: from_text("", jwk[name], _MAX_MEMBER) for name in names if name != "crv"}
        if kty == "RSA" and int.from_bytes(said["n"]).bit_length() not in _RSA_BITS:
            return None
        public = JWKRegistry.import_key({"kty": kty, **{name: jwk[name] for name in names}})
        key = Key.of(kid, public.raw_value)
    except (Malformed, JoseError, ValueError, TypeError, KeyError):
        return None
    if key is None or algorithm is None:
        return key
    narrowed = key.algorithms & {algorithm}
    return Key(kid, narrowed, key.verifying) if narrowed else None
