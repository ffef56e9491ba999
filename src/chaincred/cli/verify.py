"""`chaincred verify` and `chaincred explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from chaincred import (
    Denied,
    Explanation,
    FloorStore,
    Freshness,
    InMemoryReplay,
    PublicKey,
    Request,
    RevocationView,
    Verified,
    Verifier,
    unrevocable,
)
from chaincred.cli import tree
from chaincred.cli.asking import asking, request_of
from chaincred.cli.clock import now_option
from chaincred.cli.output import answer, failure_json, painted, plain
from chaincred.cli.params import (
    Bytes,
    Duration,
    File,
    FreshnessLimits,
    Public,
    Text,
    example,
    json_option,
)
from chaincred.cli.sources import read_bytes
from chaincred.files import FileFloor
from chaincred.idtable import ID_SIZE
from chaincred.revocation import MAX_UPDATE
from chaincred.verify import Unrevocable

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.argument("presentation", type=Text()),
    click.option(
        "--root",
        "roots",
        type=Public(),
        multiple=True,
        required=True,
        help="A root key that you trust (repeatable).",
    ),
    click.option("--list", "list_", type=File(), help="Its revocation list; - is standard input."),
    click.option(
        "--list-key",
        "list_keys",
        type=Public(),
        multiple=True,
        help="A key that may sign the list (repeatable; first the one that began it).",
    ),
    click.option(
        "--list-id", type=Bytes(ID_SIZE), help="The list's id, if no --list-key began it."
    ),
    click.option(
        "--floor", type=File(), help="Where to keep what the list may not go back behind."
    ),
    click.option(
        "--unrevocable",
        "lifetime",
        type=Duration(),
        help="Instead of a list: tokens live at most this long and cannot be revoked.",
    ),
    click.option(
        "--freshness",
        type=FreshnessLimits(),
        help="How old the list may be: read=5m,write=30s,irreversible=5s unless said otherwise.",
    ),
    click.option(
        "--max-lifetime",
        type=Duration(),
        default="1d",
        show_default=True,
        help="How long a root block may live.",
    ),
)
_SHOWN: Final = (
    "--root root.pub --list revoked.list \\",
    "  --list-key list.pub --floor list.floor --audience files.example \\",
    "  --tool files/read --resource docs/report.md --effect read",
)


class _ReadOnlyFloor:
    """The floor in a file, which explaining must not move."""

    def __init__(self, floor: FloorStore) -> None:
        self._floor = floor

    def load(self) -> bytes | None:
        return self._floor.load()

    def save(self, floor: bytes) -> None:
        pass


def verifying(command: Command) -> Command:
    """Adds PRESENTATION and the options that `_verifier` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(epilog=example(f"chaincred verify request.txt {_SHOWN[0]}", *_SHOWN[1:]))
@verifying
@asking
@now_option
@json_option
def verify(presentation: str, now: int, as_json: bool, **options: Any) -> None:
    """Admits or refuses a request, as a server would.

    The options say what the server is about to do, not what the holder claims. Exit code 0 admits,
    1 denies, 3 is a fault. Replays are not remembered between runs: a presentation shown twice
    within 60 seconds is admitted twice.
    """
    verifier, request = _verifier(now, FileFloor, **options)
    verified = verifier.verify(presentation, request, now=now)
    answer(as_json, _verified_json(verified), _verified_lines(verified, now))


@click.command(epilog=example(f"chaincred explain request.txt {_SHOWN[0]}", *_SHOWN[1:]))
@verifying
@asking
@now_option
@json_option
def explain(presentation: str, now: int, as_json: bool, **options: Any) -> int:
    """Lists every reason to refuse a request, not only the first.

    Exit codes are those of `verify`, but nobody is admitted and nothing is changed.
    """
    verifier, request = _verifier(now, lambda path: _ReadOnlyFloor(FileFloor(path)), **options)
    explanation = verifier.explain(presentation, request, now=now)
    for refusal in explanation.refusals:
        if not isinstance(refusal, Denied):
            raise refusal
    answer(as_json, _explained_json(explanation), _explained_lines(explanation, now))
    return int(bool(explanation.refusals))


def _verifier(
    now: int,
    floor_in: Callable[[Path], FloorStore],
    *,
    roots: Sequence[PublicKey],
    list_: Path | None,
    list_keys: Sequence[PublicKey],
    list_id: bytes | None,
    floor: Path | None,
    lifetime: int | None,
    freshness: Freshness | None,
    max_lifetime: int,
    audience: str,
    **asked: Any,
) -> tuple[Verifier, Request]:
    answering: RevocationView | Unrevocable
    if lifetime is not None and not (list_ or list_keys or floor or list_id):
        answering = unrevocable(max_lifetime=lifetime)
    elif lifetime is None and list_ and list_keys and floor:
        answering = _view(now, list_, list_keys, list_id, floor, floor_in)
    else:
        raise click.UsageError("give --list, --list-key and --floor, or --unrevocable alone")
    verifier = Verifier(
        audience=audience,
        roots=dict.fromkeys(roots, answering),
        replay=InMemoryReplay(),
        freshness=freshness,
        max_lifetime=max_lifetime,
    )
    return verifier, request_of(**asked)


def _view(
    now: int,
    path: Path,
    keys: Sequence[PublicKey],
    list_id: bytes | None,
    floor: Path,
    floor_in: Callable[[Path], FloorStore],
) -> RevocationView:
    view = RevocationView(keys, floor=floor_in(floor), list_id=list_id)
    view.update(read_bytes(path, MAX_UPDATE), now=now)
    return view


def _verified_json(verified: Verified) -> dict[str, Any]:
    return {
        "admitted": True,
        "agent": verified.agent,
        "root_id": verified.root_id.hex(),
        "hops": tree.hops_json(verified.hops),
        "list_seq": verified.list_seq,
        "list_age": verified.list_age,
    }


def _verified_lines(verified: Verified, now: int) -> Iterator[str]:
    yield f"{painted('admitted', fg='green', bold=True)}: {plain(verified.agent)}"
    yield f"root id {verified.root_id.hex()}"
    if verified.list_seq is None:
        yield "list    none: what this root issues cannot be revoked"
    else:
        yield f"list    number {verified.list_seq}, {verified.list_age} s old"
    yield ""
    yield f"issuer {verified.hops[0].delegator.hex()}"
    yield from tree.drawn(verified.hops, now)


def _explained_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "code": explanation.code,
        "refusals": [
            {"code": refusal.code, "message": str(refusal)} for refusal in explanation.refusals
        ],
        "failures": [failure_json(failure) for failure in explanation.failures],
        "hops": tree.hops_json(explanation.hops),
    }


def _explained_lines(explanation: Explanation, now: int) -> Iterator[str]:
    if not explanation.refusals:
        yield "nothing refuses (replays were not looked for)"
    for refusal in explanation.refusals:
        said = f"{len(explanation.failures)} forbid" if refusal.code == "caveat" else str(refusal)
        yield f"{painted(refusal.code, fg='red', bold=True)}: {plain(said)}"
    for failure in explanation.failures:
        agent = explanation.hops[failure.hop].agent
        yield f"   hop {failure.hop} ({plain(agent)}) {painted(failure.kind, fg='yellow')}"
        yield f"      wanted {plain(failure.wanted)}"
        yield f"      given  {plain(failure.given)}"
    if explanation.hops:
        yield ""
        yield f"issuer {explanation.hops[0].delegator.hex()}"
        yield from tree.drawn(explanation.hops, now)
