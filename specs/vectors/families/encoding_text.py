"""The text forms, and the limits on what is inside them (token.md 1.3, 1.4, 3.3)."""

from collections.abc import Iterator

from families.cast import MALLORY, WORKER
from families.packing import Raw, Value, pack, text_form
from families.scenario import PROOF, READ, Vector, decode, present, presentation
from families.tree import LIVES, PLANNERS, WORKERS, Chain, add, issue

TOKEN = WORKERS.text
CONTENT = TOKEN.removeprefix("cc1_")

# A chain whose packed length leaves bits of the last character unused.
ODD = next(
    chain
    for chain in (issue(agent="planner" + "1" * more) for more in range(3))
    if len(chain.packed) % 3
)

WRONG_TEXTS = (
    ("upper-case-prefix", "the prefix is in upper case", "CC1_" + CONTENT),
    ("no-prefix", "the prefix is missing", CONTENT),
    ("prefix-of-version-2", "the prefix is of another version", "cc2_" + CONTENT),
    ("prefix-of-a-presentation", "a token as a presentation", "cc1p_" + CONTENT),
    ("prefix-of-a-secret", "a token under a bearer's prefix", "cc1s_" + CONTENT),
    ("prefix-twice", "the prefix occurs twice", "cc1_" + TOKEN),
    ("prefix-only", "nothing follows the prefix", "cc1_"),
    ("no-text", "the text is empty", ""),
    ("leading-space", "a space comes first", " " + TOKEN),
    ("trailing-space", "a space comes last", TOKEN + " "),
    ("trailing-newline", "a newline comes last", TOKEN + "\n"),
    ("trailing-zero", "a zero byte comes last", TOKEN + "\0"),
    ("newline-inside", "a line is folded", TOKEN[:64] + "\n" + TOKEN[64:]),
    ("space-after-prefix", "a space follows the prefix", "cc1_ " + CONTENT),
    ("padding-inside", "padding in the middle", TOKEN[:64] + "=" + TOKEN[64:]),
    ("other-character", "a character is not of the alphabet", TOKEN[:-1] + "!"),
    ("fullwidth-letter", "a letter is of full width", TOKEN[:-1] + "\uff21"),
)

# Rows: what is wrong, and which of token, proof and discharges are there.
WRONG_PRESENTATIONS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("of-two", "a presentation lacks its discharges", (0, 1)),
    ("of-four", "a presentation has a fourth element", (0, 1, 2, 2)),
    ("in-another-order", "the proof comes before the token", (1, 0, 2)),
    ("empty", "a presentation of nothing", ()),
)


def vectors() -> Iterator[Vector]:
    yield _right("token", "a token of two blocks", TOKEN)
    yield _right("presentation", "a token, a proof and no discharges", present(WORKERS))
    yield _right("bearer", "a token with its holder's seed", _bearer(WORKER.seed))
    for name, about, text in WRONG_TEXTS:
        yield _wrong(f"token-{name}", about, "token", text)
    yield from _base64()
    yield from _bearers()
    yield from _presentations()
    yield from _limits()


def _base64() -> Iterator[Vector]:
    text = ODD.text
    over = len(text.removeprefix("cc1_")) % 4
    padded = text + "=" * (4 - over)
    yield _right("token-with-bits-to-spare", "the unused bits are zero", text)
    yield _wrong("token-padding", "padding comes last", "token", padded)
    stray = text[:-1] + chr(ord(text[-1]) + 1)
    yield _wrong("token-stray-bits", "an unused bit is not zero", "token", stray)
    lone = text[: len(text) - over + 1]
    yield _wrong("token-one-over", "the last character is six bits", "token", lone)
    standard = TOKEN[:4] + CONTENT.replace("-", "+").replace("_", "/")
    about = "base64 with + and / instead of - and _"
    yield _wrong("token-other-alphabet", about, "token", standard)


