"""Names in normal form, and the patterns that match them (token.md 7.1, 7.2)."""

from collections.abc import Iterator

from families.scenario import Vector, vector

MATCH = (
    ("same", "a name matches itself", "docs/a", "docs/a"),
    ("one-segment", "one segment", "a", "a"),
    ("star", "a star is one segment", "docs/*", "docs/a"),
    ("star-first", "a star in the first place", "*/a", "docs/a"),
    ("star-in-the-middle", "a star in the middle", "a/*/c", "a/b/c"),
    ("star-alone", "a star alone", "*", "a"),
    ("two-stars-apart", "two stars", "*/*", "a/b"),
    ("rest-of-one", "two stars together are one segment", "docs/**", "docs/a"),
    ("rest-of-three", "or three", "docs/**", "docs/a/b/c"),
    ("rest-alone", "or all there is", "**", "a/b"),
    ("star-and-rest", "a star and the rest", "*/**", "a/b/c"),
    ("absolute", "a path from the root", "/etc/*", "/etc/hosts"),
    ("absolute-star", "one segment below the root", "/*", "/etc"),
    ("absolute-rest", "all below the root", "/**", "/etc/hosts"),
    ("scheme", "with a scheme", "https://*/a", "https://b/a"),
    ("scheme-of-one-letter", "a scheme of one letter", "x://a", "x://a"),
    ("scheme-with-signs", "every sign of a scheme", "a1+.-://*", "a1+.-://b"),
    ("scheme-absolute", "no authority", "file:///**", "file:///etc/hosts"),
    ("colon-without-slashes", "a colon makes no scheme", "urn:a", "urn:a"),
    ("encoded-space", "an encoded space", "a/%20", "a/%20"),
    ("encoded-byte", "an encoded byte past ASCII", "a/%C3%A9", "a/%C3%A9"),
    ("encoded-percent", "an encoded percent sign", "a/%25", "a/%25"),
    ("encoded-byte-ff", "an encoded byte that is no utf-8", "*", "%FF"),
    ("space", "a space is a character like any other", "a b", "a b"),
    ("question-mark", "neither is this", "a?b#c", "a?b#c"),
    ("letters-past-ascii", "letters past ASCII", "*/\u00e9", "caf\u00e9/\u00e9"),
    ("three-dots", "three dots are a segment", "*", "..."),
    ("dot-in-front", "a dot in front", "*", ".profile"),
)

NO_MATCH = (
    ("other", "another name", "docs/a", "docs/b"),
    ("case", "case matters", "docs/A", "docs/a"),
    ("star-is-not-two", "a star is not two segments", "docs/*", "docs/a/b"),
    ("star-is-not-none", "a star is not no segment", "docs/*", "docs"),
    ("rest-is-not-none", "the rest is not nothing", "docs/**", "docs"),
    ("prefix-of-a-segment", "no part of a segment", "doc", "docs"),
    ("shorter-name", "the name ends early", "a/b/c", "a/b"),
    ("longer-name", "the name goes on", "a/b", "a/b/c"),
    ("rest-and-scheme", "the rest has no scheme", "**", "https://a"),
    ("other-scheme", "another scheme", "http://**", "https://a"),
    ("scheme-missing", "the name has no scheme", "https://a", "a"),
    ("star-and-empty", "a star is not an empty segment", "*/etc", "/etc"),
    ("rest-and-empty", "nor is the rest", "**", "/etc"),
    ("rest-and-empty-in-scheme", "with a scheme neither", "file://**", "file:///etc"),
    ("relative-is-not-absolute", "no path from the root", "/etc", "etc"),
    ("absolute-is-not-relative", "no path from here", "etc", "/etc"),
    ("encoded-is-not-plain", "nothing is decoded", "a b", "a%20b"),
)

