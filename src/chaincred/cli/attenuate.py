"""`chaincred attenuate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chaincred import Bearer, Caveat, Expires, MaxHops, PublicKey, SigningKey
from chaincred.cli.clock import now_option
from chaincred.cli.handover import (
    hand_over,
    hand_over_bearer,
    handing_over,
    receiver,
)
from chaincred.cli.holding import held, holding
from chaincred.cli.limits import caveats_of, narrowing
from chaincred.cli.params import Duration, example, json_option


@click.command(
    epilog=example(
        "chaincred attenuate planner.token --key planner.key --holder worker.pub \\",
        "  --agent worker --purpose 'read one file' --tool files/read \\",
        "  --resource docs/report.md --effect read -o worker.token",
    )
)
@holding
@handing_over
@click.option("--lifetime", type=Duration(), help="How long it lives, at most as its parent.")
@click.option("--max-hops", type=click.IntRange(0, 15), help="How often it may be passed on.")
@narrowing
@now_option
@json_option
def attenuate(
    token: str | None,
    key: SigningKey | None,
    from_bearer: Path | None,
    holder: PublicKey | None,
    bearer: Path | None,
    agent: str,
    purpose: str,
    out: Path | None,
    lifetime: int | None,
    max_hops: int | None,
    now: int,
    as_json: bool,
    **limits: Any,
) -> None:
    """Passes a token on, narrower, offline.

    The child can do what TOKEN can and what the options say, never more.
    """
    to = receiver(holder, bearer)
    parent, own_key = held(token, key, from_bearer)
    caveats: list[Caveat] = caveats_of(**limits)
    caveats += [Expires(now + lifetime)] if lifetime is not None else []
    caveats += [MaxHops(max_hops)] if max_hops is not None else []
    said: dict[str, Any] = {"agent": agent, "purpose": purpose, "now": now, "caveats": caveats}
    if isinstance(to, Path):
        hand_over_bearer(Bearer(parent, own_key).hand_over(**said), to, out, as_json)
        return
    hand_over(parent.attenuate(own_key, holder=to, **said), out, as_json)
