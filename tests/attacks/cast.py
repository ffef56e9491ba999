"""Who plays, and how an attacker writes: keys, blocks, proofs and lists made by hand.

Nothing here uses the library to write. An attacker is not bound by what our encoder refuses, so
every field, signer, link and spelling can be chosen; `ground` alone builds a real verifier.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import msgpack
from nacl.signing import SigningKey as Ed25519

from chaincred import ChaincredError, InMemoryReplay, PublicKey, Request, Verifier, unrevocable

NOW = 1_790_000_000
SERVER = "files.example"
HOUR = 3600

BLOCK = b"chaincred/v1/block\0"
PROOF = b"chaincred/v1/proof\0"
HEAD = b"chaincred/v1/head\0"
SNAPSHOT = b"chaincred/v1/snapshot\0"
CONTEXTS = (BLOCK, PROOF, HEAD, SNAPSHOT)

EXPIRES, NOT_BEFORE, TOOLS, RESOURCES, MAX_EFFECT, MAX_HOPS, AUDIENCE, TASK, CONTEXT, ARGS = range(
    10
)
READ, WRITE, IRREVERSIBLE = range(3)

Block = list[bytes]
Body = list[Any]


class Key:
    """A private key in an actor's hand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seed = sha256(f"attacks/{name}".encode()).digest()
        self._signer = Ed25519(self.seed)
        self.public = bytes(self._signer.verify_key)

    def sign(self, context: bytes, message: bytes) -> bytes:
        return self._signer.sign(context + message).signature

    def __repr__(self) -> str:
        return self.name


ROOT, OTHER_ROOT, PLANNER, WORKER, MALLORY, MINION, LIST_KEY, OLD_LIST_KEY = map(
    Key,
    (
        "root",
        "other root",
        "planner",
        "worker",
        "mallory",
        "mallory's second key",
        "list key",
        "old list key",
    ),
)


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False)


def text(data: bytes, prefix: str = "cc1p_") -> str:
    return prefix + base64.urlsafe_b64encode(data).decode().rstrip("=")


def untext(presentation: str) -> bytes:
    spelled = presentation.partition("_")[2]
    return base64.urlsafe_b64decode(spelled + "=" * (-len(spelled) % 4))


def nonce_of(name: str) -> bytes:
    return sha256(name.encode()).digest()[:16]


def root_body(
    holder: Key | bytes,
    caveats: Sequence[Any] = (),
    *,
    issuer: bytes = ROOT.public,
    nonce: bytes = nonce_of("root"),
    issued_at: Any = NOW,
    expires: int | None = NOW + HOUR,
    agent: str = "agent",
    purpose: str = "",
) -> Body:
    limits = [] if expires is None else [[EXPIRES, expires]]
    said = [issued_at, _public(holder), agent, purpose, [*limits, *caveats]]
    return [0, 1, issuer, nonce, *said]


def hop_body(
    holder: Key | bytes,
    caveats: Sequence[Any] = (),
    *,
    issued_at: Any = NOW,
    agent: str = "agent",
    purpose: str = "",
) -> Body:
    return [1, issued_at, _public(holder), agent, purpose, list(caveats)]


def _public(holder: Key | bytes) -> bytes:
    return holder.public if isinstance(holder, Key) else holder


def link_after(before: bytes, body: bytes) -> bytes:
    return sha256(b"chaincred/v1/link\0" + before + body).digest()


def links_of(blocks: Sequence[Sequence[bytes]], issuer: bytes | None = None) -> list[bytes]:
    """The links a verifier computes; for block 0 from the issuer that its body claims."""
    links = []
    link = issuer if issuer is not None else _issuer(blocks[0][0])
    for block in blocks:
        link = link_after(link, block[0])
        links.append(link)
    return links


def _issuer(body: bytes) -> bytes:
    # What the attacker wrote there may be anything; then no link is right anyway.
    try:
        claimed = unpack(body)[2]
    except (ValueError, msgpack.UnpackException, IndexError, TypeError, KeyError):
        return bytes(32)
    return claimed if isinstance(claimed, bytes) else bytes(32)


def signed(body: Body | bytes, signer: Key, before: bytes, context: bytes = BLOCK) -> Block:
    """A block with `body`, signed by whoever likes, as if it stood after `before`."""
    packed = body if isinstance(body, bytes) else pack(body)
    return [packed, signer.sign(context, link_after(before, packed))]


def root_block(body: Body | bytes, signer: Key = ROOT, issuer: bytes | None = None) -> Block:
    return signed(body, signer, issuer if issuer is not None else signer.public)


def extended(blocks: Sequence[Block], signer: Key, body: Body | bytes) -> list[Block]:
    """`blocks` and one more, signed by `signer` after the last of them."""
    return [*blocks, signed(body, signer, links_of(blocks)[-1])]


def chain(*steps: tuple[Key, Body | bytes]) -> list[Block]:
    """A chain of `(signer, body)`, each signed where it stands."""
    (root, body), *hops = steps
    blocks = [root_block(body, root)]
    for signer, hop in hops:
        blocks = extended(blocks, signer, hop)
    return blocks


@dataclass(frozen=True)
class Ask:
    """What is asked, in the attacker's own spelling."""

    tool: str = "read_file"
    resource: str = "docs/q3.md"
    effect: int = READ
    args: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    context: bytes = b""

    def packed(self) -> bytes:
        args = {name: self.args[name] for name in sorted(self.args)}
        return pack([self.tool, self.resource, self.effect, args, self.task, self.context])

    def request(self) -> Request:
        """The server's own words for the same."""
        return Request(
            self.tool,
            resource=self.resource,
            effect=("read", "write", "irreversible")[self.effect],
            args=self.args,
            task=self.task,
            context=self.context,
        )

    def but(self, **changed: Any) -> Ask:
        return replace(self, **changed)


