"""Who plays in the vectors, and when: keys from fixed seeds, time that stands still."""

import hashlib
from dataclasses import dataclass

from nacl.signing import SigningKey

NOW = 1_790_000_000
SERVER = "files.example"
SERVICE = "verifier.example"

# The order of the group of Ed25519; a signature's S must be below it.
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@dataclass(frozen=True)
class Actor:
    """Somebody with a key."""

    name: str

    @property
    def seed(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()

    @property
    def public(self) -> bytes:
        return bytes(SigningKey(self.seed).verify_key)

    @property
    def key_digest(self) -> bytes:
        return tagged_hash("key", self.public)

    def sign(self, context: str, digest: bytes) -> bytes:
        """A signature over the context string and 32 bytes (token.md 2)."""
        return self.sign_bytes(label(context) + digest)

    def sign_bytes(self, message: bytes) -> bytes:
        return SigningKey(self.seed).sign(message).signature


ROOT = Actor("root")
NEXT_ROOT = Actor("next root")
OTHER_ROOT = Actor("other root")
PLANNER = Actor("planner")
WORKER = Actor("worker")
HELPER = Actor("helper")
MALLORY = Actor("mallory")
LIST_KEY = Actor("list key")
NEXT_LIST_KEY = Actor("next list key")
OTHER_LIST_KEY = Actor("other list key")
FOLLOWER = Actor("follower")
NEXT_FOLLOWER = Actor("next follower")
IDENTITY_ISSUER = Actor("identity issuer")


def label(context: str) -> bytes:
    return f"chaincred/v1/{context}\0".encode()


def tagged_hash(context: str, *parts: bytes) -> bytes:
    return hashlib.sha256(label(context) + b"".join(parts)).digest()


def nonce(name: str) -> bytes:
    """16 bytes that look random and never change."""
    return hashlib.sha256(b"nonce: " + name.encode()).digest()[:16]


def unreduced(signature: bytes) -> bytes:
    """The same signature with S + L for S, which lax libraries also accept."""
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")
