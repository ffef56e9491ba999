"""Gateways (specs/service.md 5): rules, and a real nginx and Caddy that ask before they pass on."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from starlette.datastructures import Headers

from chaincred import Bearer, ChaincredError, Request, Resources, Tools
from chaincred_verifier.gateway import Rules
from chaincred_verifier.settings import SettingsRefused
from tests.verifier.operated import shown
from tests.verifier.running import AUDIENCE, NAME, Keys, Running, free_port

GUARD = "### As the guard of other servers"
RULES = f"""
{shown(GUARD, language="toml")[0]}
[[rule]]
methods  = ["POST"]
path     = "/mail/*/send"
tool     = "mail.send"
resource = "{{path}}"
effect   = "irreversible"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return Rules.read(path, (NAME, AUDIENCE))


def headers(method: str, uri: str, **more: str) -> Headers:
    said = {"X-Original-Method": method, "X-Original-URI": uri}
    return Headers(said | {name.replace("_", "-"): value for name, value in more.items()})


@pytest.mark.parametrize(
    ("method", "uri", "tool", "resource", "effect", "args", "audience"),
    [
        ("GET", "/files/a/b.md", "files.read", "files/a/b.md", "read", {}, AUDIENCE),
        ("HEAD", "/files/a", "files.read", "files/a", "read", {}, AUDIENCE),
        ("PUT", "/files/a", "files.write", "files/a", "write", {}, AUDIENCE),
        ("DELETE", "/files/a", "files.write", "files/a", "irreversible", {}, AUDIENCE),
        ("GET", "/files/a?x=1&y", "files.read", "files/a", "read", {"query": "x=1&y"}, AUDIENCE),
        ("POST", "/mail/bob/send", "mail.send", "/mail/bob/send", "irreversible", {}, NAME),
    ],
)
def test_a_rule_makes_a_request(
    rules: Rules,
    method: str,
    uri: str,
    tool: str,
    resource: str,
    effect: str,
    args: dict[str, str],
    audience: str,
):
    assert rules.request(headers(method, uri)) == (
        Request(tool, effect=effect, resource=resource, args=args),
        audience,
    )


def test_task_and_context_come_as_headers(rules: Rules):
    said = headers("GET", "/files/a", Chaincred_Task="t", Chaincred_Context="ab" * 32)
    request, _ = rules.request(said)
    assert (request.task, request.context) == ("t", b"\xab" * 32)


@pytest.mark.parametrize(
    ("method", "uri", "code"),
    [
        ("POST", "/files/a", "policy"),
        ("GET", "/other", "policy"),
        ("GET", "/files", "policy"),
        ("GET", "/Files/a", "policy"),
        ("get", "/files/a", "policy"),
        ("GET", "/files/../mail/bob/send", "malformed"),
        ("GET", "/files//a", "malformed"),
        ("GET", "/files/%2e%2e/a", "malformed"),
        ("GET", "/files/%61", "malformed"),
        ("GET", "/files/a%2Fb", "malformed"),
        ("GET", "/files/a%5cb", "malformed"),
        ("GET", "/files/a;x", "malformed"),
        ("GET", "/files/a#", "malformed"),
        ("GET", "/files/secret/f#/public", "malformed"),
        ("GET", "/files/%40hr", "malformed"),
        ("GET", "/files/%252e%252e", "malformed"),
        ("GET", "/files/a%23", "malformed"),
        ("GET", "/files/a%3Bx", "malformed"),
        ("GET", "/files/%E9", "malformed"),
        ("GET", "/files/%C0%AE", "malformed"),
        ("GET", "/files/\u00e9", "malformed"),
        ("GET", "/files/%C3%A9", "ok"),
        ("GET", "/files/@hr/a%20b", "ok"),
        ("GET", "", "malformed"),
        ("", "/files/a", "malformed"),
        ("GET", "/files/" + "a" * 9000, "malformed"),
        ("GET", "https://evil.example/files/a", "malformed"),
    ],
)
def test_what_is_not_a_rules_is_refused(rules: Rules, method: str, uri: str, code: str):
    try:
        rules.request(headers(method, uri))
        got = "ok"
    except ChaincredError as error:
        got = error.code
    assert got == code


