"""The same work with biscuit-python: an authority block, and blocks that add checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from biscuit_auth import AuthorizerBuilder, Biscuit, BiscuitBuilder, BlockBuilder, KeyPair

from bench.ours import ASKED, RESOURCE, TOOL
from bench.rounds import Subject, fixed

NOTE = (
    "decode the token (base64), check its signatures, then a Datalog check of tool and resource a "
    "block and of the expiry in the first, under one policy. The token is a bearer token: no proof "
    "of possession, so one signature fewer, no memory of proofs; no revocation list."
)

_ROOT = KeyPair()
_CHECKS = "check if tool({tool}); check if resource($r), $r.starts_with({below});"
_EXPIRY = "check if time($t), $t < {expiry};"
_NAMES = {"tool": TOOL, "below": RESOURCE.removesuffix("**")}
_ASKED = "time({now}); tool({tool}); resource({resource}); allow if true;"


def _issue() -> Any:
    expiry = datetime.now(tz=UTC) + timedelta(seconds=900)
    return BiscuitBuilder(_CHECKS + _EXPIRY, {**_NAMES, "expiry": expiry}).build(_ROOT.private_key)


def _attenuate(parent: Any) -> Any:
    return parent.append(BlockBuilder(_CHECKS, _NAMES))


def _token(depth: int) -> Any:
    token = _issue()
    for _ in range(depth):
        token = _attenuate(token)
    return token


def making(depth: int) -> list[Subject]:
    parent = _token(depth)
    return [
        fixed("issue", lambda: _issue().to_base64()),
        fixed("attenuate", lambda: _attenuate(parent).to_base64()),
        fixed("present", lambda: parent.to_base64()),
    ]


def deciding(depth: int) -> list[Subject]:
    text = _token(depth).to_base64()

    def decide() -> None:
        token = Biscuit.from_base64(text, _ROOT.public_key)
        asked = {"now": datetime.now(tz=UTC), "tool": TOOL, "resource": ASKED}
        AuthorizerBuilder(_ASKED, asked).build(token).authorize()

    return [fixed("cold", decide)]


def sizes() -> tuple[int, int]:
    return len(_token(0).to_bytes()), len(_token(8).to_bytes())
