"""The page, in a real browser against a real service (specs/service.md 11).

Every test of a page fails if the browser's console tells of an error, if the content security
policy was violated, or if anything was asked of another origin.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chaincred import (
    Audience,
    Bearer,
    MaxEffect,
    MaxHops,
    NoFloor,
    Resources,
    RevocationView,
    SigningKey,
    Task,
    Tools,
)
from chaincred.ack import MEDIA_TYPE, Ack
from chaincred.files import write_key
from chaincred_verifier.page import assets, rendering
from tests.cli.terminal import ran
from tests.verifier.running import TOOLS, Running, authorization

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
browsing = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PAGE = Path(rendering.__file__).parent
HOSTILE = "<script>document.title='taken'</script>"
PIERCING = '"><img src=/x onerror="document.title=\'taken\'"> {{ 7 * 7 }} ${7*7} ' + "w" * 150
ARABIC = "مدقق اللغة"


class Story:
    """A service with trees to look at."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.keys = service.keys

    def tree(self, *caveats: Any, agent: str = "orchestrator", purpose: str = "Q3") -> Bearer:
        """A root of its own, seen by the service."""
        now = int(time.time())
        root = Bearer.issue(
            self.keys.root, agent=agent, purpose=purpose, now=now, caveats=list(caveats), max_hops=8
        )
        return self.used(root)

    def hand(self, bearer: Bearer, agent: str, purpose: str = "help", *caveats: Any) -> Bearer:
        now = int(time.time())
        handed = bearer.hand_over(agent=agent, purpose=purpose, now=now, caveats=list(caveats))
        return self.used(handed)

    def used(self, bearer: Bearer, tool: str = "read_file", **said: Any) -> Bearer:
        tasks = bearer.token.authority.tasks
        said = {"task": next(iter(tasks), ""), "resource": "docs/a", **said}
        assert self.service.verify(bearer, tool, **said).status_code in (200, 403)
        return bearer

    def follower(self, name: str) -> SigningKey:
        key = SigningKey.generate()
        path = f"/v1/followers/{name}"
        body = {"key": key.public_key.hex()}
        named = self.service.call(
            "PUT", path, tool="chaincred.followers", effect="write", json=body
        )
        assert named.status_code == 200
        return key

    def forget(self, name: str) -> None:
        path = f"/v1/followers/{name}"
        self.service.call("DELETE", path, tool="chaincred.followers", effect="write")

    def acknowledge(self, name: str, key: SigningKey) -> None:
        now = int(time.time())
        view = RevocationView([self.service.list_key], floor=NoFloor())
        view.update(self.service.client.get("/v1/list").content, now=now)
        head = view.head
        assert head is not None
        ack = Ack(name, head.place, head.issued_at, now).sign(key)
        sent = self.service.client.post(
            "/v1/acks", content=ack, headers={"content-type": MEDIA_TYPE}
        )
        assert sent.status_code == 204


def root_id(bearer: Bearer) -> str:
    return bearer.token.chain.root_id.hex()


def link(bearer: Bearer) -> str:
    return bearer.token.chain.links[-1].hex()


@pytest.fixture(scope="module")
def story(shared: Running) -> Story:
    return Story(shared)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield browser
        browser.close()


class Window:
    """A page of a browser that notes whatever it should not have done."""

    def __init__(self, browser: Any, service: Running, **how: Any) -> None:
        self.service = service
        self.faults: list[str] = []
        self.foreign: list[str] = []
        self.expected: list[str] = []
        self.context = browser.new_context(**{"viewport": WIDE, **how})
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', "
            "(event) => console.error('policy violated: ' + event.violatedDirective))"
        )
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"thrown: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(f"{self.service.url}/"):
            self.foreign.append(request.url)

    def go(self, path: str = "/") -> Any:
        self.page.goto(self.service.url + path)
        return self.page

    def sign_in(self, admin: Bearer | None = None, path: str = "/") -> Any:
        self.go()
        self.page.fill("#presentation", presentation(self.service, admin))
        self.page.press("#presentation", "Enter")
        self.page.wait_for_selector("#status a")
        return self.go(path) if path != "/" else self.page

    def tree(self, bearer: Bearer) -> Any:
        """The tree of a root, drawn."""
        self.sign_in(path=f"/page/trees/{root_id(bearer)}")
        self.page.wait_for_selector(".node[aria-selected=true]")
        return self.page

    def close(self) -> None:
        self.context.close()
        faults = [f for f in self.faults if not any(each in f for each in self.expected)]
        assert faults == [] and self.foreign == []


