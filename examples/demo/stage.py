"""The processes of the demo: started, asked, and all gone in the end, however it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
PATIENCE = 10
"""Seconds that a process may take for an answer."""


class Actor:
    """One process, in a folder of its own."""

    def __init__(self, name: str, script: str, folder: Path, arguments: tuple[str, ...]) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        # A session of its own, so that Ctrl-C reaches the story only, which then ends the others.
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def ask(self, do: str, **said: Any) -> Any:
        """What the process answers. Raises RuntimeError if it does not."""
        sent, received = self._process.stdin, self._process.stdout
        if sent is None or received is None:
            raise RuntimeError(f"{self.name} has no pipes")
        impatience = threading.Timer(PATIENCE, self._process.kill)
        impatience.start()
        try:
            sent.write(json.dumps({"do": do, **said}) + "\n")
            sent.flush()
            line = received.readline()
        except BrokenPipeError:
            line = ""
        finally:
            impatience.cancel()
        if not line:
            raise RuntimeError(f"{self.name} (process {self.pid}) did not answer {do!r}")
        return json.loads(line)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Ends the process and waits for it. Nothing it holds is worth a slower way."""
        self._process.kill()
        self._process.communicate()


class Program:
    """A process that talks to nobody here; `log` is what it writes."""

    def __init__(
        self, name: str, folder: Path, command: list[str], settings: dict[str, str]
    ) -> None:
        self.name = name
        self.log = folder / "log"
        # What is set for a service of this machine's own is not this one's.
        others = {
            name: each for name, each in os.environ.items() if not name.startswith("CHAINCRED")
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**others, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Ends the process at once, as a power cut would."""
        self._process.kill()
        self._process.wait()


class Stage:
    """A temporary folder and the processes in it. On leaving the `with`, both are gone."""

    def __init__(self) -> None:
        self.actors: list[Actor | Program] = []
        self._folder = tempfile.TemporaryDirectory(prefix="chaincred-demo-")
        self.folder = Path(self._folder.name).resolve()

    def start(self, name: str, script: str, *arguments: object) -> Actor:
        actor = Actor(name, script, self.folder / name, tuple(map(str, arguments)))
        self.actors.append(actor)
        return actor

    def run(self, name: str, command: list[str], settings: dict[str, str]) -> Program:
        """Starts a program, in the folder of its name."""
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        program = Program(name, folder, command, settings)
        self.actors.append(program)
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for actor in self.actors:
            actor.end()
        self._folder.cleanup()
