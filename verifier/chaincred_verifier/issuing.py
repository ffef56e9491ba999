"""What root tokens are issued to whom: the issuing policy (specs/service.md 10.4).

A grant's caveats are in every block 0 made under it, beside those that were asked for, so what is
asked can only narrow. How long a token lives and how often it is passed on are numbers, and who
asks for more of them than is granted is told so, not given less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaincred import (
    Caveat,
    Effect,
    Expires,
    MaxEffect,
    MaxHops,
    PublicKey,
    SigningKey,
    Token,
)
from chaincred.caveat_json import caveat_of
from chaincred.caveats import MAX_BLOCKS
from chaincred.patterns import is_name, is_pattern, matches, meet
from chaincred_verifier.identity.configured import issuers_of
from chaincred_verifier.identity.identities import Identities
from chaincred_verifier.identity.issuers import Issuer
from chaincred_verifier.identity.table import Table, whole
from chaincred_verifier.problems import Refused
from chaincred_verifier.settings import SettingsRefused

MAX_LIFETIME: Final = 31_536_000
"""Seconds, a year: beyond it is a slip of the hand."""
MAX_HOPS: Final = MAX_BLOCKS - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token is asked for. What is None is left to the grant; `lifetime` is in seconds."""

    holder: PublicKey
    agent: str
    purpose: str = ""
    caveats: Sequence[Caveat] = ()
    lifetime: int | None = None
    max_hops: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What identities that match a pattern may have. `lifetime` is the longest, by effect."""

    identity: str
    caveats: tuple[Caveat, ...]
    max_hops: int
    lifetime: Mapping[Effect, int]

    @classmethod
    def of(cls, table: Table) -> Grant:
        """The grant that a `[[grant]]` states. Raises SettingsRefused."""
        grant = cls(
            table.take("identity", _identity),
            table.take("caveats", _caveats, ()),
            table.take("max_hops", whole(0, MAX_HOPS)),
            table.take("lifetime", _lifetime),
        )
        table.done()
        try:
            mildest = MaxEffect(min(grant.lifetime))
            grant.issue(_TRIAL, Wanted(_TRIAL.public_key, "agent", caveats=[mildest]), now=0)
        except Refused as error:
            table.refuse(f"nobody could be given this: {error}")
        return grant

    def issue(self, key: SigningKey, asked: Wanted, *, now: int) -> Token:
        """A root token for who holds this grant, signed by `key`. Raises Refused, `grant`."""
        caveats = [*self.caveats, *asked.caveats]
        lifetime = self._lifetime(caveats, asked, now)
        max_hops = self._max_hops(asked)
        try:
            return Token.issue(
                key,
                holder=asked.holder,
                agent=asked.agent,
                purpose=asked.purpose,
                now=now,
                caveats=caveats,
                lifetime=lifetime,
                max_hops=max_hops,
            )
        except ValueError as error:
            raise Refused("grant", str(error)) from error

    def _lifetime(self, caveats: Sequence[Caveat], asked: Wanted, now: int) -> int:
        effects = [Effect.named(each.effect) for each in caveats if isinstance(each, MaxEffect)]
        effect = min(effects, default=Effect.IRREVERSIBLE)
        longest = self.lifetime.get(effect)
        if longest is None:
            raise Refused("grant", f"no token for {effect.label} effects is granted")
        lifetime = longest if asked.lifetime is None else asked.lifetime
        expiries = [each.at for each in asked.caveats if isinstance(each, Expires)]
        if lifetime > longest or any(at > now + longest for at in expiries):
            raise Refused("grant", f"at most {longest} s are granted for {effect.label} effects")
        return lifetime

    def _max_hops(self, asked: Wanted) -> int:
        hops = self.max_hops if asked.max_hops is None else asked.max_hops
        said = [each.hops for each in asked.caveats if isinstance(each, MaxHops)]
        if max([hops, *said]) > self.max_hops:
            raise Refused("grant", f"at most {self.max_hops} hops are granted")
        return hops


@dataclass(frozen=True, slots=True)
class IssuingPolicy:
    """The grants of a policy file in their order, and whose word on who somebody is counts."""

    grants: tuple[Grant, ...]
    issuers: tuple[Issuer, ...]

    @classmethod
    def read(cls, path: Path) -> IssuingPolicy:
        """The policy in a TOML file; files named in it are found from its folder.

        Raises SettingsRefused with the place of what is wrong.
        """
        table = Table.read(path)
        issuers = issuers_of(table, path.parent)
        grants = tuple(Grant.of(each) for each in table.tables("grant"))
        table.done()
        if not grants:
            table.refuse("at least one [[grant]] is needed")
        for n, grant in enumerate(grants):
            for before, other in enumerate(grants[:n], 1):
                if meet(other.identity, grant.identity) == grant.identity:
                    table.refuse(f"grant {n + 1} is never reached: grant {before} matches first")
        return cls(grants, issuers)

    def grant_for(self, identity: str) -> Grant:
        """The first grant that matches. Raises Refused, `grant`."""
        # What is not in normal form no pattern can speak of.
        for grant in self.grants if is_name(identity) else ():
            if matches(grant.identity, identity):
                return grant
        raise Refused("grant", "no grant is for this identity")

    @property
    def longest_lifetime(self) -> int:
        """Seconds: no token that it allows lives longer."""
        return max(max(grant.lifetime.values()) for grant in self.grants)


@dataclass(frozen=True, slots=True)
class Issuing:
    """The policy at work: with the root key that signs, and the name that JWTs are made for."""

    policy: IssuingPolicy
    key: SigningKey = field(repr=False)
    identities: Identities

    @classmethod
    def read(cls, path: Path, *, key: SigningKey, audience: str, max_lifetime: int) -> Issuing:
        """Issuing by the policy in `path`, with the root key `key`, at the service `audience`.

        Raises SettingsRefused, also if a token could live longer than `max_lifetime` seconds, and
        so outlive its revocation.
        """
        policy = IssuingPolicy.read(path)
        longest = policy.longest_lifetime
        if longest > max_lifetime:
            raise SettingsRefused(f"{path}: a lifetime of {longest} s, of at most {max_lifetime}")
        return cls(policy, key, Identities(policy.issuers, audience=audience))

    def issue(self, identity: str, asked: Wanted, *, now: int) -> Token:
        """A root token for `identity`, as far as the policy allows. Raises Refused, `grant`."""
        return self.policy.grant_for(identity).issue(self.key, asked, now=now)


_TRIAL: Final = SigningKey.generate()
"""A key that nobody trusts: a grant is tried out once before anybody asks for it."""


def _identity(said: Any) -> str:
    if not isinstance(said, str) or not is_pattern(said):
        raise ValueError("a pattern over names of agents")
    scheme, _, path = said.rpartition("://")
    # Names of different issuers differ in their first segment, so a * there would mix them.
    if path.partition("/")[0] in ("", "*", "**"):
        raise ValueError("it has to begin with whose names they are, as github/ or admin/")
    if scheme not in ("", "spiffe"):
        raise ValueError("only SPIFFE ids have a scheme")
    return said


def _caveats(said: Any) -> tuple[Caveat, ...]:
    if not isinstance(said, list):
        raise TypeError("an array of caveats")
    caveats = tuple(caveat_of(each) for each in said)
    if any(isinstance(each, Expires | MaxHops) for each in caveats):
        raise ValueError("Expires and MaxHops are said by lifetime and max_hops")
    return caveats


def _lifetime(said: Any) -> Mapping[Effect, int]:
    if not isinstance(said, dict) or not said:
        raise ValueError("seconds by effect, as { read = 3600, write = 900, irreversible = 120 }")
    found = {Effect.named(name): whole(1, MAX_LIFETIME)(each) for name, each in said.items()}
    seconds = [found[effect] for effect in sorted(found)]
    if seconds != sorted(seconds, reverse=True):
        raise ValueError("what can do more harm may not live longer")
    return found
