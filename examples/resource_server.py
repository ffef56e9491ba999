"""For whoever serves tools to agents: set up a verifier, ask it, and learn why it refused.

Run as `python examples/resource_server.py`.
"""

import tempfile
import time
from pathlib import Path

from chaincred import (
    Audience,
    Bearer,
    ChaincredError,
    Effect,
    Freshness,
    InMemoryReplay,
    MaxEffect,
    PublicKey,
    Request,
    Resources,
    RevocationList,
    RevocationView,
    SigningKey,
    Tools,
    Verified,
    Verifier,
)
from chaincred.files import FileFloor


def only_clerks_write(verified: Verified, request: Request) -> bool:
    """The server's own policy has the last word. Only exactly True admits."""
    return request.effect is Effect.READ or verified.agent == "clerk"


def set_up(folder: Path, root: PublicKey, list_key: PublicKey) -> tuple[Verifier, RevocationView]:
    """All that a server needs: two public keys and a file. Nothing here is secret."""
    view = RevocationView([list_key], floor=FileFloor(folder / "floor"))
    verifier = Verifier(
        audience="ledger.example",
        roots={root: view},
        replay=InMemoryReplay(),
        freshness=Freshness(read=300, write=30, irreversible=5),
        policy=only_clerks_write,
    )
    return verifier, view


def serve(verifier: Verifier, presentation: str, request: Request, now: int) -> str:
    """One call. `request` is what the server is about to do, in its own words."""
    try:
        verified = verifier.verify(presentation, request, now=now)
    except ChaincredError as error:
        print(f"  refused, {error.code}: {error}")
        # The caller gets the code. The log gets every reason there is.
        explained = verifier.explain(presentation, request, now=now)
        for failure in explained.failures:
            print(f"      log: {failure}")
        return error.code
    chain = " > ".join(f"{hop.agent} ({hop.purpose})" for hop in verified.hops)
    print(f"  admitted: {chain}; list number {verified.list_seq}, {verified.list_age} s old")
    return "ok"


def main() -> None:
    now = int(time.time())
    root_key, list_key = SigningKey.generate(), SigningKey.generate()
    revoked = RevocationList.begin(list_key, now=now)
    bot = Bearer.issue(
        root_key,
        agent="bot",
        purpose="check the bills",
        now=now,
        caveats=[
            Audience(["ledger.example"]),
            Tools(["bills/*"]),
            Resources(["bills/2026/**"]),
            MaxEffect("write"),
        ],
    )

    with tempfile.TemporaryDirectory() as folder:
        verifier, view = set_up(Path(folder), root_key.public_key, list_key.public_key)

        def call(request: Request, *, later: int = 0) -> str:
            shown = str(bot.present(request, audience="ledger.example", now=now + later))
            return serve(verifier, shown, request, now + later)

        read = Request("bills/read", effect="read", resource="bills/2026/07/12")
        print("before the server has seen a revocation list:")
        assert call(read) == "stale"

        view.update(revoked.publish(list_key, now=now), now=now)
        print("with a fresh one:")
        assert call(read) == "ok"

        print("another year's bill, to be deleted:")
        delete = Request("bills/delete", effect="irreversible", resource="bills/2025/01/01")
        assert call(delete) == "caveat"

        print("a write, which the token allows and the server's policy does not:")
        write = Request("bills/pay", effect="write", resource="bills/2026/07/12")
        assert call(write) == "policy"

        print("a proof for one bill, used for another:")
        shown = str(bot.present(read, audience="ledger.example", now=now))
        other = Request("bills/read", effect="read", resource="bills/2026/07/13")
        assert serve(verifier, shown, other, now) == "proof_signature"
        print("the same proof for its own bill, twice:")
        assert serve(verifier, shown, read, now) == "ok"
        assert serve(verifier, shown, read, now) == "proof_replayed"

        print("six minutes without news of the list:")
        assert call(read, later=360) == "stale"


if __name__ == "__main__":
    main()
