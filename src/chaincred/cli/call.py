"""`chaincred call`: a call to the service, signed for exactly this (specs/service.md 3)."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import click

from chaincred import ChaincredError, Denied, Request, SigningKey
from chaincred.cli import output
from chaincred.cli.clock import now_option
from chaincred.cli.holding import held, holding
from chaincred.cli.limits import EFFECTS
from chaincred.cli.params import File, example, json_option
from chaincred.cli.sources import read_bytes
from chaincred.patterns import matches

_PATIENCE: Final = 30.0
"""Seconds of silence after which an answer is given up."""
_CHUNK: Final = 65_536
_MAX_BODY: Final = 16_777_216
_MAX_JSON: Final = 67_108_864
"""Bytes of an answer that is not a stream: a tree of 10,000 nodes takes some 15 MB."""
_MAX_PROBLEM: Final = 1_048_576
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
_ASKED: Final = (
    ("POST", "/v1/revocations", "chaincred.revoke", "irreversible"),
    ("POST", "/v1/tokens", "chaincred.issue", "write"),
    ("POST", "/v1/explain", "chaincred.read", "read"),
    ("POST", "/v1/sessions", "chaincred.sign_in", "read"),
    ("PUT", "/v1/followers/*", "chaincred.followers", "write"),
    ("DELETE", "/v1/followers/*", "chaincred.followers", "write"),
    ("GET", "/**", "chaincred.read", "read"),
)
"""The tool and the effect of each call that needs authority; the first that fits counts."""


class NotAnswered(ChaincredError):
    """The service was not reached, did not answer, or could not do it."""

    code = "unavailable"


class Refused(Denied):
    """The service refused, with a code of its own."""


@click.command(
    epilog=example(
        "chaincred call POST https://verifier.example/v1/revocations \\",
        "  --from-bearer security.bearer --audience verifier.example \\",
        '  --body \'{"what": "task", "task": "q3"}\'',
    )
)
@click.argument("method", type=click.Choice(_METHODS, case_sensitive=False))
@click.argument("url")
@holding
@click.option("--audience", required=True, metavar="A", help="The service's own name.")
@click.option(
    "--body", default="", metavar="JSON", help="What is sent; @FILE for a file's content, @- for -."
)
@click.option("--tool", metavar="T", help="The tool; if not said, the one that the path needs.")
@click.option("--effect", type=EFFECTS, help="Its effect; if not said, the one the path needs.")
@click.option("--ca", type=File(), help="Trust the certificates in this file, not the system's.")
@click.option(
    "--header", is_flag=True, help="Send nothing: print the header that signs the call, for curl."
)
@now_option
@json_option
def call(
    method: str,
    url: str,
    token: str | None,
    key: SigningKey | None,
    from_bearer: Path | None,
    audience: str,
    body: str,
    tool: str | None,
    effect: str | None,
    ca: Path | None,
    header: bool,
    now: int,
    as_json: bool,
) -> None:
    """Calls a verification service and prints what it answers.

    The holder of TOKEN signs this one call with its exact body; it is good once, for 60 seconds.
    """
    parts = _parts(url)
    content = _content(body)
    tool, effect = _asked(method, parts.path, tool, effect)
    args = {"method": method, "query": parts.query, "body": sha256(content).digest()}
    request = Request(tool, effect=effect, resource=parts.path.removeprefix("/"), args=args)
    own, own_key = held(token, key, from_bearer)
    signed = f"Chaincred {own.present(own_key, request, audience=audience, now=now)}"
    if header:
        output.answer(as_json, {"Authorization": signed}, [f"Authorization: {signed}"])
        return
    with (
        closing(_connection(parts, ca)) as connection,
        _sent(connection, method, parts, content, signed) as response,
    ):
        _show(response, as_json)


def _show(response: http.client.HTTPResponse, as_json: bool) -> None:
    if response.headers.get_content_type() == "application/json":
        output.answer(True, _object(b"".join(_chunks(response, _MAX_JSON))), [])
        return
    empty = True
    for chunk in _chunks(response):
        empty = False
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    if empty:
        output.answer(as_json, {}, ["done"])


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii():
        raise click.UsageError("URL begins with https:// (or http://) and a host, in ASCII")
    # Whoever put a password or a fragment there meant it to be sent, which it is not.
    if parts.username is not None or parts.fragment or not parts.path:
        raise click.UsageError("URL has a path, and neither user nor fragment")
    return parts


def _content(body: str) -> bytes:
    if body.startswith("@"):
        return read_bytes(Path(body[1:]), _MAX_BODY)
    return body.encode()


def _asked(method: str, path: str, tool: str | None, effect: str | None) -> tuple[str, str]:
    for of_method, pattern, needed, does in _ASKED:
        if method == of_method and matches(pattern, path):
            return tool or needed, effect or does
    if tool is None or effect is None:
        raise click.UsageError("this path is not known here: give --tool and --effect")
    return tool, effect


def _connection(parts: SplitResult, ca: Path | None) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_PATIENCE)
    context = ssl.create_default_context(cafile=ca)
    return http.client.HTTPSConnection(host, parts.port, timeout=_PATIENCE, context=context)


def _sent(
    connection: http.client.HTTPConnection,
    method: str,
    parts: SplitResult,
    content: bytes,
    signed: str,
) -> http.client.HTTPResponse:
    """The answer, when it says that it was done. Raises Refused, NotAnswered."""
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"Authorization": signed, "User-Agent": "chaincred"}
    if content:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, target, content or None, headers)
        response = connection.getresponse()
        if response.status // 100 != 2:
            with response:
                raise _refusal(response.status, response.read(_MAX_PROBLEM))
    except (OSError, http.client.HTTPException) as error:
        raise NotAnswered(f"{parts.hostname}: {error or type(error).__name__}") from error
    return response


def _chunks(response: http.client.HTTPResponse, limit: int | None = None) -> Iterator[bytes]:
    """The body in parts, at most `limit` bytes. Raises NotAnswered."""
    # Read in parts, http.client takes an answer that breaks off for one that ends.
    left, size = response.length, 0
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise NotAnswered(f"the answer broke off: {error or type(error).__name__}") from error
        size += len(chunk)
        if limit is not None and size > limit:
            raise NotAnswered(f"an answer of more than {limit} bytes")
        if not chunk:
            break
        yield chunk
    if left is not None and left != size:
        raise NotAnswered(f"the answer broke off {left - size} bytes before its end")


def _refusal(status: int, body: bytes) -> ChaincredError:
    try:
        said = _object(body)
    except NotAnswered:
        said = {}
    code, detail = said.get("code"), said.get("detail")
    message = detail if isinstance(detail, str) else f"HTTP {status}"
    # A call that is not as it must be, and a service that cannot, are faults; the rest is a no.
    is_fault = status == HTTPStatus.BAD_REQUEST or status // 100 != 4
    found = NotAnswered(message) if is_fault else Refused(message)
    found.code = code if isinstance(code, str) else NotAnswered.code
    return found


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnswered("the answer is not JSON") from error
    if not isinstance(said, dict):
        raise NotAnswered("the answer is not an object")
    return said
