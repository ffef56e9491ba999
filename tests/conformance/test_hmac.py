"""Wycheproof's HMAC-SHA256, asked of the function that pymacaroons signs with."""

import hmac
import json

import pytest
from pymacaroons.utils import hmac_digest

from tests.conformance.outside import outside

FILE = outside("wycheproof") / "hmac_sha256_test.json"

CASES = [
    (group["tagSize"] // 8, test)
    for group in json.loads(FILE.read_text())["testGroups"]
    for test in group["tests"]
]


def test_all_cases_are_there():
    results = [test["result"] for _, test in CASES]
    assert (results.count("valid"), results.count("invalid")) == (66, 108)


@pytest.mark.parametrize(("size", "test"), CASES, ids=[str(test["tcId"]) for _, test in CASES])
def test_the_verdict_is_that_of_the_file(size, test):
    key, message, tag = (bytes.fromhex(test[name]) for name in ("key", "msg", "tag"))
    # What the file calls a tag of 16 bytes is the beginning of a whole one.
    computed = hmac_digest(key, message)[:size]
    assert hmac.compare_digest(computed, tag) is (test["result"] == "valid")
