"""Hosts, and the URLs that are allowed to go there (token.md 7.3)."""

from collections.abc import Iterator
from dataclasses import replace

from families.packing import Value
from families.scenario import READ, Vector, decode, verify
from families.tree import LIVES, PLANNERS, add, issue

HOSTS: Value = ["*.wild.example", "api.example", "local:8080"]

LABEL = "a" * 63
LONGEST = ".".join([LABEL, LABEL, LABEL, "a" * 61])

ALLOWED = (
    ("https", "a URL of a listed host", "https://api.example/v1"),
    ("http", "without the s", "http://api.example/"),
    ("end", "nothing after the host", "https://api.example"),
    ("query", "a query after the host", "https://api.example?q=1"),
    ("fragment", "a fragment after the host", "https://api.example#top"),
    ("port", "a port that is listed", "http://local:8080/"),
    ("label", "one label for the star", "https://a.wild.example/"),
    ("at-in-path", "an @ after the host", "https://api.example/@user"),
    ("url-in-query", "another URL after it", "https://api.example/?u=http://b.example"),
    ("dots-in-path", "the path is not looked at", "https://api.example/a/../b"),
)

REFUSED: tuple[tuple[str, str, Value], ...] = (
    ("other", "a host that is not listed", "https://evil.example/"),
    ("longer", "a listed host inside another", "https://api.example.evil.example/"),
    ("below", "a label below a listed host", "https://a.api.example/"),
    ("upper-case", "a host in upper case", "https://API.example/"),
    ("upper-case-scheme", "a scheme in upper case", "HTTPS://api.example/"),
    ("ftp", "another scheme", "ftp://api.example/"),
    ("no-scheme", "no scheme", "api.example/v1"),
    ("scheme-relative", "two slashes only", "//api.example/v1"),
    ("one-slash", "one slash", "https:/api.example/"),
    ("three-slashes", "an empty host", "https:///api.example/"),
    ("no-host", "nothing after the scheme", "https://"),
    ("user", "a user's name", "https://user@api.example/"),
    ("user-is-host", "the host is a user's name", "https://api.example@evil.example/"),
    ("password", "a password", "https://api.example:80@evil.example/"),
    ("backslash", "a backslash", "https://api.example\\@evil.example/"),
    ("backslash-in-path", "a backslash anywhere", "https://api.example/a\\b"),
    ("space", "a space", "https://api.example/a b"),
    ("leading-space", "a space in front", " https://api.example/"),
    ("tab", "a control character", "https://api.example/\t"),
    ("newline", "a second line", "https://api.example/\n"),
    ("hidden", "a character that hides", "https://api.example/\u200e"),
    ("not-composed", "not composed", "https://api.example/cafe\u0301"),
    ("port-not-listed", "a port that is not listed", "https://api.example:443/"),
    ("port-missing", "a port that is listed and missing", "http://local/"),
    ("port-other", "another port", "http://local:8081/"),
    ("port-leading-zero", "a port with a zero in front", "http://local:08080/"),
    ("port-empty", "a colon without a port", "https://api.example:/"),
    ("trailing-dot", "a dot at the end", "https://api.example./"),
    ("bracketed", "an address in brackets", "https://[::1]/"),
    ("two-labels", "two labels for the star", "https://a.b.wild.example/"),
    ("no-label", "no label for the star", "https://wild.example/"),
    ("empty-label", "an empty label for the star", "https://.wild.example/"),
    ("star-itself", "the star itself", "https://*.wild.example/"),
    ("dash-label", "a label that begins with a dash", "https://-a.wild.example/"),
    ("long-label", "a label of 64 bytes", f"https://{LABEL}a.wild.example/"),
    ("encoded", "an encoded letter", "https://%61pi.example/"),
    ("past-ascii", "a letter past ASCII", "https://\u00e1.wild.example/"),
    ("underscore", "an underscore", "https://a_b.wild.example/"),
    ("number", "a number", 7),
    ("bin", "bytes", b"https://api.example/"),
    ("empty-str", "nothing", ""),
)

