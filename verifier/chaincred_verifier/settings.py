"""What the service is told: the environment, read once and checked as a whole.

Every name begins with CHAINCRED_; one that is not known is an error, since a limit that was
misspelled is a limit that is not there.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, TypeVar

from chaincred import ChaincredError, Freshness, PublicKey, SigningKey
from chaincred.caveats import MAX_AUDIENCE
from chaincred.encoding import is_text
from chaincred.files import read_key, read_public_key

PREFIX: Final = "CHAINCRED_"
MAX_BODY: Final = 1_114_112
"""Bytes: a request of 1 MiB, and 64 KiB for a presentation and what JSON adds."""

_SECRET: Final = re.compile(r"(cc1[skm]_)[\w\-]+")

T = TypeVar("T")


class SettingsRefused(Exception):
    """The settings cannot be used; the message has a line for each that is wrong."""


def _text(said: str) -> str:
    if not is_text(said, 1, MAX_AUDIENCE):
        raise ValueError("a text of 1 to 256 bytes")
    return said


def _texts(said: str) -> tuple[str, ...]:
    return tuple(_text(each) for each in _each(said))


def _each(said: str) -> Iterator[str]:
    return (each.strip() for each in said.split(",") if each.strip())


def _public_key(said: str) -> PublicKey:
    return PublicKey.from_hex(said) if len(said) == 64 else read_public_key(Path(said))


def _public_keys(said: str) -> tuple[PublicKey, ...]:
    return tuple(_public_key(each) for each in _each(said))


def _private_key(said: str) -> SigningKey:
    return read_key(Path(said))


def _file(said: str) -> Path:
    path = Path(said)
    if not path.is_file():
        raise ValueError(f"{said}: no such file")
    return path


def _between(low: float, high: float) -> Callable[[str], int]:
    def number(said: str) -> int:
        if not (said.isascii() and said.isdigit() and low <= int(said) <= high):
            raise ValueError(f"a whole number from {low:.0f} to {high:.0f}")
        return int(said)

    return number


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def number(said: str) -> float:
        value = float(said)
        if not low <= value <= high:
            raise ValueError(f"seconds from {low} to {high}")
        return value

    return number


def _proxies(said: str) -> str:
    for each in _each(said):
        try:
            is_all = ip_network(each, strict=False).prefixlen == 0
        except ValueError:
            is_all = each == "*"
            if not is_all:
                raise ValueError(f"{each} is no address or network") from None
        if is_all:
            raise ValueError(f"{each} is everybody: name the proxies' own addresses")
    return said


def _freshness(said: str) -> Freshness:
    limits = {}
    for each in _each(said):
        effect, _, seconds = each.partition("=")
        if effect not in ("read", "write", "irreversible") or effect in limits:
            raise ValueError("read=300,write=30,irreversible=5, any of them, once each")
        limits[effect] = _between(1, 86_400)(seconds)
    return Freshness(**limits)


def _switch(said: str) -> bool:
    if said not in ("on", "off"):
        raise ValueError("on or off")
    return said == "on"


def _log(said: str) -> str:
    if said not in ("json", "text"):
        raise ValueError("json or text")
    return said


def _setting(read: Callable[[str], Any], about: str, default: Any = ...) -> Any:
    # Not shown: the URL of a store can hold a password.
    metadata = {"read": read, "about": about}
    if default is ...:
        return field(metadata=metadata, repr=False)
    return field(default=default, metadata=metadata, repr=False)


# ruff: noqa: RUF009 - a field of a dataclass with its reader
@dataclass(frozen=True, kw_only=True)
class Settings:
    """All there is to set. Keys are read from files; a secret is never in the environment."""

    name: str = _setting(_text, "the service's own name, for which proofs of calls to it are made")
    store: str = _setting(str, "sqlite:///FILE, or postgresql://…")
    roots: tuple[PublicKey, ...] = _setting(
        _public_keys, "trusted root keys: hexadecimal digits or files, with commas between"
    )
    list_key: SigningKey = _setting(_private_key, "file of the key that signs the list")
    floor: Path = _setting(Path, "file outside the store that keeps how far the list had come")
    admin_roots: tuple[PublicKey, ...] = _setting(
        _public_keys, "root keys whose tokens are administrators'", ()
    )
    audiences: tuple[str, ...] = _setting(
        _texts, "further audiences that it decides for, with commas between", ()
    )
    retired_list_keys: tuple[PublicKey, ...] = _setting(
        _public_keys, "list keys of before, which may have signed what is in the store", ()
    )
    root_key: SigningKey | None = _setting(
        _private_key, "file of the root key that issues tokens", None
    )
    issuing_policy: Path | None = _setting(_file, "file of grants and identities", None)
    gateway_rules: Path | None = _setting(_file, "file of rules for forward-auth", None)
    heartbeat: float = _setting(_seconds(1, 60), "seconds between two heads", 1.0)
    fresh_for: int = _setting(_between(2, 86_400), "seconds that a head may be relied on", 300)
    freshness: Freshness = _setting(
        _freshness, "how old the list may be: read=300,write=30,irreversible=5", Freshness()
    )
    clock_patience: float = _setting(
        _seconds(0, 86_400), "seconds for which a clock that leapt ahead is not believed", 300.0
    )
    max_lifetime: int = _setting(
        _between(1, 31_536_000), "seconds that any verifier lets a root block live", 86_400
    )
    replay_capacity: int = _setting(
        _between(1_000, 100_000_000), "proofs remembered at once", 1_000_000
    )
    compact_after: int = _setting(
        _between(10, 500_000), "entries after which the list is compacted", 5_000
    )
    retention_days: int = _setting(_between(1, 36_500), "days that audit records are kept", 90)
    host: str = _setting(str, "address to listen at", "127.0.0.1")
    port: int = _setting(_between(0, 65_535), "port to listen at; 0: any", 8420)
    workers: int = _setting(_between(1, 64), "processes", 1)
    tls_certificate: Path | None = _setting(_file, "certificate chain, PEM", None)
    tls_key: Path | None = _setting(_file, "its private key, PEM", None)
    trusted_proxies: str = _setting(
        _proxies, "addresses whose X-Forwarded-For is believed, with commas between", ""
    )
    max_body: int = _setting(_between(4_096, 16_777_216), "bytes of a body", MAX_BODY)
    body_timeout: float = _setting(_seconds(0.1, 600), "seconds for a body to come", 10.0)
    head_timeout: float = _setting(
        _seconds(0.1, 600), "seconds for a request line and its headers to come", 10.0
    )
    max_connections: int = _setting(
        _between(10, 100_000), "connections a worker holds at once", 4_000
    )
    max_streams: int = _setting(_between(1, 100_000), "streams a worker holds at once", 1_000)
    max_streams_each: int = _setting(_between(1, 100_000), "of these, for one address", 250)
    refused_per_second: float = _setting(
        _seconds(0.1, 1_000_000),
        "refused calls a second that one address may make, with each worker",
        20.0,
    )
    page: bool = _setting(_switch, "the page for security people: on or off", True)
    metrics: bool = _setting(_switch, "GET /metrics on the same port: on or off", True)
    log: str = _setting(_log, "json or text", "json")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """The settings. Raises SettingsRefused with all that is wrong with them."""
        said = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        known = {PREFIX + each.name.upper(): each for each in fields(cls)}
        wrong = [f"{name}: there is no such setting" for name in sorted(said.keys() - known)]
        values: dict[str, Any] = {}
        for name, each in known.items():
            if name in said:
                try:
                    values[each.name] = each.metadata["read"](said[name])
                except (ChaincredError, ValueError, OSError) as error:
                    # A key where its file was to be named is not repeated.
                    said_wrong = _SECRET.sub(r"\1…", str(error))
                    wrong.append(f"{name}: {said_wrong}")
            elif each.default is MISSING and each.default_factory is MISSING:
                wrong.append(f"{name}: is needed: {each.metadata['about']}")
        if not wrong:
            settings = cls(**values)
            wrong = list(settings.contradictions())
            if not wrong:
                return settings
        raise SettingsRefused("\n".join(wrong))

    def contradictions(self) -> Iterator[str]:
        """What is wrong with the settings together."""
        if not self.roots and not self.admin_roots:
            yield "CHAINCRED_ROOTS: at least one root, here or in CHAINCRED_ADMIN_ROOTS"
        if self.heartbeat >= min(self.fresh_for, self.freshness.irreversible):
            yield "CHAINCRED_HEARTBEAT: heads would be too old before the next one is signed"
        if (self.tls_certificate is None) != (self.tls_key is None):
            yield "CHAINCRED_TLS_CERTIFICATE and CHAINCRED_TLS_KEY go together"
        if (self.root_key is None) != (self.issuing_policy is None):
            yield "CHAINCRED_ROOT_KEY and CHAINCRED_ISSUING_POLICY go together"
        if not self.floor.parent.is_dir():
            yield f"CHAINCRED_FLOOR: {self.floor.parent} is not a folder"
        if self.root_key and self.root_key.public_key not in self.roots:
            yield "CHAINCRED_ROOT_KEY: its public key is not among CHAINCRED_ROOTS"

    def require_certificate(self) -> None:
        """Raises SettingsRefused for one that the server would end by, each worker anew."""
        if self.tls_certificate is None or self.tls_key is None:
            return
        try:
            # A password would be asked for at the terminal.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls_certificate, self.tls_key, password=lambda: "")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise SettingsRefused(
                f"CHAINCRED_TLS_CERTIFICATE: with CHAINCRED_TLS_KEY it cannot be used: {reason}"
            ) from error

    @property
    def all_audiences(self) -> tuple[str, ...]:
        """Its own name first."""
        return (self.name, *self.audiences)

    @property
    def list_keys(self) -> tuple[PublicKey, ...]:
        """Those that may have signed the list, the one in use first."""
        return (self.list_key.public_key, *self.retired_list_keys)
