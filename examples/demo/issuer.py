"""The issuer: the only process with the root key. It begins a tree for each task, nothing more.

Run as `issuer.py PUBLIC_FOLDER`.
"""

import sys
import time
from pathlib import Path

from calls import AUDIENCE
from pipe import answer

from chaincred import (
    Audience,
    Caveat,
    MaxEffect,
    PublicKey,
    Resources,
    SigningKey,
    Task,
    Token,
    Tools,
)
from chaincred.files import write_file

TASKS: dict[str, tuple[str, list[Caveat]]] = {
    "incident-report": (
        "report on the incidents of July",
        [
            Tools(["read_file", "search", "write_file"]),
            Resources(["docs/**", "reports/**"]),
            MaxEffect("write"),
        ],
    ),
    "vendor-review": (
        "compare what vendors cost",
        [Tools(["read_file", "search"]), Resources(["docs/**"]), MaxEffect("read")],
    ),
}


def main(public: Path) -> None:
    root_key = SigningKey.generate()
    write_file(public / "root.pub", root_key.public_key.hex().encode())

    def issue(task: str, holder: str) -> str:
        purpose, caveats = TASKS[task]
        token = Token.issue(
            root_key,
            holder=PublicKey.from_hex(holder),
            agent="orchestrator",
            purpose=purpose,
            now=int(time.time()),
            caveats=[Task(task), Audience([AUDIENCE]), *caveats],
            lifetime=600,
            max_hops=2,
        )
        return str(token)

    answer({"issue": issue, "public_key": root_key.public_key.hex})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
