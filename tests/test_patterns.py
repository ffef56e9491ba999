"""Names and patterns (specs/token.md 7), beside a second reading of the same section."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred.patterns import (
    host_matches,
    is_below,
    is_listed_host,
    is_name,
    is_pattern,
    matches,
    meet,
    url_host,
)

segments = st.sampled_from(["a", "b", "x:", "*", "**", "", ".", "..", "a*", "%41", "%20", "a b"])
paths = st.builds(
    lambda scheme, parts: scheme + "/".join(parts),
    st.sampled_from(["", "", "x://", "/", "X://"]),
    st.lists(segments, min_size=1, max_size=4),
)
few = st.sampled_from(["a", "b", "*"])
patterns = st.builds(
    lambda start, parts, end: start + "/".join(parts + end),
    st.sampled_from(["", "", "x://", "/"]),
    st.lists(few, min_size=1, max_size=3),
    st.sampled_from([[], ["**"]]),
)
names = patterns.map(lambda pattern: pattern.replace("*", "c"))


def read(path):
    """A scheme and segments."""
    scheme, mark, rest = path.partition("://")
    return (scheme, rest.split("/")) if mark and scheme == "x" else ("", path.split("/"))


def is_good_segment(segment):
    return segment in ("a", "b", "c", "cc", "x:", "%20", "a b")


def model_is_name(path):
    _, parts = read(path)
    if len(parts) > 1 and parts[0] == "":
        parts = parts[1:]
    return all(is_good_segment(part) for part in parts)


def model_is_pattern(path):
    _, parts = read(path)
    if len(parts) > 1 and parts[0] == "":
        parts = parts[1:]
    if parts[-1] == "**":
        parts = parts[:-1]
    return all(part == "*" or is_good_segment(part) for part in parts)


def model_matches(pattern, name):
    (scheme, wanted), (other, given) = read(pattern), read(name)
    if scheme != other:
        return False
    while wanted:
        part, *wanted = wanted
        if part == "**":
            return bool(given) and all(given)
        if not given or (given[0] == "" if part == "*" else part != given[0]):
            return False
        given = given[1:]
    return not given


@given(paths)
def test_a_name_is_in_normal_form_as_the_specification_says(path):
    assert is_name(path) == model_is_name(path)


@given(paths)
def test_a_pattern_is_one_as_the_specification_says(path):
    assert is_pattern(path) == model_is_pattern(path)


@given(patterns, names)
def test_a_pattern_matches_what_the_specification_says(pattern, name):
    assert matches(pattern, name) == model_matches(pattern, name)


@given(patterns, patterns, names)
def test_a_meet_matches_just_what_both_match(one, other, name):
    shared = meet(one, other)
    both = matches(one, name) and matches(other, name)
    assert both == (shared is not None and matches(shared, name))
    assert shared is None or is_pattern(shared)
    assert meet(other, one) == shared


@given(names, names)
def test_path_below_is_the_path_and_what_is_under_it(path, name):
    assert is_below(path, name) == (name == path or model_matches(f"{path}/**", name))


def test_a_segment_that_looks_like_a_scheme_does_not_contain_one():
    assert is_name("file:") and is_name("file:///etc")
    assert not is_below("file:", "file:///etc")
    assert not matches("file:/**", "file:///etc")


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "//a", "a//b", ".", "a/..", "a\\b", "a*", "%", "%4", "%4a", "%41", "%2F", "%00",
     "a\0", "e\u0301", "x://", "X://a", "9x://a", "://a", 5, None, "a" * 1025],
)  # fmt: skip
def test_what_is_not_in_normal_form_is_refused(name):
    assert not is_name(name)


@pytest.mark.parametrize(
    "name", ["a", "/a", "a b", "x://a", "x:///a", "a%20b", "%C3%A9", "é", "..."]
)
def test_what_is_in_normal_form_is_a_name(name):
    assert is_name(name)


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("a.example", True),
        ("*.a.example:80", True),
        ("a" * 63 + ".b", True),
        ("a" * 64 + ".b", False),
        (".".join(["a" * 49] * 5) + ".aaa", True),
        (".".join(["a" * 49] * 5) + ".aaaa", False),
        ("a:65535", True),
        ("a:65536", False),
        ("a:080", False),
        ("-a", False),
        ("a-", False),
        ("A", False),
        ("*.*.a", False),
        ("", False),
        (5, False),
    ],
)
def test_a_listed_host_is_in_normal_form(host, good):
    assert is_listed_host(host) is good


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/x?y#z", "a.example"),
        ("http://a.example:8080", "a.example:8080"),
        ("https://a.example?x", "a.example"),
        ("https://a.example#x", "a.example"),
        ("https://user@a.example/", None),
        ("https://a.example@evil.example/", None),
        ("https://a.example\\@evil.example/", None),
        ("https://a.example/ x", None),
        ("https://A.example/", None),
        ("https:///x", None),
        ("https://[::1]/", None),
        ("https://*.example/", None),
        ("ftp://a.example/", None),
        ("HTTPS://a.example/", None),
        ("a.example", None),
        ("https://a.example/\n", None),
    ],
)
def test_a_url_has_one_host_or_none(url, host):
    assert url_host(url) == host


@pytest.mark.parametrize(
    ("listed", "host", "good"),
    [
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", False),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "a.example", False),
        ("*.a.example", "c.b.a.example", False),
        ("*.a.example", "b.a.example:80", False),
        ("*.a.example:80", "b.a.example:80", True),
    ],
)
def test_a_star_stands_for_one_label(listed, host, good):
    assert host_matches(listed, host) is good


def test_a_mebibyte_is_read_in_one_go():
    # Anything that backtracks over this does not come back before the run is ended.
    long = "a/" * 2**19 + "a"
    assert is_name(long, 2**21) and is_pattern(long, 2**21)
    assert not is_name(long + "/", 2**21) and not is_name("%" + long, 2**21)
    assert matches("**", long) and url_host("https://a/" + "a" * 8192) is None
