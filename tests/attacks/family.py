"""A family of attacks, and the verifier that would fall for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from chaincred import PublicKey, RevocationView, Verifier
from tests.attacks.cast import (
    NOW,
    PLANNER,
    ROOT,
    WORKER,
    Ask,
    Block,
    chain,
    ground,
    hop_body,
    root_body,
    shown,
)

Run = Callable[[], object]
Break = Callable[[pytest.MonkeyPatch], None]
ASK = Ask()


@dataclass(frozen=True)
class Attack:
    """Something that a verifier refuses with `code`; to run it to its end is to be admitted."""

    about: str
    code: str
    run: Run


@dataclass(frozen=True)
class Family:
    """Attacks on one check. `broken` takes out this check and leaves all others in place."""

    name: str
    broken: Break
    attacks: tuple[Attack, ...]

    def __str__(self) -> str:
        return self.name


def family(name: str, broken: Break, *attacks: Attack) -> Family:
    return Family(name, broken, attacks)


def shows(
    presentation: str,
    ask: Ask = ASK,
    *,
    now: int = NOW,
    at: Callable[[], Verifier] = ground,
) -> Run:
    """Shows `presentation` to a new verifier, for what it is about to do."""
    return lambda: at().verify(presentation, ask.request(), now=now)


def at_ground(**more: Any) -> Callable[[], Verifier]:
    return lambda: ground(**more)


def with_list(view: Callable[[], RevocationView], **more: Any) -> Callable[[], Verifier]:
    """A verifier whose root is answered for by a list."""
    return lambda: ground({PublicKey(ROOT.public): view()}, **more)


def under(*caveats: Any, more: Sequence[Any] = ()) -> list[Block]:
    """A chain for the worker: the planner gave it `caveats`, itself held under `more`."""
    return chain((ROOT, root_body(PLANNER, more)), (PLANNER, hop_body(WORKER, caveats)))


def forbids(about: str, caveat: Any, ask: Ask = ASK, *, now: int = NOW, **said: Any) -> Attack:
    """The worker asks, under `caveat`, for what it forbids."""
    return Attack(about, "caveat", shows(shown(under(caveat), WORKER, ask, **said), ask, now=now))


def always(answer: Any) -> Callable[..., Any]:
    return lambda *_, **__: answer


class Anything(bytes):
    """Bytes that differ from nothing: what a comparison with them is worth when it is left out."""

    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False
