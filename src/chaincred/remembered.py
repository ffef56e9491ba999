"""The chains that a verifier has found rightly signed (specs/token.md 8).

Only step 2 is remembered, and only of chains that passed it: what can change (the proof, the
list, the caveats, the time) is asked again each time, and a forged chain leaves no trace.
"""

from __future__ import annotations

import threading
from typing import Any

from chaincred.chain import Chain
from chaincred.token import Token


class RememberedChains:
    """At most `size` tokens, and as many prefixes of them; the oldest go first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tokens: dict[bytes, Token] = {}
        self._prefixes: dict[bytes, tuple[bytes, ...]] = {}
        self._lock = threading.Lock()

    def token(self, data: bytes) -> Token | None:
        """The token that exactly these bytes pack, if its signatures were found right."""
        return self._tokens.get(data)

    def signed_blocks(self, chain: Chain) -> int:
        """How many blocks from the first on are known to be signed as they are here."""
        # A link does not cover signatures, so they are compared: a known chain with one of them
        # altered is not a known chain.
        signatures = tuple(block.signature for block in chain.blocks)
        for count in range(len(chain.links), 0, -1):
            if self._prefixes.get(chain.links[count - 1]) == signatures[:count]:
                return count
        return 0

    def add(self, data: bytes, token: Token) -> None:
        """Remembers a token whose signatures have been checked."""
        signatures = tuple(block.signature for block in token.chain.blocks)
        with self._lock:
            self._tokens[data] = token
            for count, link in enumerate(token.chain.links, 1):
                self._prefixes[link] = signatures[:count]
            remembered: dict[bytes, Any]
            for remembered in (self._tokens, self._prefixes):
                while len(remembered) > self._size:
                    del remembered[next(iter(remembered))]
