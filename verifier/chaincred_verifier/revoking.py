"""Revocations: what is asked, whether it may be, and what it kills (specs/service.md 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from chaincred import FOREVER, ChaincredError, Entry, Malformed, PublicKey, Token
from chaincred.encoding import MAX_TIME, is_uint
from chaincred_verifier import killing, published, trees
from chaincred_verifier.ledger import Writing
from chaincred_verifier.problems import Refused
from chaincred_verifier.service import Service
from chaincred_verifier.store.driver import Reading
from chaincred_verifier.wire import hex_in, members, text_in

MAX_SHOWN: Final = 1_000
_GRACE: Final = 60
_OPTIONAL: Final = ("reason", "until")
_COLUMNS: Final = "number, what, id, until, before_time, reason, made_at, made_by"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revocation that is asked for. `link` is 32 bytes, for a chain; `token` what showed it."""

    said: dict[str, Any]
    what: str
    link: bytes | None = None
    token: Token | None = None
    latest: int = FOREVER
    """No entry of this one lasts longer (seconds)."""
    root: str = ""
    """Whose holders may put only so much on the list; empty for administrators."""

    @classmethod
    def of(cls, said: Any) -> Revocation:
        """What a body asks for. Raises Malformed."""
        what = said.get("what") if isinstance(said, dict) else None
        match what:
            case "chain" if "token" in said:
                members(said, ("what", "token"), _OPTIONAL)
                token = Token.parse(text_in(said, "token"))
                return cls(said, what, token.chain.links[-1], token)
            case "chain":
                members(said, ("what", "link"), _OPTIONAL)
                return cls(said, what, hex_in(said, "link", 32))
            case "holder":
                members(said, ("what", "key"), _OPTIONAL)
            case "issuer":
                members(said, ("what", "key"), (*_OPTIONAL, "before"))
            case "task":
                members(said, ("what", "task"), _OPTIONAL)
            case _:
                raise Malformed("what is chain, holder, issuer or task")
        return cls(said, str(what))

    def entry(self, store: Reading, now: int, max_lifetime: int) -> Entry:
        """The entry that does it. Raises Malformed."""
        until = self.said.get("until", 0)
        if not is_uint(until, FOREVER):
            raise Malformed("until is seconds below 2**32")
        # Never sooner than what it kills can die by itself: it would come back to life.
        until = min(max(until, self._until(store, now, max_lifetime)), self.latest)
        reason = text_in(self.said, "reason", "")
        try:
            match self.what:
                case "chain" if self.link:
                    return Entry.chain(self.link, until=until, reason=reason)
                case "task":
                    return Entry.task(text_in(self.said, "task"), until=until, reason=reason)
            key = PublicKey.from_hex(text_in(self.said, "key"))
            if self.what == "holder":
                return Entry.holder(key, until=until, reason=reason)
            before = self.said.get("before", MAX_TIME)
            if not is_uint(before):
                raise Malformed("before is a time")
            return Entry.issuer(key, before=before, until=until, reason=reason)
        except ValueError as error:
            raise Malformed(str(error)) from error

    def _until(self, store: Reading, now: int, max_lifetime: int) -> int:
        if self.link is None:
            return now + max_lifetime + _GRACE if "until" in self.said else FOREVER
        known = trees.known_chain(store, self.link)
        # A block dies at its expiry; of one that nobody has seen, no later than the longest life
        # of a root that could be issued this moment by a clock that is ahead.
        return min(known[0] if known else now + max_lifetime + _GRACE, FOREVER)


async def dry_run(service: Service, asked: Revocation) -> dict[str, Any]:
    """What a revocation would kill of what is known; changes nothing (6.4)."""
    now = service.clock()

    def look(store: Reading) -> dict[str, Any]:
        entry = asked.entry(store, now, service.settings.max_lifetime)
        already = _held(store, asked, entry, now, service.settings.max_lifetime)
        shown, more = killing.would_kill(store, entry, now, MAX_SHOWN)
        return {"would_kill": shown, "more": more, "already": already and already["number"]}

    return await service.read(look)


