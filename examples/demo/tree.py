"""Draws tokens as the tree they are: blocks that several tokens share are one node."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaincred import Caveat, Expires, MaxEffect, MaxHops, Resources, Token, Tools

WIDTH = 90
_ASCII = str.maketrans({"│": "|", "├": "+", "└": "`", "─": "-", "…": "...", "“": '"', "”": '"'})


@dataclass(frozen=True)
class Node:
    """A block: the link that names it, and what it says."""

    link: bytes
    title: str
    caveats: str


def draw(tokens: Iterable[Token], *, now: int, unicode: bool) -> list[str]:
    """The lines of a picture: for each block its agent and purpose, then what it adds."""
    below: dict[bytes, list[Node]] = {}
    for token in tokens:
        above = bytes(token.chain.issuer)
        below.setdefault(b"", []).append(Node(above, f"issuer  {above[:8].hex()}…", ""))
        for hop, block in enumerate(token.chain.blocks):
            said = "; ".join(_in_words(caveat, now) for caveat in token.caveats[hop])
            node = Node(token.chain.links[hop], f"{block.agent}  “{block.purpose}”", said)
            below.setdefault(above, []).append(node)
            above = node.link
    distinct = {link: list(dict.fromkeys(nodes)) for link, nodes in below.items()}
    lines = []
    for issuer in distinct.get(b"", []):
        lines += [issuer.title, *_branches(issuer.link, distinct)]
    return lines if unicode else [line.translate(_ASCII) for line in lines]


def _branches(above: bytes, below: Mapping[bytes, list[Node]]) -> list[str]:
    lines = []
    nodes = below.get(above, [])
    for node in nodes:
        is_last = node is nodes[-1]
        bar = "   " if is_last else "│  "
        under = _branches(node.link, below)
        stem = "│  " if under else "   "
        lines.append(("└─ " if is_last else "├─ ") + node.title)
        lines += [bar + stem + line for line in textwrap.wrap(node.caveats, WIDTH)]
        lines += [bar + line for line in under]
    return lines


def _in_words(caveat: Caveat, now: int) -> str:
    match caveat:
        case Expires(at):
            return f"for {at - now} s"
        case MaxHops(0):
            return "no more hops"
        case MaxHops(hops):
            return f"{hops} more hops"
        case MaxEffect():
            return caveat.wanted()
        case Tools(patterns) | Resources(patterns):
            return ", ".join(patterns)
    return f"{caveat.name.lower()} {caveat.wanted()}"
