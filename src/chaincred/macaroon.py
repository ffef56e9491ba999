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

from chaincred.block import MAX_KIND, Block
from chaincred.caveats import (
    MAX_AUDIENCE,
    MAX_BLOCKS,
    Asked,
    Caveat,
    Expires,
    Failure,
    MaxHops,
    Task,
    decode,
)
from chaincred.chain import Chain
from chaincred.encoding import from_text, is_text, is_uint, pack, to_text, unpack
from chaincred.errors import CaveatRefused, MacaroonRefused, Malformed, Untrusted
from chaincred.idtable import ID_SIZE
from chaincred.keys import PublicKey, Secret
from chaincred.request import Request
from chaincred.revocation import key_id
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


class _KnownById(PublicKey):
    """A key of which only the 16-byte id is known: enough for a revocation list, for no more."""

    __slots__ = ()

    def __init__(self, id: bytes) -> None:
        self._raw = id

    @property
    def digest(self) -> bytes:
        return self._raw


@dataclass(frozen=True, slots=True)
class _Identifier:
    """What a chain could be revoked by, and when it ends (specs/macaroon.md 2)."""

    issuer: bytes
    issued_at: int
    links: tuple[bytes, ...]
    holders: tuple[bytes, ...]
    expires_at: int

    @classmethod
    def of(cls, chain: Chain, expires_at: int) -> _Identifier:
        holders = tuple(key_id(block.holder) for block in chain.blocks)
        issued_at = chain.blocks[0].issued_at
        return cls(key_id(chain.issuer), issued_at, chain.links, holders, expires_at)

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

    def chain(self) -> Chain:
        """As much of the chain as a revocation list asks for."""
        blocks = tuple(
            Block(b"", b"", None, self.issued_at, _KnownById(holder), "", "", ())
            for holder in self.holders
        )
        return Chain(_KnownById(self.issuer), blocks, self.links)


