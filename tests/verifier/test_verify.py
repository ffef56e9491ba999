"""Deciding over HTTP (specs/service.md 4): the routes, and what is durable."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaincred import (
    Args,
    Audience,
    Bearer,
    Host,
    MaxEffect,
    Presentation,
    Request,
    SigningKey,
    Tools,
)
from chaincred_verifier.limits import Allowance
from chaincred_verifier.problems import STATUS
from tests.verifier.running import AUDIENCE, NAME, Keys, Running, check


def shown(bearer: Bearer, request: Request, audience: str = AUDIENCE) -> dict[str, Any]:
    now = int(time.time())
    return check(str(bearer.present(request, audience=audience, now=now)), request, audience)


def test_what_every_block_allows_is_admitted_with_its_provenance(shared: Running):
    chain = shared.keys.chain("planner", "worker", caveats=[Tools(["read_file"])])
    answer = shared.verify(chain[-1], resource="docs/q3.md", args={"lines": 10})
    assert answer.status_code == 200
    said = answer.json()
    assert said["admitted"] is True and said["agent"] == "worker"
    assert [hop["agent"] for hop in said["hops"]] == ["planner", "worker"]
    assert said["root_id"] == chain[0].token.root_id.hex() == said["hops"][0]["link"]
    assert said["hops"][0]["caveats"][-1] == {"kind": "Tools", "patterns": ["read_file"]}
    assert said["list"]["age"] <= 5 and said["audit"] >= 1
    assert answer.headers["cache-control"] == "no-store"


def test_a_caveat_that_forbids_is_named(shared: Running):
    chain = shared.keys.chain("planner", caveats=[Tools(["read_file"]), MaxEffect("read")])
    answer = shared.verify(chain[0], "write_file", effect="write")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == "caveat" and said["type"] == "urn:chaincred:error:caveat"
    assert {each["kind"] for each in said["failures"]} == {"Tools", "MaxEffect"}


def test_a_proof_is_good_for_one_decision(shared: Running):
    body = shown(shared.keys.chain("planner")[0], Request("read_file", effect="read"))
    assert shared.client.post("/v1/verify", json=body).status_code == 200
    again = shared.client.post("/v1/verify", json=body)
    assert (again.status_code, again.json()["code"]) == (403, "proof_replayed")


def test_a_replay_is_called_so_even_where_a_caveat_forbids_too(shared: Running):
    bearer = shared.keys.chain("planner", caveats=[Tools(["read_file"])])[0]
    body = shown(bearer, Request("write_file", effect="write"))
    codes = [shared.client.post("/v1/verify", json=body).json()["code"] for _ in range(2)]
    assert codes == ["caveat", "proof_replayed"]


def test_a_proof_for_another_server_is_refused(shared: Running):
    bearer = shared.keys.chain("planner")[0]
    request = Request("read_file", effect="read")
    body = shown(bearer, request, NAME) | {"audience": AUDIENCE}
    assert shared.client.post("/v1/verify", json=body).json()["code"] == "proof_audience"


def test_the_service_decides_for_its_own_name_where_no_audience_is_named(shared: Running):
    bearer = shared.keys.chain("planner", caveats=[Audience([NAME])])[0]
    body = shown(bearer, Request("read_file", effect="read"), NAME)
    del body["audience"]
    assert shared.client.post("/v1/verify", json=body).status_code == 200


def test_an_audience_that_is_not_decided_for_is_malformed(shared: Running):
    body = shown(shared.keys.chain("p")[0], Request("t", effect="read"), "other.example")
    answer = shared.client.post("/v1/verify", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_chain_of_another_root_is_untrusted(shared: Running):
    now = int(time.time())
    key = SigningKey.generate()
    foreign = Bearer.issue(key, agent="mallory", purpose="", now=now, caveats=[])
    answer = shared.verify(foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "untrusted")


def test_an_administrators_chain_opens_nothing_else(shared: Running):
    assert shared.verify(shared.admin, "chaincred.revoke").json()["code"] == "untrusted"


def test_a_batch_answers_each_in_order(shared: Running):
    bearer = shared.keys.chain("planner", caveats=[Tools(["read_file"])])[0]
    checks: list[Any] = [
        shown(bearer, Request("read_file", effect="read")),
        shown(bearer, Request("write_file", effect="write")),
        {"presentation": "cc1p_AA", "request": {"tool": "t", "effect": "read"}},
        17,
    ]
    answer = shared.client.post("/v1/verify", json={"checks": checks})
    assert answer.status_code == 200
    first, *rest = answer.json()["results"]
    assert first["admitted"] is True
    assert [each["code"] for each in rest] == ["caveat", "malformed", "malformed"]
    assert all("admitted" not in each for each in rest)


@pytest.mark.parametrize("checks", [[], None, {}, [{}] * 101])
def test_a_batch_is_one_to_a_hundred_checks(shared: Running, checks: Any):
    answer = shared.client.post("/v1/verify", json={"checks": checks})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


MALFORMED = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"presentation": "\xff"}',
    "a list": b"[]",
    "a member twice": b'{"presentation":"a","presentation":"b","request":{}}',
    "NaN": b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read","args":{"a":NaN}}}',
    "deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a lone surrogate": b'{"presentation":"cc1p_","request":{"tool":"\\ud800","effect":"read"}}',
    "an unknown member": b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read"},"x":1}',
    "an unknown effect": b'{"presentation":"cc1p_","request":{"tool":"t","effect":"all"}}',
    "an effect that is a number": b'{"presentation":"cc1p_","request":{"tool":"t","effect":0}}',
    "a tool that is none": b'{"presentation":"cc1p_","request":{"tool":"a//b","effect":"read"}}',
    "a short context": (
        b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read","context":"00"}}'
    ),
    "bytes that are none": (
        b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read","args":{"a":{"$bin":"0"}}}}'
    ),
    "an integer that is none": (
        b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read","args":{"a":{"$int":"\xd9\xa1"}}}}'
    ),
    "a number too large": (
        b'{"presentation":"cc1p_","request":{"tool":"t","effect":"read","args":{"a":1'
        + b"0" * 400
        + b"}}}"
    ),
}


@pytest.mark.parametrize("about", MALFORMED)
def test_what_is_not_a_check_is_malformed(shared: Running, about: str):
    answer = shared.client.post("/v1/verify", content=MALFORMED[about])
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text


def test_a_body_over_the_limit_is_too_large(shared: Running):
    answer = shared.client.post("/v1/verify", content=b" " * 1_200_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_of_very_many_values_is_refused_before_it_is_read(shared: Running):
    for body in (
        b'{"checks":[' + b",".join([b"[]"] * 366_000) + b"]}",
        b'{"presentation":"cc1p_x","request":{"tool":"t","effect":"read","args":{"a":['
        + b",".join([b"[]"] * 300_000)
        + b"]}}}",
    ):
        answer = shared.client.post("/v1/verify", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert "commas" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"[" * 101 + b"]" * 1_100_000, b'"' + b"[}" * 500_000 + b'"'])
def test_a_body_of_very_many_brackets_is_refused_before_they_are_looked_at(
    shared: Running, body: bytes
):
    answer = shared.client.post("/v1/verify", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert "brackets" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("caveat", "args"),
    [
        (Args({}, closed=True), {"\U0001f600" * 60_000: 1, "\U0001f600" * 60_001: 2}),
        (Args({"u": Host(["a.example"])}), {"u": "https://a/" + "b" * 900_000}),
    ],
)
def test_a_refusal_is_short_and_soon_whatever_was_asked(
    shared: Running, caveat: Args, args: dict[str, Any]
):
    # Many caveats, each of which forbids.
    held = shared.keys.chain("a", caveats=[caveat] * 30)[0]
    for n in range(3):
        now = int(time.time())
        held = held.hand_over(agent=f"a{n}", purpose="p", now=now, caveats=[caveat] * 30)
    begun = time.monotonic()
    answer = shared.verify(held, args=args)
    assert (answer.status_code, answer.json()["code"]) == (403, "caveat")
    assert len(answer.content) < 400_000
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(("agents", "code"), [(["a"], "untrusted"), (["a", "b"], "broken_chain")])
def test_what_anybody_can_forge_leaves_no_record(running: Running, agents: list[str], code: str):
    bearer = running.keys.chain(*agents)[-1]
    forged = bytearray(bearer.token.to_bytes())
    forged[-1] ^= 1
    request = Request("read_file", effect="read")
    whole = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
    shown = str(replace(Presentation.parse(str(whole)), token=bytes(forged)))
    answer = running.client.post("/v1/verify", json=check(shown, request))
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    records = running.read("/v1/audit").json()["records"]
    assert [(each["what"], each["code"], each["tool"]) for each in records] == [
        ("verify", "ok", "chaincred.read")
    ]


def test_trailer_fields_are_no_header_fields_and_close_the_connection(shared: Running):
    head = (
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as peer:
        peer.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                peer.sendall(b"A: b\r\n" * 1000)
        peer.settimeout(10)
        with contextlib.suppress(ConnectionError):
            while peer.recv(65_536):
                pass


def test_a_batch_does_not_get_around_the_limit(keys: Keys):
    with Running(keys, refused_per_second=0.2) as service:
        bad = {"presentation": "cc1p_AA", "request": {"tool": "t", "effect": "read"}}
        codes = [
            each["code"]
            for each in service.client.post("/v1/verify", json={"checks": [bad] * 30}).json()[
                "results"
            ]
        ]
        assert codes[0] == "malformed" and codes[-1] == "rate_limited"
        assert service.client.get("/readyz").status_code == 429


def test_two_hundred_at_once_are_answered_where_nothing_else_is_set(keys: Keys):
    with Running(keys) as service:
        bad = {"presentation": "cc1p_AA", "request": {"tool": "t", "effect": "read"}}
        batch = {"checks": [bad] * 100}
        answers = [service.client.post("/v1/verify", json=batch) for _ in range(3)]
        codes = [[each["code"] for each in answer.json().get("results", [])] for answer in answers]
        assert codes[0] == codes[1] == ["malformed"] * 100
        # Only five seconds would earn a hundred more.
        assert answers[2].status_code == 429 or codes[2][-1] == "rate_limited"


def test_all_that_is_asked_at_once_counts():
    now = [0.0]
    allowance = Allowance(2, 20, clock=lambda: now[0])
    # Sixty are let in before the first of them is refused, and counts.
    assert allowance.allows("one")
    for _ in range(60):
        allowance.count("one")
    assert not allowance.allows("one") and allowance.allows("another")
    now[0] = 20.0
    assert not allowance.allows("one")
    now[0] = 20.5
    assert allowance.allows("one")


def test_a_gateway_is_not_shut_out_by_its_callers(keys: Keys):
    with Running(keys, refused_per_second=1) as service:
        for _ in range(30):
            assert service.client.get("/v1/forward-auth").status_code == 401
        assert service.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("presentation", ["x", "foreign"])
def test_what_anybody_can_send_leaves_no_record(running: Running, presentation: str):
    if presentation == "foreign":
        key, now = SigningKey.generate(), int(time.time())
        foreign = Bearer.issue(key, agent="mallory", purpose="", now=now, caveats=[])
        presentation = str(foreign.present(Request("t", effect="read"), audience="x", now=now))
    header = {"Authorization": f"Chaincred {presentation}"}
    for method, path in (
        ("GET", "/v1/audit"),
        ("POST", "/v1/sessions"),
        ("GET", "/v1/forward-auth"),
        ("POST", "/v1/revocations"),
    ):
        said = {**header, "X-Original-Method": "GET", "X-Original-URI": "/a"}
        answer = running.client.request(
            method, path, headers=said, content=b'{"what": "task", "task": "t"}'
        )
        assert answer.status_code in (400, 403)
    assert [each["tool"] for each in running.read("/v1/audit").json()["records"]] == [
        "chaincred.read"
    ]


def test_what_names_no_trusted_root_is_refused_and_leaves_no_record(running: Running):
    key, now = SigningKey.generate(), int(time.time())
    foreign = Bearer.issue(key, agent="mallory", purpose="", now=now, caveats=[])
    assert running.verify(foreign).json()["code"] == "untrusted"
    assert [record["tool"] for record in running.read("/v1/audit").json()["records"]] == [
        "chaincred.read"
    ]


def test_arguments_may_be_bytes_and_large_integers(shared: Running):
    bearer = shared.keys.chain("planner")[0]
    request = Request(
        "t", effect="read", args={"data": b"\0\xff", "n": 2**64 - 1, "m": {"x": [1.5]}}
    )
    body = shown(bearer, request)
    body["request"]["args"] = {
        "data": {"$bin": "00ff"},
        "n": {"$int": str(2**64 - 1)},
        "m": {"x": [1.5]},
    }
    assert shared.client.post("/v1/verify", json=body).status_code == 200


def test_explaining_names_every_reason_and_needs_an_administrator(shared: Running):
    bearer = shared.keys.chain("planner", caveats=[Tools(["read_file"])])[0]
    body = shown(bearer, Request("write_file", effect="write"))
    assert shared.client.post("/v1/explain", json=body).json()["code"] == "unauthenticated"
    answer = shared.call("POST", "/v1/explain", tool="chaincred.read", effect="read", json=body)
    assert answer.status_code == 200
    assert answer.json()["code"] == "caveat"
    assert answer.json()["hops"][0]["agent"] == "planner"
    # It admits nobody, and it used up nothing.
    assert shared.client.post("/v1/verify", json=body).json()["code"] == "caveat"


def test_every_decision_is_in_the_audit_log(shared: Running):
    bearer = shared.keys.chain("planner", "scribe", caveats=[Tools(["read_file"])])[-1]
    admitted = shared.verify(bearer, resource="docs/a.md", task="t-1", args={"secret": "hunter2"})
    shared.verify(bearer, "write_file", effect="write")
    log = shared.read(f"/v1/audit?root_id={bearer.token.root_id.hex()}")
    assert "hunter2" not in log.text
    first, second = log.json()["records"]
    assert first["n"] == admitted.json()["audit"]
    assert (first["code"], second["code"]) == ("ok", "caveat")
    assert [hop["agent"] for hop in first["hops"]] == ["planner", "scribe"]
    kept = {name: first[name] for name in ("tool", "resource", "effect", "task", "audience")}
    assert kept == {
        "tool": "read_file",
        "resource": "docs/a.md",
        "effect": "read",
        "task": "t-1",
        "audience": AUDIENCE,
    }
    assert first["list_seq"] == admitted.json()["list"]["seq"]


def test_every_code_of_the_specification_has_its_status():
    text = Path("specs/service.md").read_text()
    told: dict[str, int] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and cells[2].isdigit():
            told |= {code.strip(" `"): int(cells[2]) for code in cells[1].split(",")}
    assert told == dict(STATUS)


def test_a_call_that_is_not_there_is_a_problem_too(shared: Running):
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/verify", 405, "method_not_allowed"),
        ("DELETE", "/v1/revocations/1", 405, "method_not_allowed"),
    ):
        answer = shared.client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_openapi_document_names_every_route(shared: Running):
    paths = json.loads(shared.client.get("/openapi.json").text)["paths"]
    assert {"/v1/verify", "/v1/revocations", "/v1/list", "/v1/acks", "/v1/chains"} <= set(paths)
