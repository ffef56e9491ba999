"""A server in a process of its own, and what it has used of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, Self

PATIENCE: Final = 60.0
"""Seconds to begin, or to end."""
_PROJECT: Final = Path(__file__).resolve().parents[1]
_SERVE: Final = "from chaincred.cli import main; main()"


class Server:
    """Listens at `port` of the loopback while the `with` lasts. `log` is where its words go.

    `begun` is how many seconds it took to be ready. What the machine does not tell is None.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, port: int, log: Path
    ) -> None:
        self.port = port
        self.begun = 0.0
        self._arguments = [sys.executable, *arguments]
        kept = {name: each for name, each in os.environ.items() if not name.startswith("CHAINCRED")}
        self._environment = {**kept, **environment}
        self._log = log

    @classmethod
    def service(cls, environment: Mapping[str, str], folder: Path) -> Self:
        """`chaincred serve`, one worker."""
        port = free_port()
        said = {**environment, "CHAINCRED_PORT": str(port)}
        return cls(["-c", _SERVE, "serve"], said, port=port, log=folder / "service.log")

    @classmethod
    def echo(cls, folder: Path) -> Self:
        """The bare echo."""
        port = free_port()
        return cls(["-m", "bench.echo", str(port)], {}, port=port, log=folder / "echo.log")

    def __enter__(self) -> Self:
        begun = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, env=self._environment, cwd=_PROJECT, stdout=log, stderr=log
            )
        while not self._is_ready():
            if self._process.poll() is not None or time.perf_counter() > begun + PATIENCE:
                self.__exit__()
                raise RuntimeError(f"a server did not start:\n{self._log.read_text()}")
            time.sleep(0.01)
        self.begun = time.perf_counter() - begun
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body or None, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def cpu(self) -> float | None:
        """Seconds of processor that all of its threads have used."""
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except FileNotFoundError:
            return None
        # The name, in parentheses, may hold anything.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float | None:
        """Megabytes of memory that it has held at most."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except FileNotFoundError:
            return None
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def _is_ready(self) -> bool:
        try:
            return self.call("GET", "/readyz", {})[0] == 200
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