class Macaroon(Secret):
    """A macaroon of this profile as somebody handed it over; only a verifier says what it is worth.

    Whoever reads its text can use it. Immutable.
    """

    __slots__ = ("_read", "identifier")

    identifier: _Identifier

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._read = _read(data)
        if self._read.location != LOCATION:
            raise Malformed(f"a macaroon of another location than {LOCATION}")
        self.identifier = _Identifier.from_bytes(self._read.identifier_bytes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Macaroon:
        """The macaroon that `data` is, in the version 2 binary format. Raises Malformed."""
        return cls(data)

    @classmethod
    def parse(cls, text: str) -> Macaroon:
        """The macaroon that a `cc1m_` text spells. Raises Malformed."""
        return cls(from_text(PREFIX, text, MAX_MACAROON))

    @property
    def caveats(self) -> tuple[Caveat | None, ...]:
        """What each caveat says; None for one that is not of this profile, which forbids."""
        return tuple(_meaning(caveat) for caveat in self._read.caveats)

    def attenuate(self, caveats: Sequence[Caveat]) -> Macaroon:
        """This macaroon under further caveats; takes no secret.

        Raises ValueError for MaxHops, which a macaroon cannot count, and if it grows too long.
        """
        if any(isinstance(caveat, MaxHops) for caveat in caveats):
            raise ValueError("a macaroon does not count hops: it could never be used")
        return _with_caveats(_read(self._secret), caveats)

    def check_signature(self, secret: DomainSecret) -> None:
        """Raises MacaroonRefused unless `secret` minted it and covers every caveat."""
        _check_signature(self._read, secret.reveal())

    def reveal(self) -> str:
        """The `cc1m_` text. Whoever reads it can use the macaroon."""
        return to_text(PREFIX, self._secret)

    def reveal_bytes(self) -> bytes:
        """The version 2 binary form, for other macaroon libraries. As secret as the text."""
        return self._secret


def mint(secret: DomainSecret, verified: Verified, *, now: int) -> Macaroon:
    """A macaroon that allows at `now` (seconds) what the chain of `verified` does, to its bearer.

    Raises TypeError for what no verifier has admitted, ValueError if the chain has expired or
    its macaroon would be too long.
    """
    if not isinstance(verified, Verified):
        raise TypeError("a macaroon is minted from what a verifier has admitted")
    token = verified.token
    caveats = [caveat for each in token.caveats for caveat in each]
    expires_at = min(caveat.at for caveat in caveats if isinstance(caveat, Expires))
    if expires_at <= now:
        raise ValueError(f"the chain expired at {expires_at}")
    minted = pymacaroons.Macaroon(
        location=LOCATION,
        identifier=_Identifier.of(token.chain, expires_at).to_bytes(),
        key=secret.reveal(),
        version=_FORMAT,
    )
    # The verifier has counted the hops; from here on nobody does.
    return _with_caveats(minted, [each for each in caveats if not isinstance(each, MaxHops)])


@dataclass(frozen=True, slots=True)
class VerifiedMacaroon:
    """An admitted request. Only a verifier makes one.

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

    `roots` names each trusted root key, as for a `Verifier`: a macaroon is asked about at the
    list of the root that its chain came from. `freshness` says how old a list may be.
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
        if not roots:
            raise ValueError("a verifier that trusts no root admits nobody")
        self._secret = secret
        self._audience = audience
        self._views = {key_id(root): view for root, view in roots.items()}
        self._freshness = freshness or Freshness()

    def verify(self, macaroon: str | bytes, request: Request, *, now: int) -> VerifiedMacaroon:
        """What is admitted (specs/macaroon.md 7). Raises the ChaincredError of a step.

        `macaroon` is a `cc1m_` text or the version 2 binary form, `request` what the service is
        about to do, `now` the time in seconds. A CaveatRefused names everything that forbids.
        """
        # 1. malformed
        read = Macaroon.parse if isinstance(macaroon, str) else Macaroon.from_bytes
        presented = read(macaroon)
        identifier = presented.identifier

        # 2. macaroon_signature, untrusted
        presented.check_signature(self._secret)
        view = self._views.get(identifier.issuer)
        if view is None:
            raise Untrusted("minted from a chain of another root than the trusted ones")

        # 3. stale, revoked
        caveats = presented.caveats
        seq, age = self._check_list(view, identifier, caveats, request, now)

        # 4. caveat
        asked = Asked(request, now, self._audience, below=MAX_BLOCKS)
        forbidden = tuple(_failures(view, identifier, caveats, asked))
        if forbidden:
            raise CaveatRefused(forbidden)
        expires_at = min(
            [identifier.expires_at, *(e.at for e in caveats if isinstance(e, Expires))]
        )
        return VerifiedMacaroon(identifier.links[0], identifier.links, expires_at, seq, age)

    def _check_list(
        self,
        view: RevocationView | Unrevocable,
        identifier: _Identifier,
        caveats: Sequence[Caveat | None],
        request: Request,
        now: int,
    ) -> tuple[int | None, int | None]:
        if isinstance(view, Unrevocable):
            return None, None
        view.require_fresh(request.effect, self._freshness, now)
        tasks = [caveat.id for caveat in caveats if isinstance(caveat, Task)]
        view.require_alive(identifier.chain(), [*tasks, request.task] if request.task else tasks)
        return view.seq, view.age(now)


def _failures(
    view: RevocationView | Unrevocable,
    identifier: _Identifier,
    caveats: Sequence[Caveat | None],
    asked: Asked,
) -> Iterator[Failure]:
    # `asked.below` is more than MaxHops can allow: macaroons are handed on uncounted.
    if asked.now >= identifier.expires_at:
        yield Failure(0, "expires_at", f"before {identifier.expires_at}", str(asked.now))
    lifetime = identifier.expires_at - identifier.issued_at
    if isinstance(view, Unrevocable) and lifetime > view.max_lifetime:
        yield Failure(0, "lifetime", f"at most {view.max_lifetime} s", f"{lifetime} s")
    for caveat in caveats:
        if caveat is None:
            yield Failure(0, "Unknown", "what another profile means by it", "this one")
        # Exactly True: a caveat forbids unless it says that it holds.
        elif caveat.holds(asked) is not True:
            yield Failure(0, caveat.name, caveat.wanted(), caveat.given(asked))


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


def _check_signature(read: Any, secret: bytes) -> None:
    covered: list[Any] = []

    def admit(_verifier: Any, caveat: Any, *_: Any) -> bool:
        covered.append(caveat)
        return True

    # A caveat that is not admitted stays out of the HMAC: all are, and their meaning comes after.
    verifier = pymacaroons.Verifier()
    verifier.first_party_caveat_verifier_delegate.verify_first_party_caveat = admit
    verifier.third_party_caveat_verifier_delegate.verify_third_party_caveat = admit
    try:
        signed = verifier.verify(read, secret)
    except MacaroonInvalidSignatureException as error:
        raise MacaroonRefused("not signed with this domain's secret") from error
    if signed is not True or covered != read.caveats:
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
        raw = unpack(from_text(CAVEAT_PREFIX, text, MAX_MACAROON), MAX_MACAROON)
        if type(raw) is not list or not raw or not is_uint(raw[0], MAX_KIND):
            return None
        return decode([raw])[0]
    except Malformed:
        return None


def _all_bytes(values: object, size: int) -> bool:
    return type(values) is list and all(type(v) is bytes and len(v) == size for v in values)
