"""The files of rules and grants: that each can be read, as it is when the service starts."""

from __future__ import annotations

from chaincred_verifier.doctor.finding import Findings, note, ok, wrong
from chaincred_verifier.gateway import Rules
from chaincred_verifier.issuing import Issuing
from chaincred_verifier.settings import Settings, SettingsRefused


def gateway(settings: Settings) -> Findings:
    """The rules for forward-auth."""
    if settings.gateway_rules is None:
        return
    try:
        rules = Rules.read(settings.gateway_rules, settings.all_audiences)
    except SettingsRefused as error:
        yield wrong("gateway", str(error), "mend the file")
        return
    if not rules.rules:
        yield note("gateway", "no rule: every call that a gateway asks about is refused")
    else:
        yield ok("gateway", f"{len(rules.rules)} rules")


def issuing(settings: Settings) -> Findings:
    """The grants, and whose word on who somebody is counts."""
    if settings.issuing_policy is None or settings.root_key is None:
        return
    try:
        found = Issuing.read(
            settings.issuing_policy,
            key=settings.root_key,
            audience=settings.name,
            max_lifetime=settings.max_lifetime,
        )
    except SettingsRefused as error:
        yield wrong("issuing", str(error), "mend the file")
        return
    grants, issuers = len(found.policy.grants), len(found.policy.issuers)
    yield ok("issuing", f"{grants} grants, {issuers} issuers of identities")