@pytest.fixture
def window(browser: Any, shared: Running) -> Iterator[Window]:
    window = Window(browser, shared)
    yield window
    window.close()


@pytest.fixture
def phone(browser: Any, shared: Running) -> Iterator[Window]:
    how = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}
    window = Window(browser, shared, **how)
    yield window
    window.close()


def presentation(service: Running, admin: Bearer | None = None) -> str:
    """What an administrator pastes."""
    asked = {"tool": "chaincred.sign_in", "effect": "read"}
    header = authorization(admin or service.admin, "POST", "/v1/sessions", b"", **asked)
    return header.removeprefix("Chaincred ")


@contextmanager
def session(
    service: Running, admin: Bearer | None = None
) -> Iterator[tuple[httpx2.Client, dict[str, str]]]:
    """A client with a session's cookie, and the header that goes with it."""
    with httpx2.Client(base_url=service.url, timeout=20) as client:
        for _ in range(40):
            shown = {"Authorization": f"Chaincred {presentation(service, admin)}"}
            begun = client.post("/v1/sessions", headers=shown)
            if begun.status_code != 503:
                break
            time.sleep(0.2)
        assert begun.status_code == 201, begun.text
        yield client, {"Chaincred-CSRF": begun.json()["csrf"]}


def names(page: Any, selector: str = ".node .agent") -> list[str]:
    return list(page.locator(selector).all_inner_texts())


def card(page: Any, agent: str) -> Any:
    return page.locator(".node", has=page.get_by_text(agent, exact=True))


def until(page: Any, expression: str, given: Any = None) -> None:
    """Waits in here: what the browser would wait by is `eval`, which the policy forbids."""
    for _ in range(150):
        if page.evaluate(expression, given):
            return
        page.wait_for_timeout(100)
    raise AssertionError(expression)


# Without a browser: who gets what.


def test_every_answer_of_the_page_has_the_policy(shared):
    script = f"{assets.BASE}/main.js"
    paths = ["/", "/page/trees", "/page/status", "/page/audit", "/page/static/0/x.js", script]
    with session(shared) as (client, _):
        for path in [*paths, f"/page/trees/{'0' * 64}", "/page/trees?nothing=1"]:
            for answer in (shared.client.get(path), client.get(path)):
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
                assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"


def test_pages_are_not_kept_and_files_are_kept_for_good(shared):
    assert shared.client.get("/").headers["cache-control"] == "no-store"
    got = shared.client.get(f"{assets.BASE}/style.css")
    assert got.headers["content-type"] == "text/css; charset=utf-8"
    assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
    tag = {"If-None-Match": got.headers["etag"]}
    assert shared.client.get(f"{assets.BASE}/style.css", headers=tag).status_code == 304
    other = assets.BASE[:-1] + ("0" if assets.BASE[-1] != "0" else "1")
    assert shared.client.get(f"{other}/style.css").status_code == 404
    for path in ("nothing.js", "../rendering.py", "..%2frendering.py", "vendor/README.md", ""):
        assert shared.client.get(f"{assets.BASE}/{path}").status_code == 404


def test_what_is_vendored_is_what_its_readme_says():
    folder = PAGE / "static" / "vendor"
    said = dict(
        re.findall(
            r"^\| `(.+?)` .* `([0-9a-f]{64})` \|$", _text(folder / "README.md"), re.MULTILINE
        )
    )
    assert said == {
        path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")
    }
    assert {path.stem for path in folder.glob("*.LICENSE")} == {"htmx", "d3-hierarchy"}


