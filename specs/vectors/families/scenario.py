"""What a vector file says: the fields of README.md for each type of scenario."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from families.cast import NOW, ROOT, SERVER, Actor, nonce
from families.log import Log
from families.packing import Raw, Value, pack, text_form
from families.tree import WORKERS, Chain

Vector: TypeAlias = dict[str, Any]

EFFECTS = ("read", "write", "irreversible")

# A longer request is not written a second time as hexadecimal.
LONGEST_PACKED_SHOWN = 65_536


@dataclass(frozen=True)
class Request:
    tool: str = "files/read"
    resource: str = "docs/report.md"
    effect: int = 0
    args: Mapping[str, Value] = field(default_factory=dict)
    task: str = ""
    context: bytes = b""

    @property
    def packed(self) -> bytes:
        fields: list[Value] = [self.tool, self.resource, self.effect, self.args]
        return pack([*fields, self.task, self.context])

    @property
    def described(self) -> dict[str, object]:
        return {
            "tool": self.tool,
            "resource": self.resource,
            "effect": EFFECTS[self.effect],
            "args": _in_json(self.args),
            "task": self.task,
            "context": self.context.hex(),
        }


@dataclass(frozen=True)
class Proof:
    """How a proof is made; what is None is as it should be."""

    signer: Actor | None = None
    audience: str = SERVER
    issued_at: int = NOW
    nonce: bytes = nonce("first call")
    link: bytes | None = None

    def signature(self, chain: Chain, request: Request) -> bytes:
        link = chain.last.link if self.link is None else self.link
        made_for: list[Value] = [link, self.audience, self.issued_at, self.nonce]
        digest = hashlib.sha256(pack([*made_for, Raw(request.packed)])).digest()
        return (self.signer or chain.last.holder).sign("proof", digest)

    def fields(self, chain: Chain, request: Request) -> list[Value]:
        signature = self.signature(chain, request)
        return [self.audience, self.issued_at, self.nonce, signature]


READ = Request()
WRITE = Request(tool="files/write", effect=1)
DELETE = Request(tool="files/delete", effect=2)
PROOF = Proof()


def presentation(chain: Chain, proof: Value, discharges: Value = ()) -> str:
    """The text of a presentation with any proof."""
    blocks = [[block.body, block.signature] for block in chain.blocks]
    return text_form("cc1p_", pack([blocks, proof, discharges]))


def present(chain: Chain, request: Request = READ, proof: Proof = PROOF) -> str:
    return presentation(chain, proof.fields(chain, request))


def listed_root(
    log: Log | None = None,
    *,
    key: Actor = ROOT,
    updates: Sequence[tuple[int, bytes]] | None = None,
    more_keys: Sequence[Actor] = (),
) -> dict[str, object]:
    """A trusted root and its list, fresh unless updates say otherwise."""
    log = log or Log()
    if updates is None:
        updates = [(NOW - 1, log.update())]
    heard = [{"now": now, "update": data.hex()} for now, data in updates]
    return {
        "key": key.public.hex(),
        "list": {**log.described(*more_keys), "updates": heard},
    }


def unlisted_root(seconds: int, *, key: Actor = ROOT) -> dict[str, object]:
    return {"key": key.public.hex(), "unrevocable": seconds}


def seen(text: str, request: Request = READ, now: int = NOW) -> dict[str, object]:
    return {"now": now, "presentation": text, "request": request.described}


def vector(name: str, about: str, kind: str, spec: str, expect: str, **fields: object) -> Vector:
    """One file's content; fields that are None are left out."""
    said = {key: value for key, value in fields.items() if value is not None}
    return {
        "name": name,
        "family": name.partition("-")[0],
        "about": about,
        "type": kind,
        "spec": spec,
        "expect": expect,
        **said,
    }


def verify(
    name: str,
    about: str,
    expect: str = "ok",
    *,
    spec: str = "token.md 8",
    chain: Chain = WORKERS,
    request: Request = READ,
    signed: Request | None = None,
    proof: Proof = PROOF,
    text: str | None = None,
    roots: Sequence[Mapping[str, object]] | None = None,
    now: int = NOW,
    audience: str = SERVER,
    normal: bool = True,
    **more: object,
) -> Vector:
    """A request for a verifier. `signed` is what the proof was made for, if not the
    request; `normal` is false for a request that is not in normal form."""
    packed = request.packed if normal else b""
    shown = 0 < len(packed) <= LONGEST_PACKED_SHOWN
    return vector(
        name,
        about,
        "verify",
        spec,
        expect,
        now=now,
        audience=audience,
        roots=[listed_root()] if roots is None else roots,
        presentation=present(chain, signed or request, proof) if text is None else text,
        request=request.described,
        request_packed=packed.hex() if shown else None,
        **more,
        **(_admitted(chain) if expect == "ok" else {}),
    )


def decode(
    name: str,
    about: str,
    expect: str,
    form: str,
    content: str | bytes,
    spec: str = "token.md 1.1",
) -> Vector:
    """A text to be decoded, or bytes."""
    if isinstance(content, str):
        return vector(name, about, "decode", spec, expect, form=form, text=content)
    return vector(name, about, "decode", spec, expect, form=form, bytes=content.hex())


def _admitted(chain: Chain) -> dict[str, object]:
    hops = [
        {
            "agent": block.agent,
            "purpose": block.purpose,
            "issued_at": block.issued_at,
            "delegator": block.delegator.public.hex(),
            "holder": block.holder.public.hex(),
        }
        for block in chain.blocks
    ]
    links = [block.link.hex() for block in chain.blocks]
    return {"root_id": links[0], "links": links, "hops": hops}


def _in_json(value: Value) -> object:
    match value:
        case bytes():
            return {"$bin": value.hex()}
        case bool() | str() | float() | None:
            return value
        case int():
            return value if abs(value) <= 2**53 else {"$int": str(value)}
        case Mapping():
            return {key: _in_json(item) for key, item in value.items()}
        case Sequence():
            return [_in_json(item) for item in value]
        case _:
            raise TypeError(f"{value!r} cannot be asked for in JSON")
