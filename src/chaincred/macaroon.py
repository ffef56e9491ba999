"""Macaroons for traffic inside one trust domain (specs/macaroon.md).

A service at the domain's edge verifies a chain once and mints a macaroon from it; inner services
that share the domain secret verify that with HMAC alone. Whoever can verify can mint, and whoever
reads a macaroon can use it.

pymacaroons reads, writes and signs. It is given nothing longer than a macaroon may be, what it
has read must spell back to the same bytes, and what a caveat means is asked here, of exactly the
caveats that the signature covers.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pymacaroons
from pymacaroons.exceptions import MacaroonInvalidSignatureException
from pymacaroons.serializers import BinarySerializer

from chaincred.block import MAX_KIND
from chaincred.caveats import (
    MAX_AUDIENCE,
    MAX_BLOCKS,
    Asked,
    Caveat,
    Expires,
    MaxHops,
    Task,
    decode,
)
from chaincred.encoding import (
    MAX_ELEMENTS,
    from_text,
    is_text,
    is_uint,
    pack,
    require_seconds,
    to_text,
    unpack,
)
from chaincred.errors import CaveatRefused, Failure, MacaroonRefused, Malformed, Untrusted
from chaincred.idtable import ID_SIZE
from chaincred.keys import PublicKey, Secret
from chaincred.request import Request
from chaincred.revocation import Footing, chain_id, key_id, task_id
from chaincred.token import Token
from chaincred.verify import Unrevocable, Verified
from chaincred.view import Freshness, RevocationView

PREFIX: Final = "cc1m_"
CAVEAT_PREFIX: Final = "cc1:"
LOCATION: Final = "chaincred"
MAX_MACAROON: Final = 8192
"""Bytes. Proxies commonly cap one header line at 8 KiB."""
SECRET_SIZE: Final = 32

_FORMAT: Final = pymacaroons.MACAROON_V2
_VERSION: Final = 1
_LINK_SIZE: Final = 32
_SIGNATURE_DIGITS: Final = 64
_BINARY: Final = BinarySerializer()


class DomainSecret(Secret):
    """What the services of one domain share. Made by `generate` or `from_bytes`.

    Whoever holds it can verify macaroons, and mint them.
    """

    __slots__ = ()

    @classmethod
    def generate(cls) -> DomainSecret:
        return cls(secrets.token_bytes(SECRET_SIZE))

    @classmethod
    def from_bytes(cls, secret: bytes) -> DomainSecret:
        """The secret that these 32 bytes are. Raises ValueError."""
        if type(secret) is not bytes or len(secret) != SECRET_SIZE:
            raise ValueError("a domain secret is 32 bytes")
        return cls(secret)

    def reveal(self) -> bytes:
        """The 32 secret bytes, for the one who stores or shares them."""
        return self._secret


@dataclass(frozen=True, slots=True)
class _Identifier:
    """What a chain could be revoked by, and when it ends (specs/macaroon.md 2)."""

    issuer: bytes
    issued_at: int
    links: tuple[bytes, ...]
    holders: tuple[bytes, ...]
    expires_at: int

    @classmethod
    def of(cls, token: Token) -> _Identifier:
        chain = token.chain
        holders = tuple(key_id(block.holder) for block in chain.blocks)
        caveats = [caveat for each in token.caveats for caveat in each]
        expires_at = min(caveat.at for caveat in caveats if isinstance(caveat, Expires))
        issuer, issued_at = key_id(chain.issuer), chain.blocks[0].issued_at
        return cls(issuer, issued_at, chain.links, holders, expires_at)

    @classmethod
    def from_bytes(cls, data: bytes) -> _Identifier:
        """The identifier that `data` packs. Raises Malformed."""
        fields = unpack(data, MAX_MACAROON)
        if type(fields) is not list or len(fields) != 6:
            raise Malformed("an identifier is an array of 6")
        version, issuer, issued_at, links, holders, expires_at = fields
        if not is_uint(version) or version != _VERSION:
            raise Malformed("an identifier of another version than 1")
        if not is_uint(issued_at) or not is_uint(expires_at):
            raise Malformed("the time of an identifier is not a time")
        if not _all_bytes([issuer], ID_SIZE) or not _all_bytes(holders, ID_SIZE):
            raise Malformed("the id of a key is 16 bytes")
        if not _all_bytes(links, _LINK_SIZE):
            raise Malformed("a link is 32 bytes")
        if not 1 <= len(links) <= MAX_BLOCKS or len(holders) != len(links):
            raise Malformed(f"1 to {MAX_BLOCKS} links, and as many holders")
        return cls(issuer, issued_at, tuple(links), tuple(holders), expires_at)

    def to_bytes(self) -> bytes:
        named = [self.issuer, self.issued_at, list(self.links), list(self.holders)]
        return pack([_VERSION, *named, self.expires_at])


@dataclass(frozen=True, slots=True)
class _Signed:
    """What the domain secret vouches for. A caveat of another profile is None: it forbids."""

    identifier: _Identifier
    caveats: tuple[Caveat | None, ...]

    @property
    def footing(self) -> Footing:
        links = [chain_id(link) for link in self.identifier.links]
        tasks = [task_id(caveat.id) for caveat in self.caveats if isinstance(caveat, Task)]
        ids = (*links, *self.identifier.holders, *tasks)
        return Footing(self.identifier.issuer, self.identifier.issued_at, ids)

    @property
    def expires_at(self) -> int:
        expiries = [caveat.at for caveat in self.caveats if isinstance(caveat, Expires)]
        return min([self.identifier.expires_at, *expiries])

    def failures(self, asked: Asked, max_lifetime: int | None) -> Iterator[Failure]:
        expires_at = self.identifier.expires_at
        if asked.now >= expires_at:
            yield Failure(0, "expires_at", f"before {expires_at}", str(asked.now))
        lifetime = expires_at - self.identifier.issued_at
        if max_lifetime is not None and lifetime > max_lifetime:
            yield Failure(0, "lifetime", f"at most {max_lifetime} s", f"{lifetime} s")
        for caveat in self.caveats:
            if caveat is None:
                yield Failure(0, "Unknown", "what another profile means by it", "this profile")
            # Exactly True: a caveat forbids unless it says that it holds.
            elif caveat.holds(asked) is not True:
                yield Failure(0, caveat.name, caveat.wanted(), caveat.given(asked))


class Macaroon(Secret):
    """A macaroon of this profile as somebody handed it over; only a verifier says what it is worth.

    Immutable. Whoever reads its text or bytes can use it, so neither is shown unasked.
    """

    __slots__ = ("_identifier", "_read")

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._read = _read(data)
        if self._read.location != LOCATION:
            raise Malformed(f"a macaroon of another location than {LOCATION}")
        self._identifier = _Identifier.from_bytes(self._read.identifier_bytes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Macaroon:
        """The macaroon that `data` is, in the version 2 binary format. Raises Malformed."""
        return cls(data)

    @classmethod
    def parse(cls, text: str) -> Macaroon:
        """The macaroon that a `cc1m_` text spells. Raises Malformed."""
        return cls(from_text(PREFIX, text, MAX_MACAROON))

    def attenuate(self, caveats: Sequence[Caveat]) -> Macaroon:
        """This macaroon under further caveats; takes no secret.

        Raises ValueError for MaxHops, which a macaroon cannot count, and if it grows too long.
        """
        if any(isinstance(caveat, MaxHops) for caveat in caveats):
            raise ValueError("a macaroon does not count hops: it could never be used")
        return _with_caveats(_read(self._secret), caveats)

    def signed_by(self, secret: DomainSecret) -> _Signed:
        """What `secret` signed here. Raises MacaroonRefused unless that is all of it."""
        _check_signature(self._read, secret)
        return _Signed(self._identifier, tuple(map(_meaning, self._read.caveats)))

    def reveal(self) -> str:
        """The `cc1m_` text. Whoever reads it can use the macaroon."""
        return to_text(PREFIX, self._secret)

    def reveal_bytes(self) -> bytes:
        """The version 2 binary form, for other macaroon libraries. As secret as the text."""
        return self._secret


def mint(secret: DomainSecret, verified: Verified, *, now: int) -> Macaroon:
    """A macaroon that allows its bearer, from `now` (seconds) on, what the chain allowed.

    Raises TypeError for what no verifier has admitted, ValueError if the chain has expired or
    its macaroon would be too long.
    """
    if not isinstance(verified, Verified):
        raise TypeError("a macaroon is minted from what a verifier has admitted")
    identifier = _Identifier.of(verified.token)
    if identifier.expires_at <= now:
        raise ValueError(f"the chain expired at {identifier.expires_at}")
    minted = pymacaroons.Macaroon(
        location=LOCATION, identifier=identifier.to_bytes(), key=secret.reveal(), version=_FORMAT
    )
    caveats = [caveat for each in verified.token.caveats for caveat in each]
    # The verifier has counted the hops; from here on nobody does.
    return _with_caveats(minted, [each for each in caveats if not isinstance(each, MaxHops)])


@dataclass(frozen=True, slots=True)
class VerifiedMacaroon:
    """An admitted request. What `MacaroonVerifier.verify` returns.

    `root_id` and `links` are those of the chain that the macaroon was minted from, 32 bytes each;
    from `expires_at` (seconds) on it is worth nothing. `list_seq` and `list_age` (seconds) are
    those of the revocation list that was asked, None for an unrevocable root.
    """

    root_id: bytes
    links: tuple[bytes, ...]
    expires_at: int
    list_seq: int | None
    list_age: int | None


class MacaroonVerifier:
    """Admits or refuses requests made with macaroons to the service called `audience`.

    `roots` names each trusted root key and what answers for its revocations, as for a `Verifier`.
    `freshness` says how old a list may be for each effect.
    """

    def __init__(
        self,
        *,
        secret: DomainSecret,
        audience: str,
        roots: Mapping[PublicKey, RevocationView | Unrevocable],
        freshness: Freshness | None = None,
    ) -> None:
        if not is_text(audience, 1, MAX_AUDIENCE):
            raise ValueError("the name of an audience is a text of 1 to 256 bytes")
        self._secret = secret
        self._audience = audience
        self._views = {key_id(root): view for root, view in roots.items()}
        self._freshness = freshness or Freshness()

    def verify(self, macaroon: str | bytes, request: Request, *, now: int) -> VerifiedMacaroon:
        """What is admitted (specs/macaroon.md 7). Raises the ChaincredError of a step.

        `macaroon` is a `cc1m_` text or the version 2 binary form, `request` what the service is
        about to do, `now` the time in seconds. A CaveatRefused names everything that forbids.
        """
        require_seconds(now)

        # 1. malformed
        if isinstance(macaroon, str):
            presented = Macaroon.parse(macaroon)
        else:
            presented = Macaroon.from_bytes(macaroon)

        # 2. macaroon_signature, untrusted
        signed = presented.signed_by(self._secret)
        view = self._views.get(signed.identifier.issuer)
        if view is None:
            raise Untrusted("minted from a chain of a root that is not trusted")

        # 3. stale, revoked
        seq = age = limit = None
        if isinstance(view, Unrevocable):
            limit = view.max_lifetime
        else:
            seq, age = view.seq, view.age(now)
            view.require_fresh(request.effect, self._freshness, now)
            view.require_alive(signed.footing, request.task)

        # 4. caveat. Handing on is not counted: as if more blocks followed than MaxHops can allow.
        asked = Asked(request, now, self._audience, below=MAX_BLOCKS)
        forbidden = tuple(signed.failures(asked, limit))
        if forbidden:
            raise CaveatRefused(forbidden)
        links = signed.identifier.links
        return VerifiedMacaroon(links[0], links, signed.expires_at, seq, age)


def _read(data: bytes) -> Any:
    """The version 2 macaroon, of any profile, that `data` is the one spelling of."""
    if len(data) > MAX_MACAROON:
        raise Malformed(f"{len(data)} bytes, at most {MAX_MACAROON} are allowed")
    if data[:1] != bytes([_FORMAT]):
        raise Malformed("not a macaroon in the version 2 binary format")
    try:
        read = _BINARY.deserialize_raw(data)
        spelled = _BINARY.serialize_raw(read)
    # A cut integer is a bare Exception, a location that is not UTF-8 a ValueError, and so on.
    except Exception as error:
        raise Malformed("not a macaroon in the version 2 binary format") from error
    if spelled != data:
        raise Malformed("not the one spelling of its macaroon")
    if len(read.signature_bytes) != _SIGNATURE_DIGITS:
        raise Malformed("a macaroon's signature is 32 bytes")
    return read


def _check_signature(read: Any, secret: DomainSecret) -> None:
    covered: list[Any] = []

    def admit(_verifier: Any, caveat: Any, *_: Any) -> bool:
        covered.append(caveat)
        return True

    # A caveat that is not admitted stays out of the HMAC: all are, and their meaning comes after.
    verifier = pymacaroons.Verifier()
    verifier.first_party_caveat_verifier_delegate.verify_first_party_caveat = admit
    verifier.third_party_caveat_verifier_delegate.verify_third_party_caveat = admit
    try:
        signed = verifier.verify(read, secret.reveal())
    except MacaroonInvalidSignatureException:
        signed = False
    # Raised outside `except`: the cause's frames hold the secret.
    if signed is not True:
        raise MacaroonRefused("not signed with this domain's secret")
    if covered != read.caveats:
        raise MacaroonRefused("the signature does not cover every caveat")


def _with_caveats(macaroon: Any, caveats: Sequence[Caveat]) -> Macaroon:
    for packed in dict.fromkeys(pack(caveat.to_wire()) for caveat in caveats):
        macaroon.add_first_party_caveat(to_text(CAVEAT_PREFIX, packed))
    data: bytes = _BINARY.serialize_raw(macaroon)
    if len(data) > MAX_MACAROON:
        raise ValueError(f"a macaroon of {len(data)} bytes, at most {MAX_MACAROON} are allowed")
    return Macaroon.from_bytes(data)


def _meaning(caveat: Any) -> Caveat | None:
    if caveat.third_party():
        return None
    try:
        text = caveat.caveat_id_bytes.decode("latin-1")
        packed = from_text(CAVEAT_PREFIX, text, MAX_MACAROON)
        raw = unpack(packed, MAX_MACAROON, MAX_ELEMENTS)
        if type(raw) is not list or not raw or not is_uint(raw[0], MAX_KIND):
            return None
        (meant,) = decode([raw])
    except Malformed:
        return None
    return meant if pack(meant.to_wire()) == packed else None


def _all_bytes(values: object, size: int) -> bool:
    return type(values) is list and all(type(v) is bytes and len(v) == size for v in values)