def test_no_template_holds_what_the_policy_forbids():
    for path in (PAGE / "templates").glob("*.html"):
        text = _text(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|js:|<script>", text), path
        assert not re.search(r"https?://(?!…)", text), path
        assert "|safe" not in text and "| safe" not in text


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


FRAGMENTS = (
    "/page/trees",
    f"/page/trees/{'0' * 64}",
    f"/page/trees/{'0' * 64}/nodes",
    f"/page/trees/{'0' * 64}/revoke",
    "/page/revocations",
    "/page/revocations/1",
    "/page/revocations/1/closure",
    "/page/followers",
    "/page/audit",
    "/page/status",
)


@pytest.mark.parametrize("path", FRAGMENTS)
def test_without_a_session_there_is_only_the_way_to_sign_in(shared, path):
    part = shared.client.get(path, headers={"HX-Request": "true"})
    assert (part.status_code, part.text, part.headers["hx-refresh"]) == (401, "", "true")
    whole = shared.client.get(path)
    assert whole.status_code == 401 and 'id="presentation"' in whole.text


def test_a_proof_for_a_call_does_not_open_the_page(shared):
    signed = authorization(
        shared.admin, "GET", "/v1/chains?", b"", tool="chaincred.read", effect="read"
    )
    assert shared.client.get("/page/trees", headers={"Authorization": signed}).status_code == 401


def test_revoking_needs_the_sessions_token_and_what_was_shown(story):
    kill = f"chain:{root_id(story.tree())}"
    before = len(story.service.read("/v1/revocations").json()["revocations"])
    refused: list[tuple[bool, dict[str, str], int]] = [
        (False, {"kill": kill, "shown": kill}, 401),
        (True, {"kill": kill}, 400),
        (True, {"kill": kill, "shown": f"chain:{'0' * 64}"}, 400),
        (True, {"kill": "issuer:" + "0" * 64, "shown": "issuer:" + "0" * 64}, 400),
        (True, {"kill": "", "shown": ""}, 400),
        (True, {"kill": kill, "shown": kill, "reason": "x" * 201}, 400),
    ]
    with session(story.service) as (client, csrf):
        for has_token, form, status in refused:
            headers = csrf if has_token else {"Chaincred-CSRF": "A" * 43}
            answer = client.post("/page/revocations", data=form, headers=headers)
            assert answer.status_code == status, (form, answer.text)
        twice = f"kill={kill}&kill={kill}&shown={kill}"
        assert client.post("/page/revocations", content=twice, headers=csrf).status_code == 400
        shown = client.post("/page/revocations?dry_run=true", data={"kill": kill}, headers=csrf)
        assert shown.status_code == 200 and "1 known living block will die" in shown.text
    assert len(story.service.read("/v1/revocations").json()["revocations"]) == before


def test_a_token_allows_of_the_page_what_it_allows_of_the_service(story):
    limit = Resources(["v1/sessions", "v1/chains", "v1/chains/**"])
    tools = ["chaincred.sign_in", "chaincred.read"]
    tree = story.tree()
    with session(story.service, story.keys.admin(tools, limit)) as (client, csrf):
        assert client.get("/page/trees").status_code == 200
        assert client.get(f"/page/trees/{root_id(tree)}").status_code == 200
        for path in ("/page/audit", "/page/followers", "/page/revocations"):
            answer = client.get(path)
            assert answer.status_code == 403 and "does not allow this" in answer.text
        form = {"kill": f"chain:{root_id(tree)}"}
        dry = client.post("/page/revocations?dry_run=true", data=form, headers=csrf)
        assert dry.status_code == 403 and "Resources of block 0" in dry.text


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "nothing=1", "root_id=xyz", "agent=%00"])
def test_a_query_that_cannot_be_is_refused_in_words(shared, query):
    with session(shared) as (client, _):
        answer = client.get(f"/page/trees?{query}")
    assert answer.status_code == 400 and "That cannot be asked" in answer.text


def test_a_stale_list_is_told_in_words(keys):
    limits = {"heartbeat": 4, "freshness": "read=1,write=30,irreversible=5"}
    with Running(keys, **limits) as service, session(service) as (client, _):
        for _ in range(40):
            answer = client.get("/page/trees")
            if answer.status_code == 503:
                break
            time.sleep(0.2)
    assert answer.status_code == 503 and "The revocation list is not fresh" in answer.text


def test_the_page_can_be_left_out(keys):
    with Running(keys, page="off") as service:
        for path in ("/", "/page/trees", f"{assets.BASE}/main.js"):
            assert service.client.get(path).status_code == 404