@pytest.mark.parametrize(
    "raw",
    [
        [(b"x-original-method", b"GET")],
        [(b"x-original-method", b"GET"), (b"x-forwarded-uri", b"/files/a")],
        [(b"x-original-method", b"GET")] * 2 + [(b"x-original-uri", b"/files/a")],
        [(b"x-original-method", b"GET"), (b"x-original-uri", b"/files/a"),
         (b"x-forwarded-uri", b"/files/b")],
        [(b"x-original-method", b"GET"), (b"x-original-uri", b"/files/a"),
         (b"chaincred-task", b"\xff")],
        [(b"x-original-method", b"GET"), (b"x-original-uri", b"/files/a"),
         (b"chaincred-context", b"00")],
    ],
)  # fmt: skip
def test_headers_that_say_two_things_are_malformed(rules: Rules, raw: list[tuple[bytes, bytes]]):
    with pytest.raises(ChaincredError) as refused:
        rules.request(Headers(raw=raw))
    assert refused.value.code == "malformed"


@pytest.mark.parametrize(
    "text",
    [
        "rule = 1",
        "[other]",
        '[[rule]]\npath="/a"\ntool="t"',
        '[[rule]]\nmethods=["GET"]\npath="a"\ntool="t"',
        '[[rule]]\nmethods=["GET"]\npath="/a/../b"\ntool="t"',
        '[[rule]]\nmethods=["GET"]\npath="/a"\ntool=""',
        '[[rule]]\nmethods=["GET"]\npath="/a"\ntool="t"\neffect="all"',
        '[[rule]]\nmethods=["GET"]\npath="/a"\ntool="t"\nresource="{rest}"',
        '[[rule]]\nmethods=["GET"]\npath="/a"\ntool="t"\ncolour="red"',
        '[[rule]]\nmethods="GET"\npath="/a"\ntool="t"',
        '[[rule]]\nmethods=["get"]\npath="/a"\ntool="t"',
        '[[rule]]\nmethods=["GET"]\npath="/a/**"\ntool="t"\nresource="{tail}"',
        '[[rule]]\nmethods=["GET"]\npath="/a"\ntool="t"\naudience="elsewhere.example"',
        "[[rule",
    ],
)
def test_a_rule_that_could_never_work_is_told_at_start(tmp_path: Path, text: str):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(SettingsRefused, match="CHAINCRED_GATEWAY_RULES"):
        Rules.read(path, (NAME, AUDIENCE))


