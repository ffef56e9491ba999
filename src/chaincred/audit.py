"""The audit log as bytes: lines, running hash, signed head (specs/service.md 9).

What the service writes and anybody can check offline: `check` reads an export.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from chaincred.encoding import from_text, is_uint, pack, to_text, unpack
from chaincred.errors import ChaincredError, Malformed
from chaincred.idtable import ID_SIZE
from chaincred.keys import SIGNATURE_SIZE, Context, PublicKey, SigningKey

MAX_LINE: Final = 65_536
"""Bytes of a record: sixteen hops with names and purposes at their longest take some 12,000."""
_HASH_SIZE: Final = 32
_MAX_HEAD: Final = 256


class AuditRefused(ChaincredError):
    """An export is not what the service wrote."""

    code = "audit"


def first_hash(list_id: bytes) -> bytes:
    """The running hash before the first record, 32 bytes."""
    return sha256(b"chaincred/v1/audit\0" + list_id).digest()


def next_hash(before: bytes, line: bytes) -> bytes:
    """The running hash after one more line (without its line break), 32 bytes."""
    return sha256(b"chaincred/v1/audit\0" + before + line).digest()


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the log is: its list (16 bytes), number of records, running hash, time (seconds)."""

    list_id: bytes
    n: int
    hash: bytes
    at: int

    def sign(self, key: SigningKey) -> bytes:
        """The packed head, `[body, signature]`, signed by the list key."""
        body = pack([self.list_id, self.n, self.hash, self.at])
        return pack([body, key.sign(Context.AUDIT, sha256(body).digest())])

    @classmethod
    def signed_by(cls, data: bytes, keys: Sequence[PublicKey]) -> AuditHead:
        """The head that `data` packs and one of `keys` signed. Raises Malformed, AuditRefused."""
        match unpack(data, _MAX_HEAD):
            case [bytes(body), bytes(signature)] if len(signature) == SIGNATURE_SIZE:
                pass
            case _:
                raise Malformed("not [body, signature]")
        digest = sha256(body).digest()
        if not any(key.verify(Context.AUDIT, digest, signature) for key in keys):
            raise AuditRefused("the head is not signed by a key of this list")
        match unpack(body, _MAX_HEAD):
            case [bytes(list_id), n, bytes(running), at] if is_uint(n) and is_uint(at):
                if len(list_id) == ID_SIZE and len(running) == _HASH_SIZE:
                    return cls(list_id, n, running, at)
        raise Malformed("an audit head is [list_id, n, hash, at]")


@dataclass(frozen=True, slots=True)
class Checked:
    """An export that is whole: the records `first` to `last`, and when its head was signed."""

    first: int
    last: int
    at: int


def header(list_id: bytes, after: int, running: bytes, head: bytes) -> str:
    """The first line of an export whose records follow number `after`."""
    said = {
        "chaincred_audit": 1,
        "list_id": list_id.hex(),
        "after": after,
        "hash": running.hex(),
        "head": to_text("", head),
    }
    return json.dumps(said, separators=(",", ":"))


def check(
    lines: Iterable[bytes], keys: Sequence[PublicKey], *, kept: Sequence[AuditHead] = ()
) -> Checked:
    """Checks an export, line by line without their breaks, against the list's keys.

    `kept` are heads of before, which whoever writes the log could not take back: the records have
    to pass through each. Raises AuditRefused where they do not, where a record was changed, left
    out, added or moved, or the head is not signed by one of `keys`; Malformed where it is no
    export.
    """
    rest = iter(lines)
    list_id, after, running, signed = _first(next(rest, b""))
    head = AuditHead.signed_by(signed, keys)
    if list_id != head.list_id:
        raise AuditRefused("the head is that of another list")
    if after == 0 and running != first_hash(head.list_id):
        raise AuditRefused("the records do not begin where the log begins")
    for each in kept:
        if each.list_id != head.list_id or not after <= each.n <= head.n:
            raise AuditRefused(f"no records from {after + 1} to {head.n} lead through {each.n}")
    n = after
    _require_same(n, running, kept)
    for line in rest:
        n += 1
        said = _object(line).get("n")
        if type(said) is not int or said != n:
            raise AuditRefused(f"record {n} is not where it belongs")
        running = next_hash(running, line)
        _require_same(n, running, kept)
    if n != head.n:
        raise AuditRefused(f"the head is at record {head.n}, the records end at {n}")
    if running != head.hash:
        raise AuditRefused("a record was changed: the running hash is not that of the head")
    return Checked(after + 1, n, head.at)


def _require_same(n: int, running: bytes, kept: Sequence[AuditHead]) -> None:
    if any(each.n == n and each.hash != running for each in kept):
        raise AuditRefused(f"another past: record {n} and those before it are not what they were")


def _first(line: bytes) -> tuple[bytes, int, bytes, bytes]:
    """What the first line says: its list, the number and hash that it begins after, a head."""
    said = _object(line)
    match said:
        case {
            "chaincred_audit": 1,
            "list_id": str(own_id),
            "after": after,
            "hash": str(running),
            "head": str(head),
        } if is_uint(said["chaincred_audit"]) and is_uint(after):
            digits = _digits(own_id, ID_SIZE), _digits(running, _HASH_SIZE)
            return digits[0], after, digits[1], from_text("", head, _MAX_HEAD)
    raise Malformed("an export begins with a line about itself")


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise Malformed(f"a line of more than {MAX_LINE} bytes")
    try:
        said = json.loads(line.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("a line that is not JSON") from error
    if not isinstance(said, dict):
        raise Malformed("a line that is not an object")
    return said


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _digits(text: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or data.hex() != text:
        raise Malformed(f"not {size} bytes in lower-case hexadecimal digits")
    return data
