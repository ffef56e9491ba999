"""Followers, acknowledgements, closure (specs/service.md 8), over HTTP."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from chaincred import NoFloor, RevocationView, SigningKey
from chaincred.ack import MEDIA_TYPE, Ack
from chaincred.revocation import Place
from tests.verifier.running import Running


class Server:
    """A resource server's part: a view, a key, and what it says of them."""

    def __init__(self, service: Running, name: str, *, register: bool = True) -> None:
        self.service, self.name, self.key = service, name, SigningKey.generate()
        self.view = RevocationView([service.list_key], floor=NoFloor())
        if register:
            assert self.put(self.key).status_code == 200

    def put(self, key: SigningKey) -> httpx2.Response:
        return self.service.call(
            "PUT",
            f"/v1/followers/{self.name}",
            tool="chaincred.followers",
            effect="write",
            json={"key": key.public_key.hex()},
        )

    def take(self) -> None:
        self.view.update(self.service.client.get("/v1/list").content, now=int(time.time()))

    def ack(self, **changed: Any) -> Ack:
        now = int(time.time())
        own = Ack(self.name, self.view.place, now - (self.view.age(now) or 0), now)
        return replace(own, **changed)

    def say(self, **changed: Any) -> httpx2.Response:
        return post(self.service, self.ack(**changed).sign(self.key))


def post(service: Running, data: bytes, media_type: str = MEDIA_TYPE) -> httpx2.Response:
    return service.client.post("/v1/acks", content=data, headers={"Content-Type": media_type})


def closure(service: Running, number: int) -> dict[str, Any]:
    answer = service.read(f"/v1/revocations/{number}/closure")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def names(said: dict[str, Any]) -> dict[str, list[str]]:
    return {
        part: [each["name"] for each in said[part]] for part in ("enforced", "behind", "silent")
    }


def test_a_revocation_closes_as_its_followers_enforce_it(running: Running):
    one, two = Server(running, "files-1"), Server(running, "files-2")
    for server in (one, two):
        server.take()
        assert server.say().status_code == 204
    time.sleep(1.1)
    made = running.revoke(what="task", task="t").json()
    said = closure(running, 1)
    assert said["state"] == "unknown" and names(said)["silent"] == ["files-1", "files-2"]
    assert said["contained_at"] <= made["made_at"] + 300

    assert two.say().status_code == 204  # heard, and behind
    said = closure(running, 1)
    assert said["state"] == "partial"
    assert names(said) == {"enforced": [], "behind": ["files-2"], "silent": ["files-1"]}

    one.take()
    one.say()
    said = closure(running, 1)
    assert said["state"] == "partial" and names(said)["enforced"] == ["files-1"]

    two.take()
    two.say()
    said = closure(running, 1)
    assert said["state"] == "closed" and names(said)["enforced"] == ["files-1", "files-2"]
    assert all(made["made_at"] <= each["at"] <= time.time() for each in said["enforced"])


def test_without_followers_closure_is_unknown(running: Running):
    running.revoke(what="task", task="t")
    assert closure(running, 1)["state"] == "unknown"
    assert running.read("/v1/revocations/2/closure").status_code == 404


def test_when_an_entry_was_enforced_is_when_it_was_first_said(running: Running):
    server = Server(running, "a")
    running.revoke(what="task", task="t")
    server.take()
    server.say()
    first = closure(running, 1)["enforced"]
    time.sleep(1.1)
    running.revoke(what="task", task="u")
    server.take()
    server.say()
    assert closure(running, 1)["enforced"] == first
    assert closure(running, 2)["enforced"][0]["at"] > first[0]["at"]


def test_an_acknowledgement_is_its_followers_own(running: Running):
    server, stranger = Server(running, "a"), Server(running, "b", register=False)
    server.take()
    stranger.take()
    assert stranger.say().json()["code"] == "untrusted"
    forged = server.ack().sign(stranger.key)
    assert post(running, forged).json()["code"] == "untrusted"
    assert server.say(at=int(time.time()) - 120).json()["code"] == "proof_time"
    assert running.read("/v1/followers").json()["followers"][0]["heard_at"] is None


def test_a_follower_that_was_shown_another_list_is_noticed(running: Running):
    server = Server(running, "a")
    running.revoke(what="task", task="t")
    server.take()
    place = server.view.place
    for other in (
        Place(place.list_id, 1, bytes(32)),
        Place(place.list_id, 0, bytes(32)),
        Place(place.list_id, 7, place.hash),
        Place(bytes(16), 1, place.hash),
    ):
        answer = server.say(place=other)
        assert (answer.status_code, answer.json()["code"]) == (403, "list_forked")
    records = running.read("/v1/audit?what=fork").json()["records"]
    assert len(records) == 4 and records[0]["name"] == "a"
    assert closure(running, 1)["state"] == "unknown"


def test_an_older_acknowledgement_changes_nothing(running: Running):
    server = Server(running, "a")
    server.take()
    early = server.ack()
    running.revoke(what="task", task="t")
    server.take()
    assert server.say().status_code == 204
    assert post(running, early.sign(server.key)).status_code == 204
    assert closure(running, 1)["state"] == "closed"


def test_another_key_is_another_follower(running: Running):
    server = Server(running, "a")
    running.revoke(what="task", task="t")
    server.take()
    server.say()
    assert closure(running, 1)["state"] == "closed"
    assert server.put(server.key).status_code == 200
    assert closure(running, 1)["state"] == "closed", "the same key changes nothing"
    server.put(SigningKey.generate())
    assert closure(running, 1)["state"] == "unknown"
    assert server.say().json()["code"] == "untrusted"


def test_a_follower_that_is_removed_is_not_waited_for(running: Running):
    Server(running, "a")
    running.revoke(what="task", task="t")
    assert closure(running, 1)["state"] == "unknown"
    gone = [
        running.call("DELETE", "/v1/followers/a", tool="chaincred.followers", effect="write")
        for _ in range(2)
    ]
    assert [answer.status_code for answer in gone] == [204, 404]
    assert names(closure(running, 1)) == {"enforced": [], "behind": [], "silent": []}


def test_only_who_may_names_followers(running: Running):
    key = SigningKey.generate().public_key.hex()
    assert running.client.put("/v1/followers/a", json={"key": key}).status_code == 401
    reader = running.keys.admin(["chaincred.read"])
    answer = running.call(
        "PUT",
        "/v1/followers/a",
        tool="chaincred.followers",
        effect="write",
        json={"key": key},
        bearer=reader,
    )
    assert answer.json()["code"] == "caveat"


@pytest.mark.parametrize("name", ["ä", "a" * 129, "a:b", "a~b"])
def test_a_name_that_is_none_is_refused(running: Running, name: str):
    answer = running.call(
        "PUT",
        f"/v1/followers/{name}",
        tool="chaincred.followers",
        effect="write",
        json={"key": SigningKey.generate().public_key.hex()},
    )
    assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize("data", [b"", b"\x92", b"\x00" * 300, b"x" * 1024])
def test_what_is_no_acknowledgement_is_malformed(shared: Running, data: bytes):
    assert post(shared, data).json()["code"] == "malformed"


def test_an_acknowledgement_has_its_type_and_its_size(shared: Running):
    assert post(shared, b"x" * 1025).json()["code"] == "too_large"
    assert post(shared, b"x", "application/json").json()["code"] == "unsupported_media_type"
