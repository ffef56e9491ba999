"""The same work with tenuo: warrants that narrow, and a proof of possession."""

from __future__ import annotations

import time
from typing import Any

import tenuo

from bench.ours import DEPTHS, TOOL
from bench.rounds import Subject, Timed, fixed

NOTE = (
    "decode the stack of warrants (base64), check the chain, the tool, the path below a directory, "
    "the expiry, an empty signed revocation list and the proof of possession. No memory of proofs "
    "seen in this call, no audience; the parent's warrants are compared with the child's."
)

_ROOT = tenuo.SigningKey.generate()
_HOLDERS = [tenuo.SigningKey.generate() for _ in range(max(DEPTHS) + 2)]
_PATH = "/docs/of-20-chars-"
_ARGS = {"path": f"{_PATH}/ab"}
_LIFETIME = 900


def _issue() -> Any:
    builder = tenuo.Warrant.mint_builder().capability(TOOL, path=tenuo.Subpath(_PATH))
    return builder.ttl(_LIFETIME).holder(_HOLDERS[0].public_key).mint(_ROOT)


def _attenuate(parent: Any, depth: int) -> Any:
    builder = parent.grant_builder().capability(TOOL, path=tenuo.Subpath(_PATH))
    builder = builder.ttl(_LIFETIME - depth).holder(_HOLDERS[depth].public_key)
    return builder.grant(_HOLDERS[depth - 1])


def _chain(depth: int) -> list[Any]:
    chain = [_issue()]
    for hop in range(1, depth + 1):
        chain.append(_attenuate(chain[-1], hop))
    return chain


def _proof(chain: list[Any]) -> bytes:
    holder = _HOLDERS[len(chain) - 1]
    return bytes(chain[-1].sign(holder, TOOL, _ARGS, int(time.time())))


def making(depth: int) -> list[Subject]:
    chain = _chain(depth)
    return [
        fixed("issue", lambda: tenuo.encode_warrant_stack([_issue()])),
        fixed(
            "attenuate",
            lambda: tenuo.encode_warrant_stack([*chain, _attenuate(chain[-1], depth + 1)]),
        ),
        fixed("present", lambda: (tenuo.encode_warrant_stack(chain), _proof(chain))),
    ]


def deciding(depth: int) -> list[Subject]:
    chain = _chain(depth)
    text = tenuo.encode_warrant_stack(chain)
    authorizer = tenuo.Authorizer(trusted_roots=[_ROOT.public_key])
    authorizer.set_revocation_list(tenuo.SrlBuilder().version(1).build(_ROOT))

    def prepare() -> Timed:
        proof = _proof(chain)

        def decide() -> None:
            stack = tenuo.decode_warrant_stack_base64(text)
            authorizer.check_chain(stack, TOOL, _ARGS, proof)

        return decide

    return [Subject("cold", prepare)]


def sizes() -> tuple[int, int]:
    chain = _chain(8)
    return len(chain[0].to_bytes()), sum(len(warrant.to_bytes()) for warrant in chain)
