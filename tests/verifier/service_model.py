"""What the service has to know and say of chains, as plainly as it can be said.

Tuples name what can be dead: `("chain", link)`, `("holder", key)`, `("task", id)`. A chain stands
on its links, its holders and the tasks of its caveats. What caveats say is asked of the model of
the attacks, which shares nothing with the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chaincred import Bearer
from tests.attacks import model as caveats
from tests.attacks.cast import TASK, Ask

Named = tuple[str, str]


@dataclass(eq=False, slots=True)
class Node:
    """A block with the key of its holder. `said` are its caveats as they stand in the block."""

    bearer: Bearer
    said: list[Any]
    parent: Node | None = None
    seen: bool = False
    uses: int = 0
    refused: int = 0

    @property
    def path(self) -> list[Node]:
        """From the root to this node."""
        return [*(self.parent.path if self.parent else ()), self]

    @property
    def link(self) -> str:
        return self.bearer.token.chain.links[-1].hex()

    @property
    def key(self) -> str:
        return self.bearer.key.public_key.hex()

    def stands_on(self) -> Iterator[Named]:
        for each in self.path:
            yield "chain", each.link
            yield "holder", each.key
            yield from (("task", fields[0]) for kind, *fields in each.said if kind == TASK)


@dataclass(frozen=True, slots=True)
class Held:
    """An entry of the list. Times are seconds."""

    number: int
    until: int
    made_at: int


@dataclass(slots=True)
class Model:
    """All chains there are, and the entries of the list by what they name."""

    nodes: list[Node] = field(default_factory=list)
    entries: dict[Named, list[Held]] = field(default_factory=dict)

    def see(self, node: Node) -> None:
        """The service was shown the chain of `node`."""
        for each in node.path:
            each.seen = True

    def killer(self, node: Node) -> int | None:
        """The number of the first entry that kills a node; None while it is alive."""
        numbers = [held.number for name in node.stands_on() for held in self.held(name)]
        return min(numbers, default=None)

    def is_over(self, task: str) -> bool:
        """Whether a task is dead, for whoever asks for it."""
        return bool(self.held(("task", task)))

    def kills(self, name: Named) -> list[Node]:
        """The nodes that the service knows alive and that would die with `name`."""
        return [
            node
            for node in self.nodes
            if node.seen and self.killer(node) is None and name in node.stands_on()
        ]

    def held(self, name: Named) -> list[Held]:
        return self.entries.get(name, [])

    def holding(self, name: Named, until: int, enough: int) -> int | None:
        """The first entry that lasts until then, or so long that it need not last longer."""
        for held in self.held(name):
            if held.until >= until or held.until - held.made_at >= enough:
                return held.number
        return None

    def code(self, node: Node, ask: Ask, now: int) -> str:
        """What becomes of a request for which the node's holder made a new proof."""
        if self.killer(node) is not None or self.is_over(ask.task):
            return "revoked"
        blocks = [each.said for each in node.path]
        return "ok" if caveats.allows(blocks, ask, now=now) else "caveat"

    def may_revoke(self, holder: Node, target: Node, *, shown: bool) -> bool:
        """Whether a holder may revoke a node, whose token it shows or only names."""
        if target is holder:
            return True
        return holder in target.path and (shown or target.seen)
