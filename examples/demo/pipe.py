"""How the processes of the demo hear and answer: one line of JSON in, one line of JSON out."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any


def answer(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Answers each line on standard input. Its end is the end of the process."""
    for line in sys.stdin:
        asked = json.loads(line)
        do = commands[asked.pop("do")]
        print(json.dumps(do(**asked)), flush=True)
