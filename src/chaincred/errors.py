"""Everything chaincred raises about what came from outside.

    ChaincredError
    ├── Malformed                  malformed
    ├── Denied                     the verification refused (specs/token.md 8)
    │   ├── Untrusted              untrusted
    │   ├── BrokenChain            broken_chain
    │   ├── ProofRefused           proof_audience, proof_time, proof_signature, proof_replayed
    │   ├── Stale                  stale
    │   ├── Revoked                revoked
    │   ├── CaveatRefused          caveat
    │   ├── PolicyRefused          policy
    │   └── MacaroonRefused        macaroon_signature (specs/macaroon.md)
    ├── ListRefused                list_* (specs/revocation.md)
    └── FileRefused                file

A caller's own slip (a wrong type, a value that cannot be) is a TypeError or a ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProofCode = Literal["proof_audience", "proof_time", "proof_signature", "proof_replayed"]
ListCode = Literal[
    "list_malformed",
    "list_untrusted",
    "list_other",
    "list_future",
    "list_rollback",
    "list_gap",
    "list_forked",
    "list_missing",
    "list_stale",
]


class ChaincredError(Exception):
    """What came from outside was refused; `code` is the specification's word for why."""

    code: str


class Malformed(ChaincredError):
    """The bytes or the request are not in the one form the specification allows."""

    code = "malformed"


class Denied(ChaincredError):
    """A well-formed presentation was refused. What is not even that is Malformed: catch both."""


class Untrusted(Denied):
    """Block 0 is not signed by a trusted root."""

    code = "untrusted"


class BrokenChain(Denied):
    """A later block is not signed by the holder before it."""

    code = "broken_chain"


class ProofRefused(Denied):
    """The last holder did not ask for this, here, now, for the first time."""

    def __init__(self, code: ProofCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stale(Denied):
    """The revocation list is not recent enough for the effect."""

    code = "stale"


class Revoked(Denied):
    """Something the chain stands on is on the revocation list."""

    code = "revoked"


@dataclass(frozen=True, slots=True)
class Failure:
    """A caveat that forbids: where it stands, what it wanted, what it was given."""

    hop: int
    kind: str
    wanted: str
    given: str

    def __str__(self) -> str:
        return f"hop {self.hop}: {self.kind} wants {self.wanted}, given {self.given}"


class CaveatRefused(Denied):
    """A caveat forbids; `failures` names each one that does."""

    code = "caveat"

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        super().__init__("; ".join(str(failure) for failure in failures))
        self.failures = failures


class PolicyRefused(Denied):
    """The server's own policy did not answer exactly True."""

    code = "policy"


class ListRefused(ChaincredError):
    """A view of a revocation list did not take an update; it is as it was before."""

    def __init__(self, code: ListCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class MacaroonRefused(Denied):
    """A macaroon is not one that the domain secret minted."""

    code = "macaroon_signature"


class FileRefused(ChaincredError):
    """A file of keys or state is not there, not readable, or open to others."""

    code = "file"
