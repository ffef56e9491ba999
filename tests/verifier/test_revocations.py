"""Revoking over HTTP (specs/service.md 6): who may, what dies, what is answered."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from chaincred import FOREVER, Bearer, NoFloor, RevocationView, SigningKey, Task
from chaincred.revocation import chain_id, key_id, task_id
from tests.verifier.running import Running


def own(service: Running, bearer: Bearer, **said: Any) -> httpx2.Response:
    """A holder's call to revoke, proven by its own chain."""
    return service.call(
        "POST",
        "/v1/revocations",
        tool="chaincred.revoke",
        effect="irreversible",
        json=said,
        bearer=bearer,
    )


def codes(service: Running, *bearers: Bearer) -> list[str]:
    answers = [service.verify(bearer) for bearer in bearers]
    return ["ok" if answer.status_code == 200 else answer.json()["code"] for answer in answers]


def listed(service: Running) -> RevocationView:
    """What a verifier that fetches the list holds."""
    view = RevocationView([service.list_key], floor=NoFloor())
    view.update(service.client.get("/v1/list").content, now=int(time.time()))
    return view


def test_revoking_a_root_ends_the_whole_tree_and_no_other(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    other = shared.keys.chain("planner")[0]
    assert codes(shared, planner, worker, helper, other) == ["ok"] * 4
    answer = shared.revoke(what="chain", link=planner.token.root_id.hex(), reason="stolen")
    assert answer.status_code == 201
    assert answer.json()["killed"] == 3 and answer.json()["reason"] == "stolen"
    assert codes(shared, planner, worker, helper, other) == ["revoked"] * 3 + ["ok"]
    assert listed(shared).holds(chain_id(planner.token.root_id))


def test_revoking_a_hop_spares_what_is_above_and_beside(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    sibling = planner.hand_over(agent="sibling", purpose="", now=int(time.time()))
    assert shared.revoke(what="chain", token=str(worker.token)).status_code == 201
    assert codes(shared, planner, worker, helper, sibling) == ["ok", "revoked", "revoked", "ok"]


def test_a_holders_key_ends_every_chain_through_it(shared: Running):
    one, two = (shared.keys.chain("planner", "worker") for _ in range(2))
    key = one[1].key.public_key
    answer = shared.revoke(what="holder", key=key.hex())
    assert answer.status_code == 201 and answer.json()["until"] == FOREVER
    assert codes(shared, *one, *two) == ["ok", "revoked", "ok", "ok"]
    assert listed(shared).holds(key_id(key))


def test_a_task_ends_with_every_chain_bound_to_it_and_every_request_for_it(shared: Running):
    bound = shared.keys.chain("planner", caveats=[Task("t-42")])[0]
    free = shared.keys.chain("planner")[0]
    assert shared.revoke(what="task", task="t-42").status_code == 201
    assert shared.verify(bound, task="t-42").json()["code"] == "revoked"
    assert shared.verify(free, task="t-42").json()["code"] == "revoked"
    assert codes(shared, free) == ["ok"]
    assert listed(shared).holds(task_id("t-42"))


def test_an_issuer_before_a_time_spares_what_came_later(running: Running):
    old = running.keys.chain("planner")[0]
    before = int(time.time()) + 1
    assert (
        running.revoke(
            what="issuer", key=running.root_key.public_key.hex(), before=before
        ).status_code
        == 201
    )
    time.sleep(1.1)
    new = running.keys.chain("planner")[0]
    assert codes(running, old, new) == ["revoked", "ok"]
    # For good, and so for what a thief dates later.
    assert running.revoke(what="issuer", key=running.root_key.public_key.hex()).status_code == 201
    assert codes(running, new) == ["revoked"]


def test_asking_twice_makes_one_entry(shared: Running):
    link = shared.keys.chain("planner")[0].token.root_id.hex()
    first = shared.revoke(what="chain", link=link, until=FOREVER)
    again = shared.revoke(what="chain", link=link, until=FOREVER, reason="once more")
    shorter = shared.revoke(what="chain", link=link, until=2_000_000_000)
    assert [first.status_code, again.status_code, shorter.status_code] == [201, 200, 200]
    numbers = {answer.json()["number"] for answer in (first, again, shorter)}
    assert len(numbers) == 1


def test_an_entry_is_lengthened_and_never_shortened(shared: Running):
    link = shared.keys.chain("planner")[0].token.root_id.hex()
    until = int(time.time()) + 200_000
    first = shared.revoke(what="chain", link=link, until=until)
    longer = shared.revoke(what="chain", link=link, until=until + 1)
    assert [first.status_code, longer.status_code] == [201, 201]
    assert longer.json()["number"] == first.json()["number"] + 1


def test_without_until_an_entry_lasts_as_long_as_the_chain(shared: Running):
    seen, unseen = (shared.keys.chain("planner")[0] for _ in range(2))
    shared.verify(seen)
    now = int(time.time())
    answer = shared.revoke(what="chain", link=seen.token.root_id.hex())
    assert answer.json()["until"] == seen.token.root_expires_at
    answer = shared.revoke(what="chain", link=unseen.token.root_id.hex())
    assert now + 86_400 <= answer.json()["until"] - 60 <= now + 86_405


def test_a_dry_run_names_what_would_die_and_changes_nothing(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    codes(shared, planner, worker, helper)
    body = {"what": "chain", "link": worker.token.chain.links[-1].hex()}

    def dry() -> Any:
        answer = shared.call(
            "POST",
            "/v1/revocations?dry_run=true",
            tool="chaincred.revoke",
            effect="irreversible",
            json=body,
        )
        assert answer.status_code == 200
        return answer.json()

    said = dry()
    assert [each["agent"] for each in said["would_kill"]] == ["worker", "helper"]
    assert said["more"] == 0 and said["already"] is None
    assert codes(shared, planner, worker, helper) == ["ok"] * 3
    number = shared.revoke(**body).json()["number"]
    assert dry() == {"would_kill": [], "more": 0, "already": number}


@pytest.mark.parametrize(
    "query", ["?dry_run=yes", "?dry_run=1", "?dryrun=true", "?dry_run=true&dry_run=true"]
)
def test_a_misspelled_dry_run_revokes_nothing(shared: Running, query: str):
    planner = shared.keys.chain("planner")[0]
    answer = shared.call(
        "POST",
        f"/v1/revocations{query}",
        tool="chaincred.revoke",
        effect="irreversible",
        json={"what": "chain", "link": planner.token.root_id.hex()},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert codes(shared, planner) == ["ok"]


def test_a_holder_takes_back_what_it_handed_over(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    # Never seen by the service: the token shows that it is below.
    assert own(shared, planner, what="chain", token=str(worker.token)).status_code == 201
    assert codes(shared, planner, worker, helper) == ["ok", "revoked", "revoked"]


def test_what_a_holder_may_not_revoke_is_recorded_as_refused(running: Running):
    planner, worker = running.keys.chain("planner", "worker")
    assert own(running, worker, what="chain", token=str(planner.token)).status_code == 403
    assert own(running, worker, what="task", task="t").status_code == 403
    records = running.read("/v1/audit?what=revoke").json()["records"]
    assert [(each["code"], each["by"], each["revoked"]) for each in records] == [
        ("not_yours", "holder/worker", "chain"),
        ("not_yours", "holder/worker", "task"),
    ]
    assert records[0]["hops"][-1]["link"] == worker.token.chain.links[-1].hex()


def test_a_holder_revokes_a_seen_block_by_its_link_alone(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    link = helper.token.chain.links[-1].hex()
    assert own(shared, planner, what="chain", link=link).json()["code"] == "not_yours"
    assert codes(shared, helper) == ["ok"]
    answer = own(shared, planner, what="chain", link=link)
    assert answer.status_code == 201 and answer.json()["made_by"] == "holder/planner"
    assert codes(shared, worker, helper) == ["ok", "revoked"]


def test_a_holder_gives_its_own_token_up_even_with_no_tool_left(shared: Running):
    planner, worker = shared.keys.chain("planner", "worker")
    link = worker.token.chain.links[-1].hex()
    assert own(shared, worker, what="chain", link=link).status_code == 201
    assert codes(shared, planner, worker) == ["ok", "revoked"]


def test_a_holder_cannot_make_the_list_long(running: Running):
    planner, other = (running.keys.chain("planner")[0] for _ in range(2))
    now = int(time.time())
    answers = []
    for n in range(103):
        child = planner.attenuate(
            holder=SigningKey.generate().public_key, agent=f"a-{n}", purpose="", now=now
        )
        answers.append(own(running, planner, what="chain", token=str(child)))
    assert [each.status_code for each in answers[:100]] == [201] * 100
    assert answers[-1].json()["code"] == "rate_limited"
    link = other.token.root_id.hex()
    assert own(running, other, what="chain", link=link).status_code == 201
    # Security is not held up by it.
    assert running.revoke(what="chain", link=planner.token.root_id.hex()).status_code == 201


def test_who_calls_itself_as_an_administrator_is_called_a_holder(shared: Running):
    worker = shared.keys.chain("planner", "security")[-1]
    answer = own(shared, worker, what="chain", link=worker.token.chain.links[-1].hex())
    assert answer.json()["made_by"] == "holder/security"


def test_an_until_that_has_passed_does_not_bring_anything_back(shared: Running):
    now = int(time.time())
    link = shared.keys.chain("planner")[0].token.root_id.hex()
    assert shared.revoke(what="chain", link=link, until=1).json()["until"] >= now + 86_400
    assert shared.revoke(what="task", task="past", until=1).json()["until"] >= now + 86_400


def test_a_holders_entry_ends_with_its_own_token(shared: Running):
    planner, worker = shared.keys.chain("planner", "worker")
    answer = own(shared, planner, what="chain", token=str(worker.token), until=FOREVER)
    assert answer.json()["until"] == planner.token.root_expires_at + 60


def test_who_is_revoked_or_expired_makes_the_list_no_longer(shared: Running):
    planner, worker = shared.keys.chain("planner", "worker")
    shared.revoke(what="chain", token=str(planner.token))
    assert own(shared, planner, what="chain", token=str(worker.token)).json()["code"] == "revoked"
    then = int(time.time()) - 5000
    old = Bearer.issue(shared.root_key, agent="old", purpose="", now=then, caveats=[], lifetime=60)
    child = old.hand_over(agent="child", purpose="", now=then)
    answer = own(shared, old, what="chain", token=str(child.token))
    assert answer.json()["code"] == "not_yours"


def test_a_holders_revocation_leaves_one_record_of_asking_and_one_of_the_entry(running: Running):
    planner, worker = running.keys.chain("planner", "worker")
    own(running, planner, what="chain", token=str(worker.token))
    records = running.read("/v1/audit").json()["records"]
    told = [(record["what"], record["code"]) for record in records]
    assert told[:2] == [("verify", "ok"), ("revoke", "ok")]
    assert records[1]["by"] == "holder/planner" and records[1]["revoked"] == "chain"


def test_a_holder_cannot_revoke_above_beside_or_otherwise(shared: Running):
    planner, worker, _ = shared.keys.chain("planner", "worker", "helper")
    sibling = planner.hand_over(agent="sibling", purpose="", now=int(time.time()))
    codes(shared, planner, worker, sibling)
    for said in (
        {"what": "chain", "link": planner.token.root_id.hex()},
        {"what": "chain", "token": str(planner.token)},
        {"what": "chain", "token": str(sibling.token)},
        {"what": "holder", "key": worker.key.public_key.hex()},
        {"what": "issuer", "key": shared.root_key.public_key.hex()},
        {"what": "task", "task": "t"},
    ):
        answer = own(shared, worker, **said)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours"), said
    assert codes(shared, planner, worker, sibling) == ["ok"] * 3


def test_a_forged_child_shows_nothing(shared: Running):
    planner, worker = shared.keys.chain("planner", "worker")
    mallory = SigningKey.generate()
    forged = worker.hand_over(agent="mallory", purpose="", now=int(time.time()))
    blocks = (*worker.token.chain.blocks[:-1], worker.token.chain.blocks[-1]._replace(
        signature=bytes(64)), forged.token.chain.blocks[-1])  # fmt: skip
    chain = type(worker.token.chain).of(blocks)
    token = type(worker.token)(chain)
    answer = own(shared, planner, what="chain", token=str(token))
    assert answer.json()["code"] == "not_yours"
    assert mallory.public_key not in [block.holder for block in blocks]


def test_an_administrator_without_the_tool_revokes_nothing(shared: Running):
    planner = shared.keys.chain("planner")[0]
    reader = shared.keys.admin(["chaincred.read"])
    answer = own(shared, reader, what="chain", link=planner.token.root_id.hex())
    assert (answer.status_code, answer.json()["code"]) == (403, "caveat")
    assert codes(shared, planner) == ["ok"]


def test_a_signed_call_is_good_for_its_exact_body(shared: Running):
    one, two = (shared.keys.chain("planner")[0] for _ in range(2))
    signed = shared.client.build_request(
        "POST", "/v1/revocations", json={"what": "chain", "link": one.token.root_id.hex()}
    )
    from tests.verifier.running import authorization

    header = authorization(
        shared.admin, "POST", "/v1/revocations", signed.content,
        tool="chaincred.revoke", effect="irreversible",
    )  # fmt: skip
    answer = shared.client.post(
        "/v1/revocations",
        json={"what": "chain", "link": two.token.root_id.hex()},
        headers={"Authorization": header},
    )
    assert answer.json()["code"] == "proof_signature"
    assert codes(shared, one, two) == ["ok", "ok"]


def test_without_a_presentation_nobody_revokes(shared: Running):
    link = shared.keys.chain("planner")[0].token.root_id.hex()
    answer = shared.client.post("/v1/revocations", json={"what": "chain", "link": link})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Chaincred"


@pytest.mark.parametrize(
    "said",
    [
        {"what": "chain"},
        {"what": "chain", "link": "00"},
        {"what": "chain", "link": "A" * 64},
        {"what": "chain", "link": "0" * 64, "token": "cc1_"},
        {"what": "holder", "key": "00" * 32},
        {"what": "issuer", "key": "11" * 32, "before": True},
        {"what": "issuer", "key": "11" * 32, "before": -1},
        {"what": "task", "task": ""},
        {"what": "task", "task": "t", "until": 2**32},
        {"what": "task", "task": "t", "until": "never"},
        {"what": "task", "task": "t", "reason": "r" * 201},
        {"what": "task", "task": "t", "reason": 5},
        {"what": "everything"},
        {"what": ["chain"]},
        [],
        None,
    ],
)
def test_what_names_nothing_is_malformed(shared: Running, said: Any):
    before = shared.read("/v1/followers").json()["list"]["seq"]
    answer = shared.call(
        "POST", "/v1/revocations", tool="chaincred.revoke", effect="irreversible", json=said
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text
    assert shared.read("/v1/followers").json()["list"]["seq"] == before


def test_entries_are_listed_in_order_and_nothing_takes_one_back(running: Running):
    for task in ("a", "b", "c"):
        running.revoke(what="task", task=task, reason=task)
    found = running.read("/v1/revocations?after=1&limit=1").json()["revocations"]
    assert [each["number"] for each in found] == [2]
    assert running.read("/v1/revocations/3").json()["reason"] == "c"
    assert running.read("/v1/revocations/4").json()["code"] == "not_found"
    assert running.read("/v1/revocations/x").json()["code"] == "malformed"
    assert running.client.delete("/v1/revocations/1").status_code == 405
