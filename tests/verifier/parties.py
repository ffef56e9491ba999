"""Those who say who a workload is: an OIDC provider, an issuer that misbehaves, a SPIFFE agent.

The provider is a real one in a process of its own. The other two stand in for parties that do what
no real one does on demand, and for an agent that cannot be run here; what talks to them is real.
"""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc  # type: ignore[import-untyped]  # it ships no types
import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from spiffe._proto import workload_pb2, workload_pb2_grpc

AUDIENCE = "verifier.example"
DOMAIN = "example.org"
SUBJECT = "spiffe://example.org/agents/planner"


def jwks(*keys: Key, **members: Any) -> bytes:
    """The public keys as a JWK set; `members` are of each key."""
    return json.dumps({"keys": [{**key.as_dict(), **members} for key in keys]}).encode()


def signing_key(kid: str = "1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def signed(key: Key, claims: dict[str, Any], **header: Any) -> str:
    """A JWT that `key` signed. A claim or header field that is None is left out."""
    head = {"alg": "ES256", "kid": key.kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(head, said, key, algorithms=[head["alg"]])


class Certificates:
    """A certificate for 127.0.0.1 that is its own authority."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "issuer.pem"
        self.key = folder / "issuer.key"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)


class Provider:
    """An OpenID Connect provider that lets in whoever asks."""

    def __init__(self, url: str, certificates: Certificates) -> None:
        self.url = url
        self.certificates = certificates

    def id_token(self, subject: str, client: str = AUDIENCE) -> str:
        """An id token by the authorization code flow; `client` becomes its audience."""
        asked = {
            "client_id": client,
            "redirect_uri": "https://app.example/back",
            "response_type": "code",
            "scope": "openid",
        }
        with httpx2.Client(verify=self.certificates.trusting, base_url=self.url) as http:
            back = http.post("/oauth2/authorize", params=asked, data={"sub": subject})
            code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
            exchange = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": asked["redirect_uri"],
            }
            answer = http.post("/oauth2/token", data=exchange, auth=(client, "any"))
            token: str = answer.json()["id_token"]
            return token


@contextmanager
def running_provider(certificates: Certificates) -> Iterator[Provider]:
    """oidc-provider-mock in a process of its own, behind TLS."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "oidc_provider_mock:app"]
    command += ["--interface", "wsgi", "--host", "127.0.0.1", "--port", "0", "--no-access-log"]
    command += ["--ssl-certfile", str(certificates.certificate)]
    command += ["--ssl-keyfile", str(certificates.key)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            url = ""
            for line in process.stderr:
                if "running on" in line:
                    url = line.split("running on ")[1].split()[0]
                    break
            # What it says later must not fill the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield Provider(url, certificates)
        finally:
            process.terminate()


Answer = tuple[int, dict[str, str], bytes]


class BadIssuer:
    """An issuer whose answers a test makes up, by path; it counts who asks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[], Answer]] = {}
        self.discovers()

    def discovers(self, **members: Any) -> None:
        said = {"issuer": self.url, "jwks_uri": self.url + "/jwks", **members}
        self.says("/.well-known/openid-configuration", json.dumps(said).encode())

    def says(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.answers[path] = lambda: (status, headers, body)

    def waits(self, path: str, seconds: float) -> None:
        def answer() -> Answer:
            time.sleep(seconds)
            return 200, {}, b"{}"

        self.answers[path] = answer


@contextmanager
def bad_issuer(certificates: Certificates) -> Iterator[BadIssuer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            missing: Answer = (404, {}, b"")
            status, headers, body = issuer.answers.get(self.path, lambda: missing)()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *said: Any) -> None:
            pass  # who is refused hangs up in the middle

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        issuer = BadIssuer(f"https://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


class Agent(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """A SPIFFE agent as far as JWT bundles go."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self.bundles: dict[str, bytes] = {}
        self.asked = 0

    def FetchJWTBundles(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        assert ("workload.spiffe.io", "true") in context.invocation_metadata()
        self.asked += 1
        yield workload_pb2.JWTBundlesResponse(bundles=self.bundles)
        # The stream stays open, as an agent's does, until the client has enough.
        while context.is_active():
            time.sleep(0.01)


@contextmanager
def running_agent(folder: Path) -> Iterator[Agent]:
    """The agent at a unix socket."""
    agent = Agent(f"unix://{folder}/agent.sock")
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(agent, server)
    server.add_insecure_port(f"unix:{folder}/agent.sock")
    server.start()
    try:
        yield agent
    finally:
        server.stop(None).wait()
