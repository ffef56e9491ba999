"""What a text may hold (token.md 1.2), tried on the agent of a block."""

from collections.abc import Iterator

from families.scenario import Vector, decode
from families.tree import issue

# The first and the last of each forbidden range.
FORBIDDEN = (
    *(0x0000, 0x000A, 0x001F, 0x007F, 0x0080, 0x009F, 0x00AD, 0x061C, 0x180E, 0x200B, 0x200F),
    *(0x2028, 0x202E, 0x2060, 0x206F, 0xFEFF, 0xE0000, 0xE007F),
)

# What is next to them and allowed.
NEIGHBOURS = (
    *(0x0020, 0x007E, 0x00A0, 0x00AC, 0x00AE, 0x061B, 0x061E, 0x180A, 0x200A, 0x2010, 0x2027),
    *(0x202F, 0x205F, 0x2070, 0xFEFC, 0xFF01, 0xE0100),
)

WRONG = (
    ("not-composed", "a letter and an accent that NFC makes one", "cafe\u0301"),
    ("angstrom-sign", "a sign that NFC replaces by a letter", "\u212b"),
    ("marks-out-of-order", "marks that NFC puts in another order", "q\u0307\u0323"),
    ("hangul-not-composed", "hangul that NFC composes", "\u1112\u1161\u11ab"),
    ("excluded-from-composition", "a letter that NFC takes apart", "\u0958"),
)

RIGHT = (
    ("composed", "a letter with its accent", "caf\u00e9"),
    ("compatible", "NFC keeps a ligature that NFKC would not", "\ufb01"),
    ("marks-in-order", "marks in the order of NFC", "q\u0323\u0307"),
    ("emoji", "characters past U+FFFF", "\U0001f469\U0001f4bb"),
    ("space-around", "spaces are characters like any other", " planner "),
)


def vectors() -> Iterator[Vector]:
    for code in FORBIDDEN:
        about = f"an agent's name holds U+{code:04X}"
        yield _agent(f"with-u-{code:04x}", about, "malformed", f"plan{chr(code)}ner")
    about = "an agent's name begins with a byte order mark"
    yield _agent("begins-with-u-feff", about, "malformed", "\ufeffplanner")
    about = "what is next to the forbidden characters is allowed"
    yield _agent("neighbours", about, "ok", "".join(map(chr, NEIGHBOURS)))
    for name, about, text in WRONG:
        yield _agent(name, about, "malformed", text)
    for name, about, text in RIGHT:
        yield _agent(name, about, "ok", text)
    chain = issue(purpose="read\u202eesrever")
    yield decode(
        "block-purpose-reordered",
        "a purpose holds a character that reorders what is read",
        "malformed",
        "token",
        chain.text,
        "token.md 1.2",
    )


def _agent(name: str, about: str, expect: str, agent: str) -> Vector:
    text = issue(agent=agent).text
    return decode(f"block-agent-{name}", about, expect, "token", text, "token.md 1.2")
