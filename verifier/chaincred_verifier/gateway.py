"""Rules that turn what a gateway says of a call into a request (specs/service.md 5)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

from starlette.datastructures import Headers

from chaincred import ChaincredError, Effect, Malformed, PolicyRefused, Request
from chaincred.patterns import is_name, is_pattern, matches
from chaincred_verifier.settings import SettingsRefused
from chaincred_verifier.wire import hex_of

_PAIRS: Final = (
    ("x-original-method", "x-original-uri"),
    ("x-forwarded-method", "x-forwarded-uri"),
)
_EFFECTS: Final = {"GET": "read", "HEAD": "read", "OPTIONS": "read", "DELETE": "irreversible"}
_KNOWN: Final = frozenset({"methods", "path", "tool", "resource", "effect", "audience"})
_PLAIN: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()+,=:@/]|%[0-9A-F]{2})*")
_ENCODED: Final = re.compile("%([0-9A-F]{2})")
_MAX_URI: Final = 8_192


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls whose method and path fit are this tool on this resource."""

    methods: frozenset[str]
    path: str
    tool: str
    resource: str
    effect: str | None
    audience: str

    @classmethod
    def of(cls, said: Mapping[str, Any], audiences: Sequence[str]) -> Self:
        """The rule in a table of the file, for one of `audiences`. Raises ValueError."""
        strange = said.keys() - _KNOWN
        if strange:
            raise ValueError(f"no such member: {', '.join(sorted(strange))}")
        audience = said.get("audience", audiences[0])
        if audience not in audiences:
            raise ValueError(f"audience {audience!r} is not decided for here (CHAINCRED_AUDIENCES)")
        methods = said.get("methods", [])
        texts = [said.get(name, "") for name in ("path", "tool", "resource")]
        if not isinstance(methods, list) or not all(isinstance(each, str) for each in methods):
            raise ValueError("methods are a list of names")
        if not methods or not all(isinstance(each, str) for each in texts):
            raise ValueError("methods, path and tool are needed")
        if not all(each.isupper() for each in methods):
            raise ValueError("methods are spelled as they are sent, as GET")
        path, tool, resource = texts
        if not is_pattern(path) or not path.startswith("/"):
            raise ValueError(f"path {path!r} is not a pattern that begins with /")
        if "{rest}" in resource and not path.endswith("/**"):
            raise ValueError("{rest} is what a last ** stands for")
        if set("{}") & set(resource.replace("{rest}", "").replace("{path}", "")):
            raise ValueError("in a resource only {rest} and {path} stand for something")
        rule = cls(
            frozenset(methods),
            path,
            tool,
            resource,
            said.get("effect"),
            audience,
        )
        # Tried once, so that a rule which could never make a request is told at start.
        sample = path.replace("**", "a").replace("*", "a")
        try:
            rule.request(methods[0], sample, {}, "", b"")
        except ChaincredError as error:
            raise ValueError(str(error)) from error
        return rule

    def fits(self, method: str, path: str) -> bool:
        return method in self.methods and matches(self.path, path)

    def request(
        self, method: str, path: str, args: Mapping[str, Any], task: str, context: bytes
    ) -> Request:
        """The request that a call is. Raises Malformed, ValueError."""
        begin = self.path.removesuffix("**")
        rest = "/".join(path.split("/")[begin.count("/") :])
        resource = self.resource.replace("{rest}", rest).replace("{path}", path)
        effect = self.effect or _EFFECTS.get(method, Effect.WRITE.label)
        return Request(
            self.tool, effect=effect, resource=resource, args=args, task=task, context=context
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, the first that fits counts."""

    rules: tuple[Rule, ...]

    @classmethod
    def read(cls, path: Path | None, audiences: Sequence[str]) -> Self:
        """The rules in a TOML file; none without one. Of the `audiences` the first is the default.

        Raises SettingsRefused.
        """
        if path is None:
            return cls(())
        try:
            said = tomllib.loads(path.read_text())
            tables = said.pop("rule", [])
            if said or not isinstance(tables, list):
                raise ValueError("a file of [[rule]] tables")
            return cls(tuple(Rule.of(table, audiences) for table in tables))
        except (OSError, ValueError, AttributeError) as error:
            raise SettingsRefused(f"CHAINCRED_GATEWAY_RULES: {path}: {error}") from error

    def request(self, headers: Headers) -> tuple[Request, str]:
        """The request that a gateway asks about, and its audience.

        Raises Malformed, or PolicyRefused where no rule fits.
        """
        method, uri = _call(headers)
        path, _, query = uri.partition("?")
        # Not repaired: what the server behind the gateway makes of `..` or `//` is its own secret.
        if not is_name(path) or not _is_spelled_once(path):
            raise Malformed("the path is not in the one spelling that is allowed here")
        context = _one(headers, "chaincred-context")
        for rule in self.rules:
            if rule.fits(method, path):
                args = {"query": query} if query else {}
                digest = hex_of(context, "context", 32) if context else b""
                task = _one(headers, "chaincred-task")
                return rule.request(method, path, args, task, digest), rule.audience
        raise PolicyRefused("no rule for this method and path")


def _is_spelled_once(path: str) -> bool:
    """Whether no server can read a path as another: RFC 3986, each character in one way.

    Gateways cut a path at a `#`, decode what need not be encoded, and some drop what follows a
    `;`; whoever decodes twice would see more in an encoded `%`.
    """
    if not _PLAIN.fullmatch(path):
        return False
    encoded = bytes.fromhex("".join(_ENCODED.findall(path)))
    if any(byte in b"%#?;" or _PLAIN.fullmatch("/" + chr(byte)) for byte in encoded):
        return False
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _call(headers: Headers) -> tuple[str, str]:
    found = [pair for pair in _PAIRS if any(name in headers for name in pair)]
    if len(found) != 1:
        raise Malformed("one of the two pairs of headers that name a method and a URI")
    method, uri = (_one(headers, name) for name in found[0])
    if not method or not uri or len(uri) > _MAX_URI:
        raise Malformed("a method and a URI")
    return method, uri


def _one(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    if len(values) > 1:
        raise Malformed(f"{name} more than once")
    try:
        # Headers arrive as Latin-1; names and tasks are UTF-8.
        return values[0].encode("latin-1").decode() if values else ""
    except UnicodeDecodeError as error:
        raise Malformed(f"{name} is not UTF-8") from error
