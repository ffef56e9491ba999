"""The service as its OpenAPI document describes it, and calls made from nothing but that."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests.auth import AuthBase
from schemathesis import APIOperation, Case, GenerationMode, Response, SerializationContext
from schemathesis.transport.serialization import serialize_binary

from chaincred import ChaincredError, Request
from chaincred.ack import MEDIA_TYPE
from chaincred_verifier import wire
from tests.verifier.running import AUDIENCE, PATIENCE, Keys, Running, authorization

RULES: Final = f"""
[[rule]]
methods  = ["GET", "PUT"]
path     = "/**"
tool     = "files"
resource = "{{path}}"
audience = "{AUDIENCE}"
"""
POLICY: Final = """
[[grant]]
identity = "admin/security"
max_hops = 5
lifetime = { read = 3600, write = 3600, irreversible = 600 }
"""


class Described:
    """A running service with everything on, and its document. Operations are `METHOD path`."""

    def __init__(self, folder: Path) -> None:
        keys = Keys(folder)
        for name, text in (("rules.toml", RULES), ("policy.toml", POLICY)):
            (folder / name).write_text(text)
        self.running = Running(
            keys,
            refused_per_second=100_000,
            gateway_rules=folder / "rules.toml",
            issuing_policy=folder / "policy.toml",
            root_key=folder / "root.key",
        )
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        self.running.start()
        # One event of a stream is enough: it has no end of its own.
        config = schemathesis.Config.from_dict({"max-stream-events": 1})
        url = f"{self.running.url}/openapi.json"
        self._document = schemathesis.openapi.from_url(url, config=config)
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self.running.__exit__()

    @property
    def operations(self) -> set[str]:
        """All that the document names."""
        document = self._document
        return {f"{method.upper()} {path}" for path in document for method in document[path]}

    def __getitem__(self, operation: str) -> APIOperation[Any, Any, Any, Any]:
        method, path = operation.split()
        return self._document[path][method]

    def each_case(
        self, operation: str, mode: GenerationMode, examples: int, do: Callable[[Case[Any]], None]
    ) -> None:
        """Does `do` with so many calls that fit the document, or that do not."""

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(self[operation].as_strategy(generation_mode=mode))
        def run(case: Case[Any]) -> None:
            do(case)

        run()

    def send(self, case: Case[Any], auth: AuthBase | None = None) -> Response:
        return case.call(
            base_url=self.running.url, session=self._session, auth=auth, timeout=PATIENCE
        )

    def with_true_presentations(self, body: Any) -> Any:
        """The body of a decision, its presentations made by a holder for what it asks."""
        if isinstance(body, dict) and isinstance(body.get("checks"), list):
            return {"checks": [self.with_true_presentations(each) for each in body["checks"]]}
        try:
            request = wire.request_of(body["request"])
        except (ChaincredError, TypeError, KeyError):
            return body
        return {**body, "presentation": self._presented(request), "audience": AUDIENCE}

    def _presented(self, request: Request) -> str:
        (bearer,) = self.running.keys.chain("planner")
        return str(bearer.present(request, audience=AUDIENCE, now=int(time.time())))


class Signed(AuthBase):
    """An administrator's signature of a call as it goes out (specs/service.md 3.1)."""

    def __init__(self, running: Running, tool: str, effect: str) -> None:
        self._running = running
        self._said = {"tool": tool, "effect": effect}

    def __call__(self, call: requests.PreparedRequest) -> requests.PreparedRequest:
        body = call.body or b""
        body = body.encode() if isinstance(body, str) else body
        try:
            call.headers["Authorization"] = authorization(
                self._running.admin, str(call.method), call.path_url, body, **self._said
            )
        except ChaincredError:
            # A path that is not in normal form: no presentation can be made for it.
            call.headers["Authorization"] = "Chaincred cc1p_"
        return call


class Claimed(AuthBase):
    """What begins like a presentation, so that the rest of the call is looked at."""

    def __call__(self, call: requests.PreparedRequest) -> requests.PreparedRequest:
        call.headers["Authorization"] = "Chaincred cc1p_"
        return call


@schemathesis.serializer(MEDIA_TYPE)
def _acknowledgement(_: SerializationContext, value: Any) -> dict[str, bytes]:
    return {"data": serialize_binary(value)}
