"""The tools of the resource server, as its documentation would have them.

Who calls and who serves both turn a call into a `Request`, each for itself: the caller signs its
own, the server verifies what it is about to do. The request itself is never sent.
"""

from typing import Any

from chaincred import Malformed, Request

AUDIENCE = "files.example"
"""What the resource server is called, wherever it listens."""

EFFECTS = {"read_file": "read", "search": "read", "write_file": "write"}
ARGUMENTS = {
    "read_file": {"path"},
    "search": {"path", "query"},
    "write_file": {"path", "content"},
}


def as_request(call: Any) -> Request:
    """The request that `{"tool": …, "args": {…}, "task": …}` stands for. Raises Malformed."""
    match call:
        case {"tool": str(tool), "args": dict(args), "task": str(task)} if len(call) == 3:
            if args.keys() == ARGUMENTS.get(tool) and all(type(v) is str for v in args.values()):
                effect, path = EFFECTS[tool], args["path"]
                return Request(tool, effect=effect, resource=path, args=args, task=task)
    raise Malformed("not a call of one of the tools")
