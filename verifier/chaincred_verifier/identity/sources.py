"""Where an issuer's keys come from: a file, OpenID Connect discovery, the SPIFFE Workload API."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from chaincred.caveat_json import parsed
from chaincred_verifier.identity.keyset import MAX_JWKS, Key, KeySet, KeysRefused

OIDC_USES: Final = (None, "sig")
SPIFFE_USES: Final = ("jwt-svid",)
"""Keys of a trust bundle without a use are to be ignored (SPIFFE Trust Domain and Bundle 4.2)."""
_WORKLOAD_API_PATIENCE: Final = 4.0
"""Seconds: it is on the same host, and the thread that asks must end before its caller gives up."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A JWK set on disk, read anew each time: who replaces the file replaces the keys."""

    path: Path
    uses: Collection[str | None]

    @property
    def name(self) -> str:
        return str(self.path)

    def read(self) -> KeySet:
        """Its keys. Raises KeysRefused."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_JWKS + 1)
        except OSError as error:
            raise KeysRefused(f"cannot be read: {error.strerror}") from error
        return KeySet.parse(data, self.uses)

    async def fetch(self) -> KeySet:
        return await asyncio.to_thread(self.read)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The `jwks_uri` of an OpenID Connect provider (OpenID Connect Discovery 1.0, section 4)."""

    issuer: str
    trusted: ssl.SSLContext | None = field(repr=False)
    """For an issuer whose certificate is not of a public authority."""

    @property
    def name(self) -> str:
        return self.issuer

    async def fetch(self) -> KeySet:
        where = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        # Redirects are not followed: only the issuer's own host says where its keys are.
        trusted = self.trusted
        if trusted is None:
            # In a thread: reading the system's certificates takes a tenth of a second.
            trusted = await asyncio.to_thread(httpx2.create_ssl_context)
        async with httpx2.AsyncClient(verify=trusted, timeout=None) as client:
            said = _object(await _get(client, where))
            if said.get("issuer") != self.issuer:
                raise KeysRefused("its discovery document is of another issuer")
            uri = said.get("jwks_uri")
            if not is_https(uri):
                raise KeysRefused("its jwks_uri is not an https URL")
            return KeySet.parse(await _get(client, str(uri)), OIDC_USES)


@dataclass(frozen=True, slots=True)
class WorkloadApi:
    """The JWT bundle of a trust domain, as the host's SPIFFE agent has it."""

    socket: str
    trust_domain: str

    @property
    def name(self) -> str:
        return f"{self.socket} for {self.trust_domain}"

    async def fetch(self) -> KeySet:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> KeySet:
        # Imported here: it brings gRPC along, for those who have an agent.
        from spiffe import TrustDomain, WorkloadApiClient
        from spiffe.errors import PySpiffeError

        try:
            with WorkloadApiClient(self.socket, _WORKLOAD_API_PATIENCE) as client:
                bundles = client.fetch_jwt_bundles()
            bundle = bundles.get_bundle_for_trust_domain(TrustDomain(self.trust_domain))
        except PySpiffeError as error:
            raise KeysRefused(str(error)) from error
        if bundle is None:
            raise KeysRefused("the agent has no bundle of this trust domain")
        return KeySet.of(Key.of(kid, key) for kid, key in bundle.jwt_authorities.items())


def is_https(uri: object) -> bool:
    """Whether `uri` is an https URL with a host and without a user name or a fragment."""
    if not isinstance(uri, str) or not uri.isascii() or not uri.isprintable() or " " in uri:
        return False
    try:
        parts = urlsplit(uri)
        return (
            parts.scheme == "https"
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
            and "#" not in uri
        )
    except ValueError:
        return False


async def _get(client: httpx2.AsyncClient, url: str) -> bytes:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code != httpx2.codes.OK:
                raise KeysRefused(f"answered {response.status_code}")
            data = b""
            # Raw: what is compressed could be any size once it is not.
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > MAX_JWKS:
                    raise KeysRefused(f"answered with more than {MAX_JWKS} bytes")
            return data
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise KeysRefused(f"did not answer: {type(error).__name__}") from error


def _object(data: bytes) -> dict[str, Any]:
    try:
        said = parsed(data.decode())
    except ValueError as error:
        raise KeysRefused("its discovery document is not JSON") from error
    if not isinstance(said, dict):
        raise KeysRefused("its discovery document is not an object")
    return said
