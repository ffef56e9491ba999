"""Proofs that a workload has the key that it asks a token for (service.md 10.2)."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from families.cast import (
    FOLLOWER,
    IDENTITY_ISSUER,
    MALLORY,
    NOW,
    SERVICE,
    WORKER,
    Actor,
    label,
    nonce,
    unreduced,
)
from families.packing import Raw, Value, pack, text_form
from families.scenario import Vector, vector

ISSUER_URL = "https://issuer.example"
NONCE = nonce("exchange")
IDENTITY = bytes([1]) + bytes(31)


def jwt(subject: str) -> str:
    """What the issuer says of a workload, signed with EdDSA (RFC 7515, RFC 8037)."""
    whom: dict[str, object] = {"iss": ISSUER_URL, "sub": subject, "aud": SERVICE}
    header, claims = {"alg": "EdDSA", "typ": "JWT"}, {**whom, "iat": NOW - 30, "exp": NOW + 570}
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_url(IDENTITY_ISSUER.sign_bytes(signed.encode()))}"


def _part(said: Mapping[str, object]) -> str:
    return _url(json.dumps(said, separators=(",", ":")).encode())


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


JWT, OTHER_JWT = jwt("builds-7"), jwt("builds-8")


def vectors() -> Iterator[Vector]:
    yield from _times()
    yield from _replays()
    yield from _forms()
    yield from _texts()
    yield from _signers()
    yield from _changed()
    yield from _keys()


def _times() -> Iterator[Vector]:
    for name, about, offset, expect in (
        ("of-now", "made this second", 0, "ok"),
        ("60-seconds-old", "a minute old is recent", -60, "ok"),
        ("61-seconds-old", "a second more is not", -61, "key_proof"),
        ("60-seconds-ahead", "a minute ahead is a clock that differs", 60, "ok"),
        ("61-seconds-ahead", "a second more is the future", 61, "key_proof"),
        ("at-0", "made in 1970", -NOW, "key_proof"),
    ):
        yield holder(name, about, expect, proof(issued_at=NOW + offset))
    yield holder("nonce-of-zeros", "any nonce will do", "ok", proof(own=bytes(16)))
    about = "another JWT of the same issuer"
    yield holder("other-workload", about, "ok", proof(token=OTHER_JWT), token=OTHER_JWT)
    about = "another holder"
    yield holder("other-holder", about, "ok", proof(MALLORY), key=MALLORY.public)


def _replays() -> Iterator[Vector]:
    first = text_form("", pack(proof()))
    about = "the same proof again"
    yield holder("twice", about, "proof_replayed", proof(), seen=[first])
    about = "the same nonce again, a second later"
    again = proof(issued_at=NOW + 1)
    yield holder("nonce-again", about, "proof_replayed", again, seen=[first])
    about = "another nonce for the same exchange"
    yield holder("next-nonce", about, "ok", proof(own=nonce("next exchange")), seen=[first])
    about = "a proof that was seen, and is not the holder's"
    forged = proof(MALLORY)
    yield holder("seen-and-forged", about, "key_proof", forged, seen=[first])


def _forms() -> Iterator[Vector]:
    fields = proof()
    packed, signature = pack(fields), fields[2]
    assert isinstance(signature, bytes)
    wrong: tuple[tuple[str, str, int, Value], ...] = (
        ("issued-at-negative", "a time before 1970", 0, -1),
        ("issued-at-2-53", "a time one past the last", 0, 2**53),
        ("issued-at-true", "a time that is true", 0, True),
        ("issued-at-text", "a time that is a text", 0, str(NOW)),
        ("issued-at-float", "a time with a fraction", 0, NOW + 0.5),
        ("nonce-of-15", "a short nonce", 1, NONCE[:15]),
        ("nonce-of-17", "a long nonce", 1, NONCE + b"\0"),
        ("nonce-text", "a nonce that is a text", 1, "n" * 16),
        ("signature-of-63", "a short signature", 2, signature[:63]),
        ("signature-of-65", "a long signature", 2, signature + b"\0"),
        ("signature-text", "a signature that is a text", 2, "s" * 64),
    )
    for name, about, place, value in wrong:
        bent = [*fields[:place], value, *fields[place + 1 :]]
        yield holder(name, f"not a key proof: {about}", "malformed", pack(bent))
    long_int: list[Value] = [Raw(b"\xcf" + NOW.to_bytes(8, "big")), *fields[1:]]
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("of-two", "it lacks its signature", pack(fields[:2])),
        ("of-four", "a fourth element", pack([*fields, 0])),
        ("of-none", "an array of nothing", pack([])),
        ("as-map", "a map", pack({"issued_at": NOW})),
        ("as-bin", "packed once more", pack(packed)),
        ("cut", "the last byte is missing", packed[:-1]),
        ("trailing-byte", "a byte follows", packed + b"\0"),
        ("long-header", "a long header", b"\xdc\x00\x03" + packed[1:]),
        ("long-int", "a number in a longer form than it takes", pack(long_int)),
    )
    for name, about, data in rows:
        yield holder(name, f"not a key proof: {about}", "malformed", data)


def _texts() -> Iterator[Vector]:
    # Of 90 bytes no bits are left over; a time of one byte makes it 86.
    text, early = text_form("", pack(proof())), text_form("", pack(proof(issued_at=0)))
    stray = early[:-1] + chr(ord(early[-1]) + 1)
    for name, about, spelled in (
        ("padded", "padding", f"{early}="),
        ("spaced", "white space", f"{text[:8]} {text[8:]}"),
        ("line-break", "a line break at the end", f"{text}\n"),
        ("stray-bits", "unused bits that are not zero", stray),
        ("prefixed", "a prefix", f"cc1_{text}"),
        ("other-alphabet", "the alphabet with + and /", text.translate({45: "+", 95: "/"})),
        ("hexadecimal", "hexadecimal digits", pack(proof()).hex()),
        ("not-ascii", "a letter that is no digit", f"{text[:-1]}\u00e9"),
    ):
        yield holder(f"text-{name}", f"not base64url: {about}", "malformed", spelled)


def _signers() -> Iterator[Vector]:
    rows: tuple[tuple[str, str, list[Value]], ...] = (
        ("by-stranger", "mallory signed", proof(MALLORY)),
        ("by-issuer", "the JWT's issuer signed", proof(IDENTITY_ISSUER)),
        ("as-proof", "signed as a proof is", proof(context="proof")),
        ("as-block", "signed as a block is", proof(context="block")),
        ("as-ack", "signed as an acknowledgement is", proof(context="ack")),
        ("for-other-audience", "made for another service", proof(audience="other.example")),
        ("for-audience-in-capitals", "byte for byte", proof(audience="Verifier.example")),
        ("for-audience-cut", "the name is cut short", proof(audience=SERVICE[:-1])),
        ("for-other-jwt", "made for another JWT", proof(token=OTHER_JWT)),
        ("for-no-jwt", "made for no JWT", proof(token="")),
        ("for-jwt-cut", "made for the JWT without its signature", proof(token=_unsigned())),
        ("for-jwt-unhashed", "over the JWT, not its hash", _over([SERVICE, NOW, NONCE, JWT])),
        ("in-other-order", "the fields in another order", _over([NOW, NONCE, SERVICE, _hashed()])),
        ("without-hash", "over what is hashed", _raw(label("holder") + _packed())),
        ("without-context", "the hash alone is signed", _raw(hashlib.sha256(_packed()).digest())),
    )
    for name, about, data in rows:
        yield holder(name, f"not for this exchange: {about}", "key_proof", data)


def _changed() -> Iterator[Vector]:
    issued_at, own, signature = proof()
    assert isinstance(signature, bytes)
    rows: tuple[tuple[str, str, list[Value]], ...] = (
        ("issued-at-changed", "a second later than was signed", [NOW + 1, own, signature]),
        ("nonce-changed", "another nonce than was signed", [issued_at, bytes(16), signature]),
        ("s-unreduced", "S is not below L", [issued_at, own, unreduced(signature)]),
        ("signature-of-zeros", "no signature but its length", [issued_at, own, bytes(64)]),
    )
    for name, about, fields in rows:
        yield holder(name, f"not as it was signed: {about}", "key_proof", pack(fields))


def _keys() -> Iterator[Vector]:
    about = "the token is asked for another key than signed"
    yield holder("key-of-another", about, "key_proof", proof(), key=FOLLOWER.public)
    about = "a holder of order 1, under which every message verifies"
    forged = pack([NOW, NONCE, IDENTITY + bytes(32)])
    yield holder("key-of-small-order", about, "malformed", forged, key=IDENTITY)
    p = 2**255 - 19
    for name, about, key in (
        ("key-not-canonical", "a holder whose y is p + 1", (p + 1).to_bytes(32, "little")),
        ("key-of-31", "a short holder", WORKER.public[:31]),
        ("key-of-33", "a long holder", WORKER.public + b"\0"),
    ):
        yield holder(name, about, "malformed", proof(), key=key)


def _hashed(token: str = JWT) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _packed() -> bytes:
    return pack([SERVICE, NOW, NONCE, _hashed()])


def _unsigned() -> str:
    return JWT.rpartition(".")[0]


def _over(said: Value) -> list[Value]:
    """A proof whose signature is over something else."""
    return [NOW, NONCE, WORKER.sign("holder", hashlib.sha256(pack(said)).digest())]


def _raw(message: bytes) -> list[Value]:
    return [NOW, NONCE, WORKER.sign_bytes(message)]


def proof(
    signer: Actor = WORKER,
    *,
    issued_at: int = NOW,
    own: bytes = NONCE,
    audience: str = SERVICE,
    token: str = JWT,
    context: str = "holder",
) -> list[Value]:
    """The fields of a proof; what is not said is as it should be."""
    said: list[Value] = [audience, issued_at, own, _hashed(token)]
    return [issued_at, own, signer.sign(context, hashlib.sha256(pack(said)).digest())]


def holder(
    name: str,
    about: str,
    expect: str,
    shown: list[Value] | bytes | str,
    *,
    key: bytes = WORKER.public,
    token: str = JWT,
    seen: Sequence[str] | None = None,
) -> Vector:
    """A proof that is shown to the service with a JWT, for a token to `key`.

    It is shown as fields, as bytes that should be their packed form, or as a text.
    """
    said: dict[str, object] | None = None
    if isinstance(shown, list):
        issued_at, own, _ = shown
        if expect == "ok" and isinstance(own, bytes):
            said = {"issued_at": issued_at, "nonce": own.hex()}
        shown = pack(shown)
    return vector(
        f"holder-{name}",
        about,
        "holder",
        "service.md 10.2",
        expect,
        now=NOW,
        audience=SERVICE,
        issuer={"url": ISSUER_URL, "key": IDENTITY_ISSUER.public.hex()},
        subject_token=token,
        holder=key.hex(),
        seen=None if seen is None else list(seen),
        holder_proof=shown if isinstance(shown, str) else text_form("", shown),
        said=said,
    )
