"""Trees and the audit log over HTTP (specs/service.md 9)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chaincred import Task
from chaincred.audit import AuditRefused, check
from tests.verifier.running import Keys, Running


def tree(service: Running, root_id: bytes) -> dict[str, dict[str, Any]]:
    answer = service.read(f"/v1/chains/{root_id.hex()}")
    assert answer.status_code == 200, answer.text
    return {node["agent"]: node for node in answer.json()["nodes"]}


def test_a_tree_shows_every_hop_that_was_shown(shared: Running):
    planner, _, helper = shared.keys.chain("planner", "worker", "helper")
    sibling = planner.hand_over(agent="sibling", purpose="look", now=int(time.time()))
    for bearer in (helper, helper, sibling):
        shared.verify(bearer)
    nodes = tree(shared, planner.token.root_id)
    assert set(nodes) == {"planner", "worker", "helper", "sibling"}
    assert nodes["helper"]["parent"] == nodes["worker"]["link"]
    assert nodes["sibling"]["parent"] == nodes["planner"]["link"]
    assert [nodes[name]["uses"] for name in ("planner", "worker", "helper")] == [0, 0, 2]
    assert nodes["planner"]["last_used"] is None and nodes["helper"]["last_used"]
    assert nodes["sibling"]["purpose"] == "look" and nodes["sibling"]["depth"] == 1
    assert nodes["worker"]["delegator"] == nodes["planner"]["holder"]
    assert all(node["alive"] and node["revoked"] is None for node in nodes.values())
    assert nodes["helper"]["expires_at"] == planner.token.root_expires_at


def test_a_tree_says_what_died_of_what(shared: Running):
    planner, worker, helper = shared.keys.chain("planner", "worker", "helper")
    shared.verify(helper)
    number = shared.revoke(
        what="chain", link=worker.token.chain.links[-1].hex(), reason="odd"
    ).json()["number"]
    late = helper.hand_over(agent="late", purpose="", now=int(time.time()))
    assert shared.verify(late).json()["code"] == "revoked"
    nodes = tree(shared, planner.token.root_id)
    assert [nodes[name]["alive"] for name in ("planner", "worker", "helper", "late")] == [
        True,
        False,
        False,
        False,
    ]
    assert nodes["late"]["revoked"]["number"] == number and nodes["late"]["refused"] == 1
    assert nodes["worker"]["revoked"]["reason"] == "odd"


def test_refusals_are_counted_where_the_chain_is_rightly_signed(shared: Running):
    planner = shared.keys.chain("planner", caveats=[Task("t")])[0]
    assert shared.verify(planner).json()["code"] == "caveat"
    node = tree(shared, planner.token.root_id)["planner"]
    assert (node["uses"], node["refused"], node["last_used"]) == (0, 1, None)


def test_an_unseen_root_is_not_found(shared: Running):
    assert shared.read(f"/v1/chains/{'0' * 64}").status_code == 404
    assert shared.read("/v1/chains/xyz").json()["code"] == "malformed"


def test_trees_are_found_by_agent_task_tool_and_root(running: Running):
    one = running.keys.chain("planner", "needle%_", caveats=[Task("t-1")])[-1]
    two = running.keys.chain("planner", "worker")[-1]
    running.verify(one, task="t-1")
    time.sleep(1.1)
    running.verify(two, "search", task="t-2")
    ids = {"one": one.token.root_id.hex(), "two": two.token.root_id.hex()}

    def found(query: str) -> list[str]:
        chains = running.read(f"/v1/chains?{query}").json()["chains"]
        return [name for chain in chains for name in ids if ids[name] == chain["root_id"]]

    assert found("") == ["two", "one"]
    assert found("agent=needle%25_") == ["one"] and found("agent=n%25e") == []
    assert found("task=t-1") == ["one"] and found("task=t-2") == ["two"]
    assert found("tool=search") == ["two"]
    assert found(f"root_id={ids['one'][:9]}") == ["one"]
    assert found("agent=planner&tool=search") == ["two"]
    assert found("agent=planner&limit=1") == ["two"]
    last = running.read("/v1/chains?agent=planner").json()["chains"][0]
    assert (last["nodes"], last["uses"], last["alive"], last["agent"]) == (2, 1, 2, "planner")
    assert found(f"before={last['last_used']}") == ["one"]
    everything: list[str] = []
    page: str | None = ""
    while page is not None:
        said = running.read(f"/v1/chains?limit=1{page and f'&before={page}'}").json()
        everything += [chain["root_id"] for chain in said["chains"]]
        page = said["next"]
    assert [each for each in everything if each in ids.values()] == [ids["two"], ids["one"]]
    for wrong in ("x", "1-", f"1-{'0' * 63}", f"-{'0' * 64}"):
        assert running.read(f"/v1/chains?before={wrong}").json()["code"] == "malformed"
    assert running.read("/v1/chains?root_id=zz").json()["code"] == "malformed"
    assert running.read("/v1/chains?colour=red").json()["code"] == "malformed"


@pytest.mark.parametrize(
    "path", ["/v1/chains", "/v1/audit", "/v1/audit/head", "/v1/audit/export", "/v1/followers",
             "/v1/revocations", f"/v1/chains/{'0' * 64}"],
)  # fmt: skip
def test_nobody_reads_without_an_administrators_token(shared: Running, path: str):
    assert shared.client.get(path).json()["code"] == "unauthenticated"
    holder = shared.keys.chain("planner")[0]
    answer = shared.call("GET", path, tool="chaincred.read", effect="read", bearer=holder)
    assert (answer.status_code, answer.json()["code"]) == (403, "untrusted")


def test_an_export_checks_offline(running: Running):
    planner = running.keys.chain("planner")[0]
    for _ in range(5):
        running.verify(planner)
    running.revoke(what="chain", token=str(planner.token))
    lines = running.read("/v1/audit/export").content.splitlines()
    checked = check(lines, [running.list_key])
    assert checked.first == 1 and checked.last == len(lines) - 1
    head = running.read("/v1/audit/head").json()
    assert head["n"] >= checked.last and head["first"] == 1
    del lines[3]
    with pytest.raises(AuditRefused):
        check(lines, [running.list_key])


def test_a_page_of_the_log_takes_filters(running: Running):
    planner = running.keys.chain("planner")[0]
    running.verify(planner, "search", task="t-9")
    running.verify(planner, "read_file")
    for query, tools in (
        ("tool=search", ["search"]),
        ("task=t-9", ["search"]),
        (f"root_id={planner.token.root_id.hex()}&code=ok", ["search", "read_file"]),
        ("what=revoke", []),
    ):
        records = running.read(f"/v1/audit?{query}").json()["records"]
        assert [record["tool"] for record in records] == tools, query
    first = running.read("/v1/audit?limit=1").json()["records"]
    assert [record["n"] for record in first] == [1]
    assert running.read("/v1/audit?after=1&limit=1").json()["records"][0]["n"] == 2


def test_old_records_leave_and_the_rest_still_checks(keys: Keys):
    import sqlite3

    with Running(keys, retention_days=1) as service:
        planner = keys.chain("planner")[0]
        for _ in range(6):
            service.verify(planner)
        service.stop()
        with sqlite3.connect(keys.folder / "service.db") as store:
            store.execute("UPDATE audit SET at = at - 90000 WHERE n <= 4")
        store.close()
        service.start()
        end = time.monotonic() + 15
        while service.read("/v1/audit/head").json()["first"] == 1:
            assert time.monotonic() < end, "old records never leave"
            time.sleep(0.2)
        lines = service.read("/v1/audit/export").content.splitlines()
        assert check(lines, [service.list_key]).first == 5
