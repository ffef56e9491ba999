"""`chaincred present`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chaincred import SigningKey
from chaincred.cli import output
from chaincred.cli.asking import asking, request_of
from chaincred.cli.clock import now_option
from chaincred.cli.holding import held, holding
from chaincred.cli.params import File, example, json_option


@click.command(
    epilog=example(
        "chaincred present worker.token --key worker.key --audience files.example \\",
        "  --tool files/read --resource docs/report.md --effect read -o request.txt",
    )
)
@holding
@asking
@click.option("-o", "--output", "out", type=File(), help="Write the presentation here.")
@now_option
@json_option
def present(
    token: str | None,
    key: SigningKey | None,
    from_bearer: Path | None,
    audience: str,
    out: Path | None,
    now: int,
    as_json: bool,
    **asked: Any,
) -> None:
    """Proves to a server that its holder asks this, now.

    The presentation is good once, at that server, for 60 seconds.
    """
    own, own_key = held(token, key, from_bearer)
    made = own.present(own_key, request_of(**asked), audience=audience, now=now)
    if out or not as_json:
        output.write(out, str(made))
    if as_json:
        value = {
            "presentation": str(made),
            "root_id": own.chain.root_id.hex(),
            "audience": audience,
            "issued_at": now,
        }
        output.answer(True, value, [])
