"""The vectors go through HTTP too, each by the call that reads what it holds (specs/service.md)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import msgpack
import pytest
import uvicorn

from chaincred import (
    Freshness,
    ListRefused,
    Malformed,
    PublicKey,
    RevocationView,
    Token,
    unrevocable,
)
from chaincred.ack import MEDIA_TYPE as ACK
from chaincred.encoding import from_text
from chaincred.follow import asking
from chaincred.follow.following import Take
from chaincred.revocation import MAX_UPDATE
from chaincred.verify import MAX_LIFETIME, Unrevocable
from chaincred_verifier.problems import STATUS
from chaincred_verifier.routes.lists import MEDIA_TYPE as LIST
from chaincred_verifier.routes.tokens import EXCHANGE, FORM, JWT
from chaincred_verifier.settings import Settings, SettingsRefused
from tests.attacks.cast import (
    NOW,
    PLANNER,
    RESOURCES,
    ROOT,
    SERVER,
    TOOLS,
    WORKER,
    Ask,
    Body,
    chain,
    hop_body,
    root_body,
    shown,
    text,
)
from tests.attacks.views import KeptFloor
from tests.verifier.running import Keys
from tests.verifier.vector_services import Served, Serving, issuing

Vector = Mapping[str, Any]

VECTORS: Final = [
    json.loads(path.read_bytes())
    for path in sorted((Path(__file__).parents[2] / "specs" / "vectors").glob("*.json"))
]
NOT_SENT: Final = {
    "macaroon": "the service neither mints nor reads macaroons",
    "bearer": "a secret, which nobody is asked to send",
    "args": "arguments come as JSON, and are packed here",
    "audit": "the service writes exports; checking one is done offline",
}
"""What no call reads, and why."""
DEEP: Final = 13
"""Levels left for a value in a caveat in a block."""


def kind(vector: Vector) -> str:
    """What a vector holds: its type, or its form if it is to be decoded."""
    return str(vector.get("form", vector["type"]))


def is_set_up(vector: Vector) -> bool:
    """Whether the keys that a vector trusts are keys."""
    try:
        for root in vector["roots"]:
            PublicKey.from_hex(root["key"])
    except Malformed:
        return False
    return True


def is_shallow(packed: str) -> bool:
    """Whether a value is not too deep to stand in a caveat of a body."""
    level = [msgpack.unpackb(bytes.fromhex(packed))]
    for _ in range(DEEP):
        level = [inner for outer in level if isinstance(outer, list) for inner in outer]
    return not any(isinstance(inner, list) for inner in level)


SENT: Final[dict[str, list[Vector]]] = {
    "verify": [each for each in VECTORS if kind(each) == "verify" and is_set_up(each)],
    "block": [
        each
        for each in VECTORS
        if kind(each) == "block" and (each["expect"] != "ok" or is_shallow(each["bytes"]))
    ],
    **{
        name: [each for each in VECTORS if kind(each) == name]
        for name in ("token", "presentation", "key", "match", "list", "ack", "holder")
    },
}


def vectors(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", SENT[name], ids=lambda each: str(each["name"]))


@pytest.fixture(scope="module")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that decides by what a vector says."""
    with Served(tmp_path_factory.mktemp("deciding")) as served:
        yield served


