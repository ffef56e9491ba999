"""Who enforces what: followers, their acknowledgements, closure (specs/service.md 8)."""

from __future__ import annotations

from typing import Any, Final

from chaincred import ListRefused, ProofRefused, PublicKey, Untrusted
from chaincred.ack import Ack, is_follower_name
from chaincred.revocation import Place, first_hash
from chaincred_verifier import published, revoking
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service
from chaincred_verifier.store.driver import Reading

SKEW: Final = 60
MAX_FOLLOWERS: Final = 10_000


async def register(service: Service, name: str, key: PublicKey, by: str) -> None:
    """Names a follower, or gives it another key (8.1). Raises Refused."""
    if not is_follower_name(name):
        raise Refused("malformed", "a name is 1 to 128 letters, digits, dots, dashes, underscores")

    def put(writing: Writing) -> None:
        ((count,),) = writing.rows("SELECT count(*) FROM followers WHERE name <> ?", name)
        if count >= MAX_FOLLOWERS:
            raise Refused("unavailable", f"at most {MAX_FOLLOWERS} followers")
        # Another key is another follower: what the old one acknowledged does not count for it.
        same = "followers.key = excluded.key"
        kept = ", ".join(
            f"{each} = CASE WHEN {same} THEN followers.{each} END"
            for each in ("seq", "issued_at", "at", "heard_at")
        )
        writing.rows("DELETE FROM acks WHERE name = ? AND NOT EXISTS (SELECT 1 FROM followers "
                     "WHERE name = ? AND key = ?)", name, name, bytes(key))  # fmt: skip
        writing.rows(
            "INSERT INTO followers (name, key, registered_at) VALUES (?, ?, ?) "
            f"ON CONFLICT (name) DO UPDATE SET {kept}, key = excluded.key",
            name,
            bytes(key),
            writing.now,
        )
        writing.record("follower", "ok", by=by, name=name, key=key.hex())

    await service.write(put)


async def remove(service: Service, name: str, by: str) -> None:
    """Forgets a follower. Raises Refused (`not_found`)."""

    def delete(writing: Writing) -> None:
        if not writing.rows("DELETE FROM followers WHERE name = ? RETURNING 1", name):
            raise Refused("not_found", "no follower of this name")
        writing.rows("DELETE FROM acks WHERE name = ?", name)
        writing.record("follower", "ok", by=by, name=name, removed=True)

    await service.write(delete)


async def followers(service: Service) -> dict[str, Any]:
    """Every follower and what it said last, and where the list is."""

    def look(store: Reading) -> dict[str, Any]:
        rows = store.rows(
            "SELECT name, key, registered_at, seq, issued_at, heard_at FROM followers ORDER BY name"
        )
        state = published.state(store)
        names = ("name", "key", "registered_at", "seq", "issued_at", "heard_at")
        listed = [dict(zip(names, row, strict=True)) for row in rows]
        return {
            "list": {
                "list_id": service.list_id.hex(),
                "seq": state.place.seq if state else None,
                "issued_at": state.issued_at if state else None,
                "fresh_until": state.fresh_until if state else None,
                "unfit": service.unfit,
            },
            "followers": [each | {"key": bytes(each["key"]).hex()} for each in listed],
        }

    return await service.read(look)


async def acknowledge(service: Service, data: bytes) -> None:
    """Takes an acknowledgement (8.2).

    Raises Malformed, Untrusted, ProofRefused (`proof_time`), or ListRefused (`list_forked`).
    """
    ack = Ack.from_bytes(data)

    def check(store: Reading) -> tuple[bytes, bool]:
        found = store.rows("SELECT key, seq, at FROM followers WHERE name = ?", ack.name)
        if not found or not ack.is_signed_by(PublicKey(bytes(found[0][0]))):
            raise Untrusted("not the acknowledgement of a registered follower")
        if abs(service.clock() - ack.at) > SKEW:
            raise ProofRefused("proof_time", f"made at {ack.at}")
        key, seq, at = found[0]
        known = _is_on_list(store, ack.place)
        if known is False:
            raise ListRefused("list_forked", "another hash at that number")
        return bytes(key), (ack.at, ack.place.seq) <= (at or 0, seq or 0)

    try:
        key, old = await service.read(check)
    except ListRefused:
        await service.write(
            lambda writing: writing.record(
                "fork", "list_forked", name=ack.name, number=ack.place.seq
            )
        )
        raise
    if old:
        return

    def put(writing: Writing) -> None:
        # Of the key that signed: the name may be another follower's by now.
        held = writing.rows(
            "SELECT at, seq FROM followers WHERE name = ? AND key = ?", ack.name, key
        )
        # Acknowledgements may overtake one another on the way.
        if not held or (ack.at, ack.place.seq) <= (held[0][0] or 0, held[0][1] or 0):
            return
        if ack.place.seq < (held[0][1] or 0):
            # It has forgotten what it held, and was shown what was there before.
            writing.record("fork", "list_rollback", name=ack.name, number=ack.place.seq)
            writing.rows("DELETE FROM acks WHERE name = ? AND seq > ?", ack.name, ack.place.seq)
        writing.rows(
            "UPDATE followers SET seq = ?, issued_at = ?, at = ?, heard_at = ? WHERE name = ?",
            ack.place.seq,
            ack.issued_at,
            ack.at,
            writing.now,
            ack.name,
        )
        writing.rows(
            "INSERT INTO acks (name, seq, heard_at) VALUES (?, ?, ?) "
            "ON CONFLICT (name, seq) DO NOTHING",
            ack.name,
            ack.place.seq,
            writing.now,
        )

    await service.write(put)


def _is_on_list(store: Reading, place: Place) -> bool | None:
    """Whether the list was ever at `place`; None if it is not kept that far back."""
    state = published.state(store)
    if state is None or place.list_id != state.place.list_id or place.seq > state.place.seq:
        return False
    if place.seq == state.place.seq:
        return place == state.place
    if place.seq == 0:
        return place.hash == first_hash(place.list_id)
    found = store.rows("SELECT running FROM entries WHERE number = ?", place.seq)
    return bytes(found[0][0]) == place.hash if found else None


async def closure(service: Service, number: int) -> dict[str, Any]:
    """Who enforces entry `number`, who does not, who was not heard (8.3). Raises Refused."""

    def look(store: Reading) -> dict[str, Any]:
        made = revoking.numbered(store, number)
        ((contained_at,),) = store.rows("SELECT contained_at FROM entries WHERE number = ?", number)
        rows = store.rows(
            "SELECT followers.name, followers.seq, heard_at, (SELECT min(acks.heard_at) FROM acks "
            "WHERE acks.name = followers.name AND acks.seq >= ?) "
            "FROM followers ORDER BY followers.name",
            number,
        )
        enforced, behind, silent = [], [], []
        for name, seq, heard_at, since in rows:
            if seq is not None and seq >= number:
                enforced.append({"name": name, "at": since})
            elif heard_at is not None and heard_at >= made["made_at"]:
                behind.append({"name": name, "seq": seq, "at": heard_at})
            else:
                silent.append({"name": name, "at": heard_at})
        state = "partial"
        if enforced and not behind and not silent:
            state = "closed"
        elif not enforced and not behind:
            state = "unknown"
        return {
            "number": number,
            "made_at": made["made_at"],
            "state": state,
            "enforced": enforced,
            "behind": behind,
            "silent": silent,
            "contained_at": contained_at,
        }

    return await service.read(look)
