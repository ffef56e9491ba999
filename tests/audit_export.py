"""Exports of an audit log as the service writes them, from its words, not its code."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from chaincred import SigningKey
from chaincred.encoding import pack
from chaincred.keys import Context
from chaincred.revocation import list_id
from tests.cast import LIST_KEY, NOW

LIST_ID = list_id(LIST_KEY.public_key)
RECORDS = tuple(
    f'{{"n":{n},"at":{NOW + n},"what":"verify","code":"ok","resource":"é/{n}"}}'.encode()
    for n in range(1, 8)
)


def hashed(before: bytes, line: bytes) -> bytes:
    return sha256(b"chaincred/v1/audit\0" + before + line).digest()


def running(records: Sequence[bytes] = RECORDS) -> bytes:
    """The running hash after records that begin with the first."""
    found = sha256(b"chaincred/v1/audit\0" + LIST_ID).digest()
    for line in records:
        found = hashed(found, line)
    return found


def head(
    n: int, hash: bytes, *, key: SigningKey = LIST_KEY, own_id: bytes = LIST_ID, at: Any = NOW
) -> str:
    """A signed head as text."""
    body = pack([own_id, n, hash, at])
    data = pack([body, key.sign(Context.AUDIT, sha256(body).digest())])
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def export(
    records: Sequence[bytes] = RECORDS, *, gone: int = 0, key: SigningKey = LIST_KEY, **said: Any
) -> list[bytes]:
    """The lines of an export, without the first `gone` records; `said` changes the first line."""
    begin = {
        "chaincred_audit": 1,
        "list_id": LIST_ID.hex(),
        "after": gone,
        "hash": running(records[:gone]).hex(),
        "head": head(len(records), running(records), key=key),
        **said,
    }
    return [json.dumps(begin).encode(), *records[gone:]]
