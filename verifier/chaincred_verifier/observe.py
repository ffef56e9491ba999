"""Numbers and logs for whoever runs the service; neither holds a secret."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any, Final, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def counted_together() -> Iterator[None]:
    """Processes that are started meanwhile count in files that each of them can add up.

    Otherwise a counter would go up and down with the worker that happens to answer.
    """
    with TemporaryDirectory(prefix="chaincred-metrics-") as folder:
        os.environ[_SHARED] = folder
        try:
            yield
        finally:
            del os.environ[_SHARED]


class Metrics:
    """The service's numbers: those of all workers, and gauges of the one that answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._codes: dict[str, Counter] = {}
        self.calls = Counter(
            "chaincred_calls", "Answered calls", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "chaincred_call_seconds",
            "From the head of a call to its answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "chaincred_decisions", "Decisions by code", ["code"], registry=self.registry
        )
        self.revocations = Counter("chaincred_revocations", "Entries made", registry=self.registry)
        self._gauges = {
            name: Gauge(
                f"chaincred_{name}",
                about,
                registry=self.registry,
                multiprocess_mode="mostrecent",
            )
            for name, about in (
                ("list_number", "The number of the last entry held"),
                ("list_age_seconds", "Since the head held was signed"),
                ("list_entries", "Ids on the list"),
                ("streams", "Streams of the list that are open"),
                ("ready", "1 if the service is ready"),
            )
        }

    def decided(self, code: str) -> None:
        """Counts a decision."""
        found = self._codes.get(code)
        if found is None:
            found = self._codes[code] = self.decisions.labels(code)
        found.inc()

    def answered(self, route: str, status: int, seconds: float | None) -> None:
        """Counts a call, and how long it took unless it was a stream."""
        key = (route, status)
        found = self._calls.get(key)
        if found is None:
            # Looking up labels costs more than counting; routes and statuses are few.
            found = (self.calls.labels(route, str(status)), self.seconds.labels(route))
            self._calls[key] = found
        count, taken = found
        count.inc()
        if seconds is not None:
            taken.observe(seconds)

    def text(self, **now: float) -> bytes:
        """Prometheus' text form; `now` gives each gauge its value."""
        for name, value in now.items():
            self._gauges[name].set(value)
        if _SHARED not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call] # it ships without
        return generate_latest(together)


def log_to_stderr(form: str) -> None:
    """Sets logging up, once a process: `json`, or `text` for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    # Tracebacks without local variables: those hold presentations and keys.
    errors: Any = structlog.processors.format_exc_info
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Spared(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    server = logging.getLogger("uvicorn")
    server.handlers = [Retold()]
    server.propagate = False


class Retold(logging.Handler):
    """What the HTTP server has to say, in the form of all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        said = structlog.get_logger()
        tell = said.error if record.levelno >= logging.ERROR else said.warning
        tell("server", detail=record.getMessage(), exc_info=record.exc_info)


class Spared:
    """A file for a log: what cannot be written is left out.

    A disk that is full or a reader that is gone would otherwise turn every refusal into a fault.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()