# In the browser.


@browsing
def test_what_the_command_prints_signs_in_and_out_again(window, shared, tmp_path):
    (tmp_path / "alice.token").write_text(str(shared.admin.token))
    write_key(tmp_path / "alice.key", shared.admin.key)
    page = window.go()
    command = page.inner_text(".command").split()
    assert command[:5] == ["chaincred", "sign-in", "alice.token", "--key", "alice.key"]
    assert shared.url in command
    page.fill("#presentation", ran(*command[1:], cwd=tmp_path).stdout)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_selector("#status a")
    assert "security" in page.inner_text(".who") and "left" in page.inner_text("#session-left")
    (cookie,) = window.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    page.click("#sign-out")
    page.wait_for_selector("#presentation")
    assert window.context.cookies() == []


@browsing
def test_what_does_not_sign_in_is_told_why(window, shared):
    window.expected = ["status of 40"]
    page = window.go()
    said = page.locator("#sign-in-said")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    def attempt(text: str) -> str:
        page.fill("#presentation", text)
        page.press("#presentation", "Enter")
        page.locator("button.main:enabled").wait_for()
        said.wait_for()
        return str(said.inner_text())

    assert "not a presentation" in attempt("hello é")
    assert "secret" in attempt(shared.admin.reveal())
    assert not any("/v1/" in each for each in sent)
    assert "not a presentation" in attempt("cc1p_AAAA")
    used = presentation(shared)
    shared.client.post("/v1/sessions", headers={"Authorization": f"Chaincred {used}"})
    assert "used before" in attempt(used)
    nobody = Bearer.issue(
        SigningKey.generate(), agent="x", purpose="x", now=int(time.time()), caveats=[Tools(TOOLS)]
    )
    assert "administrators" in attempt(presentation(shared, nobody))
    reader = shared.keys.admin(["chaincred.read"])
    assert "does not allow" in attempt(presentation(shared, reader))


@pytest.fixture(scope="module")
def family(story: Story) -> dict[str, Bearer]:
    """orchestrator > planner > (reader, writer), and orchestrator > mailer."""
    root = story.tree(Tools(["read_file", "mail"]), Task("q3"), agent="orchestrator/q3")
    # In the order they are drawn in: by the second they were seen first, then by name.
    mailer = story.hand(root, "mailer", "Send")
    planner = story.hand(root, "planner", "Plan the report", Audience(["files.example"]))
    reader = story.hand(planner, "reader", "Read", MaxEffect("read"), Resources(["docs/**"]))
    for _ in range(2):
        story.used(reader)
    story.used(reader, "write_file")
    return {
        "root": root,
        "planner": planner,
        "reader": reader,
        "writer": story.hand(planner, "writer", "Write", MaxHops(0)),
        "mailer": mailer,
    }


@browsing
def test_a_tree_is_drawn_with_what_is_known_of_each_block(window, family):
    page = window.tree(family["root"])
    assert names(page) == ["orchestrator/q3", "mailer", "planner", "reader", "writer"]
    assert page.locator("#edges .edge >> nth=0").get_attribute("d").count("M") == 4
    lefts = [page.locator(".node").nth(n).bounding_box()["x"] for n in (0, 2, 3)]
    assert lefts == sorted(set(lefts))
    card(page, "reader").click()
    text = page.inner_text("#details")
    for part in (
        "Read",
        "read only: nothing may be changed",
        "docs/**",
        "planner",
        link(family["reader"]),
        bytes(family["reader"].key.public_key).hex(),
        "alive",
    ):
        assert part in text
    facts = dict(re.findall(r"^(Uses|Refused)\n(\d+)$", text, re.MULTILINE))
    assert facts == {"Uses": "3", "Refused": "1"}
    page.click("#details summary")
    above = page.inner_text("#details details")
    assert "files.example" in above and "mail or read_file" in above and "q3" in above


