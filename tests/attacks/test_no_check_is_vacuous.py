"""Each check is attacked, and each attack would succeed without it.

A family is a set of attacks on one check. The real verifier refuses every one of them with the
code that the specification names; a verifier that lacks just this check admits at least one. So a
family that no longer tests anything fails here.
"""

from __future__ import annotations

import pytest

from tests.attacks import (
    families_caveats,
    families_chain,
    families_forms,
    families_lists,
    families_proof,
    tally,
)
from tests.attacks.cast import outcome
from tests.attacks.family import Family

FAMILIES: tuple[Family, ...] = (
    *families_chain.FAMILIES,
    *families_proof.FAMILIES,
    *families_caveats.FAMILIES,
    *families_lists.FAMILIES,
    *families_forms.FAMILIES,
)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_every_attack_of_a_family_is_refused_for_its_reason(family):
    for attack in family.attacks:
        assert outcome(attack.run) == attack.code, attack.about


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_verifier_without_the_check_falls_for_an_attack_of_its_family(family, monkeypatch):
    family.broken(monkeypatch)
    fallen = [attack for attack in family.attacks if outcome(attack.run) == "ok"]
    assert fallen, f"nothing in this family shows that the check is there: {family.name}"
    count = f"{len(family.attacks)} attacks, all refused; {len(fallen)} admitted without the check"
    tally.tell("attack families", f"{family.name}: {count}")


def test_no_two_families_and_no_two_attacks_of_one_have_the_same_name():
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        about = [attack.about for attack in family.attacks]
        assert len(set(about)) == len(about), family.name