def _bearers() -> Iterator[Vector]:
    packed = WORKERS.packed
    rows: tuple[tuple[str, str, Value], ...] = (
        ("other-seed", "the seed is of another key", [Raw(packed), MALLORY.seed]),
        ("short-seed", "a seed of 31 bytes", [Raw(packed), WORKER.seed[:31]]),
        ("long-seed", "a seed of 33 bytes", [Raw(packed), WORKER.seed + b"\0"]),
        (
            "seed-and-key",
            "the seed is followed by its public key",
            [Raw(packed), WORKER.seed + WORKER.public],
        ),
        ("no-seed", "a bearer token without a seed", [Raw(packed)]),
        ("third-element", "something follows the seed", [Raw(packed), WORKER.seed, 0]),
        ("token-as-bin", "the token is packed once more", [packed, WORKER.seed]),
    )
    for name, about, value in rows:
        text = text_form("cc1s_", pack(value))
        yield _wrong(f"bearer-{name}", about, "bearer", text, "token.md 3.3")
    middle = text_form("cc1s_", pack([Raw(packed), PLANNERS.last.holder.seed]))
    about = "the seed is of the holder before the last"
    yield _wrong("bearer-seed-before", about, "bearer", middle, "token.md 3.3")
    trailing = text_form("cc1s_", pack([Raw(packed), WORKER.seed]) + b"\0")
    about = "a byte follows the bearer token"
    yield _wrong("bearer-trailing-byte", about, "bearer", trailing, "token.md 3.3")


def _presentations() -> Iterator[Vector]:
    parts: list[Value] = [Raw(WORKERS.packed), PROOF.fields(WORKERS, READ), []]
    for name, about, places in WRONG_PRESENTATIONS:
        text = text_form("cc1p_", pack([parts[place] for place in places]))
        yield _wrong(f"presentation-{name}", about, "presentation", text, "token.md 5")
    rows: tuple[tuple[str, str, Value], ...] = (
        ("token-as-bin", "the token is packed once more", [WORKERS.packed, *parts[1:]]),
        ("proof-as-bin", "the proof is packed once more", [parts[0], b"\x90", []]),
        ("discharge", "a discharge is there already", [*parts[:2], [b"discharge"]]),
        ("discharges-as-bin", "the discharges are no array", [*parts[:2], b""]),
        ("discharges-as-false", "the discharges are false", [*parts[:2], False]),
    )
    for name, about, value in rows:
        text = text_form("cc1p_", pack(value))
        yield _wrong(f"presentation-{name}", about, "presentation", text, "token.md 5")
    trailing = text_form("cc1p_", pack(parts) + b"\0")
    about = "a byte follows the presentation"
    yield _wrong("presentation-trailing-byte", about, "presentation", trailing)
    wrong_prefix = text_form("cc1_", pack(parts))
    about = "a presentation under a token's prefix"
    yield _wrong("token-holds-a-presentation", about, "token", wrong_prefix)


def _limits() -> Iterator[Vector]:
    longest = _of_size(8192)
    yield _limit("token-of-8192", "the longest token", "ok", "token", longest.text)
    past = _of_size(8193).text
    yield _limit("token-of-8193", "a byte too many", "malformed", "token", past)
    within = present(longest)
    about = "the longest token in a presentation"
    yield _limit("presentation-of-8192", about, "ok", "presentation", within)
    about = "a token that is too long in a presentation that is not"
    over = present(_of_size(8193))
    yield _limit("presentation-of-8193", about, "malformed", "presentation", over)
    bearer = text_form("cc1s_", pack([Raw(longest.packed), WORKER.seed]))
    about = "the longest token with its seed"
    yield _limit("bearer-of-8192", about, "ok", "bearer", bearer)
    about = "a presentation of 9,217 bytes"
    proof = PROOF.fields(WORKERS, READ)
    rest = 9217 - len(pack([Raw(WORKERS.packed), proof, [bytes(300)]])) + 300
    padded = presentation(WORKERS, proof, [bytes(rest)])
    yield _limit("presentation-of-9217", about, "malformed", "presentation", padded)


def _of_size(size: int) -> Chain:
    """A chain of which the token has just this many bytes."""
    unknown: list[Value] = [200, bytes(1000)]
    empty = add(issue([*LIVES, unknown]))
    unknown[1] = bytes(1000 + size - len(empty.packed))
    return add(issue([*LIVES, unknown]))


def _bearer(seed: bytes) -> str:
    return text_form("cc1s_", pack([Raw(WORKERS.packed), seed]))


def _right(name: str, about: str, text: str) -> Vector:
    form = {"cc1_": "token", "cc1p_": "presentation", "cc1s_": "bearer"}
    prefix = text[: text.index("_") + 1]
    return decode(f"encoding-{name}", about, "ok", form[prefix], text, "token.md 1.3")


def _wrong(name: str, about: str, form: str, text: str, spec: str = "token.md 1.3") -> Vector:
    return decode(f"encoding-{name}", f"a text is refused: {about}", "malformed", form, text, spec)


def _limit(name: str, about: str, expect: str, form: str, text: str) -> Vector:
    return decode(f"encoding-{name}", about, expect, form, text, "token.md 1.4")