async def revoke(service: Service, asked: Revocation, by: str) -> tuple[dict[str, Any], bool]:
    """The entry, durable and in force on this store, and whether it is new (6.3)."""
    settings = service.settings

    def append(writing: Writing) -> tuple[dict[str, Any], bool]:
        service.require_fit_to_sign(writing)
        entry = asked.entry(writing, writing.now, settings.max_lifetime)
        held = _held(writing, asked, entry, writing.now, settings.max_lifetime)
        if held is not None:
            return held, False
        number = published.append(
            writing, settings.list_key, entry, made_by=by, fresh_for=settings.fresh_for
        )
        killed = killing.mark_killed(writing, entry, number)
        made = {
            "number": number,
            "what": asked.what,
            "id": entry.id.hex(),
            "until": entry.until,
            "before": entry.before,
            "reason": entry.reason,
            "made_at": writing.now,
            "made_by": by,
        }
        root_id = _root_of(writing, asked)
        writing.record("revoke", "ok", by=by, root_id=root_id, killed=killed, **_recorded(made))
        return made | {"killed": killed}, True

    made, new = await service.write(append)
    await service.catch_up()
    if new:
        if asked.root:
            service.taken_back.count(asked.root)
        service.metrics.revocations.inc()
    return made, new


async def own(service: Service, asked: Revocation, token: Token) -> Revocation:
    """What a holder may revoke: its own block, or one below it, until its own token ends (6.2).

    Raises Refused (`not_yours`), or Revoked.
    """
    await _require_above(service, asked, token)
    # Of a dead token nothing lives any more: its holder could only make the list longer.
    service.published.view.require_alive(token.footing, "")
    expires_at = token.authority.expires_at
    if expires_at + _GRACE <= service.clock():
        raise Refused("not_yours", "the token of this holder has expired, and all below it")
    root = token.root_id.hex()
    if not service.taken_back.allows(root):
        raise Refused("rate_limited", "too many revocations by holders of this root's chains")
    return replace(asked, latest=min(expires_at + _GRACE, FOREVER), root=root)


async def _require_above(service: Service, asked: Revocation, token: Token) -> None:
    own = token.chain.links[-1]
    if asked.link is None:
        raise Refused("not_yours", "a holder revokes chains only")
    if asked.link == own or _is_below(asked.token, own, service):
        return
    link = asked.link
    known = await service.read(lambda store: trees.known_chain(store, link))
    if known is None or own not in known[1]:
        raise Refused("not_yours", "not below the block of this holder")


def _is_below(token: Token | None, own: bytes, service: Service) -> bool:
    """Whether a chain that was shown goes through `own` and is rightly signed."""
    if token is None or own not in token.chain.links:
        return False
    try:
        token.chain.check_signatures(service.settings.roots)
    except ChaincredError:
        return False
    return True


async def listed(service: Service, after: int, limit: int) -> dict[str, Any]:
    """Entries after a number, in order (6.5)."""

    def look(store: Reading) -> dict[str, Any]:
        found = store.rows(
            f"SELECT {_COLUMNS} FROM entries WHERE number > ? ORDER BY number LIMIT ?",
            after,
            limit,
        )
        return {"revocations": [_spelled(row) for row in found]}

    return await service.read(look)


def numbered(store: Reading, number: int) -> dict[str, Any]:
    """The entry of a number. Raises Refused (`not_found`)."""
    found = store.rows(f"SELECT {_COLUMNS} FROM entries WHERE number = ?", number)
    if not found:
        raise Refused("not_found", "no entry has this number, or it has died")
    return _spelled(found[0])


def _held(
    store: Reading, asked: Revocation, entry: Entry, now: int, max_lifetime: int
) -> dict[str, Any] | None:
    """The first entry that does already what `entry` would do."""
    # Asked again, a chain that nobody has seen would end later each time. What an entry names was
    # there when it was made, so one that lasts for the longest life from then on is enough.
    lasting = max_lifetime + _GRACE if asked.link and "until" not in asked.said else MAX_TIME
    found = store.rows(
        f"SELECT {_COLUMNS} FROM entries WHERE what = ? AND id = ? "
        "AND (until >= ? OR (until - made_at >= ? AND until > ?)) "
        "AND coalesce(before_time, 0) >= ? "
        "ORDER BY number LIMIT 1",
        entry.what,
        entry.id,
        entry.until,
        lasting,
        now,
        entry.before or 0,
    )
    return _spelled(found[0]) if found else None


def _spelled(row: tuple[Any, ...]) -> dict[str, Any]:
    number, what, id, until, before, reason, made_at, made_by = row
    return {
        "number": number,
        "what": trees.WHAT[what],
        "id": bytes(id).hex(),
        "until": until,
        "before": before,
        "reason": reason,
        "made_at": made_at,
        "made_by": made_by,
    }


def _recorded(made: dict[str, Any]) -> dict[str, Any]:
    kept = ("number", "until", "before", "reason")
    return {"revoked": made["what"], "id": made["id"]} | {name: made[name] for name in kept}


def _root_of(store: Reading, asked: Revocation) -> str | None:
    if asked.link is None:
        return None
    if asked.token is not None:
        return asked.token.chain.root_id.hex()
    known = trees.known_chain(store, asked.link)
    return known[1][-1].hex() if known else None
