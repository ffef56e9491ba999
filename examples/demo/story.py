"""Tells the story on the terminal, and holds it to what it promised."""

import os
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, Final, TextIO

WIDTH: Final = 98
_CODE: Final = 17
_WHO: Final = 14
_INDENT: Final = " " * (3 + _CODE)
_COLOURS: Final = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}


class NotAsTold(Exception):
    """A step did not end as the story says."""


class Story:
    """Prints acts and steps to `out`; `steps` counts those that ended as told."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colour = out.isatty() and not os.environ.get("NO_COLOR")
        self.unicode = (out.encoding or "").lower().replace("-", "") == "utf8"
        self.steps = 0
        self._acts = 0

    def title(self, text: str) -> None:
        self._print(self._paint(text, "bold"))

    def act(self, text: str) -> None:
        self._acts += 1
        self._print("\n" + self._paint(f"{self._acts}  {text}", "bold", "cyan"))

    def say(self, text: str) -> None:
        self._wrapped(text, "   ")

    def line(self, text: str) -> None:
        """Text that is laid out already."""
        self._print("   " + text)

    def expect(
        self, code: str, who: str, what: str, answer: Mapping[str, Any], *, brief: bool = False
    ) -> Any:
        """Prints how a step ended, and gives back its result. Raises NotAsTold.

        A brief step shows neither its result nor why it was refused, unless it went wrong.
        """
        got = answer["code"]
        self._step(got, who, what)
        for detail in _details(answer) if got != code or not brief else ():
            self._wrapped(detail, _INDENT, "dim")
        if got != code:
            raise NotAsTold(f"{who}: {what}: was to end with {code!r}, ended with {got!r}")
        self.steps += 1
        return answer.get("result")

    def check(self, holds: bool, what: str) -> None:
        """Prints a fact that has been looked up. Raises NotAsTold if it is not one."""
        if not holds:
            raise NotAsTold(f"not so: {what}")
        self._step("ok", "(checked)", what)
        self.steps += 1

    def _step(self, code: str, who: str, what: str) -> None:
        colour = "green" if code == "ok" else "red"
        self._print(f"   {self._paint(code.ljust(_CODE), colour)}{who:<{_WHO}}{what}")

    def _paint(self, text: str, *colours: str) -> str:
        if not self._colour:
            return text
        return "".join(f"\033[{_COLOURS[colour]}m" for colour in colours) + text + "\033[0m"

    def _wrapped(self, text: str, indent: str, *colours: str) -> None:
        for line in textwrap.wrap(text, WIDTH - len(indent)):
            self._print(indent + self._paint(line, *colours))

    def _print(self, line: str) -> None:
        if not self.unicode:
            line = line.encode("ascii", "replace").decode()
        print(line, file=self._out, flush=True)


def _details(answer: Mapping[str, Any]) -> list[str]:
    if answer["code"] != "ok":
        return [str(answer.get("why", ""))]
    match answer.get("result"):
        case list(found):
            return [str(each) for each in found]
        case str(text) if text:
            return [f"{len(text)} characters: {text.splitlines()[0]}"]
    return []
