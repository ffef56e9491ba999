"""For whoever hands work to agents: issue a token, narrow it offline, hand it over.

Run as `python examples/orchestrator.py`.
"""

import time

from chaincred import (
    Args,
    Audience,
    Authority,
    Bearer,
    Expires,
    InMemoryReplay,
    MaxEffect,
    PathBelow,
    Request,
    Resources,
    SigningKey,
    Token,
    Tools,
    Verifier,
    unrevocable,
)


def issue(root_key: SigningKey, planner_key: SigningKey, now: int) -> Token:
    """What an issuer does once for each task: the widest authority anybody in it will have."""
    return Token.issue(
        root_key,
        holder=planner_key.public_key,
        agent="planner",
        purpose="summarise the wiki",
        now=now,
        caveats=[
            Audience(["wiki.example"]),
            Tools(["wiki/read", "wiki/search"]),
            Resources(["wiki/**"]),
        ],
        lifetime=600,
    )


def narrow(token: Token, planner_key: SigningKey, reader_key: SigningKey, now: int) -> Token:
    """The planner narrows its token for a reader that has a key. Nobody is asked."""
    return token.attenuate(
        planner_key,
        holder=reader_key.public_key,
        agent="reader",
        purpose="read the team pages",
        now=now,
        caveats=[
            Tools(["wiki/read"]),
            Resources(["wiki/teams/**"]),
            MaxEffect("read"),
            Args({"page": PathBelow("wiki/teams")}),
        ],
    )


def try_useless_children(token: Token, reader_key: SigningKey, now: int) -> None:
    """A child that no server would ever admit is refused here and now, where it can be mended."""
    stranger = SigningKey.generate().public_key
    for about, caveats in (
        ("a tool that the parent lacks", [Tools(["wiki/write"])]),
        ("pages that the parent lacks", [Resources(["hr/**"])]),
        ("a longer life than the parent's", [Expires(now + 3600)]),
    ):
        try:
            token.attenuate(
                reader_key, holder=stranger, agent="x", purpose="", now=now, caveats=caveats
            )
        except ValueError as error:
            print(f"  {about}: {error}")
        else:
            raise AssertionError(f"{about}: was not refused")


def main() -> None:
    now = int(time.time())
    # The keys live in three processes; each sends only its public half to the others.
    root_key, planner_key, reader_key = (SigningKey.generate() for _ in range(3))

    token = issue(root_key, planner_key, now)
    print(f"issued to the planner: {str(token)[:40]}… ({len(str(token))} characters)")

    child = narrow(token, planner_key, reader_key, now)
    print(f"narrowed for the reader, offline: {len(str(child))} characters\n")

    print("children that could never be used:")
    try_useless_children(child, reader_key, now)

    # A tool that cannot keep a key gets one along with its token. This text is a secret.
    bearer = Bearer(child, reader_key).hand_over(
        agent="page-fetcher",
        purpose="fetch one page",
        now=now,
        caveats=[Resources(["wiki/teams/red"]), Expires(now + 60)],
    )
    received = Bearer.parse(bearer.reveal())
    page = {"page": "wiki/teams/red"}
    request = Request("wiki/read", effect="read", resource="wiki/teams/red", args=page)
    shown = str(received.present(request, audience="wiki.example", now=now))
    print(f"\nthe fetcher shows: {shown[:40]}… (good once, for this request, for a minute)")

    wiki = Verifier(
        audience="wiki.example",
        roots={root_key.public_key: unrevocable(max_lifetime=600)},
        replay=InMemoryReplay(),
    )
    print("\nwhat the wiki then knows, and who signed for it:")
    for hop in wiki.verify(shown, request, now=now).hops:
        print(f"  {hop.delegator} made {hop.agent} its holder, to {hop.purpose}")
        for caveat in hop.caveats:
            print(f"      {caveat}")

    left = Authority.of(received.token.caveats)
    tools, resources = sorted(left.tools or ()), sorted(left.resources or ())
    print(f"\nall taken together: {tools} on {resources}, at most {left.effect.label},")
    print(f"for {left.expires_at - now} s; {left.hops_left} more hops")
    assert (tools, resources) == (["wiki/read"], ["wiki/teams/red"])
    assert (left.effect.label, left.expires_at) == ("read", now + 60)


if __name__ == "__main__":
    main()
