"""Rotating root keys and the list key, with real restarts; nobody is admitted or refused anew."""

import time
from contextlib import contextmanager

import httpx2
import pytest

from chaincred import Bearer, ListRefused, NoFloor, RevocationView, SigningKey, Token
from chaincred.files import FileFloor, read_key
from chaincred.keys import Context
from chaincred.revocation import Signed, Update
from tests.verifier.operated import chaincred, section
from tests.verifier.running import Running

POLICY = """
[[grant]]
identity = "admin/security"
max_hops = 3
lifetime = { read = 3600, write = 900, irreversible = 120 }
"""


def token(root, agent="planner"):
    return Bearer.issue(root, agent=agent, purpose="p", now=int(time.time()), caveats=[])


def code(running, bearer):
    return running.verify(bearer).json().get("code", "ok")


@contextmanager
def restarted(running, **settings):
    """The same installation with other settings, from now on."""
    running.stop()
    again = Running(running.keys, port=running.port, **settings)
    again.admin = running.admin
    with again:
        yield again


@pytest.fixture
def new(keys):
    """A key made beside the old ones, as new.key and new.pub."""
    made = chaincred("keygen", "new", cwd=keys.folder)
    assert made.returncode == 0, made.stderr
    return read_key(keys.folder / "new.key")


def test_roots_are_rotated_without_a_refused_call_and_the_old_one_ends_by_one_entry(keys, new):
    both = f"{keys.root.public_key.hex()},{new.public_key.hex()}"
    with Running(keys) as running:
        old_token = token(keys.root)
        assert code(running, old_token) == "ok"
        assert code(running, token(new)) == "untrusted"

        with restarted(running, roots=both) as running:
            new_token = token(new)
            assert [code(running, each) for each in (old_token, new_token)] == ["ok", "ok"]

            # The old root has signed its last token; what it signed later, somebody else did.
            said = running.revoke(
                what="issuer", key=keys.root.public_key.hex(), before=int(time.time()) + 1
            )
            assert said.status_code == 201
            assert [code(running, each) for each in (old_token, new_token)] == ["revoked", "ok"]

            with restarted(running, roots=new.public_key.hex()) as running:
                assert code(running, new_token) == "ok"
                assert code(running, old_token) == "untrusted"
                assert code(running, token(keys.root)) == "untrusted"


def test_a_stolen_root_is_ended_for_good_also_for_what_its_thief_dates_later(keys, new):
    both = f"{keys.root.public_key.hex()},{new.public_key.hex()}"
    with Running(keys, roots=both) as running:
        running.revoke(what="issuer", key=keys.root.public_key.hex())
        later = Bearer.issue(
            keys.root, agent="thief", purpose="p", now=int(time.time()) + 30, caveats=[]
        )
        assert [code(running, each) for each in (token(keys.root), later)] == ["revoked"] * 2
        assert code(running, token(new)) == "ok"


def test_the_root_that_the_service_issues_with_is_rotated(keys, new):
    (keys.folder / "policy.toml").write_text(POLICY)
    issuing = {"issuing_policy": keys.folder / "policy.toml"}
    both = f"{keys.root.public_key.hex()},{new.public_key.hex()}"
    holder = SigningKey.generate()

    def issued(running):
        said = {"holder": holder.public_key.hex(), "agent": "planner", "purpose": "p"}
        answer = running.call(
            "POST", "/v1/tokens", tool="chaincred.issue", effect="write", json=said
        )
        assert answer.status_code == 200, answer.text
        return Bearer(Token.parse(answer.json()["token"]), holder)

    with Running(keys, root_key=keys.folder / "root.key", **issuing) as running:
        old_token = issued(running)
        with restarted(running, root_key=keys.folder / "new.key", roots=both, **issuing) as running:
            new_token = issued(running)
            assert new_token.token.chain.issuer == new.public_key
            assert [code(running, each) for each in (old_token, new_token)] == ["ok", "ok"]


def test_administrators_roots_are_rotated(keys, new):
    old_admin = keys.admin()
    with Running(keys) as running:
        both = f"{keys.admin_root.public_key.hex()},{new.public_key.hex()}"
        with restarted(running, admin_roots=both) as running:
            keys.admin_root = new
            running.admin = keys.admin()
            assert running.read("/v1/revocations").status_code == 200
            with restarted(running, admin_roots=new.public_key.hex()) as running:
                assert running.read("/v1/revocations").status_code == 200
                refused = running.call(
                    "GET", "/v1/revocations", tool="chaincred.read", effect="read", bearer=old_admin
                )
                assert refused.json()["code"] == "untrusted"


def signers(running, *keys):
    """Which of the keys signed head and snapshot of what is published now."""
    update = Update.from_bytes(running.client.get("/v1/list").content)
    parts = ((Context.HEAD, update.head), (Context.SNAPSHOT, update.snapshot))
    return [
        [key for key in keys if Signed.from_bytes(part).is_signed_by(context, [key])]
        for context, part in parts
    ]


