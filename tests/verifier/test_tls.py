"""TLS by files, and whose word on a caller's address is believed."""

import json
import ssl

import httpx2
import pytest

from chaincred import NoFloor, RevocationView
from chaincred.files import write_secret
from chaincred.follow import Follower
from tests.verifier.certificates import certificate
from tests.verifier.operated import chaincred
from tests.verifier.running import NAME, Keys, Running

STRANGE = {"presentation": "x", "request": {"tool": "t", "effect": "read"}}


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A service behind a certificate of its own, and the file to trust it by."""
    keys = Keys(tmp_path_factory.mktemp("tls"))
    chain, key = certificate(keys.folder)
    with Running(keys, tls_certificate=chain, tls_key=key) as running:
        yield running, chain


def trusting(chain):
    return ssl.create_default_context(cafile=chain)


def test_the_service_answers_by_https_to_who_trusts_its_certificate(secure):
    running, chain = secure
    assert running.url.startswith("https://")
    with httpx2.Client(base_url=running.url, verify=trusting(chain)) as client:
        assert client.get("/readyz").json()["ready"]
    with httpx2.Client(base_url=running.url) as client, pytest.raises(httpx2.ConnectError):
        client.get("/readyz")
    (bearer,) = running.keys.chain("a")
    assert running.verify(bearer).json()["admitted"]


def test_plain_http_gets_no_answer_there(secure):
    running, _ = secure
    with httpx2.Client() as client, pytest.raises(httpx2.TransportError):
        client.get(running.url.replace("https", "http") + "/healthz")


def test_old_versions_of_tls_are_refused(secure):
    running, chain = secure
    context = trusting(chain)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with httpx2.Client(verify=context) as client, pytest.raises(httpx2.ConnectError):
        client.get(f"{running.url}/healthz")


def test_a_session_is_for_https_only(secure):
    running, _ = secure
    answer = running.call("POST", "/v1/sessions", tool="chaincred.sign_in", effect="read")
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_follower_and_the_command_line_trust_it_by_its_file(secure):
    running, chain = secure
    view = RevocationView([running.list_key], floor=NoFloor())
    with Follower(running.url, view, tls=trusting(chain)) as follower:
        assert follower.wait_until_fresh(10)
    write_secret(running.keys.folder / "a.bearer", running.admin.reveal())
    line = ["call", "GET", f"{running.url}/v1/revocations", "--audience", NAME]
    line += ["--from-bearer", str(running.keys.folder / "a.bearer")]
    assert chaincred(*line, "--ca", str(chain)).returncode == 0
    refused = chaincred(*line)
    assert refused.returncode == 3 and "certificate" in refused.stderr


def test_a_certificate_that_cannot_be_used_ends_the_start(keys):
    chain, _ = certificate(keys.folder)
    _, other = certificate(keys.folder, name="other")
    settings = keys.settings(tls_certificate=chain, tls_key=other)
    for workers in ("1", "2"):
        settings["CHAINCRED_WORKERS"] = workers
        done = chaincred("serve", environment=settings, cwd=keys.folder)
        assert done.returncode == 2, workers
        assert "CHAINCRED_TLS_CERTIFICATE: with" in done.stderr and "Traceback" not in done.stderr
    half = {name: value for name, value in settings.items() if name != "CHAINCRED_TLS_KEY"}
    done = chaincred("serve", environment=half, cwd=keys.folder)
    assert done.returncode == 2 and "CHAINCRED_TLS_KEY go together" in done.stderr


def strange_calls(running, count, address):
    headers = {"X-Forwarded-For": address} if address else {}
    answers = [
        running.client.post("/v1/verify", json=STRANGE, headers=headers) for _ in range(count)
    ]
    return [each.status_code for each in answers]


def test_behind_a_proxy_each_caller_is_held_to_its_own_limit(keys):
    with Running(keys, trusted_proxies="127.0.0.1", refused_per_second=0.5) as running:
        assert strange_calls(running, 8, "192.0.2.1")[-1] == 429
        assert strange_calls(running, 1, "192.0.2.2") == [400]
        said = [json.loads(line) for line in running.log().splitlines()]
        assert {each["address"] for each in said if each["event"] == "refused"} == {
            "192.0.2.1", "192.0.2.2"
        }  # fmt: skip
        # What a caller says before the proxy's own word is not believed.
        assert strange_calls(running, 1, "192.0.2.9, 192.0.2.1") == [429]


def test_nobody_elses_word_on_its_address_is_believed(keys):
    for trusted in ({}, {"trusted_proxies": "192.0.2.7"}):
        with Running(keys, refused_per_second=0.5, **trusted) as running:
            codes = [strange_calls(running, 1, f"192.0.2.{n}")[0] for n in range(8)]
            assert codes[-1] == 429


def test_behind_a_proxy_that_ends_tls_a_session_is_for_https_only_too(keys):
    with Running(keys, trusted_proxies="127.0.0.1") as running:
        answer = running.call(
            "POST", "/v1/sessions", tool="chaincred.sign_in", effect="read",
            headers={"X-Forwarded-Proto": "https"},
        )  # fmt: skip
        assert "secure" in answer.headers["set-cookie"].lower()