class Upstream(BaseHTTPRequestHandler):
    """The server behind the gateway; it has no idea of tokens."""

    def do_GET(self) -> None:
        body = f"{self.command} {self.path} for {self.headers.get('Chaincred-Agent')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 - the base class asks for this name

    def log_message(self, format: str, *args: object) -> None:
        pass


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    large_client_header_buffers 4 32k;
    {locations}
  }}
}}
"""


CADDY = """
{{
  admin off
  auto_https off
}}
{sites}
"""


class Gateway:
    """nginx or Caddy in front of a server, and a service that it asks."""

    def __init__(self, service: Running, url: str) -> None:
        self.service = service
        self.client = httpx2.Client(base_url=url, timeout=10)

    def call(self, bearer: Bearer, method: str, uri: str, request: Request) -> httpx2.Response:
        shown = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
        return self.client.request(method, uri, headers={"Authorization": f"Chaincred {shown}"})


def guarding(language: str, meant: dict[str, object]) -> str:
    """What operations.md has a gateway configured with, with other addresses."""
    (said,) = shown(GUARD, language=language)
    for each, instead in meant.items():
        assert each in said
        said = said.replace(each, str(instead))
    return said


def nginx(folder: Path, port: int, upstream: int, service: int) -> list[str]:
    locations = guarding("nginx", {":8000;": f":{upstream};", ":8420/": f":{service}/"})
    configuration = NGINX.format(folder=folder, port=port, locations=locations)
    (folder / "nginx.conf").write_text(configuration)
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, port: int, upstream: int, service: int) -> list[str]:
    sites = guarding(
        "caddyfile",
        {
            "files.example": f"http://127.0.0.1:{port}",
            ":8000": f":{upstream}",
            ":8420": f":{service}",
        },
    )
    (folder / "Caddyfile").write_text(CADDY.format(sites=sites))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "Caddy"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    if shutil.which(request.param.__name__) is None:
        pytest.skip(f"{request.param.__name__} is not installed")
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "rules.toml").write_text(RULES)
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    with Running(Keys(folder), gateway_rules=folder / "rules.toml") as service:
        command = request.param(folder, port, upstream.server_address[1], service.port)
        with (folder / "gateway.log").open("w") as log:
            process = subprocess.Popen(command, stderr=log, env={**os.environ, "HOME": str(folder)})
        try:
            wait_for(port)
            found = Gateway(service, f"http://127.0.0.1:{port}")
            yield found
            found.client.close()
        finally:
            process.kill()
            process.wait()
            upstream.shutdown()
            upstream.server_close()


def wait_for(port: int) -> None:
    import socket

    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the gateway did not start")


def test_a_gateway_passes_on_what_is_admitted_and_says_who_asked(gateway: Gateway):
    bearer = gateway.service.keys.chain("planner", "wörker", caveats=[Tools(["files.read"])])[-1]
    request = Request("files.read", effect="read", resource="files/a.md", args={"query": "v=1"})
    answer = gateway.call(bearer, "GET", "/files/a.md?v=1", request)
    assert (answer.status_code, answer.text) == (200, "GET /files/a.md?v=1 for w%C3%B6rker")


def test_a_gateway_stops_what_is_refused(gateway: Gateway):
    bearer = gateway.service.keys.chain(
        "planner", caveats=[Tools(["files.read"]), Resources(["files/public/**"])]
    )[0]
    read = Request("files.read", effect="read", resource="files/public/a.md")
    secret = Request("files.read", effect="read", resource="files/secret")
    write = Request("files.write", effect="write", resource="files/public/a.md")
    assert gateway.call(bearer, "GET", "/files/public/a.md", read).status_code == 200
    assert gateway.call(bearer, "GET", "/files/secret", secret).status_code == 403
    assert gateway.call(bearer, "PUT", "/files/public/a.md", write).status_code == 403
    # A proof for one call does not open another.
    assert gateway.call(bearer, "GET", "/files/public/b.md", read).status_code == 403
    assert gateway.call(bearer, "GET", "/files/public/a.md?x=1", read).status_code == 403
    assert gateway.client.get("/files/public/a.md").status_code == 401
    other = gateway.client.get("/files/public/a.md", headers={"Authorization": "Bearer x"})
    assert other.status_code == 403


def test_a_gateway_stops_a_replay_and_what_is_revoked(gateway: Gateway):
    bearer = gateway.service.keys.chain("planner")[0]
    request = Request("files.read", effect="read", resource="files/a.md")
    shown = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
    header = {"Authorization": f"Chaincred {shown}"}
    statuses = [gateway.client.get("/files/a.md", headers=header).status_code for _ in range(2)]
    assert statuses == [200, 403]
    gateway.service.revoke(what="chain", token=str(bearer.token))
    assert gateway.call(bearer, "GET", "/files/a.md", request).status_code == 403
    said = gateway.service.client.get(
        "/v1/forward-auth",
        headers={**header, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a.md"},
    )
    assert (said.status_code, said.json()["code"]) == (403, "proof_replayed")


def test_what_a_caller_says_in_a_gateways_headers_is_not_believed(gateway: Gateway):
    bearer = gateway.service.keys.chain("planner", caveats=[Resources(["files/public/**"])])[0]
    public = Request("files.read", effect="read", resource="files/public/a.md")

    def call(path: str, **headers: str) -> httpx2.Response:
        shown = bearer.present(public, audience=AUDIENCE, now=int(time.time()))
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.client.get(path, headers={"Authorization": f"Chaincred {shown}", **said})

    answer = call("/files/public/a.md", Chaincred_Agent="root")
    assert (answer.status_code, answer.text) == (200, "GET /files/public/a.md for planner")
    for pair in ("X-Original-Method", "X-Original-URI"), ("X-Forwarded-Method", "X-Forwarded-Uri"):
        claimed = dict(zip(pair, ("GET", "/files/public/a.md"), strict=True))
        assert call("/files/secret", **claimed).status_code == 403


def test_the_body_of_a_refusal_has_its_own_code(gateway: Gateway):
    answer = gateway.service.client.get("/v1/forward-auth")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    bearer = gateway.service.keys.chain("planner")[0]
    request = Request("files.read", effect="read", resource="files/a.md")
    shown = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
    answer = gateway.service.client.get(
        "/v1/forward-auth", headers={"Authorization": f"Chaincred {shown}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "malformed")
