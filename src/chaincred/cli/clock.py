"""The clock: the one place here that asks for the time."""

from __future__ import annotations

import time

import click

from chaincred.encoding import MAX_TIME

now_option = click.option(
    "--now",
    type=click.IntRange(0, MAX_TIME),
    default=lambda: int(time.time()),
    is_eager=True,  # moments such as `+2h` are counted from it
    hidden=True,
    help="Seconds since 1970, instead of the clock.",
)
