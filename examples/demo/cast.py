"""The cast of the demo: every process, and what run.py carries between them.

That is only what may be public: public keys, tokens, calls. Private keys and bearer tokens go
from process to process without passing through here.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from agent import post
from stage import HERE, Stage
from story import NotAsTold, Story

REPORT, REVIEW = "incident-report", "vendor-review"
PAYROLL = "secrets/payroll.csv"

Answer = dict[str, Any]


class Cast:
    """The processes, and who holds which token."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self.story = story
        self.public = stage.folder / "public"
        self.files = stage.folder / "workspace"
        self.public.mkdir()
        shutil.copytree(HERE / "workspace", self.files)
        (self.files / "reports").mkdir()
        (self.files / "reports" / "archive").symlink_to(self.files / "secrets")
        self.issuer = stage.start("issuer", "issuer.py", self.public)
        self.security = stage.start("security", "security.py", self.public)
        self.orchestrator = stage.start("orchestrator", "orchestrator.py")
        self.root_key = self.issuer.ask("public_key")
        self.security.ask("ready")
        self.server = stage.start("server", "resource_server.py", self.public, self.files)
        self.port = self.server.ask("port")
        names = ("researcher", "sub-agent", "writer", "auditor", "assistant", "archivist")
        self.agents = {name: stage.start(name, "agent.py", self.port) for name in names}
        self.mallory = stage.start("mallory", "mallory.py", self.port)
        self.mallory.ask("ready")
        self.tokens: dict[str, str] = {}

    def agent_calls(self, name: str, tool: str, **args: str) -> Answer:
        answer: Answer = self.agents[name].ask("call", tool=tool, args=args)
        return answer

    def orchestrator_calls(self, task: str, tool: str, **args: str) -> Answer:
        signed = self.orchestrator.ask("sign", task=task, tool=tool, args=args)
        return post(self.port, **signed)

    def log(self) -> list[Answer]:
        """What the resource server wrote down."""
        lines = (self.server.folder / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def key_file(self, name: str) -> str:
        return str(self.agents[name].folder / "agent.key")

    def bearer_file(self, name: str) -> str:
        return str(self.agents[name].folder / "bearer")

    def link_in_log(self, agent: str, *, hop: int) -> str:
        """The link of a hop of the chain that `agent` last got in with: what security copies."""
        for line in reversed(self.log()):
            if line["code"] == "ok" and line["hops"][-1]["agent"] == agent:
                return str(line["hops"][hop]["link"])
        raise NotAsTold(f"the log does not know {agent}")


def content_of(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
