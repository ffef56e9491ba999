"""Macaroons minted from a chain, and what is made of them afterwards (macaroon.md)."""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from families.cast import HELPER, MALLORY, NOW, PLANNER, ROOT, SERVER, WORKER
from families.log import Entry, Log, kill_chain, kill_holder, kill_issuer, kill_task
from families.packing import Raw, Value, pack
from families.scenario import DELETE, READ, Request, Vector, listed_root, unlisted_root, vector
from families.tree import EXPIRES, ISSUED, PLANNERS, WORKERS, Chain, add

SECRET = hashlib.sha256(b"domain secret").digest()
OTHER_SECRET = hashlib.sha256(b"other domain secret").digest()
FOR_TASK = replace(READ, task="task-7")
LIFETIME = EXPIRES - ISSUED
HELPERS = add(WORKERS, holder=HELPER, issued_at=ISSUED + 20, agent="helper")


@dataclass(frozen=True)
class ThirdParty:
    """A third-party caveat, as other macaroon libraries make them."""

    cid: bytes = b"approved by a person"
    vid: bytes = bytes(72)
    location: bytes = b"https://approvals.example/"

    def signed(self, key: bytes) -> bytes:
        return _hmac(key, _hmac(key, self.vid) + _hmac(key, self.cid))

    @property
    def section(self) -> bytes:
        return field(1, self.location) + field(2, self.cid) + field(4, self.vid) + b"\0"


Caveat = bytes | ThirdParty


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def length(number: int) -> bytes:
    """An unsigned LEB128 integer in its shortest form."""
    if number < 128:
        return bytes([number])
    return bytes([number & 127 | 128]) + length(number >> 7)


