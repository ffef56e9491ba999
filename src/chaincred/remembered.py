"""The chains that a verifier has found rightly signed (specs/token.md 8).

Only step 2 is remembered, and only of chains whose holder has proven to be one: what can change
(the proof, the list, the caveats, the time) is asked again each time, and a chain that failed, or
that a stranger sent, leaves no trace.
"""

from __future__ import annotations

import threading
from typing import Final

from chaincred.chain import Chain
from chaincred.token import Token

_LINKS: Final = 4096
"""Prefixes remembered, some 100 bytes each."""


class RememberedChains:
    """Tokens of at most `size` packed bytes together, and prefixes of them; the oldest go first.

    A token takes up to 64 times its packed size once it is read.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
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
        signatures = tuple([block.signature for block in chain.blocks])
        for count in range(len(chain.links), 0, -1):
            if self._prefixes.get(chain.links[count - 1]) == signatures[:count]:
                return count
        return 0

    def add(self, data: bytes, token: Token) -> None:
        """Remembers a token whose signatures, and whose holder's proof, have been checked."""
        signatures = tuple([block.signature for block in token.chain.blocks])
        with self._lock:
            if data in self._tokens or len(data) > self._size:
                return
            self._tokens[data] = token
            self._held += len(data)
            while self._held > self._size:
                oldest = next(iter(self._tokens))
                self._held -= len(oldest)
                del self._tokens[oldest]
            for count, link in enumerate(token.chain.links, 1):
                self._prefixes[link] = signatures[:count]
            while len(self._prefixes) > _LINKS:
                del self._prefixes[next(iter(self._prefixes))]
