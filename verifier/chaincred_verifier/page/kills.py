"""Revoking from the page: what can be chosen, what a form asks for, what has died."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from chaincred import Malformed
from chaincred.encoding import is_text
from chaincred.revocation import MAX_REASON
from chaincred_verifier.callers import Caller
from chaincred_verifier.limits import body_of
from chaincred_verifier.page.asking import caller
from chaincred_verifier.problems import Refused
from chaincred_verifier.queries import query_of, switch_in
from chaincred_verifier.store.driver import Reading

_ID: Final = {"chain": "link", "holder": "key", "task": "task"}
"""What can be revoked here, and the member of a revocation (6) that names it.

An issuer's key is not among them: that ends every tree, and is done from a shell.
"""
_NODE: Final = ("link", "root_id", "agent", "purpose", "expires_at", "last_used")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may be revoked: the form's value, and what it is in words."""

    kill: str
    title: str
    subject: str
    about: str
    is_key: bool = False


def choices(store: Reading, link: bytes, root_id: str) -> list[Choice]:
    """What there is to revoke at one block of a tree, the least first. Raises Refused."""
    path = _path(store, link)
    if not path or path[-1].link != root_id:
        raise Refused("not_found", "no such block in this tree")
    block, root = path[0], path[-1]
    found = []
    if block is not root:
        about = "This one handover, and every token handed on from it."
        found.append(Choice(f"chain:{block.link}", "This block and all below", block.agent, about))
    about = "Every token made out to this key, in any tree, and all below each. For good."
    key = block.holder
    found.append(Choice(f"holder:{key}", "The agent's key", key, about, is_key=True))
    for task in sorted({task for each in path for task in each.tasks}):
        about = "Every token that is bound to this task, in any tree. For good."
        found.append(Choice(f"task:{task}", "The task", task, about))
    about = "Everything that was ever handed on from this root."
    found.append(Choice(f"chain:{root.link}", "The whole tree", root.agent, about))
    return found


@dataclass(frozen=True, slots=True)
class _Block:
    link: str
    agent: str
    holder: str
    tasks: frozenset[str]


def _path(store: Reading, link: bytes) -> list[_Block]:
    """The known blocks from one up to its root."""
    path: list[_Block] = []
    at: Any = link
    while at is not None:
        found = store.rows("SELECT parent, agent, holder FROM blocks WHERE link = ?", at)
        if not found:
            return []
        tasks = store.rows("SELECT task FROM block_tasks WHERE link = ?", at)
        parent, agent, holder = found[0]
        tasks_of = frozenset(task for (task,) in tasks)
        path.append(_Block(bytes(at).hex(), agent, bytes(holder).hex(), tasks_of))
        at = None if parent is None else bytes(parent)
    return path


@dataclass(frozen=True, slots=True)
class Form:
    """What a form asks for: `said` is the revocation as JSON (6), `kill` the form's own value."""

    kill: str
    said: dict[str, Any]
    is_dry: bool

    async def allowed(self, request: Request) -> Caller:
        """The administrator who may make this revocation, or try it. Raises the refusal."""
        return await caller(
            request,
            "POST",
            "/v1/revocations" + ("?dry_run=true" if self.is_dry else ""),
            tool="chaincred.revoke",
            effect="irreversible",
            body=json.dumps(self.said).encode(),
        )


async def asked(request: Request) -> Form:
    """What the form in a body asks for. Raises Malformed, Refused."""
    is_dry = switch_in(query_of(request, "dry_run"), "dry_run")
    form = _form(await body_of(request))
    kill = form.get("kill", "")
    what, _, id = kill.partition(":")
    if what not in _ID:
        raise Malformed("nothing was chosen")
    # What dies is what was shown, also if the choice changes while the answer is on its way.
    if not is_dry and form.get("shown") != kill:
        raise Malformed("the choice has changed since it was shown what would die")
    reason = form.get("reason", "").strip()
    if not is_text(reason, 0, MAX_REASON):
        raise Malformed(f"a reason is a text of at most {MAX_REASON} bytes")
    said = {"what": what, _ID[what]: id} | ({"reason": reason} if reason else {})
    return Form(kill, said, is_dry)


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=8)
    except ValueError as error:
        raise Malformed("the form is not as it is sent here") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Malformed("a field is there twice")
    return form


def killed(store: Reading, number: int, most: int) -> tuple[list[dict[str, Any]], int]:
    """The known blocks that an entry killed: at most `most`, and how many more."""
    found = store.rows(
        f"SELECT {', '.join(_NODE)} FROM blocks WHERE killed_by = ? ORDER BY depth, agent LIMIT ?",
        number,
        most,
    )
    ((count,),) = store.rows("SELECT count(*) FROM blocks WHERE killed_by = ?", number)
    rows = [
        {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in zip(_NODE, map(_plain, row), strict=True)
        }
        for row in found
    ]
    return rows, count - len(found)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