def followed(view, running):
    view.update(running.client.get("/v1/list").content, now=int(time.time()))


def test_the_list_key_is_rotated_and_the_list_goes_on(keys, new):
    old_key, new_key = keys.list.public_key, new.public_key
    with Running(keys) as running:
        dead, alive = token(keys.root, "dead"), token(keys.root, "alive")
        running.revoke(what="chain", link=dead.token.root_id.hex())
        list_id = running.client.get("/v1/list/key").json()["list_id"]
        # Step 1 of the page: whoever follows is told of the new key before it signs.
        told = RevocationView(
            [old_key, new_key],
            floor=FileFloor(keys.folder / "view.floor"),
            list_id=bytes.fromhex(list_id),
        )
        untold = RevocationView([old_key], floor=NoFloor())
        for view in (told, untold):
            followed(view, running)

        settings = {"list_key": keys.folder / "new.key", "retired_list_keys": old_key.hex()}
        with restarted(running, **settings) as running:
            answer = running.client.get("/v1/list/key").json()
            assert answer == {"list_id": list_id, "keys": [new_key.hex(), old_key.hex()]}
            assert [code(running, each) for each in (dead, alive)] == ["revoked", "ok"]
            made = running.revoke(what="chain", link=alive.token.root_id.hex())
            assert made.json()["number"] == 2
            followed(told, running)
            assert told.seq == 2
            with pytest.raises(ListRefused) as refused:
                followed(untold, running)
            assert refused.value.code == "list_untrusted"

            # The snapshot too is soon signed anew, so that the old key is of no more use.
            end = time.monotonic() + 10
            while signers(running, old_key, new_key) != [[new_key], [new_key]]:
                assert time.monotonic() < end, running.log()
                time.sleep(0.1)
            followed(told, running)
            export = keys.folder / "audit.jsonl"
            export.write_bytes(running.read("/v1/audit/export").content)
            checked = chaincred("audit", "verify", str(export), "--list-key", new_key.hex())
            assert checked.returncode == 0, checked.stderr

            with restarted(running, list_key=keys.folder / "new.key") as running:
                assert running.client.get("/v1/list/key").json()["keys"] == [new_key.hex()]
                assert [code(running, each) for each in (dead, alive)] == ["revoked"] * 2
                only_new = RevocationView(
                    [new_key],
                    floor=FileFloor(keys.folder / "view.floor"),
                    list_id=bytes.fromhex(list_id),
                )
                for view in (told, only_new):
                    followed(view, running)
                assert (told.seq, only_new.seq, len(only_new)) == (2, 2, 2)


def test_of_two_services_one_after_the_other_changes_its_list_key(keys, new):
    old_key, new_key = keys.list.public_key, new.public_key
    first = {"floor": keys.folder / "floor.1", "retired_list_keys": new_key.hex()}
    second = {"floor": keys.folder / "floor.2", "retired_list_keys": new_key.hex()}
    later = {"list_key": keys.folder / "new.key", "retired_list_keys": old_key.hex()}
    with Running(keys, **first) as one, Running(keys, **second) as two:
        bearer = token(keys.root)
        with restarted(one, **{**first, **later}) as one:
            # Now both sign, each by its own key, and each knows the other's.
            for n, running in enumerate((one, two, one, two), 1):
                said = running.revoke(what="task", task=f"t{n}")
                assert (said.status_code, said.json()["number"]) == (201, n)
            time.sleep(1.5)
            assert [code(each, bearer) for each in (one, two)] == ["ok", "ok"]
            with restarted(two, **{**second, **later}) as two:
                for each in (one, two):
                    assert each.client.get("/readyz").status_code == 200
                    assert code(each, bearer) == "ok"


def test_a_service_that_was_not_told_of_the_key_in_use_signs_nothing(keys, new):
    with Running(keys) as running:
        bearer = token(keys.root)
        running.stop()
        again = Running(keys, port=running.port, list_key=keys.folder / "new.key")
        again.start(wait=False)
        try:
            unfit = until_unfit(again)
            time.sleep(2)  # heartbeats, and a look at whether to compact
            assert again.client.get("/readyz").json()["unfit"] == unfit
            assert {"list_key"} <= set(unfit)
            assert (
                signers(again, keys.list.public_key, new.public_key) == [[keys.list.public_key]] * 2
            )
            assert code(again, bearer) == "stale"
        finally:
            again.client.close()
            again.kill()


def until_unfit(running):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            return running.client.get("/readyz").json()["unfit"]
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(running.log())


def test_the_page_says_what_these_tests_do():
    for heading, words in (
        ("### Roots", ("CHAINCRED_ROOTS", "issuer", "before")),
        ("### The list key", ("CHAINCRED_RETIRED_LIST_KEYS", "list_id", "/v1/list/key")),
    ):
        assert all(word in section(heading) for word in words)
