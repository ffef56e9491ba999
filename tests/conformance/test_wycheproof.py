"""Ed25519 verdicts of Project Wycheproof: ours agree with every one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chaincred import Malformed, PublicKey
from tests.conformance.outside import NO_CONTEXT, outside

CASES: list[tuple[str, dict[str, Any]]] = [
    (group["publicKey"]["pk"], case)
    for group in json.loads((outside("wycheproof") / "ed25519_test.json").read_text())["testGroups"]
    for case in group["tests"]
]


def verdict(key: str, message: str, signature: str) -> str:
    try:
        public = PublicKey(bytes.fromhex(key))
    except Malformed:
        return "invalid"
    good = public.verify(NO_CONTEXT, bytes.fromhex(message), bytes.fromhex(signature))
    return "valid" if good else "invalid"


def test_the_vectors_are_all_there():
    assert Counter(case["result"] for _, case in CASES) == {"valid": 88, "invalid": 63}


@pytest.mark.parametrize(
    ("key", "case"), CASES, ids=[f"{case['tcId']} {case['comment']}".strip() for _, case in CASES]
)
def test_the_verdict_is_theirs(key, case):
    assert verdict(key, case["msg"], case["sig"]) == case["result"]
