"""Attacks on the chain: who signed which block, where (specs/token.md 3 and 8, step 2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chaincred import BrokenChain, ChaincredError, PublicKey, Untrusted, Verifier, unrevocable
from chaincred import block as block_module
from chaincred.chain import Chain
from chaincred.keys import Context
from chaincred.proof import Proof
from chaincred.remembered import RememberedChains
from tests.attacks.cast import (
    BLOCK,
    CONTEXTS,
    HEAD,
    HOUR,
    MALLORY,
    MAX_HOPS,
    NOW,
    OTHER_ROOT,
    PLANNER,
    PROOF,
    RESOURCES,
    ROOT,
    SNAPSHOT,
    TOOLS,
    WORKER,
    Block,
    Log,
    chain,
    extended,
    ground,
    hop_body,
    links_of,
    pack,
    presented,
    proof,
    root_block,
    root_body,
    shown,
    signed,
)
from tests.attacks.family import ASK, Attack, Run, family, shows
from tests.attacks.views import fed

# Three chains under one root. The worker and mallory hold narrow ones; the planner's is wide.
WIDE = root_body(PLANNER, [[MAX_HOPS, 5]], agent="planner")
NARROW = [[TOOLS, ["list_files"]]]
TO_WORKER = chain((ROOT, WIDE), (PLANNER, hop_body(WORKER)))
TO_MALLORY = extended(TO_WORKER, WORKER, hop_body(MALLORY, NARROW))
SECOND = root_body(PLANNER, [[MAX_HOPS, 4]], nonce=b"2" * 16)
ELSEWHERE = chain(
    (ROOT, root_body(PLANNER, [[RESOURCES, ["mail/*"]]], nonce=b"3" * 16)),
    (PLANNER, hop_body(MALLORY)),
)


def untrusted(about: str, blocks: list[Block], signer: Any = MALLORY) -> Attack:
    return Attack(about, "untrusted", shows(shown(blocks, signer)))


def broken_chain(about: str, blocks: list[Block], signer: Any = MALLORY) -> Attack:
    return Attack(about, "broken_chain", shows(shown(blocks, signer)))


# Broken verifiers.


def hops_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    checked = Chain.check_signatures

    def check(self: Chain, trusted: Any, known: int = 0) -> None:
        checked(Chain(self.issuer, self.blocks[:1], self.links[:1]), trusted, known)

    patch.setattr(Chain, "check_signatures", check)


def any_holder_may_sign(patch: pytest.MonkeyPatch) -> None:
    """A block counts as signed if the key of anyone in the chain signed it."""
    verify = PublicKey.verify

    def check(self: Chain, trusted: Any, known: int = 0) -> None:
        if self.issuer not in trusted:
            raise Untrusted("not a trusted root")
        keys = [self.issuer, *(block.holder for block in self.blocks)]
        for block, link in zip(self.blocks, self.links, strict=True):
            if not any(verify(key, Context.BLOCK, link, block.signature) for key in keys):
                raise BrokenChain("signed by nobody in the chain")

    patch.setattr(Chain, "check_signatures", check)


def links_are_not_bound(*chains: list[Block]) -> Callable[[pytest.MonkeyPatch], None]:
    """A block counts as signed if its signer ever signed that body, wherever it stood."""
    stood = {
        (block[0], link)
        for blocks in chains
        for block, link in zip(blocks, links_of(blocks), strict=True)
    }

    def broken(patch: pytest.MonkeyPatch) -> None:
        def check(self: Chain, trusted: Any, known: int = 0) -> None:
            if self.issuer not in trusted:
                raise Untrusted("not a trusted root")
            for hop, block in enumerate(self.blocks):
                links = [self.links[hop], *(link for body, link in stood if body == block.body)]
                key = self.signer(hop)
                if not any(key.verify(Context.BLOCK, link, block.signature) for link in links):
                    raise BrokenChain("never signed")

        patch.setattr(Chain, "check_signatures", check)

    return broken


def root_signature_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    checked = Chain.check_signatures
    patch.setattr(
        Chain, "check_signatures", lambda self, trusted, known=0: checked(self, trusted, 1)
    )


class AnyRoot(dict[PublicKey, Any]):
    """Roots among which every key is found."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: PublicKey) -> Any:
        return unrevocable(max_lifetime=86_400)


