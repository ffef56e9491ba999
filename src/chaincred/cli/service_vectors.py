"""Reads what the vectors of specs/service.md hold: acknowledgements, exports, key proofs.

Each function gives what is said there, or raises the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final

from chaincred import InMemoryReplay, ListRefused, ProofRefused, PublicKey, Untrusted
from chaincred.ack import Ack
from chaincred.audit import check
from chaincred.errors import ChaincredError
from chaincred.key_proof import KeyProof
from chaincred.revocation import Place

Vector = Mapping[str, Any]

_SKEW: Final = 60
"""Seconds that a follower's clock may differ from the service's."""


class KeyProofRefused(ChaincredError):
    """The holder's key did not sign this exchange."""

    code = "key_proof"


def read_ack(vector: Vector) -> dict[str, Any]:
    """What a follower acknowledges, to a service with these followers and this list (8.2)."""
    keys = {each["name"]: PublicKey.from_hex(each["key"]) for each in vector["followers"]}
    ack = Ack.from_bytes(bytes.fromhex(vector["ack"]))
    if ack.name not in keys or not ack.is_signed_by(keys[ack.name]):
        raise Untrusted("not the acknowledgement of a registered follower")
    if abs(vector["now"] - ack.at) > _SKEW:
        raise ProofRefused("proof_time", f"made at {ack.at}")
    start = Place.start(bytes.fromhex(vector["list"]["list_id"]))
    entries = map(bytes.fromhex, vector["list"]["entries"])
    if ack.place not in accumulate(entries, Place.after, initial=start):
        raise ListRefused("list_forked", "not a place on the list")
    return {
        "name": ack.name,
        "list_id": ack.place.list_id.hex(),
        "seq": ack.place.seq,
        "hash": ack.place.hash.hex(),
        "issued_at": ack.issued_at,
        "at": ack.at,
    }


def read_audit(vector: Vector) -> dict[str, Any]:
    """Which records an export holds that nobody changed (9.3)."""
    keys = [PublicKey.from_hex(key) for key in vector["keys"]]
    checked = check((line.encode() for line in vector["lines"]), keys)
    return {"first": checked.first, "last": checked.last, "at": checked.at}


def read_holder(vector: Vector) -> dict[str, Any]:
    """When a holder has proved its key, and under which nonce (10.2)."""
    holder, token = PublicKey.from_hex(vector["holder"]), vector["subject_token"]
    now, replay = vector["now"], InMemoryReplay()
    for text in (*vector.get("seen", ()), vector["holder_proof"]):
        proof = KeyProof.parse(text)
        if not proof.holds(holder, token, audience=vector["audience"], now=now):
            raise KeyProofRefused("not of this holder, for this exchange, now")
        if not replay.add(proof.replay_key(holder), proof.remembered_until, now):
            raise ProofRefused("proof_replayed", "seen before")
    return {"issued_at": proof.issued_at, "nonce": proof.nonce.hex()}
