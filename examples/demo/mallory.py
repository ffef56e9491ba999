"""Mallory: reads every log, has taken over agents, and is not bound by our library.

What she sends is made by hand from specs/token.md, because the library would not make it.

Run as `mallory.py PORT`.
"""

import base64
import json
import secrets
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import nacl.signing
from agent import post
from calls import AUDIENCE, as_request
from pipe import answer

from chaincred import Bearer, SigningKey
from chaincred.files import read_key, read_secret

ROOT, HOP, VERSION = 0, 1, 1
EXPIRES, TOOLS, RESOURCES, MAX_EFFECT = 0, 2, 3, 4

Blocks = list[list[bytes]]
WIDE = [
    [TOOLS, ["read_file", "search", "write_file"]],
    [RESOURCES, ["**"]],
    [MAX_EFFECT, 2],
]
"""Everything, as far as caveats can say it."""


def blocks_of(token: str) -> Blocks:
    blocks: Blocks = msgpack.unpackb(base64.urlsafe_b64decode(token.removeprefix("cc1_") + "=="))
    return blocks


def last_link(blocks: Blocks) -> bytes:
    link: bytes = msgpack.unpackb(blocks[0][0])[2]
    for body, _ in blocks:
        link = sha256(b"chaincred/v1/link\0" + link + body).digest()
    return link


def sign(key: SigningKey, context: bytes, digest: bytes) -> bytes:
    signer = nacl.signing.SigningKey(key.reveal_seed())
    return signer.sign(b"chaincred/v1/" + context + b"\0" + digest).signature


def with_block(blocks: Blocks, body: list[Any], key: SigningKey) -> Blocks:
    """One more block, signed with whatever key there is."""
    packed = msgpack.packb(body)
    unsigned = [*blocks, [packed, b""]]
    return [*blocks, [packed, sign(key, b"block", last_link(unsigned))]]


class Mallory:
    """Holds a key that nobody ever delegated to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._key = SigningKey.generate()

    def ready(self) -> bool:
        return True

    def replay(self, presentation: str, body: str) -> dict[str, Any]:
        """What was overheard, byte for byte."""
        return post(self._port, presentation, body)

    def steal(self, token: str, call: dict[str, Any]) -> dict[str, Any]:
        """A token from a log, with a proof by the wrong key."""
        return self._send(blocks_of(token), self._key, call)

    def strip(self, bearer: str, call: dict[str, Any]) -> dict[str, Any]:
        """The chain without its last block, and the key that the bearer token brought along."""
        held = Bearer.parse(read_secret(Path(bearer)))
        return self._send(blocks_of(str(held.token))[:-1], held.key, call)

    def widen(self, token: str, key: str, call: dict[str, Any]) -> dict[str, Any]:
        """A block of wider caveats after her victim's own, rightly signed with its key."""
        body = [HOP, int(time.time()), bytes(self._key.public_key), "mallory", "everything", WIDE]
        wider = with_block(blocks_of(token), body, read_key(Path(key)))
        return self._send(wider, self._key, call)

    def rewrite(self, token: str, key: str, call: dict[str, Any]) -> dict[str, Any]:
        """Her victim's own block with wider caveats in it."""
        *before, (last, _) = blocks_of(token)
        victim = read_key(Path(key))
        wider = with_block(before, [*msgpack.unpackb(last)[:-1], WIDE], victim)
        return self._send(wider, victim, call)

    def forge_root(self, root: str, call: dict[str, Any]) -> list[dict[str, Any]]:
        """A tree of her own: first under her own key, then in the name of the real issuer."""
        own = bytes(self._key.public_key)
        answers = []
        for issuer in (own, bytes.fromhex(root)):
            now = int(time.time())
            head = [ROOT, VERSION, issuer, secrets.token_bytes(16), now, own]
            body = [*head, "mallory", "everything", [[EXPIRES, now + 600], *WIDE]]
            answers.append(self._send(with_block([], body, self._key), self._key, call))
        return answers

    def swap(
        self, token: str, key: str, signed: dict[str, Any], sent: dict[str, Any]
    ) -> dict[str, Any]:
        """A proof for one call, sent with another."""
        presentation = self._present(blocks_of(token), read_key(Path(key)), signed)
        return post(self._port, presentation, json.dumps(sent))

    def _send(self, blocks: Blocks, key: SigningKey, call: dict[str, Any]) -> dict[str, Any]:
        return post(self._port, self._present(blocks, key, call), json.dumps(call))

    def _present(self, blocks: Blocks, key: SigningKey, call: dict[str, Any]) -> str:
        now, nonce = int(time.time()), secrets.token_bytes(16)
        request = msgpack.unpackb(as_request(call).packed)
        asked = msgpack.packb([last_link(blocks), AUDIENCE, now, nonce, request])
        proof = [AUDIENCE, now, nonce, sign(key, b"proof", sha256(asked).digest())]
        packed = msgpack.packb([blocks, proof, []])
        return "cc1p_" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


if __name__ == "__main__":
    own = Mallory(int(sys.argv[1]))
    answer(
        {
            "ready": own.ready,
            "replay": own.replay,
            "steal": own.steal,
            "strip": own.strip,
            "widen": own.widen,
            "rewrite": own.rewrite,
            "forge_root": own.forge_root,
            "swap": own.swap,
        }
    )