def every_issuer_is_trusted(patch: pytest.MonkeyPatch) -> None:
    made = Verifier.__init__

    def init(self: Verifier, **said: Any) -> None:
        made(self, **said)
        self._roots = AnyRoot(self._roots)

    patch.setattr(Verifier, "__init__", init)


def the_last_holder_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """A proof counts if any holder along the chain signed it."""
    checked = Proof.is_signed_by

    def check(self: Proof, key: PublicKey, link: bytes, request: Any) -> bool:
        return any(checked(self, PublicKey(each.public), link, request) for each in EVERYONE)

    patch.setattr(Proof, "is_signed_by", check)


EVERYONE = (PLANNER, WORKER, MALLORY)


def purposes_are_not_told_apart(patch: pytest.MonkeyPatch) -> None:
    checked = PublicKey.verify
    patch.setattr(
        PublicKey,
        "verify",
        lambda self, _context, message, signature: any(
            checked(self, context, message, signature) for context in Context
        ),
    )


def signatures_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A chain counts as known by its links alone."""

    def known(self: RememberedChains, chain: Chain) -> int:
        found = [count for count, link in enumerate(chain.links, 1) if link in self._prefixes]
        return max(found, default=0)

    patch.setattr(RememberedChains, "signed_blocks", known)


def chains_are_remembered_too_early(patch: pytest.MonkeyPatch) -> None:
    checked = RememberedChains.signed_blocks

    def known(self: RememberedChains, chain: Chain) -> int:
        count = checked(self, chain)
        signatures = tuple(block.signature for block in chain.blocks)
        self._prefixes.update((link, signatures[:n]) for n, link in enumerate(chain.links, 1))
        return count

    patch.setattr(RememberedChains, "signed_blocks", known)


def a_known_prefix_answers_for_the_rest(patch: pytest.MonkeyPatch) -> None:
    checked = RememberedChains.signed_blocks
    patch.setattr(
        RememberedChains,
        "signed_blocks",
        lambda self, chain: len(chain.blocks) if checked(self, chain) else 0,
    )


def roots_may_follow(patch: pytest.MonkeyPatch) -> None:
    made = Chain.of.__func__  # type: ignore[attr-defined]

    def of(cls: type[Chain], blocks: Any) -> Chain:
        chain: Chain = made(cls, [blocks[0], *(each._replace(issuer=None) for each in blocks[1:])])
        return chain

    patch.setattr(Chain, "of", classmethod(of))


def other_versions_are_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(block_module, "VERSION", 2)


def further_elements_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    split = block_module._split
    patch.setattr(
        block_module, "_split", lambda fields: split(fields[: 9 if fields[0] == 0 else 6])
    )


# Attacks that take more than one step.


def after(first: str, *then: str) -> Run:
    """Shows presentations one after the other to one verifier that remembers chains."""

    def run() -> None:
        server = ground()
        server.verify(first, ASK.request(), now=NOW)
        for presentation in then:
            server.verify(presentation, ASK.request(), now=NOW)

    return run


def twice(blocks: list[Block]) -> Run:
    """The second try of what was refused the first time."""

    def run() -> None:
        server = ground()
        with suppress(ChaincredError):
            server.verify(shown(blocks, MALLORY), ASK.request(), now=NOW)
        server.verify(shown(blocks, MALLORY), ASK.request(), now=NOW)

    return run


def flipped(blocks: list[Block], at: int, byte: int = 40) -> list[Block]:
    edited = [list(block) for block in blocks]
    signature = bytearray(edited[at][1])
    signature[byte] ^= 1
    edited[at][1] = bytes(signature)
    return edited


def edited(blocks: list[Block], at: int, body: Any, signer: Any) -> list[Block]:
    """`blocks` with another body at `at`, signed there by `signer`."""
    before = links_of(blocks[:at])[-1] if at else ROOT.public
    return [*blocks[:at], signed(body, signer, before), *blocks[at + 1 :]]


def confused(context: bytes) -> list[Block]:
    """The planner once signed these 32 bytes, but for another purpose."""
    root = chain((ROOT, WIDE))
    return [*root, signed(hop_body(MALLORY), PLANNER, links_of(root)[-1], context)]


def confused_proof(context: bytes) -> str:
    link = links_of(TO_WORKER)[-1]
    return presented(TO_WORKER, proof(WORKER, link, ASK, context=context))


def confused_list(**contexts: bytes) -> Run:
    log = Log()
    head = log.head(context=contexts.get("head", HEAD))
    snapshot = log.snapshot(context=contexts.get("snapshot", SNAPSHOT))
    return lambda: fed(log.update(head=head, snapshot=snapshot))


MALLORYS = chain((ROOT, WIDE), (PLANNER, hop_body(MALLORY, NARROW)))
THREE_HOPS = chain((ROOT, WIDE), (PLANNER, hop_body(PLANNER, agent="1")))
THREE_HOPS = extended(THREE_HOPS, PLANNER, hop_body(PLANNER, agent="2"))
THREE_HOPS = extended(THREE_HOPS, PLANNER, hop_body(PLANNER, agent="3"))
NARROWED = chain((ROOT, WIDE), (PLANNER, hop_body(PLANNER, agent="1")))
NARROWED = extended(NARROWED, PLANNER, hop_body(PLANNER, NARROW, agent="2"))
NARROWED = extended(NARROWED, PLANNER, hop_body(PLANNER, agent="3"))
ONE_HOLDER = chain(
    (ROOT, root_body(MALLORY, nonce=b"7" * 16)),
    (MALLORY, hop_body(MALLORY, NARROW)),
    (MALLORY, hop_body(MALLORY, agent="last")),
)

FAMILIES = (
    family(
        "truncation",
        the_last_holder_is_not_asked,
        Attack("the last block is cut off", "proof_signature", shows(shown(TO_WORKER, MALLORY))),
        Attack("two blocks are cut off", "proof_signature", shows(shown(TO_WORKER[:1], MALLORY))),
        Attack(
            "cut off, with the proof for the whole chain",
            "proof_signature",
            shows(presented(TO_WORKER, proof(MALLORY, links_of(TO_MALLORY)[-1], ASK))),
        ),
        Attack(
            "cut off, with an old holder's proof for the whole chain",
            "proof_signature",
            shows(presented(TO_MALLORY, proof(WORKER, links_of(TO_MALLORY)[-1], ASK))),
        ),
    ),
    family(
        "splice",
        links_are_not_bound(TO_MALLORY, ELSEWHERE),
        broken_chain("another tree's hop under this root", [TO_WORKER[0], ELSEWHERE[1]]),
        broken_chain(
            "another tree's root over this hop",
            [root_block(SECOND), TO_WORKER[1], TO_MALLORY[2]],
        ),
        broken_chain(
            "a hop made for the same holder elsewhere",
            [*chain((ROOT, SECOND)), ELSEWHERE[1]],
        ),
        broken_chain(
            "a hop of another branch, one level up",
            [TO_WORKER[0], signed(hop_body(MALLORY), WORKER, links_of(TO_WORKER)[-1])],
        ),
    ),
    family(
        "reorder",
        links_are_not_bound(THREE_HOPS),
        broken_chain("two hops exchanged", [THREE_HOPS[i] for i in (0, 1, 3, 2)], PLANNER),
        broken_chain("all hops turned round", [THREE_HOPS[i] for i in (0, 3, 2, 1)], PLANNER),
        broken_chain("a hop twice", [THREE_HOPS[i] for i in (0, 1, 1)], PLANNER),
        broken_chain("the last hop first", [THREE_HOPS[i] for i in (0, 3, 1, 2)], PLANNER),
    ),
    family(
        "gap",
        links_are_not_bound(NARROWED, ONE_HOLDER),
        broken_chain("the narrowing hop left out", [NARROWED[i] for i in (0, 1, 3)], PLANNER),
        broken_chain("the first hop left out", [NARROWED[i] for i in (0, 2, 3)], PLANNER),
        broken_chain("her own narrowing hop left out", [ONE_HOLDER[0], ONE_HOLDER[2]]),
    ),
    family(
        "stranger's signature",
        hops_are_not_checked,
        broken_chain("a hop signed by mallory", chain((ROOT, WIDE), (MALLORY, hop_body(MALLORY)))),
        broken_chain("a hop signed by the root", chain((ROOT, WIDE), (ROOT, hop_body(MALLORY)))),
        broken_chain(
            "the last hop signed by the holder before the last",
            extended(TO_WORKER, PLANNER, hop_body(MALLORY)),
        ),
        broken_chain(
            "a hop without a signature",
            [*chain((ROOT, WIDE)), [pack(hop_body(MALLORY)), bytes(64)]],
        ),
        broken_chain("a bit of a signature", flipped(MALLORYS, 1)),
        broken_chain(
            "the signature of the block before",
            [*TO_WORKER[:1], [pack(hop_body(MALLORY)), TO_WORKER[0][1]]],
        ),
    ),
    family(
        "signature by another holder of the chain",
        any_holder_may_sign,
        broken_chain(
            "a hop signed by the one it is for", chain((ROOT, WIDE), (MALLORY, hop_body(MALLORY)))
        ),
        broken_chain(
            "a grandchild signed by its grandparent",
            extended(TO_WORKER, PLANNER, hop_body(MALLORY)),
        ),
        broken_chain("a hop signed by the issuer", extended(TO_WORKER, ROOT, hop_body(MALLORY))),
    ),
    family(
        "widening by an edited ancestor",
        any_holder_may_sign,
        broken_chain(
            "caveats dropped from her own block", edited(MALLORYS, 1, hop_body(MALLORY), MALLORY)
        ),
        broken_chain(
            "caveats dropped from the block before hers, and signed on",
            extended(edited(TO_WORKER, 1, hop_body(MALLORY), MALLORY), MALLORY, hop_body(MALLORY)),
        ),
        broken_chain(
            "a caveat widened",
            edited(MALLORYS, 1, hop_body(MALLORY, [[TOOLS, ["**"]]]), MALLORY),
        ),
    ),
    family(
        "widening by an edited root",
        root_signature_is_not_checked,
        untrusted("caveats dropped", edited(TO_MALLORY[:1], 0, root_body(MALLORY), MALLORY)),
        untrusted(
            "a longer life",
            edited(TO_WORKER[:1], 0, root_body(MALLORY, expires=NOW + 24 * HOUR), MALLORY),
        ),
        untrusted(
            "another holder, the old signature", [[pack(root_body(MALLORY)), TO_WORKER[0][1]]]
        ),
        untrusted(
            "another nonce, the old signature",
            [[pack(root_body(MALLORY, nonce=b"9" * 16)), TO_WORKER[0][1]]],
        ),
    ),
    family(
        "wrong root",
        every_issuer_is_trusted,
        untrusted("a root of her own", chain((MALLORY, root_body(MALLORY, issuer=MALLORY.public)))),
        untrusted(
            "another organisation's root",
            chain((OTHER_ROOT, root_body(MALLORY, issuer=OTHER_ROOT.public))),
        ),
        untrusted(
            "a holder plays the root",
            chain((PLANNER, root_body(MALLORY, issuer=PLANNER.public))),
        ),
    ),
    family(
        "claimed issuer",
        root_signature_is_not_checked,
        untrusted(
            "the issuer's name, her signature", [signed(root_body(MALLORY), MALLORY, ROOT.public)]
        ),
        untrusted(
            "the issuer's name, her signature over her own link",
            [signed(root_body(MALLORY), MALLORY, MALLORY.public)],
        ),
        untrusted(
            "the issuer's signature over another issuer's link",
            [signed(root_body(MALLORY), ROOT, OTHER_ROOT.public)],
        ),
        untrusted("no signature", [[pack(root_body(MALLORY)), bytes(64)]]),
        untrusted("a bit of the signature", flipped(chain((ROOT, root_body(MALLORY))), 0)),
    ),
    family(
        "purposes of signatures",
        purposes_are_not_told_apart,
        *(
            broken_chain(f"a {context[13:-1].decode()} signature on a block", confused(context))
            for context in CONTEXTS
            if context != BLOCK
        ),
        *(
            Attack(
                f"a {context[13:-1].decode()} signature for a proof",
                "proof_signature",
                shows(confused_proof(context)),
            )
            for context in CONTEXTS
            if context != PROOF
        ),
        *(
            Attack(
                f"a {context[13:-1].decode()} signature on a head",
                "list_untrusted",
                confused_list(head=context),
            )
            for context in CONTEXTS
            if context != HEAD
        ),
        *(
            Attack(
                f"a {context[13:-1].decode()} signature on a snapshot",
                "list_untrusted",
                confused_list(snapshot=context),
            )
            for context in CONTEXTS
            if context != SNAPSHOT
        ),
        broken_chain("a signature without a purpose on a block", confused(b"")),
    ),
    family(
        "cache: signatures altered in a known chain",
        signatures_are_not_compared,
        *(
            Attack(
                f"block {at}, byte {byte} of the signature",
                "broken_chain" if at else "untrusted",
                after(shown(TO_WORKER, WORKER), shown(flipped(TO_WORKER, at, byte), WORKER)),
            )
            for at in (0, 1)
            for byte in (0, 31, 40)
        ),
    ),
    family(
        "cache: a refused chain shown again",
        chains_are_remembered_too_early,
        Attack(
            "a stranger's hop",
            "broken_chain",
            twice(chain((ROOT, WIDE), (MALLORY, hop_body(MALLORY)))),
        ),
        Attack(
            "a stranger's root",
            "untrusted",
            twice([signed(root_body(MALLORY), MALLORY, ROOT.public)]),
        ),
    ),
    family(
        "cache: a forged hop after a known chain",
        a_known_prefix_answers_for_the_rest,
        Attack(
            "signed by mallory",
            "broken_chain",
            after(
                shown(TO_WORKER, WORKER),
                shown(extended(TO_WORKER, MALLORY, hop_body(MALLORY)), MALLORY),
            ),
        ),
        Attack(
            "under a known root only",
            "broken_chain",
            after(
                shown(TO_WORKER, WORKER),
                shown(extended(TO_WORKER[:1], MALLORY, hop_body(MALLORY)), MALLORY),
            ),
        ),
    ),
    family(
        "a root that is not the first block",
        roots_may_follow,
        Attack(
            "a second root, signed like a hop",
            "malformed",
            shows(shown(extended(TO_WORKER, WORKER, root_body(MALLORY)), MALLORY)),
        ),
        Attack(
            "a second root of another issuer",
            "malformed",
            shows(
                shown(
                    extended(TO_WORKER, WORKER, root_body(MALLORY, issuer=MALLORY.public)), MALLORY
                )
            ),
        ),
    ),
    family(
        "another version",
        other_versions_are_read,
        Attack(
            "version 2",
            "malformed",
            shows(shown([root_block([0, 2, *root_body(WORKER)[2:]])], WORKER)),
        ),
    ),
    family(
        "further elements",
        further_elements_are_passed_over,
        Attack(
            "a root with a tenth",
            "malformed",
            shows(shown([root_block([*root_body(WORKER), [[TOOLS, ["x"]]]])], WORKER)),
        ),
        Attack(
            "a hop with a seventh",
            "malformed",
            shows(shown(extended(TO_WORKER, WORKER, [*hop_body(MALLORY), 0]), MALLORY)),
        ),
    ),
)