GOOD_HOSTS = (
    ("one-label", "one label", "localhost"),
    ("address", "four numbers", "127.0.0.1"),
    ("dash-inside", "a dash inside", "a-b.example"),
    ("label-of-63", "the longest label", f"{LABEL}.example"),
    ("of-253", "the longest host", LONGEST),
    ("of-253-and-port", "the longest host, and a port besides", f"{LONGEST}:80"),
    ("port-1", "the first port", "a:1"),
    ("port-65535", "the last port", "a:65535"),
    ("star", "a star in front", "*.a"),
    ("star-and-port", "a star and a port", "*.a.example:80"),
)

BAD_HOSTS = (
    ("empty", "nothing", ""),
    ("upper-case", "upper case", "A.example"),
    ("star-alone", "a star alone", "*"),
    ("star-dot", "a star and a dot", "*."),
    ("star-later", "a star in the second place", "a.*.example"),
    ("star-in-label", "a star in a label", "a*.example"),
    ("two-stars", "two stars", "*.*.example"),
    ("empty-label", "an empty label", "a..example"),
    ("leading-dot", "a dot in front", ".example"),
    ("trailing-dot", "a dot at the end", "a.example."),
    ("dash-first", "a dash in front", "-a.example"),
    ("dash-last", "a dash at the end of a label", "a-.example"),
    ("label-of-64", "a label of 64 bytes", f"{LABEL}a.example"),
    ("of-254", "254 bytes", f"{LONGEST}a"),
    ("underscore", "an underscore", "a_b.example"),
    ("past-ascii", "a letter past ASCII", "caf\u00e9.example"),
    ("scheme", "a scheme", "https://a.example"),
    ("slash", "a slash", "a.example/"),
    ("user", "a user's name", "u@a.example"),
    ("port-0", "the port 0", "a:0"),
    ("port-65536", "a port past the last", "a:65536"),
    ("port-leading-zero", "a port with a zero in front", "a:080"),
    ("port-empty", "a colon without a port", "a:"),
    ("port-sign", "a port with a sign", "a:+80"),
    ("port-alone", "a port without a host", ":80"),
    ("two-ports", "two ports", "a:1:2"),
    ("brackets", "an address in brackets", "[::1]"),
)


def vectors() -> Iterator[Vector]:
    for name, about, url in ALLOWED:
        yield _url(name, about, True, url)
    for name, about, value in REFUSED:
        yield _url(f"not-{name}", about, False, value)
    yield from _long()
    for name, about, host in GOOD_HOSTS:
        said = f"a host that may be listed: {about}"
        yield _listed(f"form-{name}", said, "ok", host)
    for name, about, host in BAD_HOSTS:
        said = f"a host that may not be listed: {about}"
        yield _listed(f"form-not-{name}", said, "malformed", host)
    last: Value = ["a.example", 7]
    text = issue([*LIVES, [9, [["url", True, [5, last]]], False]]).text
    about = "a number among the hosts"
    yield decode("pattern-host-form-not-number", about, "malformed", "token", text, "token.md 7.3")


def _long() -> Iterator[Vector]:
    about = "the longest host in a URL"
    yield _url("longest", about, True, f"https://{LONGEST}/", [LONGEST])


def _url(name: str, about: str, allowed: bool, url: Value, hosts: Value = HOSTS) -> Vector:
    said = "allowed" if allowed else "refused"
    return verify(
        f"pattern-host-{name}",
        f"a url that is {said}: {about}",
        "ok" if allowed else "caveat",
        spec="token.md 7.3",
        chain=add(PLANNERS, [[9, [["url", True, [5, hosts]]], False]]),
        request=replace(READ, args={"url": url}),
        failures=None if allowed else [[1, "Args"]],
    )


def _listed(name: str, about: str, expect: str, host: str) -> Vector:
    text = issue([*LIVES, [9, [["url", True, [5, [host]]]], False]]).text
    return decode(f"pattern-host-{name}", about, expect, "token", text, "token.md 7.3")