@browsing
def test_the_time_left_goes_on_and_ends(window, story):
    short = story.tree(agent="brief")
    expiring = Bearer.issue(
        story.keys.root, agent="spark", purpose="p", now=int(time.time()), caveats=[], lifetime=3
    )
    story.used(expiring, resource="")
    page = window.tree(short)
    left = page.inner_text("#details [data-is=left]")
    until(page, "was => document.querySelector('#details [data-is=left]').textContent != was", left)
    page = window.go(f"/page/trees/{root_id(expiring)}")
    page.wait_for_selector(".node.expired")
    assert "expired" in page.inner_text(".node") and "1 expired" in page.inner_text("#counts")


@browsing
def test_the_tree_can_be_walked_and_folded_by_keyboard(window, family):
    page = window.tree(family["root"])

    def focused() -> str:
        return str(page.evaluate("document.activeElement.querySelector('.agent')?.textContent"))

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    page.focus(".node[tabindex='0']")
    assert page.locator(".node[tabindex='0']").count() == 1
    press("ArrowDown", "ArrowDown")
    assert focused() == "planner"
    press("ArrowRight")
    assert focused() == "reader"
    press("End")
    assert focused() == "writer"
    press("ArrowLeft")
    assert focused() == "planner"
    press("ArrowLeft")
    assert card(page, "planner").get_attribute("aria-expanded") == "false"
    assert names(page) == ["orchestrator/q3", "mailer", "planner"]
    press("ArrowRight", "ArrowRight")
    assert focused() == "reader"
    node = card(page, "reader")
    attributes = ("role", "aria-level", "aria-setsize", "aria-posinset", "aria-selected")
    assert [node.get_attribute(each) for each in attributes] == ["treeitem", "3", "2", "1", "true"]
    press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Revoke…"
    press("Escape")
    assert focused() == "reader"
    press("r")
    page.wait_for_selector("#confirm")
    assert page.evaluate("document.activeElement.name") == "kill"
    press("Escape")
    assert focused() == "reader"
    assert page.url.endswith(f"#{link(family['reader'])}")


@browsing
def test_revoking_shows_what_dies_before_and_who_enforces_it_after(window, story):
    root = story.tree(agent="boss")
    doomed = story.hand(root, "doomed", "to be cut off")
    child = story.hand(doomed, "child", "goes with it")
    story.hand(root, "sibling", "stays")
    keys = {name: story.follower(name) for name in ("eu-1", "eu-2")}
    for name, key in keys.items():
        story.acknowledge(name, key)

    page = window.tree(root)
    card(page, "doomed").click()
    page.click("#details >> text=Revoke…")
    page.wait_for_selector("#confirm")
    assert "2 known living blocks will die" in page.inner_text("#would-kill")
    assert names(page, ".dying .agent") == ["doomed", "child"]
    assert story.service.verify(child).status_code == 200

    page.fill("[name=reason]", "taken over <b>")
    page.click("#confirm")
    page.wait_for_selector("#made .closure")
    assert "2 known living blocks died" in page.inner_text("#made")
    assert story.service.verify(child).json()["code"] == "revoked"
    assert "0 of 2" in page.inner_text("#closure")
    story.acknowledge("eu-1", keys["eu-1"])
    page.wait_for_selector("#closure >> text=1 of 2")
    story.acknowledge("eu-2", keys["eu-2"])
    page.wait_for_selector("#closure .closed")
    assert "2 of 2" in page.inner_text("#closure") and "after" in page.inner_text("#closure")
    until(page, "!document.querySelector('#closure [hx-get]')")

    page.click("#made [data-close]")
    page.wait_for_selector(".node.revoked >> nth=1")
    assert names(page, ".node.revoked .agent") == ["doomed", "child"]
    assert names(page, ".node.alive .agent") == ["boss", "sibling"]
    struck = "getComputedStyle(document.querySelector('.revoked .agent')).textDecorationLine"
    assert page.evaluate(struck) == "line-through"
    assert "revoked, No " in page.inner_text(".node.revoked >> nth=0")
    assert page.locator("#edges .cut").get_attribute("d").count("M") == 2
    text = page.inner_text("#details")
    assert "Revoked by No" in text and "taken over <b>" in text and "(chain)" in text

    page.click("#details >> text=/^No /")
    page.wait_for_selector(".closed")
    assert names(page, "section table td:first-child bdi") == ["doomed", "child"]
    assert "taken over <b>" in page.inner_text(".heading")
    for name in keys:
        story.forget(name)


