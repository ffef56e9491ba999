"""The demo: agents in processes of their own share a task, misbehave, and are revoked.

Run as `python examples/demo/run.py`.
"""

import signal
import sys
import time
from pathlib import Path

from cast import PAYROLL, REPORT, REVIEW, Answer, Cast, content_of
from refused import misbehave, send_garbage
from revoked import revoke_hop, revoke_root, withhold
from stage import Actor, Program, Stage
from story import NotAsTold, Story
from tree import draw

from chaincred import Token


def introduce(cast: Cast, actors: list[Actor | Program]) -> None:
    story = cast.story
    story.title("chaincred: one task, many agents, one revocation")
    story.say("Each of them is a process of its own, with its number:")
    story.say(", ".join(f"{actor.name} {actor.pid}" for actor in actors))


def delegate(cast: Cast) -> None:
    story = cast.story
    story.act("The issuer signs two tasks for the orchestrator, which splits them up, offline")
    holder = cast.orchestrator.ask("public_key")
    for task, helpers in ((REPORT, ("researcher", "writer")), (REVIEW, ("auditor", "archivist"))):
        token = cast.issuer.ask("issue", task=task, holder=holder)
        cast.orchestrator.ask("take", token=token)
        for name in helpers:
            key = cast.agents[name].ask("public_key")
            child = cast.orchestrator.ask("delegate", task=task, to=name, holder=key)
            cast.agents[name].ask("take", token=child)
            cast.tokens[name] = child
    # Agents without keys: the file is the handoff, readable by its owner only.
    for parent, child, purpose, folder in (
        ("researcher", "sub-agent", "find the word outage", "docs/incidents"),
        ("auditor", "assistant", "find the prices", "docs/vendors"),
    ):
        path = cast.bearer_file(child)
        cast.agents[parent].ask("delegate", to=child, purpose=purpose, folder=folder, path=path)
        cast.tokens[child] = cast.agents[child].ask("take_bearer", path=path)
    tokens = [Token.parse(token) for token in cast.tokens.values()]
    for line in draw(tokens, now=int(time.time()), unicode=story.unicode):
        story.line(line)
    offline = cast.orchestrator.ask("try_network") == "the orchestrator is offline"
    story.check(offline, "the orchestrator cannot open a socket: nobody was called for this")
    keyless = ("sub-agent", "assistant")
    without = not any(Path(cast.key_file(name)).exists() for name in keyless)
    story.check(without, f"{' and '.join(keyless)} have no key but the one in their bearer token")


def work(cast: Cast) -> Answer:
    """What is asked for. Gives back the researcher's call as it went over the wire."""
    story = cast.story
    story.act("What they were asked to do works")
    found = cast.agent_calls("sub-agent", "search", path="docs/incidents", query="outage")
    hits = story.expect("ok", "sub-agent", 'search docs/incidents for "outage"', found)
    path = "docs/incidents/2026-07-12.md"
    read = cast.agent_calls("researcher", "read_file", path=path)
    text = story.expect("ok", "researcher", f"read_file {path}", read)
    report = "\n".join(["# Incidents of July", "", text.splitlines()[2], *hits, ""])
    write = cast.agent_calls("writer", "write_file", path="reports/july.md", content=report)
    story.expect("ok", "writer", "write_file reports/july.md", write)
    written = content_of(cast.files / "reports" / "july.md")
    story.check(written == report, f"reports/july.md is on disk, {len(report)} characters")
    prices = cast.agent_calls("archivist", "search", path="docs/vendors", query="price")
    story.expect("ok", "archivist", 'the other task: search docs/vendors for "price"', prices)
    sent: Answer = read["sent"]
    return sent


def show_log(cast: Cast) -> None:
    story = cast.story
    story.act("The server's log: who asked, through whom, for what")
    arrow = " → " if story.unicode else " > "
    chosen = []
    for call in ("write_file reports/july.md", f"read_file {PAYROLL}"):
        chosen += [line for line in cast.log() if line["call"] == call][:1]
    for line in chosen:
        through = [f'{hop["agent"]} "{hop["purpose"]}"' for hop in line["hops"]]
        story.line(f"{line['code']}: {line['call']}, task {line['task']}")
        story.line("   " + arrow.join(["issuer", *through]))
        for why in line["why"]:
            story.line("   " + why)
    whole = [[hop["agent"] for hop in line["hops"]] for line in chosen]
    expected = [["orchestrator", "writer"], ["orchestrator", "researcher"]]
    story.check(whole == expected, "each line names the whole chain, as signed hop by hop")


def main() -> int:
    story = Story()
    # A polite kill is taken like Ctrl-C: the processes end before this one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    try:
        with Stage() as stage:
            cast = Cast(stage, story)
            introduce(cast, stage.actors)
            delegate(cast)
            overheard = work(cast)
            misbehave(cast, overheard)
            send_garbage(cast, overheard)
            show_log(cast)
            revoke_root(cast)
            revoke_hop(cast)
            withhold(cast)
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
