"""The demo with the verification service: three servers follow its list, security revokes there.

Run as `python examples/demo/with_service.py`.
"""

import shutil
import signal
import socket
import sys
import time
import urllib.request
from functools import partial

from administrator import NAME
from calls import AUDIENCE
from cast import Answer
from revoked import seconds_until
from stage import HERE, Program, Stage
from story import NotAsTold, Story

SERVERS = ("files-a", "files-b", "files-c")
BOUND = 1.0
"""Seconds from the order to revoke until every server refuses."""
HEARTBEAT, FRESH_FOR = 1, 4
"""Seconds between two heads, and that one may be relied on."""
BACK = 2.0
"""Seconds from the service's return until its followers are fresh again."""


class Installation:
    """The service, three resource servers that follow it, and who calls them."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self.story, self.stage = story, stage
        public, files = stage.folder / "public", stage.folder / "workspace"
        public.mkdir()
        shutil.copytree(HERE / "workspace", files)
        self.public = public
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = stage.start("issuer", "issuer.py", public)
        self.issuer.ask("public_key")
        self.security = stage.start(
            "security", "administrator.py", public, stage.folder / "service"
        )
        self.security.ask("ready")
        self.service = self.serve()
        self.servers = {
            name: stage.start(name, "resource_server.py", public, files, name, self.url)
            for name in SERVERS
        }
        self.ports = {name: server.ask("port") for name, server in self.servers.items()}
        self.fleet = stage.start("fleet", "fleet.py")

    def serve(self) -> Program:
        """Starts the service, and returns once it is ready."""
        folder = self.stage.folder / "service"
        settings = {
            "NAME": NAME,
            "AUDIENCES": AUDIENCE,
            "STORE": f"sqlite:///{folder / 'service.db'}",
            "FLOOR": str(folder / "floor"),
            "ROOTS": str(self.public / "root.pub"),
            "ADMIN_ROOTS": str(self.public / "admins.pub"),
            "LIST_KEY": str(folder / "list.key"),
            "PORT": str(self.port),
            "HEARTBEAT": str(HEARTBEAT),
            "FRESH_FOR": str(FRESH_FOR),
        }
        command = [sys.executable, "-c", "from chaincred.cli import main; main()", "serve"]
        named = {f"CHAINCRED_{name}": value for name, value in settings.items()}
        service = self.stage.run("service", command, named)
        end = time.monotonic() + 20
        while not is_ready(self.url):
            if service.has_ended or time.monotonic() > end:
                raise NotAsTold(f"the service did not start:\n{service.log.read_text()}")
            time.sleep(0.05)
        return service


def install(stage: Stage, story: Story) -> Installation:
    story.title("\nchaincred with its verification service: revoke once, refused everywhere")
    own = Installation(stage, story)
    story.say("Again each is a process of its own, with its number:")
    story.say(", ".join(f"{actor.name} {actor.pid}" for actor in stage.actors))
    story.act("Three resource servers follow the service's list, and say what they enforce")
    for name, server in own.servers.items():
        key = server.ask("public_key")
        status = own.security.ask("register", service=own.url, name=name, key=key)
        story.check(status == 200, f"{name} is registered as a follower, with its own key")
    return own


def work(own: Installation) -> list[str]:
    story = own.story
    story.act("A fleet works, three hops deep; each server decides by itself")
    holder = own.fleet.ask("public_key")
    token = own.issuer.ask("issue", task="vendor-review", holder=holder)
    links: list[str] = own.fleet.ask("take", token=token)
    for name in SERVERS:
        seconds_until("ok", partial(call, own, name), ready, BACK)
        story.expect("ok", "fleet", f"search at {name}", call(own, name), brief=True)
    status = own.fleet.ask("at_service", port=own.port)
    story.check(status == 200, "the service decides too, for who has no verifier of its own")
    nodes = own.security.ask("tree", service=own.url, root_id=links[0])
    told = " → ".join(node["agent"] for node in nodes)
    story.check(len(nodes) == len(links), f"and so knows the tree: {told}")
    return links


def revoke(own: Installation, links: list[str]) -> None:
    story = own.story
    story.act("Security revokes the runner, in the middle, while calls go on everywhere")
    doomed = own.security.ask("would_kill", service=own.url, link=links[1])
    story.check(doomed == ["runner", "worker"], f"asked before what would die: {doomed}")
    own.fleet.ask("watch", ports=own.ports)
    time.sleep(0.3)
    made = own.security.ask("revoke", service=own.url, link=links[1], reason="acts oddly")
    story.check(
        made["status"] == 201,
        f"entry number {made['number']}, durable after {made['answered'] - made['began']:.3f} s",
    )
    for name, (admitted, refused) in own.fleet.ask("refused").items():
        took = refused - made["began"]
        late = max(0.0, admitted - made["began"])
        story.check(
            0 < took <= BOUND,
            f"{name} refuses {took:.3f} s after the order, admitted until {late:.3f} s "
            f"(bound: {BOUND} s)",
        )
    status = own.fleet.ask("at_service", port=own.port)
    story.check(status == 403, "and so does the service, from its answer on")
    close(own, made["number"])


def close(own: Installation, number: int) -> None:
    story = own.story
    begun = time.monotonic()
    while (told := own.security.ask("closure", service=own.url, number=number))[
        "state"
    ] != "closed" and time.monotonic() - begun < BACK:
        time.sleep(0.05)
    names = [each["name"] for each in told["enforced"]]
    story.check(told["state"] == "closed", f"closed: {', '.join(names)} have said so, signed")


def cut_off(own: Installation) -> None:
    story = own.story
    story.act("The service is killed, and comes back")
    holder = own.fleet.ask("public_key")
    token = own.issuer.ask("issue", task="vendor-review", holder=holder)
    own.fleet.ask("take", token=token)
    attempt = partial(call, own, "files-a")
    story.expect("ok", "fleet", "a new tree", attempt(), brief=True)
    passed = seconds_until("stale", attempt, own.service.end, FRESH_FOR + BACK)
    story.check(
        passed <= FRESH_FOR + 1,
        f"killed; after {passed:.2f} s without a list nobody gets in (bound: {FRESH_FOR + 1} s)",
    )
    own.service = own.serve()
    passed = seconds_until("ok", attempt, ready, BACK)
    story.check(passed <= BACK, f"{passed:.2f} s after it is back, files-a admits again")
    first, last = own.security.ask("audit", service=own.url)
    story.check(
        (first, last > 0) == (1, True),
        f"the audit log, records {first} to {last}, is whole: checked offline by its hashes",
    )


def call(own: Installation, name: str) -> Answer:
    """One call of the fleet at a resource server."""
    answer: Answer = own.fleet.ask("once", port=own.ports[name])
    return answer


def ready() -> None:
    """Nothing to order: only to wait for."""


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answered:
            return bool(answered.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> int:
    story = Story()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    try:
        with Stage() as stage:
            own = install(stage, story)
            revoke(own, work(own))
            cut_off(own)
    except (NotAsTold, RuntimeError) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; all processes are gone", file=sys.stderr)
        return 130
    took = time.monotonic() - begun
    story.title(f"\nAll {story.steps} steps ended as told, in {took:.1f} s. No process is left.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
