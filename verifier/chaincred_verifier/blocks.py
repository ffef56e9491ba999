"""The blocks of chains that were shown and are rightly signed (specs/service.md 9.5).

A block is written the first time it is seen, with the number of the entry that killed it if one
has; later ones are marked by `killing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chaincred import Expires, Task, Token
from chaincred.caveat_json import caveat_json
from chaincred.revocation import chain_id, key_id, task_id
from chaincred.token import Hop
from chaincred_verifier.store.driver import Present, Reading, Row, Rows
from chaincred_verifier.store.inserting import MOST, insert, parts

_MAX_SECOND: Final = 2**53 - 1


class KnownLinks(Protocol):
    """Links that are in the store already."""

    def __contains__(self, link: bytes) -> bool: ...

    def add(self, links: Sequence[bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A rightly signed chain that was shown, and how often its end was used and refused."""

    token: Token
    used: int = 0
    refused: int = 0


def saw(store: Present, seen: Sequence[Seen], known: KnownLinks) -> None:
    """Writes the blocks of chains that are new, and counts at the last block of each.

    Few statements for many chains: each is a way to the database and back.
    """
    ends: dict[bytes, list[Seen]] = {}
    for each in seen:
        ends.setdefault(each.token.chain.links[-1], []).append(each)
    # The last one tells of all: a block is never written before the one it stands on.
    new = [shown[0].token for link, shown in ends.items() if link not in known]
    if new:
        _write(store, new)
    for token in new:
        known.add(token.chain.links)
    counts = [
        (link, sum(each.used for each in shown), sum(each.refused for each in shown))
        for link, shown in ends.items()
    ]
    for marks, values in parts([each for each in counts if any(each[1:])]):
        store.rows(
            f"WITH seen (link, used, refused) AS (VALUES {marks}) UPDATE blocks "
            "SET uses = blocks.uses + seen.used, refused = blocks.refused + seen.refused, "
            "last_used = CASE WHEN seen.used > 0 THEN ? ELSE blocks.last_used END "
            "FROM seen WHERE blocks.link = seen.link",
            *values,
            store.now,
        )


def _write(store: Present, tokens: Sequence[Token]) -> None:
    links = [link for token in tokens for link in token.chain.links]
    held = _among(store, "SELECT link, killed_by FROM blocks WHERE link", links)
    killed_by: dict[bytes, int | None] = {bytes(link): number for link, number in held}
    new = {
        link: (token, depth)
        for token in tokens
        for depth, link in enumerate(token.chain.links)
        if link not in killed_by
    }
    killers = _killers(store, new.values())
    blocks, bound = [], []
    # In each token, and so in all of them, a block comes after the one it stands on.
    for link, (token, depth) in new.items():
        above = killed_by[token.chain.links[depth - 1]] if depth else None
        numbers = [
            number
            for id in _ids(token, depth)
            for number, before in killers.get(id, ())
            if before is None or token.hops[0].issued_at < before
        ]
        # The first that kills it, as if the block had been seen before that.
        killed_by[link] = min([*numbers, *([] if above is None else [above])], default=None)
        blocks.append((*_block(token, depth), store.now, 0, 0, killed_by[link]))
        bound += [(link, task, task_id(task)) for task in _tasks(token.hops[depth])]
    insert(store, _BLOCKS, blocks)
    insert(store, "block_tasks (link, task, task_id)", bound)


_BLOCKS: Final = (
    "blocks (link, link_id, parent, root_id, depth, issuer, delegator, holder, holder_id, agent, "
    "purpose, issued_at, expires_at, caveats, first_seen, uses, refused, killed_by)"
)


def _block(token: Token, depth: int) -> Row:
    """The columns of a block up to `caveats`."""
    hop, chain = token.hops[depth], token.chain
    above = token.hops[: depth + 1]
    expiries = [each.at for hop in above for each in hop.caveats if isinstance(each, Expires)]
    return (
        hop.link,
        chain_id(hop.link),
        chain.links[depth - 1] if depth else None,
        chain.root_id,
        depth,
        bytes(chain.issuer),
        bytes(hop.delegator),
        bytes(hop.holder),
        key_id(hop.holder),
        hop.agent,
        hop.purpose,
        hop.issued_at,
        min(expiries, default=_MAX_SECOND),
        json.dumps([caveat_json(each) for each in hop.caveats], ensure_ascii=False),
    )


def _tasks(hop: Hop) -> set[str]:
    return {each.id for each in hop.caveats if isinstance(each, Task)}


def _ids(token: Token, depth: int) -> list[bytes]:
    """What an entry names that kills a block by itself; block 0 dies by its issuer too."""
    hop = token.hops[depth]
    own = [chain_id(hop.link), key_id(hop.holder), *map(task_id, _tasks(hop))]
    return own if depth else [*own, key_id(token.chain.issuer)]


def _killers(
    store: Reading, blocks: Iterable[tuple[Token, int]]
) -> dict[bytes, list[tuple[int, int | None]]]:
    """Number and `before` of the entries that name these blocks, by id."""
    ids = [id for token, depth in blocks for id in _ids(token, depth)]
    found: dict[bytes, list[tuple[int, int | None]]] = {}
    for table in ("entries", "nameless"):
        killers = _among(store, f"SELECT id, number, before_time FROM {table} WHERE id", ids)
        for id, number, before in killers:
            found.setdefault(bytes(id), []).append((number, before))
    return found


def _among(store: Reading, select: str, values: Iterable[bytes]) -> Rows:
    """The rows whose column, the last that `select` names, is one of `values`."""
    wanted = list(dict.fromkeys(values))
    found: Rows = []
    for start in range(0, len(wanted), MOST):
        part = wanted[start : start + MOST]
        # To a power of two, for few different texts: what is asked twice is found once.
        part += part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))
        found += store.rows(f"{select} IN ({', '.join('?' * len(part))})", *part)
    return found
