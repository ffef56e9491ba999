"""Values that no client means, in every member of every body: never a fault, nor a hang."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Final

import httpx2
import pytest

from chaincred import Request, SigningKey
from chaincred.errors import ChaincredError
from chaincred_verifier import wire
from chaincred_verifier.problems import STATUS
from tests.verifier.described import Described
from tests.verifier.running import AUDIENCE, authorization

# As they stand in a body: most of them no JSON library would write.
AWKWARD: Final = (
    r'"\ud800"',
    r'"\udc00\ud800"',
    r'"\u0000"',
    r'"e\u0301"',
    "1e400",
    "1e308",
    "1.0",
    "-0.0",
    "NaN",
    "1" + "0" * 40,
    "1" + "0" * 5_000,
    "true",
    "null",
    "[" * 99 + "]" * 99,
    '{"a":' * 98 + "1" + "}" * 98,
    r'{"$int": "\u0661"}',
    '{"$int": "-"}',
    r'{"$bin": "\ud800"}',
    '{"$bin": 1}',
    r'{"\ud800": 1}',
    r'[{"kind": "Expires", "\ud800": 1}]',
    '[{"kind": "Tools", "patterns": [["a"]]}]',
    '[{"kind": "Audience", "names": {"a": 1}}]',
    '[{"kind": "MaxEffect", "effect": [1]}]',
    '[{"kind": "Args", "arguments": {"a": {"range": [1e400, 1]}}}]',
)
KEY: Final = f'"{SigningKey.generate().public_key.hex()}"'
ASKED: Final = {
    "tool": '"t"',
    "effect": '"read"',
    "resource": '""',
    "args": "{}",
    "task": '""',
    "context": '""',
}
NO_PRESENTATION: Final = '"cc1p_"'
REVOKE: Final = ("POST", "/v1/revocations", "chaincred.revoke", "irreversible")
BODIES: Final = (
    (
        ("PUT", "/v1/followers/x", "chaincred.followers", "write"),
        {"key": KEY},
    ),
    (
        ("POST", "/v1/tokens", "chaincred.issue", "write"),
        {
            "holder": KEY,
            "agent": '"a"',
            "purpose": '""',
            "caveats": "[]",
            "lifetime": "60",
            "max_hops": "1",
        },
    ),
    (REVOKE, {"what": '"issuer"', "key": KEY, "before": "1", "until": "1", "reason": '""'}),
    (REVOKE, {"what": '"chain"', "link": f'"{"0" * 64}"'}),
    (REVOKE, {"what": '"chain"', "token": '"cc1_"'}),
    (REVOKE, {"what": '"task"', "task": '"t"'}),
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    with Described(tmp_path_factory.mktemp("service")) as described:
        yield described
        assert '"fault"' not in described.running.log()


def spelled(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"


def sent(
    service: Described, method: str, path: str, tool: str, effect: str, body: str
) -> httpx2.Response:
    """An administrator's call."""
    running, data = service.running, body.encode()
    signed = authorization(running.admin, method, path, data, tool=tool, effect=effect)
    return running.client.request(
        method,
        path,
        content=data,
        headers={"Authorization": signed, "Content-Type": "application/json"},
    )


def check(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.status_code == STATUS[answer.json()["code"]]


@pytest.mark.parametrize("value", AWKWARD, ids=lambda value: value[:40])
def test_in_what_an_administrator_sends(service: Described, value: str):
    for call, members in BODIES:
        for body in (value, *(spelled({**members, name: value}) for name in (*members, "more"))):
            check(sent(service, *call, body))


@pytest.mark.parametrize("value", AWKWARD, ids=lambda value: value[:40])
def test_in_what_is_decided(service: Described, value: str):
    asked = [{**ASKED, name: value} for name in (*ASKED, "more")]
    asked.append({**ASKED, "args": f'{{"a": {value}, "b": [{value}], "c": {{"d": {value}}}}}'})
    bodies = [{"presentation": shown(service, each), "request": spelled(each)} for each in asked]
    plain = {"presentation": NO_PRESENTATION, "request": spelled(ASKED)}
    bodies += [{**plain, name: value} for name in ("presentation", "request", "audience")]
    for members in bodies:
        body = spelled({"audience": json.dumps(AUDIENCE), **members})
        check(sent(service, "POST", "/v1/explain", "chaincred.read", "read", body))
        for each in (body, f'{{"checks": [{body}]}}', f'{{"checks": [{value}]}}'):
            check(service.running.client.post("/v1/verify", content=each.encode()))


def shown(service: Described, asked: Mapping[str, str]) -> str:
    """A presentation for what is asked, as far as it can be asked."""
    try:
        request: Request = wire.request_of(wire.json_of(spelled(asked).encode()))
    except ChaincredError:
        return NO_PRESENTATION
    (bearer,) = service.running.keys.chain("planner")
    return f'"{bearer.present(request, audience=AUDIENCE, now=int(time.time()))}"'
