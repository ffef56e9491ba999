"""For whoever implements the specification anew: its vectors, first by hand, then all of them.

    python examples/spec_reader.py [FOLDER_OF_VECTORS]

The first half needs SHA-256, Ed25519, MessagePack and specs/token.md; only the second half
imports chaincred.
"""

import base64
import json
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import nacl.signing

VECTORS = Path(__file__).parents[1] / "specs" / "vectors"


def read_vectors(folder: Path) -> list[dict[str, Any]]:
    vectors = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [vector for vector in vectors if vector["type"] == "verify"]


def check_by_hand(vector: dict[str, Any]) -> None:
    """Steps 1 to 3 of token.md 8 for a scenario that ends with `ok`, and `Expires` of step 5."""

    def signed_by(key: bytes, context: bytes, digest: bytes, signature: bytes) -> None:
        nacl.signing.VerifyKey(key).verify(context + digest, signature)  # raises BadSignatureError

    packed = base64.urlsafe_b64decode(vector["presentation"].removeprefix("cc1p_") + "==")
    blocks, (audience, issued_at, nonce, signature), discharges = msgpack.unpackb(packed)
    assert discharges == []

    # The first block names its issuer; whether that is to be trusted, the verifier knows.
    signer = link = msgpack.unpackb(blocks[0][0])[2]
    assert signer.hex() in [root["key"] for root in vector["roots"]]
    for (body, block_signature), expected in zip(blocks, vector["links"], strict=True):
        link = sha256(b"chaincred/v1/link\0" + link + body).digest()
        assert link.hex() == expected
        signed_by(signer, b"chaincred/v1/block\0", link, block_signature)
        *_, block_issued_at, signer, agent, purpose, caveats = msgpack.unpackb(body)
        assert all(vector["now"] < at for kind, at, *_ in caveats if kind == 0)
        print(f"  {link.hex()[:16]}  {agent}, to {purpose}, since {block_issued_at}")
    assert vector["links"][0] == vector["root_id"]

    # The request is not in the presentation: a server packs what it is about to do.
    asked = msgpack.packb([link, audience, issued_at, nonce, request_of(vector["request"])])
    signed_by(signer, b"chaincred/v1/proof\0", sha256(asked).digest(), signature)
    assert audience == vector["audience"]
    assert abs(vector["now"] - issued_at) <= 60
    print(f"  the last holder asks {audience} for {vector['request']['tool']}: rightly signed")


def request_of(said: dict[str, Any]) -> list[Any]:
    effect = ["read", "write", "irreversible"].index(said["effect"])
    args, context = value_of(said["args"]), bytes.fromhex(said["context"])
    return [said["tool"], said["resource"], effect, args, said["task"], context]


def value_of(said: Any) -> Any:
    """An argument from a vector's JSON, in which some values need another spelling."""
    match said:
        case {"$int": str(digits)}:
            return int(digits)
        case {"$bin": str(digits)}:
            return bytes.fromhex(digits)
        case dict():
            return {key: value_of(said[key]) for key in sorted(said)}
        case list():
            return [value_of(each) for each in said]
    return said


def code_of(vector: dict[str, Any]) -> str:
    """What the library says to one scenario."""
    from chaincred import ChaincredError

    try:
        ask_library(vector)
    except ChaincredError as error:
        return error.code
    return "ok"


def ask_library(vector: dict[str, Any]) -> None:
    """Raises what the library raises."""
    from chaincred import Freshness, InMemoryReplay, PublicKey, Request, Verifier, unrevocable

    roots = {}
    for root in vector["roots"]:
        lifetime = root.get("unrevocable")
        answers = unrevocable(max_lifetime=lifetime) if lifetime else view_of(root["list"])
        roots[PublicKey.from_hex(root["key"])] = answers
    verifier = Verifier(
        audience=vector["audience"],
        roots=roots,
        replay=InMemoryReplay(),
        freshness=Freshness(**vector.get("freshness", {})),
        max_lifetime=vector.get("max_lifetime", 86_400),
        policy=(lambda *_: vector["policy"]) if "policy" in vector else None,
    )
    for asked in [*vector.get("seen", []), vector]:
        said = asked["request"]
        args, context = value_of(said["args"]), bytes.fromhex(said["context"])
        request = Request(**{**said, "args": args, "context": context})
        verifier.verify(asked["presentation"], request, now=asked["now"])


def view_of(listed: dict[str, Any]) -> Any:
    """The library's view of a list that is given by its updates."""
    from chaincred import NoFloor, PublicKey, RevocationView

    keys = [PublicKey.from_hex(key) for key in listed["keys"]]
    view = RevocationView(keys, floor=NoFloor(), list_id=bytes.fromhex(listed["list_id"]))
    for each in listed["updates"]:
        view.update(bytes.fromhex(each["update"]), now=each["now"])
    return view


def main(folder: Path) -> int:
    vectors = read_vectors(folder)
    admitted = [vector for vector in vectors if vector["expect"] == "ok"]
    if not admitted:
        print(f"there are no vectors in {folder}: python specs/vectors/generate.py writes them")
        return 1
    chosen = next((each for each in admitted if len(each["hops"]) == 3), admitted[0])
    print(f"by hand: {chosen['name']}: {chosen['about']}")
    check_by_hand(chosen)

    print(f"\nwith the library, all {len(vectors)} of type verify:")
    codes = {vector["name"]: code_of(vector) for vector in vectors}
    wrong = [vector["name"] for vector in vectors if codes[vector["name"]] != vector["expect"]]
    for code, count in Counter(codes.values()).most_common():
        print(f"  {count:4} {code}")
    print("  all as expected" if not wrong else f"  not as expected: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS))
