"""Sessions of the page (specs/service.md 3.2 and 11.1), over HTTP."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from http.cookies import SimpleCookie
from typing import Any, ClassVar

import httpx2
import pytest

from chaincred import Bearer
from tests.verifier.running import Keys, Running, authorization


class Browser:
    """What signs in and then calls with a cookie and a token."""

    opened: ClassVar[list[httpx2.Client]] = []

    def __init__(self, service: Running, bearer: Bearer | None = None) -> None:
        self.service = service
        self.client = httpx2.Client(base_url=service.url, timeout=10)
        self.opened.append(self.client)
        header = authorization(
            bearer or service.admin,
            "POST",
            "/v1/sessions",
            b"",
            tool="chaincred.sign_in",
            effect="read",
        )
        self.answer = self.client.post("/v1/sessions", headers={"Authorization": header})
        self.csrf = self.answer.json().get("csrf", "")

    def revoke(self, csrf: str | None = None, **said: Any) -> httpx2.Response:
        headers = {"Chaincred-CSRF": self.csrf if csrf is None else csrf}
        return self.client.post("/v1/revocations", json=said, headers=headers)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while Browser.opened:
        Browser.opened.pop().close()


def test_an_administrator_signs_in_and_reads_and_revokes(running: Running):
    browser = Browser(running)
    assert browser.answer.status_code == 201 and browser.answer.json()["agent"] == "security"
    assert browser.client.get("/v1/chains").status_code == 200
    answer = browser.revoke(what="task", task="t")
    assert answer.status_code == 201 and answer.json()["made_by"] == "security"
    assert browser.client.get("/v1/revocations/1/closure").json()["state"] == "unknown"


def test_the_cookie_is_for_the_browser_only(running: Running):
    cookie = SimpleCookie(Browser(running).answer.headers["set-cookie"])["chaincred_session"]
    assert cookie["httponly"] and cookie["samesite"] == "strict" and cookie["path"] == "/"
    assert not cookie["secure"], "over plain HTTP a secure cookie would never come back"
    assert 3500 < int(cookie["max-age"]) <= 3600


@pytest.mark.parametrize("much", ["\\" * 60_000, "\\1" * 30_000, '\\"' * 30_000, "; a=" * 15_000])
@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/v1/sessions"), ("GET", "/v1/chains"), ("GET", "/")]
)
def test_a_long_cookie_takes_no_longer_than_it_is(
    shared: Running, method: str, path: str, much: str
):
    headers = {"Cookie": f'a="{much}"; chaincred_session="{much}"'[:64_000]}
    begun = time.monotonic()
    assert shared.client.request(method, path, headers=headers).status_code < 500
    # Milliseconds; unquoting by the square of the length would take half a minute.
    assert time.monotonic() - begun < 5


def test_a_page_elsewhere_cannot_revoke_with_the_cookie_alone(running: Running):
    browser = Browser(running)
    for csrf in ("", "x" * 43):
        answer = browser.revoke(csrf=csrf, what="task", task="t")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert running.read("/v1/followers").json()["list"]["seq"] == 0


def test_a_session_may_what_its_chain_may(running: Running):
    reader = Browser(running, running.keys.admin(["chaincred.sign_in", "chaincred.read"]))
    assert reader.client.get("/v1/audit").status_code == 200
    answer = reader.revoke(what="task", task="t")
    assert (answer.status_code, answer.json()["code"]) == (403, "caveat")
    (record,) = running.read("/v1/audit?code=caveat").json()["records"]
    assert record["what"] == "verify" and record["tool"] == "chaincred.revoke"
    assert record["resource"] == "v1/revocations" and record["hops"][0]["agent"] == "security"


def test_a_chain_without_the_tool_does_not_sign_in(running: Running):
    browser = Browser(running, running.keys.admin(["chaincred.read"]))
    assert (browser.answer.status_code, browser.answer.json()["code"]) == (403, "caveat")
    assert browser.client.get("/v1/chains").status_code == 401


def test_a_session_dies_with_its_chain(running: Running):
    bearer = running.keys.admin()
    browser = Browser(running, bearer)
    assert running.revoke(what="chain", token=str(bearer.token)).status_code == 201
    answer = browser.client.get("/v1/chains")
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")


def test_a_session_never_outlives_its_chain(running: Running):
    short = running.keys.admin(lifetime=30)
    said = Browser(running, short).answer.json()
    assert said["expires_at"] == short.token.root_expires_at


def test_signing_out_ends_it_here_and_for_whoever_copied_the_cookie(running: Running):
    browser = Browser(running)
    copied = dict(browser.client.cookies)
    assert browser.client.delete("/v1/sessions").status_code == 204
    assert httpx2.get(f"{running.url}/v1/chains", cookies=copied).status_code == 401


def test_a_session_outlasts_a_restart_and_the_store_does_not_hold_its_secrets(running: Running):
    browser = Browser(running)
    running.stop()
    for path in running.keys.folder.glob("service.db*"):
        stored = path.read_bytes()
        assert browser.csrf.encode() not in stored
        assert browser.client.cookies["chaincred_session"].encode() not in stored
    running.start()
    assert browser.client.get("/v1/chains").status_code == 200


def test_who_can_write_to_the_store_does_not_sign_in_by_it(running: Running):
    reader = Browser(running, running.keys.admin(["chaincred.sign_in", "chaincred.read"]))
    assert reader.revoke(what="task", task="t").json()["code"] == "caveat"
    # A token is no secret, and the store holds those of everybody who signed in.
    with closing(sqlite3.connect(running.keys.folder / "service.db")) as store, store:
        store.execute("UPDATE sessions SET token = ?", (running.admin.token.to_bytes(),))
    answer = reader.revoke(what="task", task="t")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert reader.client.get("/v1/audit").json()["code"] == "unauthenticated"


def test_an_administrators_name_is_the_one_that_its_issuer_gave_it(running: Running):
    delegate = running.admin.hand_over(agent="boss", purpose="", now=int(time.time()))
    browser = Browser(running, delegate)
    assert browser.revoke(what="task", task="t").json()["made_by"] == "security"


def test_the_root_of_a_session_has_to_be_trusted_still(keys: Keys):
    with Running(keys) as service:
        browser = Browser(service)
        service.stop()
        other = Keys.__new__(Keys)
        other.__dict__.update(keys.__dict__)
        other.admin_root = keys.root
        with Running(other, port=service.port):
            answer = browser.client.get("/v1/chains")
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
