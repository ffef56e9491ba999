"""How the service is reached: certificate, proxies, limits of the system, and whether it runs."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from chaincred_verifier.doctor.finding import Finding, Findings, note, ok, wrong
from chaincred_verifier.settings import Settings, SettingsRefused

_PATIENCE: Final = 4.0
_SOON: Final = 14
"""Days before a certificate ends in which it is high time."""
_MAX_ANSWER: Final = 65_536
_FILES: Final = 64
"""Open files of a worker besides its connections: the store, the floor, keys, logs."""
_DO: Final = {
    "store": "see what is said of the store here, and the service's log",
    "list": "see that its clock is right and that the store can be written: no head was signed",
    "list_key": "name the key that signed the list among CHAINCRED_RETIRED_LIST_KEYS",
    "clock": "set the clock of this machine; if heads were signed in the future, see "
    "docs/operations.md, A clock that was ahead",
    "floor": "chaincred restore LIST, with a copy of the list that is further",
}


def tls(settings: Settings, now: int) -> Findings:
    """Whether the certificate can be used, and for how long."""
    if settings.tls_certificate is None or settings.tls_key is None:
        if not _is_loopback(settings.host):
            yield note(
                "tls",
                f"plain HTTP at {settings.host}",
                "keep it behind a proxy that ends TLS, or set CHAINCRED_TLS_CERTIFICATE",
            )
        return
    try:
        settings.require_certificate()
        chain = x509.load_pem_x509_certificates(settings.tls_certificate.read_bytes())
    except (SettingsRefused, OSError, ValueError) as error:
        yield wrong("tls", str(error), "name a pair in PEM")
        return
    yield _mode(settings.tls_key)
    yield _days(chain[0], now)


def _mode(path: Path) -> Finding:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & stat.S_IRWXO:
        return wrong("tls", f"{path} is open to everybody", f"chmod o= {path}")
    return ok("tls", "certificate and key belong together")


def _days(certificate: x509.Certificate, now: int) -> Finding:
    moment = datetime.fromtimestamp(now, UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment < begin:
        return wrong("tls", f"the certificate begins on {begin:%Y-%m-%d}", "set the clock, or wait")
    days = (end - moment).days
    if moment >= end:
        return wrong("tls", f"the certificate ended on {end:%Y-%m-%d}", "renew it, and restart")
    if days < _SOON:
        return wrong("tls", f"the certificate ends in {days} days", "renew it, and restart")
    return ok("tls", f"the certificate is good for {days} days")


def proxies(settings: Settings) -> Findings:
    """Whose word on addresses is believed."""
    if settings.trusted_proxies:
        yield ok("proxies", f"X-Forwarded-For is believed from {settings.trusted_proxies}")


def limits(settings: Settings) -> Findings:
    """Whether the system lets a worker hold what it is set up to hold."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + _FILES
    if most != resource.RLIM_INFINITY and most < wanted:
        yield wrong(
            "limits",
            f"a process may open {most} files here, a worker wants {wanted}",
            "ulimit -n, LimitNOFILE, or a lower CHAINCRED_MAX_CONNECTIONS",
        )
    else:
        yield ok("limits", f"a process may open {most} files here, a worker wants {wanted}")
    cores = os.cpu_count() or 1
    if settings.workers > cores:
        yield note("limits", f"{settings.workers} workers for {cores} cores")


def reached(settings: Settings, list_id: bytes | None) -> Findings:
    """What the service says of itself, if it runs here."""
    if settings.port == 0:
        yield note("service", "port 0 is another each time: not asked")
        return
    where = f"{settings.host}:{settings.port}"
    try:
        status, said = _asked(settings, "/readyz")
        _, own = _asked(settings, "/v1/list/key")
    except OSError as error:
        yield note("service", f"none answers at {where}: {error.strerror or type(error).__name__}")
        return
    except (ValueError, http.client.HTTPException):
        yield wrong("service", f"what answers at {where} is another", "free the port")
        return
    unfit = said.get("unfit")
    if status == http.HTTPStatus.OK:
        yield ok("service", f"ready at {where}")
    elif isinstance(unfit, list) and unfit:
        for each in unfit:
            yield wrong("service", f"not ready at {where}: {each}", _DO.get(each, "see its log"))
    else:
        yield wrong("service", f"not ready at {where}: HTTP {status}", "see its log")
    if list_id and own.get("list_id") != list_id.hex():
        yield wrong("service", f"what answers at {where} has another list", "see its settings")


def _asked(settings: Settings, path: str) -> tuple[int, dict[str, Any]]:
    """What a path answers; raises OSError, HTTPException, or ValueError if it is not JSON."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection: http.client.HTTPConnection
    if settings.tls_key:
        # Of this machine only it is asked whether it runs: its certificate is for other names.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host, settings.port, timeout=_PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, settings.port, timeout=_PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        said = json.loads(response.read(_MAX_ANSWER))
    finally:
        connection.close()
    return response.status, said if isinstance(said, dict) else {}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
