"""The issuers of identities, as the issuing policy file names them (specs/service.md 10.3)."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from chaincred.caveats import MAX_AUDIENCE
from chaincred_verifier.identity.issuers import Issuer, OidcIssuer, TrustDomain
from chaincred_verifier.identity.kept_keys import KeptKeys, KeySource
from chaincred_verifier.identity.keyset import KeysRefused
from chaincred_verifier.identity.sources import (
    OIDC_USES,
    SPIFFE_USES,
    Discovery,
    KeyFile,
    WorkloadApi,
    is_https,
)
from chaincred_verifier.identity.table import Table, text

ADMIN: Final = "admin/"
"""Before the names of administrators; no issuer's."""
_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9.\-]{0,62}/")
_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._\-]{1,255}")
_MAX_URL: Final = 512


def issuers_of(policy: Table, folder: Path) -> tuple[Issuer, ...]:
    """The issuers that a policy names; files are found from `folder`. Raises SettingsRefused."""
    oidc = [_oidc(table, folder) for table in policy.tables("oidc")]
    spiffe = [_spiffe(table, folder) for table in policy.tables("spiffe")]
    for what, names in (
        ("issuer", [each.issuer for each in oidc]),
        ("prefix", [each.prefix for each in oidc]),
        ("trust_domain", [each.trust_domain for each in spiffe]),
    ):
        if len(set(names)) < len(names):
            policy.refuse(f"the same {what} twice")
    # Domains first: a provider may sign JWT-SVIDs of a domain under an `iss` of its own.
    return (*spiffe, *oidc)


def _oidc(table: Table, folder: Path) -> OidcIssuer:
    issuer = table.take("issuer", _issuer)
    prefix = table.take("prefix", _prefix)
    audience = table.take("audience", text(MAX_AUDIENCE), None)
    file = table.take("jwks_file", _keys_in(folder, OIDC_USES), None)
    trusted = table.take("ca_file", _trusted_in(folder), None)
    table.done()
    if file and trusted:
        table.refuse("jwks_file needs no ca_file")
    source: KeySource = file or Discovery(issuer, trusted)
    return OidcIssuer(issuer, prefix, KeptKeys(source), audience)


def _spiffe(table: Table, folder: Path) -> TrustDomain:
    domain = table.take("trust_domain", _trust_domain)
    audience = table.take("audience", text(MAX_AUDIENCE), None)
    file = table.take("bundle_file", _keys_in(folder, SPIFFE_USES), None)
    socket = table.take("workload_api", _socket, None)
    table.done()
    if (file is None) == (socket is None):
        table.refuse("either bundle_file or workload_api")
    source: KeySource = file or WorkloadApi(str(socket), domain)
    return TrustDomain(domain, KeptKeys(source), audience)


def _issuer(said: Any) -> str:
    if not is_https(said) or "?" in said or len(said) > _MAX_URL:
        raise ValueError("an https URL without a query")
    return str(said)


def _prefix(said: Any) -> str:
    # One whole segment, so that no issuer's names can be another's, whatever their subjects are.
    if not isinstance(said, str) or not _PREFIX.fullmatch(said) or said == ADMIN:
        raise ValueError(f"lower-case letters, digits, . and -, then a slash; and not {ADMIN}")
    return said


def _trust_domain(said: Any) -> str:
    if not isinstance(said, str) or not _TRUST_DOMAIN.fullmatch(said):
        raise ValueError("the name of a trust domain, without spiffe://")
    return said


def _socket(said: Any) -> str:
    if not isinstance(said, str) or not said.startswith("unix:///") or "\0" in said:
        raise ValueError("the agent's socket, as unix:///run/spire/agent.sock")
    if find_spec("spiffe") is None:
        raise ValueError("the Workload API needs chaincred's extra named spiffe")
    return said


def _keys_in(folder: Path, uses: tuple[str | None, ...]) -> Callable[[Any], KeyFile]:
    def read(said: Any) -> KeyFile:
        file = KeyFile(folder / text(_MAX_URL)(said), uses)
        try:
            # Read once now: a file without keys would be found out by those it locks out.
            keys = file.read().keys
        except KeysRefused as error:
            raise ValueError(str(error)) from error
        if not keys:
            raise ValueError("it holds no key that JWTs may be signed with")
        return file

    return read


def _trusted_in(folder: Path) -> Callable[[Any], ssl.SSLContext]:
    def read(said: Any) -> ssl.SSLContext:
        path = folder / text(_MAX_URL)(said)
        try:
            return ssl.create_default_context(cafile=path)
        except OSError as error:
            raise ValueError(f"no certificates in PEM: {error.strerror or error}") from error

    return read
