"""Runs the test vectors of the specification against this library.

`run` does what one file's `type` says (specs/vectors/README.md) and tells what came of it; the
command and the project's own tests use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaincred import (
    Bearer,
    CaveatRefused,
    ChaincredError,
    Failure,
    Freshness,
    InMemoryReplay,
    ListRefused,
    Malformed,
    NoFloor,
    Presentation,
    PublicKey,
    Request,
    RevocationView,
    Token,
    Verified,
    Verifier,
    unrevocable,
)
from chaincred.block import MAX_TOKEN
from chaincred.cli.service_vectors import Vector, read_ack, read_audit, read_holder
from chaincred.encoding import MAX_ELEMENTS, pack, require_plain, unpack, unpack_arguments
from chaincred.files import read_file
from chaincred.patterns import is_name, is_pattern, matches
from chaincred.request import MAX_REQUEST
from chaincred.verify import MAX_LIFETIME, Unrevocable

MAX_VECTOR: Final = 2**24
"""Bytes. The largest request is 1 MiB, which takes four in JSON and hexadecimal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one vector expects and what it got, a code or what else differs.

    `got` is None for a vector of something that is not installed.
    """

    name: str
    family: str
    expected: str
    got: str | None

    @property
    def passed(self) -> bool:
        return self.got == self.expected


def _read(path: Path) -> Vector:
    try:
        vector = json.loads(read_file(path, MAX_VECTOR))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path}: not JSON") from error
    if not isinstance(vector, dict) or vector.get("type") not in _RUNNERS:
        raise Malformed(f"{path}: not a vector of a known type")
    return vector


class _Differs(Exception):
    """The code is right, but something else is not what the vector says."""


def run(path: Path) -> Outcome:
    """Runs the vector in a file. Raises FileRefused or Malformed for a file that is not one."""
    vector = _read(path)
    name, family, expected = (str(vector.get(field)) for field in ("name", "family", "expect"))
    try:
        got = _RUNNERS[vector["type"]](vector)
    except ChaincredError as error:
        got = error.code
    except _Differs as error:
        got = str(error)
    except Exception as error:  # noqa: BLE001 - the library promises to raise nothing else
        got = f"{type(error).__name__}: {error}"
    return Outcome(name, family, expected, got)


def _run_verify(vector: Vector) -> str:
    verifier = _verifier(vector)
    for before in vector.get("seen", ()):
        verifier.verify(before["presentation"], _request(before["request"]), now=before["now"])
    request = _request(vector["request"])
    if "request_packed" in vector:
        _same("request_packed", request.packed.hex(), vector["request_packed"])
    try:
        verified = verifier.verify(vector["presentation"], request, now=vector["now"])
    except CaveatRefused:
        explained = verifier.explain(vector["presentation"], request, now=vector["now"])
        _check_failures(explained.failures, vector)
        raise
    _check_verified(verified, vector)
    return "ok"


def _check_verified(verified: Verified, vector: Vector) -> None:
    hops = [
        {
            "agent": hop.agent,
            "purpose": hop.purpose,
            "issued_at": hop.issued_at,
            "delegator": hop.delegator.hex(),
            "holder": hop.holder.hex(),
        }
        for hop in verified.hops
    ]
    _check_origin(verified.root_id, [hop.link for hop in verified.hops], vector)
    if vector["expect"] == "ok":
        _same("hops", hops, vector["hops"])


def _check_origin(root_id: bytes, links: Sequence[bytes], vector: Vector) -> None:
    if vector["expect"] == "ok":
        _same("root_id", root_id.hex(), vector["root_id"])
        _same("links", [link.hex() for link in links], vector["links"])


def _check_failures(failures: Sequence[Failure], vector: Vector) -> None:
    _same("failures", [[each.hop, each.kind] for each in failures], vector.get("failures"))


def _verifier(vector: Vector) -> Verifier:
    decided = vector.get("policy")
    return Verifier(
        audience=vector["audience"],
        roots=_roots(vector),
        replay=InMemoryReplay(),
        freshness=_freshness(vector),
        max_lifetime=vector.get("max_lifetime", MAX_LIFETIME),
        policy=None if decided is None else lambda *_: bool(decided),
    )


def _freshness(vector: Vector) -> Freshness | None:
    return Freshness(**vector["freshness"]) if "freshness" in vector else None


def _roots(vector: Vector) -> dict[PublicKey, RevocationView | Unrevocable]:
    return {PublicKey.from_hex(root["key"]): _answering(root) for root in vector["roots"]}


def _answering(root: Vector) -> RevocationView | Unrevocable:
    if "unrevocable" in root:
        return unrevocable(max_lifetime=root["unrevocable"])
    view = _view(root["list"], None)
    for update in root["list"]["updates"]:
        view.update(bytes.fromhex(update["update"]), now=update["now"])
    return view


def _run_list(vector: Vector) -> str:
    floor = vector.get("floor")
    view = _view(vector["list"], None if floor is None else bytes.fromhex(floor))
    got = ""
    for number, step in enumerate(vector["steps"], 1):
        got = _taken(view, step)
        _same(f"step {number}", got, step["expect"])
    _same("seq", view.seq, vector["seq"])
    _same("hash", view.place.hash.hex(), vector["hash"])
    for field, listed in (("revoked", True), ("alive", False)):
        for id in vector[field]:
            _same(f"{field} {id}", view.holds(bytes.fromhex(id)), listed)
    return got


def _taken(view: RevocationView, step: Vector) -> str:
    try:
        view.update(bytes.fromhex(step["update"]), now=step["now"])
    except ListRefused as error:
        return error.code
    return "ok"


class _SavedFloor(NoFloor):
    def __init__(self, floor: bytes | None) -> None:
        self._floor = floor

    def load(self) -> bytes | None:
        return self._floor


def _view(said: Vector, floor: bytes | None) -> RevocationView:
    keys = [PublicKey.from_hex(key) for key in said["keys"]]
    return RevocationView(keys, floor=_SavedFloor(floor), list_id=bytes.fromhex(said["list_id"]))


def _run_decode(vector: Vector) -> str:
    form = vector["form"]
    if form in _TEXTS:
        _same("the text again", _TEXTS[form](vector["text"]), vector["text"])
    else:
        _same(
            "the bytes again", _BYTES[form](bytes.fromhex(vector["bytes"])).hex(), vector["bytes"]
        )
    return "ok"


_TEXTS: Final[Mapping[str, Callable[[str], str]]] = {
    "token": lambda text: str(Token.parse(text)),
    "presentation": lambda text: str(_whole(Presentation.parse(text))),
    "bearer": lambda text: Bearer.parse(text).reveal(),
}
_BYTES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "key": lambda data: bytes(PublicKey(data)),
    "block": lambda data: pack(_plain(unpack(data, MAX_TOKEN, MAX_ELEMENTS))),
    "args": lambda data: pack(unpack_arguments(data, MAX_REQUEST)),
}


def _plain(value: Any) -> Any:
    require_plain(value)
    return value


def _whole(presentation: Presentation) -> Presentation:
    """The presentation once its token, which `parse` leaves as bytes, is read too."""
    Token.from_bytes(presentation.token)
    return presentation


def _run_match(vector: Vector) -> str:
    pattern, subject = vector["pattern"], vector["subject"]
    if not is_pattern(pattern) or not is_name(subject):
        raise Malformed("not a pattern and a name")
    return "ok" if matches(pattern, subject) else "no_match"


def _run_macaroon(vector: Vector) -> str | None:
    try:
        from chaincred.macaroon import DomainSecret, MacaroonVerifier
    except ImportError:
        return None
    verifier = MacaroonVerifier(
        secret=DomainSecret.from_bytes(bytes.fromhex(vector["secret"])),
        audience=vector["audience"],
        roots=_roots(vector),
        freshness=_freshness(vector),
    )
    macaroon, request = bytes.fromhex(vector["macaroon"]), _request(vector["request"])
    try:
        verified = verifier.verify(macaroon, request, now=vector["now"])
    except CaveatRefused as error:
        _check_failures(error.failures, vector)
        raise
    _check_origin(verified.root_id, verified.links, vector)
    return "ok"


def _said_by(read: Callable[[Vector], Mapping[str, Any]]) -> Callable[[Vector], str]:
    def run(vector: Vector) -> str:
        said = read(vector)
        if vector["expect"] == "ok":
            _same("said", said, vector["said"])
        return "ok"

    return run


_RUNNERS: Final[Mapping[str, Callable[[Vector], str | None]]] = {
    "verify": _run_verify,
    "decode": _run_decode,
    "match": _run_match,
    "list": _run_list,
    "macaroon": _run_macaroon,
    "ack": _said_by(read_ack),
    "audit": _said_by(read_audit),
    "holder": _said_by(read_holder),
}


def _request(said: Vector) -> Request:
    return Request(
        said["tool"],
        effect=said["effect"],
        resource=said["resource"],
        args=_argument(said["args"]),
        task=said["task"],
        context=bytes.fromhex(said["context"]),
    )


def _argument(value: Any) -> Any:
    match value:
        case {"$int": str(digits), **rest} if not rest:
            return int(digits)
        case {"$bin": str(digits), **rest} if not rest:
            return bytes.fromhex(digits)
        case dict():
            return {name: _argument(each) for name, each in value.items()}
        case list():
            return [_argument(each) for each in value]
    return value


def _same(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise _Differs(f"{what} is {got!r}, not {expected!r}")
