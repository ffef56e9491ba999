"""`chaincred doctor`: looks an installation over, and says line by line what is right and wrong.

It reads the environment that `chaincred serve` would read, and changes nothing: no key is used, no
file made, no lock taken that would stop the service.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Final

import click

from chaincred.cli.output import answer, painted, plain
from chaincred.cli.params import example, json_option
from chaincred_verifier import published
from chaincred_verifier.doctor import keys, lists, policies, serving, store
from chaincred_verifier.doctor.finding import Finding, Findings, note, ok, wrong
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.settings import PREFIX, Settings, SettingsRefused

_COLOURS: Final = {"ok": "green", "note": "yellow", "wrong": "red"}
_WRONG: Final = 1


@click.command(epilog=example("chaincred doctor --json"))
@json_option
def doctor(as_json: bool) -> int:
    """Checks an installation of the service, and changes nothing.

    Run it as the service's user, with its environment. Ends with 1 if something is wrong.
    """
    found = list(examined(os.environ, int(time.time())))
    well = all(each.state != "wrong" for each in found)
    value = {"well": well, "findings": [each.to_json() for each in found]}
    lines = [line for each in found for line in _lines(each)]
    answer(as_json, value, [*lines, "", "all is well" if well else "something is wrong"])
    return 0 if well else _WRONG


def examined(environ: Mapping[str, str], now: int) -> Findings:
    """Everything there is to say, in the order in which it is best mended."""
    try:
        settings = Settings.from_environment(environ)
    except SettingsRefused as error:
        for line in str(error).splitlines():
            yield wrong("settings", line, "see docs/operations.md")
        yield note("settings", "nothing else was looked at: the settings come first")
        return
    count = sum(name.startswith(PREFIX) for name in environ)
    yield ok("settings", f"{count} are set, and agree with one another")
    yield from keys.keys(settings, environ)
    list_id = yield from _store(settings, now)
    yield from policies.gateway(settings)
    yield from policies.issuing(settings)
    yield from serving.tls(settings, now)
    yield from serving.proxies(settings)
    yield from serving.limits(settings)
    yield from serving.reached(settings, list_id)


def _store(settings: Settings, now: int) -> Generator[Finding, None, bytes | None]:
    """Store, list and floor; returns the id of the list, if there is one."""
    path = store.path_of(settings)
    if path is not None:
        yield from store.file(path)
    try:
        with store.looked_at(settings) as found:
            if found is None or not store.has_schema(found, path):
                yield note("store", "there is nothing in it yet; `serve` begins it")
                yield from lists.floor(settings, None)
                return None
            yield from store.sqlite(path, found) if path else store.postgres(found, now)
            yield from store.schema(found)
            yield from lists.held(settings, found, now)
            yield from lists.floor(settings, found)
            state = published.state(found)
            return state.place.list_id if state else None
    except (Unavailable, ValueError) as error:
        yield wrong("store", f"it cannot be read: {error}", "see that it is there and runs")
        return None


def _lines(found: Finding) -> Iterator[str]:
    state = painted(f"{found.state:<5}", fg=_COLOURS[found.state])
    yield f"{state} {found.what:<9} {plain(found.said)}"
    if found.do:
        yield f"{'':<15} {plain(found.do)}"
