"""What is about to be done: the verifier's own words for one call (specs/token.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from chaincred.encoding import canonical, is_text, pack
from chaincred.errors import Malformed
from chaincred.patterns import is_name

MAX_REQUEST: Final = 2**20
"""Packed bytes: what a tool call may carry inline. Larger content goes by its digest."""
MAX_TOOL: Final = 256
MAX_TASK: Final = 128


class Effect(IntEnum):
    """What a call does to the world, mildest first."""

    READ = 0
    WRITE = 1
    IRREVERSIBLE = 2

    @classmethod
    def named(cls, name: Effect | str) -> Effect:
        """The effect called `read`, `write` or `irreversible`. Raises ValueError."""
        if isinstance(name, Effect):
            return name
        effect = _NAMED.get(name) if isinstance(name, str) else None
        if effect is None:
            raise ValueError("an effect is read, write or irreversible")
        return effect

    @property
    def label(self) -> str:
        return self.name.lower()


_NAMED: Final = {effect.label: effect for effect in Effect}


class Request:
    """One call: a tool, on a resource, with an effect, arguments, a task and a context.

    Holder and server each make one, and a proof holds only if their bytes are equal: let one
    function, used by both, turn a call into a request. Immutable.

    `tool` and `resource` are names in normal form, `context` is 32 bytes or empty. The arguments
    are copied, and spelled so that equal requests have equal bytes (`packed`).

    Raises Malformed for what is not in that form, since most of it comes from a client;
    ValueError for an unknown effect and TypeError for an argument of another type than JSON's or
    bytes, since those are the server's own.
    """

    __slots__ = ("_args", "_context", "_effect", "_packed", "_resource", "_task", "_tool")

    def __init__(
        self,
        tool: str,
        *,
        effect: Effect | str,
        resource: str = "",
        args: Mapping[str, Any] | None = None,
        task: str = "",
        context: bytes = b"",
    ) -> None:
        if not is_name(tool, MAX_TOOL):
            raise Malformed("the tool is not a name in normal form")
        if resource != "" and not is_name(resource):
            raise Malformed("the resource is not a name in normal form")
        if not is_text(task, 0, MAX_TASK):
            raise Malformed("the task is not a text of 0 to 128 bytes")
        if type(context) is not bytes or len(context) not in (0, 32):
            raise Malformed("the context is not 0 or 32 bytes")
        if args is not None and not isinstance(args, Mapping):
            raise Malformed("the arguments are not a map")
        self._tool = tool
        self._effect = Effect.named(effect)
        self._resource = resource
        # Depth 2: the request's own array is the first level.
        spelled = canonical({} if args is None else args, depth=2)
        self._args = MappingProxyType(spelled)
        self._task = task
        self._context = context
        self._packed = pack([tool, resource, int(self._effect), spelled, task, context])
        if len(self._packed) > MAX_REQUEST:
            raise Malformed(f"a request of more than {MAX_REQUEST} bytes")

    # Read only: caveats are asked of these fields, the proof of the bytes that were made of them.
    @property
    def tool(self) -> str:
        return self._tool

    @property
    def effect(self) -> Effect:
        return self._effect

    @property
    def resource(self) -> str:
        return self._resource

    @property
    def args(self) -> Mapping[str, Any]:
        return self._args

    @property
    def task(self) -> str:
        return self._task

    @property
    def context(self) -> bytes:
        return self._context

    @property
    def packed(self) -> bytes:
        return self._packed

    @property
    def digest(self) -> bytes:
        """32 bytes to compare in the logs of both sides when a proof does not fit a request."""
        return sha256(self._packed).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self.packed == other.packed

    def __hash__(self) -> int:
        return hash(self.packed)

    def __repr__(self) -> str:
        # Arguments may hold what the caller's users typed; they stay out of logs.
        return f"Request({self.tool!r}, effect={self.effect.label!r}, resource={self.resource!r})"