@browsing
def test_a_revocation_is_made_by_keyboard_alone(window, story):
    root = story.tree(agent="typed")
    doomed = story.hand(root, "doomed")
    page = window.tree(root)

    def go_to(selector: str) -> None:
        for _ in range(30):
            if page.evaluate("each => document.activeElement.matches(each)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    go_to(".node")
    page.keyboard.press("End")
    page.keyboard.press("r")
    page.wait_for_selector("#confirm")
    go_to("[name=reason]")
    page.keyboard.type("by hand")
    go_to("#confirm")
    page.keyboard.press("Enter")
    page.wait_for_selector("#made .closure")
    assert [story.service.verify(each).json().get("code", "ok") for each in (root, doomed)] == [
        "ok",
        "revoked",
    ]
    go_to("#made [data-close]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".node.revoked")
    assert names(page, ".node.revoked .agent") == ["doomed"]


SHOWN = (
    "document.querySelector('[name=shown]').value == "
    "document.querySelector('[name=kill]:checked').value"
)


@browsing
def test_what_would_die_follows_what_is_chosen(window, story):
    root = story.tree(Task("t-77"), agent="chief")
    worker = story.hand(root, "worker")
    story.hand(worker, "helper")
    story.tree(Task("t-77"), agent="elsewhere")
    page = window.tree(root)
    card(page, "worker").click()
    page.keyboard.press("r")
    seen = {}
    for title in ("This block and all below", "The agent's key", "The task", "The whole tree"):
        page.get_by_text(title).click()
        confirm = page.locator("#confirm")
        confirm.wait_for()
        until(page, SHOWN)
        seen[title] = names(page, ".dying .agent")
    assert [len(each) for each in seen.values()] == [2, 2, 4, 3]
    assert "elsewhere" in seen["The task"]
    assert "in 2 trees" not in page.inner_text("#would-kill")
    page.keyboard.press("Escape")
    assert story.service.verify(worker, task="t-77").status_code == 200


@browsing
def test_a_reader_may_look_but_is_told_that_it_may_not_revoke(window, story, family):
    window.expected = ["status of 403"]
    reader = story.keys.admin(["chaincred.sign_in", "chaincred.read"])
    page = window.sign_in(reader, f"/page/trees/{root_id(family['root'])}")
    page.wait_for_selector(".node")
    page.click("#details >> text=Revoke…")
    page.wait_for_selector("#would-kill .note.bad")
    assert "Your token does not allow this" in page.inner_text("#would-kill")
    assert page.locator("#confirm").count() == 0


@browsing
def test_trees_are_found_by_agent_task_tool_and_root_id(window, story, family):
    other = story.tree(agent="nobody else")
    page = window.sign_in()

    def found(field: str, text: str) -> list[str]:
        with page.expect_response(lambda answer: "/page/trees?" in answer.url):
            page.fill(f"#search [name={field}]", text)
        page.wait_for_timeout(100)
        got = names(page, "#found td:first-child bdi")
        with page.expect_response(lambda answer: "/page/trees" in answer.url):
            page.fill(f"#search [name={field}]", "")
        return got

    assert found("agent", "lanne") == ["orchestrator/q3"]
    assert found("agent", "nobody e") == ["nobody else"]
    assert "orchestrator/q3" in found("task", "q3")
    assert found("tool", "write_file") == ["orchestrator/q3"]
    assert found("root_id", root_id(other)[:20]) == ["nobody else"]
    page.fill("#search [name=agent]", "no such <agent>")
    page.wait_for_selector("text=No tree matches")
    until(page, "location.search == '?agent=no+such+%3Cagent%3E'")
    page.reload()
    assert page.input_value("#search [name=agent]") == "no such <agent>"
    assert page.locator("text=No tree matches").count() == 1


@browsing
def test_hostile_names_are_only_text(window, story):
    root = story.tree(agent=HOSTILE, purpose=PIERCING)
    story.hand(root, "'\"><b onmouseover=alert(1)>", PIERCING, Task("'\"><i>"))
    story.hand(root, ARABIC, "التدقيق اللغوي " * 6)
    page = window.tree(root)
    assert set(names(page)) == {HOSTILE, "'\"><b onmouseover=alert(1)>", ARABIC}
    for node in page.locator(".node").all():
        node.click()
        page.keyboard.press("r")
        page.wait_for_selector("#confirm")
        page.keyboard.press("Escape")
    assert page.locator(".node img, .node b, .node script, #details i, #details img").count() == 0
    for path in ("/page/trees", "/page/audit", f"/page/trees/{root_id(root)}"):
        page = window.go(path)
        page.wait_for_selector("bdi >> nth=1")
        page.wait_for_timeout(200)
        assert page.title() != "taken" and "49" not in page.inner_text("h1")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    arabic = page.locator(".node", has_text=ARABIC).locator(".agent")
    assert arabic.evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"
    page.fill("#find", ARABIC)
    page.press("#find", "Enter")
    assert page.inner_text("#details h2") == ARABIC


@browsing
def test_many_children_are_shown_some_at_a_time(window, story):
    root = story.tree(agent="swarm")
    now = int(time.time())
    for n in range(75):
        story.used(root.hand_over(agent=f"bee-{n:02}", purpose="p", now=now), resource="docs/a")
    page = window.tree(root)
    assert len(names(page)) == 62 and names(page)[-1] == "15 more…"
    page.focus(".node[tabindex='0']")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert len(names(page)) == 76
    assert page.inner_text("#details h2") == "bee-60"
    page.fill("#find", "bee-74")
    page.press("#find", "Enter")
    assert page.inner_text("#details h2") == "bee-74"
    card(page, "swarm").locator(".fold").click()
    assert names(page) == ["swarm"] and "+75" in page.inner_text(".node")


@browsing
def test_the_list_and_its_followers_are_told_as_they_are(window, story):
    key = story.follower("edge-1")
    story.follower("edge-2")
    story.acknowledge("edge-1", key)
    page = window.sign_in(path="/page/followers")
    rows = page.locator("tbody tr")
    assert [row.inner_text().split("\t")[:2] for row in rows.all()] == [
        ["edge-2", "silent"],
        ["edge-1", "enforces"],
    ]
    story.service.revoke(what="task", task="nothing known")
    page.wait_for_selector("tbody >> text=behind")
    story.acknowledge("edge-1", key)
    page.wait_for_selector("tbody >> text=enforces")
    number = int(story.service.client.get("/healthz").json()["list"])
    assert f"No {number}" in page.inner_text(".tiles")
    page.wait_for_selector(f"#status >> text=list No {number}")
    for name in ("edge-1", "edge-2"):
        story.forget(name)


@browsing
def test_the_audit_log_is_filtered_paged_and_leads_to_trees(window, story):
    root = story.tree(agent="audited")
    for _ in range(60):
        story.used(root, "count")
    # One that its holder may not make is a record too, without a number.
    story.service.call(
        "POST", "/v1/revocations", tool="chaincred.revoke", effect="irreversible", bearer=root,
        json={"what": "task", "task": "t"},
    )  # fmt: skip
    page = window.sign_in(path="/page/audit?what=revoke&code=not_yours")
    refused = page.inner_text("tbody tr >> nth=0")
    assert "audited" in refused and "task" in refused and "not_yours" in refused
    page.goto(page.url.partition("?")[0])
    page.select_option("[name=what]", "verify")
    page.fill("[name=agent]", "audited")
    page.click(".filters button")
    page.wait_for_url("**/page/audit?what=verify&agent=audited")
    numbers = [int(each) for each in names(page, "td:first-child")]
    assert len(numbers) == 50 and numbers == sorted(numbers, reverse=True)
    page.click("a[rel=next]")
    page.wait_for_url("**before=*")
    older = [int(each) for each in names(page, "td:first-child")]
    assert len(older) == 12 and max(older) < min(numbers)
    page.click("summary >> nth=0")
    assert '"tool": "count"' in page.inner_text("td pre >> nth=0")
    page.click("td.mono a >> nth=0")
    page.wait_for_selector(".node[aria-selected=true]")
    assert page.inner_text("h1") == "audited"


@browsing
def test_a_session_that_is_over_leads_to_signing_in_and_back(window, shared, family):
    window.expected = ["status of 401"]
    page = window.tree(family["root"])
    address = page.url
    window.context.clear_cookies()
    page.wait_for_selector("#presentation")
    assert "You are signed out" in page.inner_text("main") and page.url == address
    page.fill("#presentation", presentation(shared))
    page.press("#presentation", "Enter")
    page.wait_for_selector(".node")


@browsing
def test_revoking_an_administrator_ends_its_session(window, story):
    window.expected = ["status of 403"]
    admin = story.keys.admin()
    page = window.sign_in(admin, "/page/followers")
    story.service.revoke(what="chain", link=link(admin))
    page.wait_for_selector("#presentation")
    assert "Your token is revoked" in page.inner_text("main")


@browsing
def test_a_service_that_is_gone_is_told_and_one_that_is_back_too(browser, keys):
    with Running(keys) as service:
        window = Window(browser, service)
        window.expected = ["ERR_", "Failed to fetch", "status of 50"]
        page = window.sign_in(path="/page/followers")
        service.kill()
        page.wait_for_selector("#banner >> text=has not answered")
        service.start()
        page.wait_for_selector("#banner", state="hidden")
        window.close()


@browsing
def test_on_a_phone_nothing_is_wider_than_the_screen(phone, story, family):
    page = phone.tree(family["root"])
    lefts = [page.locator(".node").nth(n).bounding_box()["x"] for n in (0, 2, 3)]
    tops = [each.bounding_box()["y"] for each in page.locator(".node").all()]
    assert lefts == sorted(lefts) and lefts[2] < 80 and tops == sorted(tops)
    assert not page.locator("#edges").is_visible() and not page.locator("#details").is_visible()
    card(page, "reader").tap()
    assert page.locator("#details >> text=Revoke…").is_visible()
    box = card(page, "reader").bounding_box()
    page.wait_for_timeout(200)
    assert box["y"] + box["height"] <= page.locator("#details").bounding_box()["y"]
    page.click("#details >> text=Revoke…")
    page.wait_for_selector("#confirm")
    confirm = page.locator("#confirm").bounding_box()
    assert confirm["y"] + confirm["height"] <= PHONE["height"] and confirm["height"] >= 36
    page.keyboard.press("Escape")
    page.click("#details [aria-label='Close the details']")
    assert not page.locator("#details").is_visible()
    number = story.service.revoke(what="task", task="phone").json()["number"]
    for path in ("/", "/page/audit", "/page/followers", f"/page/revocations/{number}"):
        page = phone.go(path)
        page.wait_for_selector("#status a")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


CONTRAST = """(selectors) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  return selectors.map((selector) => {
    const element = document.querySelector(selector);
    if (!element) return [selector, null];
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
    return [selector, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
  });
}"""


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(browser, story, scheme):
    root = story.tree(agent="lit")
    cut = story.hand(root, "cut")
    story.service.revoke(what="chain", link=link(cut))
    window = Window(browser, story.service, color_scheme=scheme, reduced_motion="reduce")
    page = window.tree(root)
    card(page, "cut").click()

    def faint(selectors: Sequence[str]) -> list[Any]:
        seen = page.evaluate(CONTRAST, list(selectors))
        return [each for each in seen if each[1] is None or each[1] < 4.5]

    assert (
        page.evaluate("getComputedStyle(document.querySelector('.node')).transitionDuration")
        == "0s"
    )
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) > 380) == (scheme == "light")
    cards = (".alive .agent", ".alive .what", ".revoked .agent", ".revoked .what", ".fold")
    frame = ("nav a", "nav a[aria-current]", "#status a", ".left", ".small", ".badge.revoked")
    panel = ("#details dt", "#details .note", "#details .note a", "#details button", ".tools")
    assert faint([*cards, *frame, *panel]) == []
    page.keyboard.press("Escape")
    card(page, "lit").click()
    assert faint(["#details button.danger", ".badge.alive"]) == []
    page.keyboard.press("r")
    page.wait_for_selector("#confirm")
    assert faint(["#confirm", ".choice small", "legend", ".dying .purpose"]) == []
    page = window.go("/page/audit")
    assert faint(["th", ".badge.ok", "td a", "summary", ".filters label"]) == []
    window.close()
