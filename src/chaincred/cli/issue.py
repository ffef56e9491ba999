"""`chaincred issue`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chaincred import Bearer, PublicKey, SigningKey, Token
from chaincred.cli.clock import now_option
from chaincred.cli.handover import (
    hand_over,
    hand_over_bearer,
    handing_over,
    receiver,
)
from chaincred.cli.limits import caveats_of, narrowing
from chaincred.cli.params import Duration, Private, example, json_option


@click.command(
    epilog=example(
        "chaincred issue --key root.key --holder planner.pub --agent planner \\",
        "  --purpose 'plan the report' --tool 'files/*' --resource 'docs/**' -o planner.token",
    )
)
@click.option("--key", type=Private(), required=True, help="The root key.")
@handing_over
@click.option(
    "--lifetime", type=Duration(), default="15m", show_default=True, help="How long it lives."
)
@click.option(
    "--max-hops",
    type=click.IntRange(0, 15),
    default=3,
    show_default=True,
    help="How often it may be passed on.",
)
@narrowing
@now_option
@json_option
def issue(
    key: SigningKey,
    holder: PublicKey | None,
    bearer: Path | None,
    agent: str,
    purpose: str,
    out: Path | None,
    lifetime: int,
    max_hops: int,
    now: int,
    as_json: bool,
    **limits: Any,
) -> None:
    """Begins a chain: a token for its first holder."""
    to = receiver(holder, bearer)
    said: dict[str, Any] = {
        "agent": agent,
        "purpose": purpose,
        "now": now,
        "caveats": caveats_of(**limits),
        "lifetime": lifetime,
        "max_hops": max_hops,
    }
    if isinstance(to, Path):
        hand_over_bearer(Bearer.issue(key, **said), to, out, as_json)
        return
    hand_over(Token.issue(key, holder=to, **said), out, as_json)
