"""Requests in the one form they have (specs/token.md 4)."""

from enum import Enum

import pytest

from chaincred import Effect, Malformed, Request
from chaincred.encoding import unpack_arguments


def test_equal_requests_have_equal_bytes():
    one = Request("t", effect="read", args={"b": 1.0, "a": (1, 2)})
    other = Request("t", effect=Effect.READ, args={"a": [1, 2], "b": 1})
    assert one == other and hash(one) == hash(other)
    assert unpack_arguments(one.packed, 99) == ["t", "", 0, {"a": [1, 2], "b": 1}, "", b""]
    assert one != "t" and one != Request("t", effect="write", args={"a": [1, 2], "b": 1})


def test_a_request_keeps_a_copy_of_its_arguments():
    args = {"a": [1]}
    request = Request("t", effect="read", args=args)
    args["a"].append(2)
    assert request.args == {"a": [1]}


def test_a_request_cannot_be_altered():
    request = Request("t", effect="read", args={"p": "secret"})
    with pytest.raises(TypeError):
        request.args["p"] = "docs"  # type: ignore[index]
    for name in ("tool", "effect", "resource", "args", "task", "context", "packed"):
        with pytest.raises(AttributeError):
            setattr(request, name, getattr(request, name))


def test_a_request_has_a_digest_to_compare():
    assert Request("t", effect="read").digest == Request("t", effect="read", args={}).digest
    assert Request("t", effect="read").digest != Request("t", effect="write").digest


def test_a_member_of_an_enumeration_counts_as_its_value():
    class Mode(str, Enum):  # noqa: UP042 - the other sort prints its value anyway
        FAST = "f"

    assert Request("t", effect="read", args={"m": Mode.FAST}).args == {"m": "f"}


def test_arguments_are_not_shown():
    request = Request("t", effect="read", resource="r", args={"password": "hunter2"})
    assert repr(request) == "Request('t', effect='read', resource='r')"


@pytest.mark.parametrize(
    "fields",
    [
        {"tool": ""},
        {"tool": "a/.."},
        {"tool": "a" * 257},
        {"resource": "docs//x"},
        {"resource": "docs/../x"},
        {"task": "t" * 129},
        {"task": "a\n"},
        {"context": bytes(31)},
        {"context": "0" * 32},
        {"args": {"x": float("nan")}},
        {"args": []},
        {"args": "x"},
        {"args": {"x": "a" * 2**20}},
    ],
)
def test_what_is_not_in_normal_form_is_malformed(fields):
    with pytest.raises(Malformed):
        Request(**{"tool": "t", "effect": "read", **fields})


@pytest.mark.parametrize("effect", ["delete", "READ", 0, True, None])
def test_an_effect_is_one_of_three(effect):
    with pytest.raises(ValueError, match="read, write or irreversible"):
        Request("t", effect=effect)


def test_a_request_may_be_as_long_as_a_mebibyte():
    room = 2**20 - len(Request("t", effect="read", args={"x": "a" * 70_000}).packed) + 70_000
    assert len(Request("t", effect="read", args={"x": "a" * room}).packed) == 2**20
    with pytest.raises(Malformed):
        Request("t", effect="read", args={"x": "a" * (room + 1)})