# Not in normal form, whether it is a name or a pattern.
WRONG = (
    ("empty", "nothing", ""),
    ("slash", "a slash alone", "/"),
    ("two-slashes", "two slashes in front", "//a"),
    ("empty-in-the-middle", "an empty segment", "a//b"),
    ("empty-at-the-end", "a slash at the end", "a/"),
    ("scheme-only", "nothing after the scheme", "x://"),
    ("scheme-and-slash", "a slash after the scheme", "x:///"),
    ("scheme-upper-case", "a scheme in upper case", "HTTP://a"),
    ("scheme-digit-first", "a scheme begins with a digit", "1x://a"),
    ("scheme-empty", "a scheme of nothing", "://a"),
    ("scheme-twice", "a scheme inside", "x://y://a"),
    ("scheme-with-underscore", "a sign not of a scheme", "a_b://c"),
    ("dot", "a dot alone", "."),
    ("dots", "two dots alone", ".."),
    ("dot-inside", "a dot inside", "a/./b"),
    ("dots-inside", "two dots inside", "a/../b"),
    ("dots-at-the-end", "two dots at the end", "a/.."),
    ("dots-after-scheme", "two dots after the scheme", "x://../a"),
    ("backslash", "a backslash", "a\\b"),
    ("percent-alone", "a percent sign alone", "a%"),
    ("percent-one-digit", "one digit", "a%2"),
    ("percent-no-digits", "no digits", "a%zz"),
    ("percent-lower-case", "digits in lower case", "a%c3%a9"),
    ("encoded-slash", "an encoded slash", "a%2Fb"),
    ("encoded-backslash", "an encoded backslash", "a%5Cb"),
    ("encoded-star", "an encoded star", "a%2A"),
    ("encoded-letter", "an encoded letter", "%41"),
    ("encoded-digit", "an encoded digit", "%30"),
    ("encoded-dot", "an encoded dot", "a/%2E%2E/b"),
    ("encoded-dash", "an encoded dash", "a%2Db"),
    ("encoded-underscore", "an encoded underscore", "a%5Fb"),
    ("encoded-tilde", "an encoded tilde", "a%7Eb"),
    ("encoded-zero", "an encoded zero byte", "a%00"),
    ("encoded-newline", "an encoded control character", "a%0A"),
    ("encoded-1f", "the last of the control characters", "a%1F"),
    ("encoded-delete", "an encoded delete", "a%7F"),
    ("newline", "a control character", "a\nb"),
    ("hidden", "a character that hides", "a\u200eb"),
    ("not-composed", "not in normalization form C", "cafe\u0301"),
    ("star-in-a-segment", "a star with something else", "a*"),
    ("three-stars", "three stars", "***"),
    ("rest-in-the-middle", "the rest is not at the end", "a/**/b"),
    ("star-in-scheme", "a star for a scheme", "*://a"),
)

# A pattern that is good, and no name.
NO_NAMES = (
    ("star", "a star alone is no name", "*"),
    ("star-segment", "a name has no star", "docs/*"),
    ("rest", "nor two", "docs/**"),
)


def vectors() -> Iterator[Vector]:
    for name, about, pattern, tried in MATCH:
        said = f"{pattern} matches {tried}: {about}"
        yield _match(name, said, "ok", pattern, tried)
    for name, about, pattern, tried in NO_MATCH:
        said = f"{pattern} does not match {tried}: {about}"
        yield _match(f"no-match-{name}", said, "no_match", pattern, tried)
    for name, about, wrong in WRONG:
        said = f"a pattern that is not in normal form: {about}"
        yield _match(f"wrong-{name}", said, "malformed", wrong, "a")
        if "*" in wrong:
            continue
        said = f"a name that is not in normal form: {about}"
        yield _match(f"wrong-name-{name}", said, "malformed", "**", wrong)
    for name, about, wrong in NO_NAMES:
        said = f"a pattern in place of a name: {about}"
        yield _match(f"wrong-name-{name}", said, "malformed", "**", wrong)


def _match(name: str, about: str, expect: str, pattern: str, tried: str) -> Vector:
    return vector(
        f"pattern-{name}",
        about,
        "match",
        "token.md 7.2" if "*" in pattern else "token.md 7.1",
        expect,
        pattern=pattern,
        subject=tried,
    )
