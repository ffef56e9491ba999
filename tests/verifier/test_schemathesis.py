"""Calls made from the OpenAPI document alone, by nobody and by an administrator.

Whatever is sent: no fault, no refusal but a problem document, and no answer but as the document
says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode, Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from chaincred_verifier.app import create_app
from chaincred_verifier.problems import STATUS
from chaincred_verifier.serve import config
from chaincred_verifier.settings import Settings
from tests.attacks.long import LONG
from tests.verifier.described import Claimed, Described, Signed
from tests.verifier.running import PATIENCE, Keys
from tests.verifier.vector_services import Serving

OPERATIONS = (
    "POST /v1/verify",
    "POST /v1/explain",
    "GET /v1/forward-auth",
    "POST /v1/revocations",
    "GET /v1/revocations",
    "GET /v1/revocations/{number}",
    "GET /v1/revocations/{number}/closure",
    "GET /v1/list",
    "GET /v1/list/head",
    "GET /v1/list/key",
    "GET /v1/list/stream",
    "GET /v1/followers",
    "PUT /v1/followers/{name}",
    "DELETE /v1/followers/{name}",
    "POST /v1/acks",
    "GET /v1/chains",
    "GET /v1/chains/{root_id}",
    "GET /v1/audit/head",
    "GET /v1/audit/export",
    "GET /v1/audit",
    "POST /v1/sessions",
    "DELETE /v1/sessions",
    "POST /v1/tokens",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)
EXAMPLES = 150 if LONG else 8
FITS, BREAKS = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CONFORMS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    with Described(tmp_path_factory.mktemp("service")) as service:
        yield service
        assert '"fault"' not in service.running.log()


def test_the_document_names_every_operation(described: Described):
    assert described.operations == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_the_document_names(described: Described, operation: str):
    said = described[operation].definition.raw
    tool = said.get("x-chaincred-tool")

    def call(case: Case[Any]) -> None:
        answer = described.send(case)
        check(answer, case)
        if tool:
            assert answer.status_code in (400, 401, 415), "nobody may do this"
        auth = authority()
        if auth:
            if case.meta and case.meta.generation.mode is FITS and operation in DECIDING:
                case.body = described.with_true_presentations(case.body)
            answer = described.send(case, auth)
            check(answer, case)
            # In a batch what is wrong with one decision is said beside the others.
            if b'"results"' not in answer.content:
                case.validate_response(answer, checks=[negative_data_rejection])

    def authority() -> AuthBase | None:
        if tool:
            return Signed(described.running, tool, said["x-chaincred-effect"])
        return Claimed() if "security" in said or operation in DECIDING else None

    described.each_case(operation, FITS, EXAMPLES, call)
    if can_be_broken(said):
        described.each_case(operation, BREAKS, EXAMPLES, call)
    assert described.running.client.get("/readyz").status_code == 200


DECIDING = ("POST /v1/verify", "POST /v1/explain")


def can_be_broken(said: dict[str, Any]) -> bool:
    """Whether there is anything that could not be sent: headers here take any text."""
    bodies = said.get("requestBody", {}).get("content", {})
    return "application/json" in bodies or any(
        each["in"] != "header" for each in said["parameters"]
    )


def check(answer: Response, case: Case[Any]) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]
        problem = json.loads(answer.content)
        assert problem["status"] == STATUS[problem["code"]]
        # A gateway is told 401 or 403, whatever the code (specs/service.md 5.3).
        assert case.path == "/v1/forward-auth" or answer.status_code == problem["status"]
    case.validate_response(answer, checks=CONFORMS)


def test_a_method_that_is_not_there_is_refused_with_those_that_are(described: Described):
    methods: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        method, path = operation.split()
        methods.setdefault(path, set()).add(method)
    for path, known in methods.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"} - known:
            answer = described.running.client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["allow"] == ", ".join(sorted(known))


def test_a_fault_is_a_problem_too_and_says_nothing_of_what_it_was(tmp_path: Path):
    said = Settings.from_environment(Keys(tmp_path).settings())
    app = create_app(said)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("the secret")

    with Serving(config(said, app)) as serving:
        answer = httpx2.get(f"{serving.url}/broken", timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
