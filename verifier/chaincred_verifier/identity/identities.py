"""The identities that the service accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaincred_verifier.identity.issuers import Issuer
from chaincred_verifier.identity.jwt import Jwt, refused


@dataclass(frozen=True, slots=True)
class Identity:
    """A workload whose JWT was verified. `name` is block 0's agent: a text of 1 to 128 bytes."""

    name: str


class Identities:
    """All configured issuers. `audience` is the service's own name."""

    def __init__(self, issuers: Sequence[Issuer], *, audience: str) -> None:
        self._issuers = tuple(issuers)
        self._audience = audience

    async def verify(self, jwt: str, now: int) -> Identity:
        """Who shows this JWT, at `now` in seconds (specs/service.md 10.3).

        Raises Refused with `identity`, and Unavailable if its issuer's keys cannot be had.
        """
        said = Jwt.parse(jwt)
        # What it says of itself picks who has to answer for it, and nothing else.
        issuer = next((each for each in self._issuers if each.is_meant_by(said)), None)
        if issuer is None:
            raise refused("the JWT is of no issuer that is configured")
        key = await issuer.keys.find(said.algorithm, said.kid)
        if key is None or not said.is_signed_by(key):
            raise refused("the JWT is not signed by a key of its issuer")
        return Identity(issuer.name_in(said, audience=self._audience, now=now))