@pytest.fixture(scope="module")
def publishing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with the list that is acknowledged, which issues tokens for JWTs."""
    folder = tmp_path_factory.mktemp("publishing")
    with Served(folder, **issuing(folder, SENT["holder"][0]["issuer"])) as served:
        served.revoke(SENT["ack"][0]["list"]["entries"])
        yield served


class Updates(Serving):
    """Whoever is between a publisher and a follower: answers with any bytes."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        super().__init__(
            uvicorn.Config(self._answer, interface="asgi3", log_level="warning", lifespan="off")
        )
        self._runner = asyncio.Runner()
        self._http: httpx2.AsyncClient | None = None

    async def _answer(self, scope: Any, _receive: Any, send: Any) -> None:
        body = self.answers[scope["path"]]
        headers = [(b"content-type", LIST.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def take(self, name: str, update: bytes) -> bytes:
        """The update as a follower has fetched it."""
        path = f"/{name}/v1/list"
        self.answers[path] = update
        return self._runner.run(self._taken(path))

    async def _taken(self, path: str) -> bytes:
        self._http = self._http or asking.client(ssl.create_default_context())
        body = bytearray()
        await asking.take(self._http, Take(self.url + path, MAX_UPDATE, whole=True), body)
        return bytes(body)

    def __exit__(self, *_: object) -> None:
        if self._http is not None:
            self._runner.run(self._http.aclose())
        self._runner.close()
        super().__exit__()


@pytest.fixture(scope="module")
def updates() -> Iterator[Updates]:
    with Updates() as served:
        yield served


def code_of(answer: httpx2.Response, *, ok: int = 200) -> str:
    """The code of a problem, or `ok`; each with the status that belongs to it."""
    if answer.status_code == ok:
        return "ok"
    code: str = answer.json()["code"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == STATUS[code] == answer.json()["status"], code
    return code


def view_of(said: Vector, floor: bytes | None = None) -> RevocationView:
    keys = [PublicKey.from_hex(key) for key in said["keys"]]
    list_id = bytes.fromhex(said["list_id"])
    return RevocationView(keys, floor=KeptFloor(floor), list_id=list_id)


def answering(root: Vector) -> RevocationView | Unrevocable:
    if "unrevocable" in root:
        return unrevocable(max_lifetime=root["unrevocable"])
    view = view_of(root["list"])
    for each in root["list"]["updates"]:
        view.update(bytes.fromhex(each["update"]), now=each["now"])
    return view


def trust(served: Served, vector: Vector) -> None:
    """Sets the service up as the vector says."""
    served.decide_by(
        {PublicKey.from_hex(root["key"]): answering(root) for root in vector["roots"]},
        vector["audience"],
        freshness=Freshness(**vector["freshness"]) if "freshness" in vector else None,
        max_lifetime=vector.get("max_lifetime", MAX_LIFETIME),
        policy=vector.get("policy"),
    )


@vectors("verify")
def test_a_decision_is_that_of_the_vector(deciding: Served, vector: Vector) -> None:
    trust(deciding, vector)
    for before in vector.get("seen", ()):
        deciding.now = before["now"]
        seen = deciding.verify(before["presentation"], before["request"], vector["audience"])
        assert code_of(seen) == "ok"
    deciding.now = vector["now"]
    answer = deciding.verify(vector["presentation"], vector["request"], vector["audience"])
    assert code_of(answer) == vector["expect"]
    said = answer.json()
    if vector["expect"] == "ok":
        links = [hop["link"] for hop in said["hops"]]
        assert (said["root_id"], links) == (vector["root_id"], vector["links"])
        fields = ("agent", "purpose", "issued_at", "delegator", "holder")
        assert [{name: hop[name] for name in fields} for hop in said["hops"]] == vector["hops"]
    failures = [[each["hop"], each["kind"]] for each in said.get("failures", ())]
    assert failures == vector.get("failures", [])


def test_a_root_that_is_no_key_is_refused_before_anybody_calls(tmp_path: Path) -> None:
    left = [each for each in VECTORS if kind(each) == "verify" and not is_set_up(each)]
    assert [each["name"] for each in left] == ["key-root-of-small-order"]
    for each in left:
        assert each["expect"] == "malformed"
        roots = ",".join(root["key"] for root in each["roots"])
        with pytest.raises(SettingsRefused, match="small order"):
            Settings.from_environment(Keys(tmp_path).settings(roots=roots))


def decided(served: Served, presentation: str, ask: Ask | None = None) -> str:
    """What becomes of any presentation, where the root of our own chains is trusted."""
    ask = ask or Ask()
    served.decide_by({PublicKey(ROOT.public): unrevocable(max_lifetime=MAX_LIFETIME)}, SERVER)
    served.now = NOW
    asked = {"tool": ask.tool, "resource": ask.resource, "effect": "read"}
    return code_of(served.verify(presentation, asked, SERVER))


def is_malformed(code: str) -> str:
    """The code that a vector expects of what is decoded and not asked anything else."""
    return "malformed" if code == "malformed" else "ok"


@vectors("presentation")
def test_a_presentation_is_read_as_the_vector_says(deciding: Served, vector: Vector) -> None:
    assert is_malformed(decided(deciding, vector["text"])) == vector["expect"]


@vectors("token")
def test_a_token_is_read_as_the_vector_says(
    publishing: Served, deciding: Served, vector: Vector
) -> None:
    said = {"what": "chain", "token": vector["text"]}
    path = "/v1/revocations?dry_run=true"
    tool = "chaincred.revoke"
    answer = publishing.call("POST", path, tool=tool, effect="irreversible", said=said)
    assert code_of(answer) == vector["expect"]
    try:
        token = from_text("cc1_", vector["text"], 2**20)
    except Malformed:
        return  # its text is not of any bytes that a presentation could hold
    proof = msgpack.packb([SERVER, NOW, bytes(16), bytes(64)])
    presentation = text(b"\x93" + token + proof + b"\x90")
    assert is_malformed(decided(deciding, presentation)) == vector["expect"]


@vectors("block")
def test_a_value_in_a_block_is_read_as_the_vector_says(deciding: Served, vector: Vector) -> None:
    # The only field of a caveat of a kind that is not known, at the end of the last block.
    caveat = b"\x92\xcc\xc8" + bytes.fromhex(vector["bytes"])
    *before, none = hop_body(WORKER)
    assert none == []
    body = b"\x96" + b"".join(map(msgpack.packb, before)) + b"\x91" + caveat
    blocks = chain((ROOT, root_body(PLANNER)), (PLANNER, body))
    expected = "malformed" if vector["expect"] == "malformed" else "caveat"
    assert decided(deciding, shown(blocks, WORKER)) == expected


@vectors("match")
def test_a_pattern_matches_what_the_vector_says(deciding: Served, vector: Vector) -> None:
    expected = {"no_match": "caveat"}.get(vector["expect"], vector["expect"])
    pattern, subject = vector["pattern"], vector["subject"]
    asked = [(TOOLS, Ask(tool=subject))] if _size(subject) <= 256 >= _size(pattern) else []
    # No resource is written as an empty one, which is no name.
    asked += [(RESOURCES, Ask(resource=subject))] if subject else []
    for caveat, ask in asked:
        body = _packed(hop_body(WORKER, [[caveat, [pattern]]]))
        blocks = chain((ROOT, root_body(PLANNER)), (PLANNER, body))
        # What is malformed may be what nobody could sign.
        signed = Ask() if expected == "malformed" else ask
        assert decided(deciding, shown(blocks, WORKER, signed), ask) == expected
    assert asked


def _size(name: str) -> int:
    return len(name.encode(errors="surrogatepass"))


def _packed(body: Body) -> bytes:
    packed: bytes = msgpack.packb(body, unicode_errors="surrogatepass")
    return packed


@vectors("key")
def test_a_key_is_read_as_the_vector_says(publishing: Served, vector: Vector) -> None:
    assert named(publishing, "server", vector["bytes"]) == vector["expect"]


def named(served: Served, name: str, key: str) -> str:
    """What becomes of a follower's registration."""
    tool, said = "chaincred.followers", {"key": key}
    return code_of(
        served.call("PUT", f"/v1/followers/{name}", tool=tool, effect="write", said=said)
    )


@vectors("ack")
def test_an_acknowledgement_is_taken_as_the_vector_says(publishing: Served, vector: Vector) -> None:
    publishing.write(lambda writing: writing.rows("DELETE FROM followers"))
    assert publishing.service.list_id.hex() == SENT["ack"][0]["list"]["list_id"]
    codes = [named(publishing, each["name"], each["key"]) for each in vector["followers"]]
    if set(codes) <= {"ok"}:
        data = bytes.fromhex(vector["ack"])
        codes = [code_of(publishing.post("/v1/acks", data, ACK), ok=204)]
    assert codes == [vector["expect"]]
    answer = publishing.call("GET", "/v1/followers", tool="chaincred.read", effect="read")
    heard = {each["name"]: each for each in answer.json()["followers"] if each["seq"] is not None}
    if vector["expect"] != "ok":
        assert heard == {}
        return
    said = vector["said"]
    ((name, found),) = heard.items()
    assert (name, found["seq"], found["issued_at"]) == (
        said["name"],
        said["seq"],
        said["issued_at"],
    )


@vectors("holder")
def test_a_token_is_issued_to_whom_the_vector_says(publishing: Served, vector: Vector) -> None:
    publishing.forget()
    assert publishing.service.settings.name == vector["audience"]
    publishing.now = vector["now"]
    for proof in vector.get("seen", ()):
        assert code_of(exchanged(publishing, vector, proof)) == "ok"
    answer = exchanged(publishing, vector, vector["holder_proof"])
    assert code_of(answer) == vector["expect"]
    if vector["expect"] == "ok":
        chain = Token.parse(answer.json()["access_token"]).chain
        assert chain.holder.hex() == vector["holder"]
        assert answer.json()["root_id"] == chain.root_id.hex()


def exchanged(served: Served, vector: Vector, proof: str) -> httpx2.Response:
    form = {
        "grant_type": EXCHANGE,
        "subject_token": vector["subject_token"],
        "subject_token_type": JWT,
        "holder": vector["holder"],
        "holder_proof": proof,
    }
    return served.post("/v1/tokens", urlencode(form).encode(), FORM)


@vectors("list")
def test_a_list_that_a_follower_fetches_is_taken_as_the_vector_says(
    updates: Updates, vector: Vector
) -> None:
    floor = bytes.fromhex(vector["floor"]) if "floor" in vector else None
    view = view_of(vector["list"], floor)
    assert [_taken(updates, view, step, vector["name"]) for step in vector["steps"]] == [
        step["expect"] for step in vector["steps"]
    ]
    assert (view.seq, view.place.hash.hex()) == (vector["seq"], vector["hash"])
    assert _held(view, vector["revoked"]) == vector["revoked"]
    assert _held(view, vector["alive"]) == []


def _taken(updates: Updates, view: RevocationView, step: Vector, name: str) -> str:
    update = updates.take(name, bytes.fromhex(step["update"]))
    try:
        view.update(update, now=step["now"])
    except ListRefused as refused:
        return refused.code
    return "ok"


def _held(view: RevocationView, ids: Sequence[str]) -> list[str]:
    return [id for id in ids if view.holds(bytes.fromhex(id))]


def test_every_vector_is_sent_or_there_is_a_reason() -> None:
    sent = {each["name"] for held in SENT.values() for each in held}
    left = [each for each in VECTORS if each["name"] not in sent]
    # Those of no call; a root that is no key (above); and values as deep as a whole body may be,
    # which are too deep for a caveat in it.
    assert Counter(map(kind, left)) == {
        **{name: _count(name) for name in NOT_SENT},
        "verify": 1,
        "block": 2,
    }
    assert set(map(kind, VECTORS)) == SENT.keys() | NOT_SENT.keys()


def _count(name: str) -> int:
    return sum(kind(each) == name for each in VECTORS)
