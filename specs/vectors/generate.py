"""Writes the test vectors, from the specification alone.

    python specs/vectors/generate.py            write all files anew
    python specs/vectors/generate.py --check    write nothing, list what differs

It needs pynacl, and nothing of the library that the vectors are to test.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent

# Modules of families/, each with the vectors of one family or of a part of it.
FAMILIES = (
    "encoding",
    "encoding_text",
    "key",
    "block",
    "block_text",
    "chain",
    "proof",
    "proof_request",
    "revocation",
    "revocation_time",
    "caveat",
    "caveat_form",
    "caveat_args",
    "caveat_args_form",
    "pattern",
    "pattern_host",
    "list_update",
    "list_view",
    "list_floor",
    "macaroon",
    "ack",
    "audit",
    "holder",
)


def files() -> dict[str, str]:
    """The text of every file by its name."""
    made: dict[str, str] = {}
    for family in FAMILIES:
        for vector in import_module(f"families.{family}").vectors():
            path = f"{vector['name']}.json"
            if path in made:
                raise ValueError(f"two vectors are named {path}")
            made[path] = json.dumps(vector, indent=1, allow_nan=False) + "\n"
    return made


def differences(made: dict[str, str]) -> list[str]:
    """What is not as it would be written, one line a file."""
    found = {path.name: path.read_text() for path in HERE.glob("*.json")}
    missing = [f"missing: {path}" for path in made.keys() - found.keys()]
    extra = [f"extra: {path}" for path in found.keys() - made.keys()]
    both = made.keys() & found.keys()
    differs = [f"differs: {path}" for path in both if made[path] != found[path]]
    return sorted(missing + extra + differs)


def write(made: dict[str, str]) -> None:
    for path in HERE.glob("*.json"):
        if path.name not in made:
            path.unlink()
    for name, content in made.items():
        (HERE / name).write_text(content)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = files()
    if not arguments:
        write(made)
        return 0
    lines = differences(made)
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
