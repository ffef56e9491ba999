"""`chaincred inspect`: what a token says, told apart from what it is worth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click

from chaincred import Authority, Bearer, Denied, Presentation, PublicKey, Token
from chaincred.cli import tree
from chaincred.cli.clock import now_option
from chaincred.cli.output import answer, painted, plain
from chaincred.cli.params import Public, Text, example, json_option
from chaincred.cli.sources import Credential, credential, token_in
from chaincred.cli.words import ago, moment


@click.command(epilog=example("chaincred inspect worker.token --root root.pub"))
@click.argument("text", type=Text(), metavar="TOKEN|PRESENTATION")
@click.option("--root", "roots", type=Public(), multiple=True, help="A root key that you trust.")
@now_option
@json_option
def inspect(text: str, roots: tuple[PublicKey, ...], now: int, as_json: bool) -> int:
    """Draws a chain: who handed over to whom, and what for.

    Nothing here is verified, unless you name the roots you trust: then whether one of them signed
    (exit code 1 if none did). Revocation, proof and caveats are what `verify` asks.
    """
    found = credential(text)
    token = token_in(found)
    wrong = _fault(token, [token.chain.issuer])
    untrusted = _fault(token, roots) if roots else None
    answer(
        as_json,
        _json(found, token, wrong, untrusted, bool(roots)),
        _lines(found, token, wrong, untrusted, bool(roots), now),
    )
    return int(untrusted is not None)


def _fault(token: Token, roots: Collection[PublicKey]) -> Denied | None:
    try:
        token.chain.check_signatures(roots)
    except Denied as error:
        return error
    return None


def _lines(
    found: Credential,
    token: Token,
    wrong: Denied | None,
    untrusted: Denied | None,
    asked: bool,
    now: int,
) -> Iterator[str]:
    kind = type(found).__name__.lower()
    yield f"{kind} {_worth(untrusted, asked)}"
    yield f"signatures {_signatures(wrong)}"
    yield f"root id    {painted(token.chain.root_id.hex(), fg='cyan')}"
    yield ""
    yield f"issuer {token.chain.issuer.hex()}" + ("" if asked and not untrusted else " (claimed)")
    yield from tree.drawn(token.hops, now)
    yield ""
    yield f"what {plain(token.chain.blocks[-1].agent)} may do, all caveats taken together"
    yield from tree.authority_lines(Authority.of(token.caveats), now)
    if isinstance(found, Presentation):
        proof = found.proof
        yield ""
        yield f"proof for {plain(proof.audience)}, made {moment(proof.issued_at)}, " + ago(
            proof.issued_at, now
        )
        yield "   whether the holder signed it only `verify` can tell, which is given the request"
    if isinstance(found, Bearer):
        yield ""
        yield "the holder's key travels with this token: whoever has the text holds it"


def _worth(untrusted: Denied | None, asked: bool) -> str:
    if not asked:
        return painted("NOT VERIFIED", fg="yellow", bold=True) + ": say with --root whom you trust"
    if untrusted:
        return painted("NOT TRUSTED", fg="red", bold=True) + f": {plain(str(untrusted))}"
    return painted("from a trusted root", fg="green", bold=True) + "; not verified for any request"


def _signatures(wrong: Denied | None) -> str:
    if wrong:
        return painted(f"WRONG: {wrong}", fg="red", bold=True)
    return "right under the issuer that it claims"


def _json(
    found: Credential, token: Token, wrong: Denied | None, untrusted: Denied | None, asked: bool
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "form": type(found).__name__.lower(),
        "verified": False,
        "trusted": untrusted is None if asked else None,
        "signatures": wrong.code if wrong else "ok",
        "root_id": token.chain.root_id.hex(),
        "issuer": token.chain.issuer.hex(),
        "hops": tree.hops_json(token.hops),
        "authority": tree.authority_json(Authority.of(token.caveats)),
    }
    if isinstance(found, Presentation):
        proof = found.proof
        value["proof"] = {
            "audience": proof.audience,
            "issued_at": proof.issued_at,
            "nonce": proof.nonce.hex(),
        }
    return value
