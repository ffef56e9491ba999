"""Tokens that agents pass on, each narrower than the last.

Checked anywhere with one public key; revoked as a tree. The format is specs/token.md, the list
of what is revoked specs/revocation.md. Bytes in, values out: no sockets, no environment, no
clock of its own. What touches a disk is in `chaincred.files`.
"""

from chaincred.args import Constraint, Exact, Host, OneOf, Optional, PathBelow, Pattern, Range
from chaincred.authority import Authority
from chaincred.bearer import Bearer
from chaincred.caveats import (
    Args,
    Audience,
    Budget,
    Caveat,
    Context,
    Expires,
    MaxEffect,
    MaxHops,
    MaxUses,
    NotBefore,
    Resources,
    Task,
    ThirdParty,
    Tools,
    Unknown,
)
from chaincred.errors import (
    BrokenChain,
    CaveatRefused,
    ChaincredError,
    Denied,
    Failure,
    ListRefused,
    Malformed,
    PolicyRefused,
    ProofRefused,
    Revoked,
    Stale,
    Untrusted,
)
from chaincred.key_proof import KeyProof
from chaincred.keys import PublicKey, SigningKey
from chaincred.presentation import Presentation
from chaincred.publisher import RevocationList
from chaincred.replay import InMemoryReplay, ReplayMemory
from chaincred.request import Effect, Request
from chaincred.revocation import FOREVER, Entry
from chaincred.token import Hop, Token
from chaincred.verify import Explanation, Unrevocable, Verified, Verifier, unrevocable
from chaincred.view import FloorStore, Freshness, NoFloor, RevocationView

__all__ = [
    "FOREVER",
    "Args",
    "Audience",
    "Authority",
    "Bearer",
    "BrokenChain",
    "Budget",
    "Caveat",
    "CaveatRefused",
    "ChaincredError",
    "Constraint",
    "Context",
    "Denied",
    "Effect",
    "Entry",
    "Exact",
    "Expires",
    "Explanation",
    "Failure",
    "FloorStore",
    "Freshness",
    "Hop",
    "Host",
    "InMemoryReplay",
    "KeyProof",
    "ListRefused",
    "Malformed",
    "MaxEffect",
    "MaxHops",
    "MaxUses",
    "NoFloor",
    "NotBefore",
    "OneOf",
    "Optional",
    "PathBelow",
    "Pattern",
    "PolicyRefused",
    "Presentation",
    "ProofRefused",
    "PublicKey",
    "Range",
    "ReplayMemory",
    "Request",
    "Resources",
    "RevocationList",
    "RevocationView",
    "Revoked",
    "SigningKey",
    "Stale",
    "Task",
    "ThirdParty",
    "Token",
    "Tools",
    "Unknown",
    "Unrevocable",
    "Untrusted",
    "Verified",
    "Verifier",
    "unrevocable",
]
