"""`chaincred serve`: starts the service as it is set in the environment."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, Final

import click
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from chaincred.cli.params import example
from chaincred_verifier.app import create_app
from chaincred_verifier.connections import protocol
from chaincred_verifier.gateway import Rules
from chaincred_verifier.observe import counted_together, log_to_stderr
from chaincred_verifier.problems import Unavailable
from chaincred_verifier.service import issuing_of, prepare, seconds
from chaincred_verifier.settings import Settings, SettingsRefused
from chaincred_verifier.store import connector

_NOT_STARTED: Final = 3
"""The exit code of a process that could not start, as uvicorn has it."""
_THRESHOLDS: Final = (20_000, 20, 20)


def application() -> FastAPI:
    """The application of one worker process."""
    settings = Settings.from_environment(os.environ)
    log_to_stderr(settings.log)
    app = create_app(settings)
    # What is there by now stays, and a call leaves hardly anything that refers to itself: looking
    # for that as often as Python does takes a twentieth of the time.
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    return app


def config(settings: Settings, app: Any) -> uvicorn.Config:
    """How the service is served."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=protocol(settings.head_timeout, settings.max_connections, settings.max_body),
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,
        server_header=False,
        date_header=False,
        # Below, the server tells of every call that is not HTTP: anybody could fill the log.
        log_level="error",
        log_config=None,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=int(max(1, settings.head_timeout)),
        timeout_graceful_shutdown=10,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        backlog=1024,
    )


@click.command(epilog=example("chaincred serve"))
def serve() -> int:
    """Runs the verification service.

    It is set up by the environment, CHAINCRED_NAME and so on (docs/operations.md); what is wrong
    there is told at once. Stops gracefully on SIGTERM.
    """
    try:
        settings = Settings.from_environment(os.environ)
        # Read again by each worker, where a fault would end in a traceback.
        settings.require_certificate()
        Rules.read(settings.gateway_rules, settings.all_audiences)
        issuing_of(settings)
    except SettingsRefused as error:
        raise click.ClickException(str(error)) from error
    try:
        prepare(settings, connector(settings.store), seconds)
    except SettingsRefused as error:
        raise click.ClickException(str(error)) from error
    except (ValueError, Unavailable) as error:
        raise click.ClickException(f"CHAINCRED_STORE: {error}") from error
    log_to_stderr(settings.log)
    served = config(settings, "chaincred_verifier.serve:application")
    if settings.workers > 1:
        with counted_together():
            workers = Multiprocess(served, [served.bind_socket()])
            workers.run()
        # One that could not start, perhaps anew, ends them all: whoever runs this has to know.
        return _NOT_STARTED if _NOT_STARTED in [each.exitcode for each in workers.processes] else 0
    server = uvicorn.Server(served)
    server.run()
    return 0 if server.started else _NOT_STARTED