Proof = list[Any]
_fresh = random.Random("nonces of proofs")


def proof(
    signer: Key,
    link: bytes,
    ask: Ask,
    *,
    audience: str = SERVER,
    issued_at: int = NOW,
    nonce: bytes | None = None,
    context: bytes = PROOF,
) -> Proof:
    """A proof by `signer`, with a nonce that no other proof had unless one is given."""
    nonce = _fresh.randbytes(16) if nonce is None else nonce
    head = pack([link, audience, issued_at, nonce])
    digest = sha256(b"\x95" + head[1:] + ask.packed()).digest()
    return [audience, issued_at, nonce, signer.sign(context, digest)]


def presented(blocks: Sequence[Sequence[bytes]], made: Proof) -> str:
    return text(pack([list(map(list, blocks)), made, []]))


def shown(blocks: Sequence[Block], signer: Key, ask: Ask | None = None, **said: Any) -> str:
    """A presentation of `blocks` with a proof by `signer` on their last link."""
    return presented(blocks, proof(signer, links_of(blocks)[-1], ask or Ask(), **said))


# Lists.


def list_id(first: Key = LIST_KEY) -> bytes:
    return sha256(b"chaincred/v1/list\0" + first.public).digest()[:16]


def first_hash(own_id: bytes) -> bytes:
    return sha256(b"chaincred/v1/log\0" + own_id).digest()


def next_hash(before: bytes, entry: bytes) -> bytes:
    return sha256(b"chaincred/v1/log\0" + before + entry).digest()


def running_hash(entries: Sequence[bytes], own_id: bytes) -> bytes:
    running = first_hash(own_id)
    for entry in entries:
        running = next_hash(running, entry)
    return running


FOREVER = 2**32 - 1


def chain_entry(link: bytes, until: int = FOREVER) -> bytes:
    return pack([0, link[:16], until, ""])


def key_digest(key: Key) -> bytes:
    return sha256(b"chaincred/v1/key\0" + key.public).digest()


def holder_entry(key: Key, until: int = FOREVER) -> bytes:
    return pack([1, key_digest(key)[:16], until, ""])


def issuer_entry(key: Key, before: int, until: int = FOREVER) -> bytes:
    return pack([2, key_digest(key)[:16], until, "", before])


def task_entry(task: str, until: int = FOREVER) -> bytes:
    named = sha256(b"chaincred/v1/task\0" + task.encode()).digest()[:16]
    return pack([3, named, until, ""])


def signed_body(body: Body | bytes, signer: Key, context: bytes) -> bytes:
    packed = body if isinstance(body, bytes) else pack(body)
    return pack([packed, signer.sign(context, sha256(packed).digest())])


@dataclass(frozen=True)
class Log:
    """A list in its publisher's hand, or in that of whoever plays the publisher."""

    entries: tuple[bytes, ...] = ()
    key: Key = LIST_KEY
    id: bytes = list_id()

    def but(self, **changed: Any) -> Log:
        return replace(self, **changed)

    def place(self, seq: int | None = None) -> list[Any]:
        seq = len(self.entries) if seq is None else seq
        return [self.id, seq, running_hash(self.entries[:seq], self.id)]

    def head(
        self,
        at: int = NOW,
        *,
        fresh_until: int | None = None,
        context: bytes = HEAD,
        place: list[Any] | None = None,
    ) -> bytes:
        fresh = at + 300 if fresh_until is None else fresh_until
        return signed_body([*(place or self.place()), at, fresh], self.key, context)

    def snapshot(
        self,
        seq: int = 0,
        *,
        at: int = NOW,
        without: Sequence[bytes] = (),
        until: int | None = None,
        place: list[Any] | None = None,
        context: bytes = SNAPSHOT,
    ) -> bytes:
        """What the first `seq` entries say, except those `without`, each `until` as given."""
        ids: dict[bytes, int] = {}
        issuers: dict[bytes, list[Any]] = {}
        for packed in self.entries[:seq]:
            if packed in without:
                continue
            what, id, held, _, *before = unpack(packed)
            held = held if until is None else until
            if what == 2:
                issuers[id] = [id, held, *before]
            else:
                ids[id] = held
        columns = [
            b"".join(sorted(ids)),
            b"".join(ids[id].to_bytes(4, "big") for id in sorted(ids)),
        ]
        listed = [issuers[id] for id in sorted(issuers)]
        body = [*(place or self.place(seq)), at, listed, *columns]
        return signed_body(body, self.key, context)

    def update(
        self,
        since: int | None = None,
        *,
        at: int = NOW,
        snapshot: bytes | None = None,
        entries: Sequence[bytes] | None = None,
        head: bytes | None = None,
        fresh_until: int | None = None,
    ) -> bytes:
        """Everything, or what follows entry number `since`; any part can be another."""
        if snapshot is None:
            snapshot = self.snapshot(0, at=at) if since is None else b""
        start = since or 0
        told = self.entries[start:] if entries is None else entries
        signed_head = self.head(at, fresh_until=fresh_until) if head is None else head
        return pack([snapshot, start, list(told), signed_head])


def ground(roots: Mapping[Any, Any] | None = None, **more: Any) -> Verifier:
    """A verifier for SERVER; without `roots` it trusts ROOT and has no list."""
    trusted = roots or {PublicKey(ROOT.public): unrevocable(max_lifetime=86_400)}
    return Verifier(**{"audience": SERVER, "roots": trusted, "replay": InMemoryReplay(), **more})


Run = Callable[[], object]


def outcome(run: Run) -> str:
    """The code with which `run` was refused, `ok` if it was not."""
    try:
        run()
    except ChaincredError as refused:
        return refused.code
    return "ok"