def field(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + length(len(content)) + content


def text(caveat: Value) -> bytes:
    """A first-party caveat of this profile (3)."""
    return b"cc1:" + base64.urlsafe_b64encode(pack(caveat)).rstrip(b"=")


LIVES = text([0, EXPIRES])


def identifier(chain: Chain = WORKERS, expires_at: Value = EXPIRES) -> list[Value]:
    links = [block.link for block in chain.blocks]
    holders = [block.holder.key_digest[:16] for block in chain.blocks]
    return [1, ROOT.key_digest[:16], ISSUED, links, holders, expires_at]


def signature(packed: bytes, caveats: Sequence[Caveat], secret: bytes = SECRET) -> bytes:
    """The last of the HMACs of section 4."""
    key = _hmac(_hmac(b"macaroons-key-generator", secret), packed)
    for caveat in caveats:
        key = caveat.signed(key) if isinstance(caveat, ThirdParty) else _hmac(key, caveat)
    return key


def macaroon(
    caveats: Sequence[Caveat] = (LIVES,),
    fields: Value = None,
    *,
    secret: bytes = SECRET,
    tail: bytes | None = None,
    location: bytes = field(1, b"chaincred"),
) -> bytes:
    """Any macaroon in the format of section 4, rightly signed unless it brings a signature."""
    packed = pack(identifier() if fields is None else fields)
    tail = signature(packed, caveats, secret) if tail is None else tail
    sections = [
        each.section if isinstance(each, ThirdParty) else field(2, each) + b"\0" for each in caveats
    ]
    head = b"\x02" + location + field(2, packed) + b"\0"
    return head + b"".join(sections) + b"\0" + field(6, tail)


def shown(
    name: str,
    about: str,
    expect: str = "ok",
    data: bytes | None = None,
    *,
    request: Request = READ,
    roots: Sequence[Mapping[str, object]] | None = None,
    now: int = NOW,
    chain: Chain = WORKERS,
    **more: object,
) -> Vector:
    links = [block.link.hex() for block in chain.blocks]
    admitted = {"root_id": links[0], "links": links} if expect == "ok" else {}
    return vector(
        f"macaroon-{name}",
        about,
        "macaroon",
        "macaroon.md 7",
        expect,
        now=now,
        audience=SERVER,
        roots=[listed_root()] if roots is None else roots,
        request=request.described,
        secret=SECRET.hex(),
        macaroon=(macaroon() if data is None else data).hex(),
        **more,
        **admitted,
    )


def vectors() -> Iterator[Vector]:
    yield from _good()
    yield from _malformed_bytes()
    yield from _malformed_identifiers()
    yield from _forged()
    yield from _revoked()
    yield from _forbidden()


def _good() -> Iterator[Vector]:
    yield shown("of-two", "minted from a chain of two blocks")
    one = macaroon(fields=identifier(PLANNERS))
    yield shown("of-one", "minted from a chain of one block", data=one, chain=PLANNERS)
    three = macaroon(fields=identifier(HELPERS))
    yield shown("of-three", "minted from a chain of three", data=three, chain=HELPERS)
    sixteen = PLANNERS
    for _ in range(15):
        sixteen = add(sixteen, signer=sixteen.last.holder, holder=WORKER)
    deepest = macaroon(fields=identifier(sixteen))
    yield shown("of-sixteen", "minted from the longest chain", data=deepest, chain=sixteen)
    yield shown("without-caveats", "the identifier's expiry is enough", data=macaroon([]))
    narrowed = macaroon([LIVES, text([2, ["files/*"]]), text([6, [SERVER]])])
    yield shown("narrowed", "narrowed by its bearer, all holds", data=narrowed)
    twice = macaroon([LIVES] * 2)
    yield shown("caveat-twice", "its bearer added what was there", data=twice)
    many = macaroon([LIVES, *[text([2, ["**"]])] * 400])
    yield shown("of-400-caveats", "400 caveats, all of which hold", data=many)
    about = "without a list, it lives just as long as it may"
    yield shown("unrevocable", about, roots=[unlisted_root(LIFETIME)])


def _malformed_bytes() -> Iterator[Vector]:
    good = macaroon()
    body, end = good[:-35], good[-35:]
    filler = bytes(8193 - len(macaroon([bytes(128)])) + 128)
    for name, about, data in (
        ("empty", "no bytes", b""),
        ("8193-bytes", "a byte more than there may be", macaroon([filler])),
        ("cut", "the last byte is missing", good[:-1]),
        ("tail", "a byte is left over", good + b"\0"),
        ("two", "a second macaroon behind it", good + good),
        ("version-3", "another version of the format", b"\x03" + good[1:]),
        ("json", "the JSON format", b'{"v":2,"l":"chaincred","i":"x","c":[],"s64":""}'),
        ("version-1", "the format before", b"0017location chaincred\n0010identifier x\n"),
        ("location-other", "another location", macaroon(location=field(1, b"chaincred/"))),
        ("location-empty", "an empty location", macaroon(location=field(1, b""))),
        ("location-none", "no location", macaroon(location=b"")),
        ("location-not-utf-8", "bytes for a location", macaroon(location=field(1, b"\xff"))),
        ("location-twice", "the location twice", macaroon(location=field(1, b"chaincred") * 2)),
        ("length-longer", "a length in a longer form", b"\x02\x01\x89\x00" + good[3:]),
        ("length-endless", "a length that does not end", b"\x02\x01" + b"\xff" * 64),
        ("type-unknown", "a field that there is not", body + b"\x03\x00\x00" + end),
        ("caveat-empty", "a section without a caveat", body + b"\x04\x00\x00" + end),
        ("caveat-located", "a first-party caveat with a location", _located()),
        ("signature-31", "a signature of 31 bytes", macaroon(tail=bytes(31))),
        ("signature-33", "a signature of 33 bytes", macaroon(tail=bytes(33))),
        ("signature-none", "no signature", good[:-34]),
    ):
        yield shown(f"malformed-{name}", about, "malformed", data)


def _located() -> bytes:
    return macaroon().replace(field(2, LIVES), field(1, b"chaincred") + field(2, LIVES))


def _malformed_identifiers() -> Iterator[Vector]:
    _, issuer, at, links, holders, ends = identifier()
    rows: tuple[tuple[str, str, Value], ...] = (
        ("text", "an identifier of another profile", Raw(b"keyid")),
        ("of-5", "an element is missing", [1, issuer, at, links, holders]),
        ("of-7", "an element more", [1, issuer, at, links, holders, ends, 0]),
        ("version-2", "another version", [2, issuer, at, links, holders, ends]),
        ("version-true", "true is not 1", [True, issuer, at, links, holders, ends]),
        ("version-uint8", "1 in a longer form", [Raw(b"\xcc\x01"), issuer, at, links, holders, 0]),
        ("issuer-32", "a digest for an id", [1, bytes(32), at, links, holders, ends]),
        ("issuer-str", "text for an id", [1, "x" * 16, at, links, holders, ends]),
        ("time-negative", "before 1970", [1, issuer, -1, links, holders, ends]),
        ("time-2-53", "past the last time", [1, issuer, at, links, holders, 2**53]),
        ("time-nil", "no expiry", [1, issuer, at, links, holders, None]),
        ("no-links", "no links", [1, issuer, at, [], [], ends]),
        ("17-links", "more than there can be", [1, issuer, at, *_of(17), ends]),
        ("link-16", "an id for a link", [1, issuer, at, [bytes(16)] * 2, holders, ends]),
        ("holder-32", "a key for an id", [1, issuer, at, links, [bytes(32)] * 2, ends]),
        ("holder-less", "a link without holder", [1, issuer, at, links, [bytes(16)], ends]),
        ("holder-more", "a holder without link", [1, issuer, at, links, [bytes(16)] * 3, ends]),
        ("links-bin", "links that are no array", [1, issuer, at, bytes(64), holders, ends]),
    )
    for name, about, fields in rows:
        yield shown(f"malformed-id-{name}", about, "malformed", macaroon(fields=fields))


def _of(count: int) -> tuple[list[bytes], list[bytes]]:
    return [bytes(32)] * count, [bytes(16)] * count


def _forged() -> Iterator[Vector]:
    read = text([2, ["files/read"]])
    caveats: list[Caveat] = [LIVES, read]
    tail = signature(pack(identifier()), caveats)
    unkeyed = _hmac(_hmac(SECRET, pack(identifier())), LIVES)
    for name, about, data in (
        ("other-secret", "another domain's", macaroon(secret=OTHER_SECRET)),
        ("cut", "the last caveat taken off", macaroon(caveats[:1], tail=tail)),
        ("swapped", "caveats in another order", macaroon(caveats[::-1], tail=tail)),
        ("unsigned", "a caveat more than was signed", macaroon([*caveats, read], tail=tail)),
        ("foreign", "an unsigned one of another profile", macaroon([*caveats, b"x"], tail=tail)),
        ("third", "an unsigned third party's", macaroon([*caveats, ThirdParty()], tail=tail)),
        ("wider", "a caveat changed", macaroon([caveats[0], text([2, ["**"]])], tail=tail)),
        ("later", "a later expiry", macaroon(caveats, identifier(WORKERS, 2**40), tail=tail)),
        ("sibling", "another chain's links", macaroon(caveats, identifier(HELPERS), tail=tail)),
        ("zero", "a signature of zeros", macaroon(caveats, tail=bytes(32))),
        ("no-generator", "the secret itself for the key", macaroon(tail=unkeyed)),
    ):
        yield shown(f"forged-{name}", about, "macaroon_signature", data)
    about = "forged, revoked, expired and of an untrusted root"
    roots = [listed_root(Log((kill_chain(WORKERS.last.link),)), key=MALLORY)]
    late = macaroon(fields=identifier(WORKERS, NOW), tail=bytes(32))
    yield shown("forged-first", about, "macaroon_signature", late, roots=roots)
    other = [listed_root(key=MALLORY)]
    yield shown("untrusted", "minted from another root's chain", "untrusted", roots=other)


def _revoked() -> Iterator[Vector]:
    for name, about, entry in (
        ("root", "the root id is on the list", kill_chain(PLANNERS.last.link)),
        ("middle", "a link on the way", kill_chain(WORKERS.last.link)),
        ("last", "the last link", kill_chain(HELPERS.last.link)),
        ("holder", "the key of a holder on the way", kill_holder(PLANNER)),
        ("holder-last", "the last holder's key", kill_holder(HELPER)),
        ("issuer", "the issuer, from before a later time", kill_issuer(ROOT, ISSUED + 1)),
        ("task", "the request's task", kill_task("task-7")),
    ):
        data = macaroon(fields=identifier(HELPERS))
        yield shown(f"revoked-{name}", about, "revoked", data, request=FOR_TASK, roots=_list(entry))
    bound = macaroon([text([7, "task-8"])])
    about = "the task of a caveat that was added later"
    yield shown("revoked-caveat", about, "revoked", bound, roots=_list(kill_task("task-8")))
    for name, about, entry in (
        ("sibling", "a sibling's link", kill_chain(HELPERS.last.link)),
        ("holder-other", "somebody else's key", kill_holder(MALLORY)),
        ("issuer-at", "the issuer, from before just this time", kill_issuer(ROOT, ISSUED)),
        ("issuer-worker", "a holder's key, as an issuer", kill_issuer(WORKER, NOW)),
        ("task-other", "another task", kill_task("task-8")),
    ):
        yield shown(f"alive-{name}", about, roots=_list(entry))
    old = [listed_root(updates=[(NOW - 6, Log().update(issued_at=NOW - 6))])]
    about = "the list is recent enough for a read"
    yield shown("list-6-s-read", about, roots=old)
    about = "the list is too old for what cannot be undone"
    yield shown("list-6-s-irreversible", about, "stale", request=DELETE, roots=old)
    own = {"read": 5, "write": 5, "irreversible": 5}
    about = "the list is too old for this verifier"
    yield shown("list-6-s-own-limit", about, "stale", roots=old, freshness=own)
    about = "no list was ever heard, and it has expired"
    never = [listed_root(updates=[])]
    yield shown("list-never-heard", about, "stale", macaroon([text([0, 0])]), roots=never)


def _list(entry: Entry) -> list[dict[str, object]]:
    return [listed_root(Log((entry,)))]


def _forbidden() -> Iterator[Vector]:
    stray = LIVES[:-1] + b"B"
    for name, about, caveat, kind in (
        ("expires", "it has expired for its bearer", text([0, NOW]), "Expires"),
        ("tools", "another tool", text([2, ["mail/**"]]), "Tools"),
        ("audience", "another service", text([6, ["mail.example"]]), "Audience"),
        ("max-hops", "hops are not counted", text([5, 15]), "MaxHops"),
        ("max-uses", "a kind not built", text([10, 1]), "MaxUses"),
        ("unknown-13", "a kind that is not known", text([13, "x"]), "Unknown"),
        ("kind-256", "a kind that cannot be", text([256]), "Unknown"),
        ("kind-true", "true for a kind", text([True, NOW - 1]), "Unknown"),
        ("fields", "fields of another shape", text([0, EXPIRES, 1]), "Unknown"),
        ("patterns-order", "patterns out of order", text([2, ["files/read", "a"]]), "Unknown"),
        ("patterns-map", "a map for patterns", text([2, {"files/read": None}]), "Unknown"),
        ("no-array", "not an array", text("Expires"), "Unknown"),
        ("plain", "another profile's", b"account = 3735928559", "Unknown"),
        ("empty", "no text at all", b"", "Unknown"),
        ("not-utf-8", "bytes that are no text", b"\xff\xfe", "Unknown"),
        ("capitals", "its beginning in capitals", b"CC1:kQA", "Unknown"),
        ("padding", "with padding", text([2, ["**"]]) + b"=", "Unknown"),
        ("stray-bits", "with stray bits", stray, "Unknown"),
        ("third", "a third party's", ThirdParty(), "Unknown"),
        ("third-no-key", "a third party's without a key", ThirdParty(vid=b""), "Unknown"),
        ("third-itself", "one that asks for itself", ThirdParty(pack(identifier())), "Unknown"),
    ):
        data = macaroon([LIVES, caveat])
        yield shown(f"caveat-{name}", about, "caveat", data, failures=[[0, kind]])
    ended = macaroon([], identifier(WORKERS, NOW))
    about = "the chain has expired"
    yield shown("caveat-expired", about, "caveat", ended, failures=[[0, "expires_at"]])
    about = "without a list, it lives a second too long"
    brief = [unlisted_root(LIFETIME - 1)]
    yield shown("caveat-lifetime", about, "caveat", roots=brief, failures=[[0, "lifetime"]])
    about = "everything forbids, in order"
    worst = macaroon([text([5, 0]), b"x", text([2, ["x"]]), LIVES])
    kinds = ("expires_at", "lifetime", "MaxHops", "Unknown", "Tools", "Expires")
    failures = [[0, kind] for kind in kinds]
    yield shown("caveat-all", about, "caveat", worst, roots=brief, now=EXPIRES, failures=failures)
