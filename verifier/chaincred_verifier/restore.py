"""`chaincred restore`: brings back what a store has lost of its list (specs/service.md 12).

A store that is older than what the service has published must not go on: its next entry would be
a fork that every follower refuses, and what was revoked meanwhile would live again. Anybody's copy
of the list brings the entries back, since they are signed: a mirror's, a cron job's. What else was
lost (audit records, trees, uses that were counted) no copy of the list has.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from chaincred.cli.output import answer
from chaincred.cli.params import File, example, json_option
from chaincred.cli.sources import read_bytes
from chaincred.revocation import MAX_UPDATE
from chaincred_verifier.ledger import Known, Writing
from chaincred_verifier.restoring import bring_back, head_of
from chaincred_verifier.settings import Settings, SettingsRefused
from chaincred_verifier.store import connector, migrate


@click.command(epilog=example("chaincred restore revoked.list --json"))
@click.argument("path", type=File(), metavar="LIST")
@json_option
def restore(path: Path, as_json: bool) -> None:
    """Brings a store that was set back to where its list had come.

    LIST is what GET /v1/list answered when it was further: the same list, signed by its keys, not
    forked. Needs the environment of `chaincred serve`, which may run meanwhile.
    """
    try:
        settings = Settings.from_environment(os.environ)
        connect = connector(settings.store)
    except (SettingsRefused, ValueError) as error:
        raise click.ClickException(str(error)) from error
    data = read_bytes(path, MAX_UPDATE)
    list_id = head_of(data).place.list_id
    connection = connect()
    try:
        migrate(connection)
        with connection.writing():
            writing = Writing(
                connection,
                Known(),
                list_id=list_id,
                now=int(time.time()),
                capacity=settings.replay_capacity,
            )
            found = bring_back(writing, data, settings)
    finally:
        connection.close()
    value = {"before": found.before, "number": found.number, "killed": found.killed}
    numbers = f"numbers {found.before + 1} to {found.number}"
    said = f"brought back: {numbers}; {found.killed} known blocks die"
    same = f"nothing to bring back: the store is at number {found.number}"
    answer(as_json, value, [said if found.number > found.before else same])
