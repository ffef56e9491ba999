"""Ed25519 keys as types (specs/token.md 2).

There is one algorithm, so nothing selects one. Every signature is over a context string, which
names its use, and 32 bytes: a signature made for one use never verifies for another.
"""

from __future__ import annotations

import secrets
from enum import Enum
from hashlib import sha256
from typing import Final, NoReturn

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from chaincred.errors import Malformed

KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64

_P: Final = 2**255 - 19
_SMALL_ORDER: Final = (
    0,
    1,
    _P - 1,
    int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
)
# Under a key of small order some libraries accept any message; y >= p is a second spelling.
_REFUSED: Final = frozenset(
    (y | sign).to_bytes(KEY_SIZE, "little")
    for y in (*_SMALL_ORDER, *range(_P, 2**255))
    for sign in (0, 2**255)
)


class Context(bytes, Enum):
    """What a signature is for."""

    BLOCK = b"chaincred/v1/block\0"
    PROOF = b"chaincred/v1/proof\0"
    HEAD = b"chaincred/v1/head\0"
    SNAPSHOT = b"chaincred/v1/snapshot\0"
    ACK = b"chaincred/v1/ack\0"
    AUDIT = b"chaincred/v1/audit\0"
    HOLDER = b"chaincred/v1/holder\0"


class PublicKey:
    """An Ed25519 public key of 32 bytes. Raises Malformed for one that is refused everywhere."""

    __slots__ = ("_digest", "_raw")

    def __init__(self, raw: bytes) -> None:
        if type(raw) is not bytes or len(raw) != KEY_SIZE:
            raise Malformed("a public key is 32 bytes")
        if raw in _REFUSED:
            raise Malformed("a public key of small order or in a non-canonical encoding")
        self._raw = raw
        self._digest = b""

    @classmethod
    def from_hex(cls, text: str) -> PublicKey:
        """The key written as 64 lower-case hexadecimal digits. Raises Malformed."""
        try:
            raw = bytes.fromhex(text)
        except ValueError as error:
            raise Malformed("a public key is 64 hexadecimal digits") from error
        if raw.hex() != text:
            raise Malformed("a public key is 64 lower-case hexadecimal digits")
        return cls(raw)

    def hex(self) -> str:
        return self._raw.hex()

    @property
    def digest(self) -> bytes:
        """32 bytes that name the key in revocations."""
        if not self._digest:
            self._digest = sha256(b"chaincred/v1/key\0" + self._raw).digest()
        return self._digest

    def verify(self, context: Context, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the 32 bytes `message` for `context`."""
        if len(signature) != SIGNATURE_SIZE:
            return False
        try:
            crypto_sign_open(signature + context + message, self._raw)
        except BadSignatureError:
            return False
        return True

    def __bytes__(self) -> bytes:
        return self._raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"PublicKey({self._raw[:4].hex()}…)"


class Secret:
    """Bytes that no repr, log, traceback, copy or pickle may show."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied")


class SigningKey(Secret):
    """An Ed25519 private key. Made by `generate` or `from_seed`."""

    __slots__ = ("public_key",)

    public_key: PublicKey

    def __init__(self, seed: bytes) -> None:
        if type(seed) is not bytes or len(seed) != KEY_SIZE:
            raise ValueError("a seed is 32 bytes")
        public, expanded = crypto_sign_seed_keypair(seed)
        super().__init__(expanded)
        self.public_key = PublicKey(public)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(secrets.token_bytes(KEY_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed (RFC 8032 5.1.5). Raises ValueError."""
        return cls(seed)

    def reveal_seed(self) -> bytes:
        """The 32 secret bytes, for the one who stores or hands over the key."""
        return self._secret[:KEY_SIZE]

    def sign(self, context: Context, message: bytes) -> bytes:
        """The 64-byte signature over `context` and the 32 bytes `message`."""
        return crypto_sign(context + message, self._secret)[:SIGNATURE_SIZE]
