"""An acknowledgement: a follower says how far its view of a list has come (specs/service.md 8.2).

The service learns from it which servers enforce a revocation, and who was shown another list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from chaincred.encoding import is_uint, pack, unpack
from chaincred.errors import ListRefused, Malformed
from chaincred.keys import Context, PublicKey, SigningKey
from chaincred.revocation import Place, Signed

MAX_ACK: Final = 1024
"""Bytes. The longest name, the largest numbers and the signature take 279."""
MEDIA_TYPE: Final = "application/vnd.chaincred.ack"

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def is_follower_name(name: object) -> bool:
    """Whether `name` is a text of 1 to 128 letters (A to Z), digits, `.`, `-`, `_`."""
    return type(name) is str and _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Ack:
    """At the second `at`, the follower `name` relies on a head of this place and `issued_at`.

    Raises ValueError. One that was read with `from_bytes` says so only once `is_signed_by` has
    been asked: its name tells which key to ask for.
    """

    name: str
    place: Place
    issued_at: int
    at: int
    _signed: Signed | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_follower_name(self.name):
            raise ValueError("a follower's name is 1 to 128 letters, digits, '.', '-', '_'")
        if not is_uint(self.issued_at) or not is_uint(self.at):
            raise ValueError("the times of an acknowledgement are whole seconds since 1970")

    @classmethod
    def from_bytes(cls, data: bytes) -> Ack:
        """The acknowledgement that `data` packs, by whomever. Raises Malformed."""
        if len(data) > MAX_ACK:
            raise Malformed(f"{len(data)} bytes, at most {MAX_ACK} are allowed")
        try:
            signed = Signed.from_bytes(data)
            fields = _fields(signed.body)
            return cls(fields[0], Place.from_wire(fields[1:4]), fields[4], fields[5], signed)
        except (ListRefused, ValueError) as error:
            raise Malformed(f"not an acknowledgement: {error}") from error

    def sign(self, key: SigningKey) -> bytes:
        """The packed acknowledgement, `[body, signature]`."""
        body = pack([self.name, *self.place.to_wire(), self.issued_at, self.at])
        return pack([body, key.sign(Context.ACK, sha256(body).digest())])

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether this was read from bytes that `key` signed."""
        return self._signed is not None and self._signed.is_signed_by(Context.ACK, (key,))


def _fields(body: bytes) -> list[Any]:
    fields = unpack(body, MAX_ACK)
    if type(fields) is not list or len(fields) != 6:
        raise Malformed("the body of an acknowledgement is an array of 6")
    return fields
