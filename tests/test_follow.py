"""Followers against a party over real sockets, that is honest, or dead, or worse."""

import asyncio
import os
import ssl
import threading
import time

import pytest

from chaincred import (
    Effect,
    Entry,
    Freshness,
    NoFloor,
    RevocationList,
    Revoked,
    Stale,
)
from chaincred.files import FileFloor
from chaincred.follow import AsyncFollower, Follower, asking
from chaincred.follow import acknowledging as acks
from chaincred.revocation import MAX_UPDATE
from tests.cast import LIST_KEY, MALLORY, ROOT, WORKER
from tests.follow_party import (
    HEARTBEAT,
    Party,
    drips,
    event,
    eventually,
    hang,
    raw,
    serving,
    status,
    streams,
)

A, B, C = Entry.task("a"), Entry.task("b"), Entry.task("c")
SLOW = 0.5


@pytest.fixture
def party():
    with serving() as party:
        yield party


def follower(party, view=None, **said):
    """A follower that bears with pauses of one and a half seconds."""
    view = party.view(floor=NoFloor()) if view is None else view
    return Follower(party.url, view, **{"heartbeat": SLOW, "poll": 0.1, **said})


def numbers(following, number, within=10.0):
    return eventually(lambda: following.state.number == number, within)


def errs(following, words, within=10.0):
    return eventually(lambda: words in (following.state.last_error or ""), within)


def streaming(following):
    return eventually(lambda: following.state.mode == "stream")


def test_a_revocation_comes_by_stream_at_once(party):
    view = party.view(floor=NoFloor())
    with follower(party, view) as following:
        assert following.wait_until_fresh(10)
        assert streaming(following)
        begun = time.monotonic()
        party.revoke(A)
        assert numbers(following, 1)
        assert time.monotonic() - begun < 1
        assert view.holds(A.id)
        assert (party.count("list"), party.count("entries")) == (1, 0)


def test_heads_keep_coming_while_nothing_is_revoked(party):
    with follower(party) as following:
        assert streaming(following)
        heard = following.state.last_heard
        assert eventually(lambda: following.state.last_heard > heard)
        assert following.state.age <= 2
        assert party.count("stream") == 1


def test_its_state_says_how_it_goes(party):
    following = follower(party)
    assert following.state.mode == "stopped"
    assert (following.state.number, following.state.age, following.state.fresh) == (0, None, False)
    with following:
        assert streaming(following)
        party.revoke(A)
        assert numbers(following, 1)
        state = following.state
        assert state.last_error is None and state.fresh
        assert state.fresh_until > state.at >= state.last_heard
        assert state.acknowledged is None and state.ack_error is None
        party.stop()
        assert eventually(lambda: following.state.mode == "waiting")
        assert following.state.last_error and following.state.last_error_at >= state.at
        party.start()
    assert following.state.mode == "stopped"


def test_it_finds_the_service_again_within_two_seconds_of_its_restart(party):
    with follower(party) as following:
        assert streaming(following)
        for number, entry in enumerate((A, B, C), start=1):
            party.stop()
            party.revoke(entry)
            time.sleep(0.5)
            assert following.state.number == number - 1
            party.start()
            assert numbers(following, number, within=2)
        assert streaming(following)


def test_it_may_be_started_before_the_service(party):
    party.stop()
    with follower(party) as following:
        assert not following.wait_until_fresh(0.3)
        assert "not reached" in following.state.last_error
        party.start()
        assert following.wait_until_fresh(10)


def test_what_was_missed_while_it_was_cut_off_comes_with_the_next_stream(party):
    with follower(party) as following:
        assert streaming(following)
        party.revoke(A)
        party.cut()
        party.revoke(B)
        assert numbers(following, 2, within=2)
        assert party.count("list") == 1


def test_a_stream_cut_inside_an_event_harms_nothing(party):
    with follower(party) as following:
        assert streaming(following)
        party.answers["stream"] = streams(b"event: update\ndata: abc")
        party.cut()
        party.revoke(A)
        assert numbers(following, 1)
        assert errs(following, "the stream ended")


def test_where_no_stream_comes_through_the_list_is_asked_for(party):
    party.answers["stream"] = status(503, b'{"code": "unavailable"}')
    with follower(party) as following:
        assert eventually(lambda: following.state.mode == "poll")
        assert following.state.last_error == "http 503 unavailable"
        party.revoke(A)
        assert numbers(following, 1)
        assert (party.count("list"), party.count("stream")) == (1, 2)


@pytest.mark.parametrize(
    ("about", "answer"),
    [
        ("nothing, not even a header", hang),
        ("nothing after the header", streams(then=hang)),
        ("comments only", streams(then=drips)),
        ("events of another kind only", streams(b"event: other\ndata: 1\n\n", then=hang)),
    ],
)
def test_a_silent_stream_is_given_up_although_the_connection_lives(party, about, answer):
    party.answers["stream"] = answer
    with follower(party, heartbeat=HEARTBEAT) as following:
        assert eventually(lambda: following.state.mode == "poll")
        assert following.state.last_error == "nothing came in time"
        party.revoke(A)
        assert numbers(following, 1)


def test_a_stream_that_falls_silent_is_begun_anew(party):
    held = party.publish(0)
    with follower(party, heartbeat=HEARTBEAT * 3) as following:
        assert streaming(following)
        party.answers["stream"] = streams(event(held), then=hang)
        party.cut()
        assert eventually(lambda: party.count("stream") == 2)
        del party.answers["stream"]
        party.revoke(A)
        assert numbers(following, 1)


def test_a_view_that_fell_behind_a_snapshot_takes_the_whole_list(party):
    with follower(party) as following:
        assert streaming(following)
        party.stop()
        for entry in (A, B):
            party.revoke(entry)
        party.compact()
        party.start()
        assert numbers(following, 2)
        assert party.count("list") == 2


def test_a_poller_that_fell_behind_a_snapshot_takes_the_whole_list(party):
    party.answers["stream"] = status(404)
    with follower(party) as following:
        assert eventually(lambda: following.state.mode == "poll")
        party.revoke(A)
        party.compact()
        assert numbers(following, 1)
        assert errs(following, "http 410 gone")


def test_entries_that_do_not_join_end_in_the_whole_list(party):
    with follower(party) as following:
        assert streaming(following)
        party.revoke(A)
        party.revoke(B)
        odd = event(party.publish(1))
        party.list = RevocationList.begin(LIST_KEY, now=int(time.time()) - 1)
        party.revoke(A)
        party.revoke(B)
        party.answers["stream"] = streams(odd)
        party.answers["entries"] = lambda handler: handler.reply(200, party.publish(1))
        other = party.view(floor=NoFloor())
        with follower(party, other) as late:
            party.list = party.list.compact(int(time.time()))
            assert numbers(late, 2)
        assert numbers(following, 2)


def other_list():
    """Another issuer's list."""
    return RevocationList.begin(MALLORY, now=int(time.time())).publish(
        MALLORY, now=int(time.time())
    )


def forked_list():
    """A list under the right key that tells another past."""
    forked = RevocationList.begin(LIST_KEY, now=int(time.time()) - 1).revoke(C).revoke(B)
    return forked.publish(LIST_KEY, now=int(time.time()))


def old_list():
    """The list before anything was revoked."""
    begun = RevocationList.begin(LIST_KEY, now=int(time.time()) - 1)
    return begun.publish(LIST_KEY, now=int(time.time()))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (other_list, "list_untrusted"),
        (forked_list, "list_forked"),
        (old_list, "list_rollback"),
        (lambda: b"garbage", "list_malformed"),
        (lambda: b"", "list_malformed"),
    ],
)
def test_a_list_that_is_refused_is_not_relied_on_and_the_right_one_is_found_again(
    party, data, code
):
    view = party.view(floor=NoFloor())
    party.revoke(A)
    with follower(party, view) as following:
        assert streaming(following)
        for kind in ("list", "entries"):
            party.answers[kind] = lambda handler: handler.reply(200, data())
        party.answers["stream"] = lambda handler: streams(event(data()))(handler)
        party.cut()
        assert errs(following, code)
        assert (view.seq, view.holds(A.id), view.holds(C.id)) == (1, True, False)
        party.answers.clear()
        party.revoke(B)
        assert numbers(following, 2)


@pytest.mark.parametrize(
    ("about", "answer", "words"),
    [
        ("a fault", status(500), "http 500"),
        ("a fault at length", status(500, b"x" * 20_000), "http 500"),
        ("a code that is none", status(500, b'{"code": "A\\n"}'), "http 500"),
        ("not HTTP", raw(b"\x00" * 100 + b"\r\n\r\n"), "RemoteProtocolError"),
        ("an endless header", raw(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000), "ProtocolError"),
        ("an answer that is not whole", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"), ""),
        ("nothing", raw(b""), "RemoteProtocolError"),
        ("another place", status(302, Location="/elsewhere"), "http 302"),
        ("a body that nobody unpacks", status(200, b"\x1f\x8b", Content_Encoding="gzip"), "list_"),
    ],
)
def test_no_answer_stops_it(party, about, answer, words):
    for kind in ("list", "entries", "stream"):
        party.answers[kind] = answer
    with follower(party) as following:
        assert errs(following, words)
        assert eventually(lambda: len(party.asked) >= 3)
        assert not following.state.fresh
        party.answers.clear()
        assert streaming(following)


def test_a_redirect_is_not_followed(party):
    with serving() as elsewhere:
        party.answers["list"] = status(302, Location=f"{elsewhere.url}/v1/list")
        with follower(party) as following:
            assert errs(following, "http 302")
        assert elsewhere.asked == []


def test_a_list_longer_than_it_was_told_is_not_read_to_its_end(party):
    party.answers["list"] = status(200, b"\x00" * 100_000)
    with follower(party, max_list=10_000) as following:
        assert errs(following, "more than 10000 bytes")


def test_entries_that_are_too_long_end_in_the_whole_list(party, monkeypatch):
    monkeypatch.setattr("chaincred.follow.following.MAX_DELTA", 1000)
    party.answers["stream"] = status(404)
    with follower(party) as following:
        assert eventually(lambda: following.state.mode == "poll")
        with party.changing():
            for number in range(50):
                party.list = party.list.revoke(Entry.task(str(number)))
        assert numbers(following, 50)
        assert party.count("list") >= 2


def test_an_event_longer_than_any_is_given_up(party):
    def endless(handler):
        handler.begin_stream()
        while handler.party.running:
            handler.wfile.write(b"data: " + b"a" * 2**20)

    party.answers["stream"] = endless
    with follower(party) as following:
        assert errs(following, "an event of more than")
        party.revoke(A)
        assert numbers(following, 1)


@pytest.mark.parametrize("kind", ["list", "entries"])
def test_an_answer_that_drips_is_given_up(party, monkeypatch, kind):
    monkeypatch.setattr(asking, "ANSWER", 0.3)

    def dripping(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while handler.party.running:
            handler.wfile.write(b"a")
            time.sleep(0.02)

    party.answers["stream"] = status(404)
    party.answers[kind] = dripping
    with follower(party) as following:
        assert errs(following, "nothing came in time")
        party.answers.clear()
        assert following.wait_until_fresh(10)


def test_a_long_list_has_as_long_as_it_comes(party, monkeypatch):
    monkeypatch.setattr(asking, "ANSWER", 0.3)

    def steadily(handler):
        data = party.publish()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for at in range(0, len(data), 2**16):
            handler.wfile.write(data[at : at + 2**16])
            time.sleep(0.1)

    with party.changing():
        for number in range(2000):
            party.list = party.list.revoke(Entry.task(str(number), reason="r" * 200))
    party.answers["list"] = steadily
    with follower(party) as following:
        assert numbers(following, 2000)
        assert following.state.last_error is None


def test_what_it_no_longer_hears_of_is_refused_once_the_bound_has_passed(party):
    view = party.view(floor=NoFloor())
    with follower(party, view) as following:
        assert following.wait_until_fresh(10)
        view.require_fresh(Effect.IRREVERSIBLE, Freshness(), int(time.time()))
        party.stop()
        limit = Freshness(irreversible=1)

        def refused():
            try:
                view.require_fresh(Effect.IRREVERSIBLE, limit, int(time.time()))
            except Stale:
                return True
            return False

        assert eventually(refused)
        view.require_fresh(Effect.READ, Freshness(), int(time.time()))
        party.start()
        assert eventually(lambda: not refused(), within=3)


def test_heads_that_were_old_when_they_came_are_not_fresh():
    now = [time.time()]
    with serving() as party, follower(party, clock=lambda: now[0]) as following:
        assert following.wait_until_fresh(10)
        now[0] += 1000
        assert errs(following, "list_stale")
        assert not following.state.fresh
        now[0] -= 5000
        assert errs(following, "list_future")
        now[0] = -1.0
        assert errs(following, "TypeError")


def test_the_floor_is_kept_over_a_restart_of_the_follower(party, tmp_path):
    path = tmp_path / "floor"
    before = party.list
    party.revoke(A)
    with follower(party, party.view(floor=FileFloor(path))) as following:
        assert numbers(following, 1)
    party.list = before
    view = party.view(floor=FileFloor(path))
    with follower(party, view) as following:
        assert errs(following, "list_rollback")
        assert (following.state.number, following.state.fresh) == (0, False)
        party.revoke(A)
        assert following.wait_until_fresh(10)
        assert view.holds(A.id)


def test_a_floor_that_cannot_be_kept_is_no_list_to_rely_on(party, tmp_path):
    path = tmp_path / "gone" / "floor"
    with follower(party, party.view(floor=FileFloor(path))) as following:
        assert errs(following, "file: ")
        assert not following.state.fresh
        path.parent.mkdir()
        assert following.wait_until_fresh(10)


def test_several_services_take_turns(party):
    with serving() as other:
        other.list = party.list
        urls = [party.url, other.url]
        with Follower(urls, party.view(floor=NoFloor()), heartbeat=SLOW) as following:
            assert streaming(following)
            assert other.asked == []
            party.stop()
            other.revoke(A)
            assert numbers(following, 1, within=2)
        party.start()


def test_nothing_that_a_service_hands_out_is_sent_back(party):
    cookie = {"Set_Cookie": "session=1; Path=/"}
    party.answers["stream"] = status(404, b"", **cookie)
    party.answers["entries"] = lambda handler: handler.reply(200, party.publish(0), **cookie)
    with follower(party, acknowledge=("files-1", WORKER)):
        assert eventually(lambda: party.count("entries") > 3 and party.acks)
    names = {name for _, _, headers in party.asked for name in headers}
    assert names == {
        "Host", "Accept", "Accept-Encoding", "Connection", "User-Agent",
        "Content-Type", "Content-Length",
    }  # fmt: skip


def test_a_base_url_may_have_a_path_and_a_slash_at_its_end(party):
    view = party.view(floor=NoFloor())
    with Follower(f"{party.url}/chaincred/", view, heartbeat=SLOW) as following:
        assert following.wait_until_fresh(10)
    assert party.asked[0][1] == "/chaincred/v1/list"


@pytest.mark.parametrize(
    "urls",
    [
        "",
        "verifier.example",
        "ftp://verifier.example",
        "https://",
        "https://verifier.example:port",
        "https://name:word@verifier.example",
        "https://verifier.example?list=1",
        "https://verifier.example#list",
        [],
        ["https://verifier.example", "file:///v1"],
    ],
)
def test_what_is_not_the_url_of_a_service_is_not_followed(party, urls):
    with pytest.raises(ValueError, match="URL") as refused:
        Follower(urls, party.view(floor=NoFloor()))
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        {"poll": 0},
        {"heartbeat": -1},
        {"heartbeat": float("nan")},
        {"max_list": 0},
        {"max_list": MAX_UPDATE + 1},
        {"acknowledge": ("a b", WORKER)},
    ],
)
def test_what_could_never_follow_cannot_be_made(party, said):
    with pytest.raises(ValueError, match=r"positive|name"):
        follower(party, **said)
    with pytest.raises(TypeError, match="RevocationView"):
        Follower(party.url, None)


def test_a_certificate_that_nobody_vouches_for_is_not_followed(tmp_path):
    from tests.verifier.parties import Certificates

    certificates = Certificates(tmp_path)
    party = Party()
    party.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    party.tls.load_cert_chain(certificates.certificate, certificates.key)
    party.start()
    with follower(party) as following:
        assert errs(following, "CERTIFICATE_VERIFY_FAILED")
        assert party.asked == []
    with follower(party, tls=certificates.trusting) as following:
        assert following.wait_until_fresh(10)
        assert streaming(following)
        assert party.url.startswith("https://")
    party.stop()


# Acknowledgements


def test_each_new_number_is_acknowledged_soon(party):
    with follower(party, acknowledge=("files-1", WORKER)) as following:
        assert eventually(lambda: following.state.acknowledged == 0)
        party.revoke(A)
        assert eventually(lambda: following.state.acknowledged == 1, within=1)
        said = party.acks[-1]
        assert (said.name, said.place) == ("files-1", party.list.place)
        assert said.is_signed_by(WORKER.public_key)
        assert said.issued_at <= said.at <= time.time()
        assert [each.place.seq for each in party.acks] == [0, 1]


def test_while_nothing_changes_it_is_acknowledged_now_and_then(party, monkeypatch):
    monkeypatch.setattr(acks, "EVERY", 0.2)
    with follower(party, acknowledge=("files-1", WORKER)):
        assert eventually(lambda: len(party.acks) >= 3)


def test_nothing_is_acknowledged_that_is_not_relied_on(party, monkeypatch):
    monkeypatch.setattr(acks, "EVERY", 0.05)
    party.answers["list"] = status(500)
    with follower(party, acknowledge=("files-1", WORKER)) as following:
        assert eventually(lambda: party.count("list") > 3)
        assert party.acks == []
        party.answers.clear()
        assert eventually(lambda: party.acks)
        assert following.state.number == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(403, b'{"status": 403, "code": "list_forked"}'), "http 403 list_forked"),
        (status(200), "http 200"),
        (raw(b"garbage\r\n\r\n"), "RemoteProtocolError"),
        (hang, "nothing came in time"),
    ],
)
def test_an_acknowledgement_that_is_not_taken_harms_nothing(party, monkeypatch, answer, words):
    monkeypatch.setattr(asking, "ANSWER", 0.5)
    party.answers["ack"] = answer
    with follower(party, acknowledge=("files-1", WORKER)) as following:
        assert eventually(lambda: words in (following.state.ack_error or ""))
        party.revoke(A)
        assert numbers(following, 1)
        assert following.state.mode == "stream" and following.state.last_error is None
        party.answers.clear()
        assert eventually(lambda: following.state.acknowledged == 1)
        assert following.state.ack_error is None


# Beginning and ending


def test_it_is_started_once_and_stopped_any_number_of_times(party):
    following = follower(party)
    following.stop()
    following.start()
    with pytest.raises(RuntimeError, match="started"):
        following.start()
    following.stop()
    following.stop()
    assert following.state.mode == "stopped"
    with following:
        assert streaming(following)


def test_what_cannot_be_started_leaves_no_thread(party, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:1")
    following = follower(party)
    with pytest.raises(ValueError, match="proxy"):
        following.start()
    assert not [each for each in threading.enumerate() if each.name == "chaincred-follow"]
    assert not following.wait_until_fresh(10)
    following.stop()


def test_it_stops_at_once_while_nothing_comes(party):
    for answer in (hang, streams(then=hang)):
        party.answers["stream"] = answer
        with follower(party, heartbeat=100) as following:
            assert eventually(lambda: party.count("stream") > 0)
            begun = time.monotonic()
        assert time.monotonic() - begun < 1
        assert following.state.mode == "stopped"
        party.asked.clear()


def test_waiting_ends_when_it_is_stopped(party):
    party.answers["list"] = hang
    following = follower(party)
    following.start()
    threading.Timer(0.2, following.stop).start()
    begun = time.monotonic()
    assert not following.wait_until_fresh(30)
    assert time.monotonic() - begun < 10


class HeldDisk:
    """A floor whose disk takes until it is let go."""

    def __init__(self):
        self.saving = threading.Event()
        self.let_go = threading.Event()
        self.saved = 0

    def load(self):
        return None

    def save(self, floor):
        self.saving.set()
        if not self.let_go.wait(10):
            raise OSError("nobody let go")
        self.saved += 1


def test_it_has_not_stopped_before_the_floor_is_left_alone(party):
    disk = HeldDisk()
    following = follower(party, party.view(floor=disk))
    following.start()
    assert disk.saving.wait(10)
    stopping = threading.Thread(target=following.stop)
    stopping.start()
    time.sleep(0.2)
    assert stopping.is_alive()
    disk.let_go.set()
    stopping.join(10)
    assert (stopping.is_alive(), disk.saved) == (False, 1)
    time.sleep(0.2)
    assert disk.saved == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_a_fork_it_says_that_it_is_stopped(party):
    with follower(party) as following:
        assert streaming(following)
        child = os.fork()
        if child == 0:
            following.stop()
            os._exit(0 if following.state.mode == "stopped" else 1)
        assert os.waitpid(child, 0) == (child, 0)
        assert following.state.mode == "stream"


def asynchronously(party, view=None, **said):
    view = party.view(floor=NoFloor()) if view is None else view
    return AsyncFollower(party.url, view, **{"heartbeat": SLOW, "poll": 0.1, **said})


def test_the_event_loop_goes_on_while_the_floor_is_kept(party):
    disk = HeldDisk()

    async def follow():
        async with asynchronously(party, party.view(floor=disk)) as following:
            while not disk.saving.is_set():
                await asyncio.sleep(0.01)
            disk.let_go.set()
            assert await following.wait_until_fresh(10)
            party.revoke(A)
            while following.state.number == 0:
                await asyncio.sleep(0.01)

    asyncio.run(follow())


def test_waiting_in_an_event_loop_ends_with_the_first_list_or_in_time(party):
    async def follow():
        following = asynchronously(party)
        assert not await following.wait_until_fresh(10)
        party.answers["list"] = hang
        async with following:
            assert not await following.wait_until_fresh(0.1)
            waiting = asyncio.create_task(following.wait_until_fresh(30))
            await asyncio.sleep(0.1)
        assert await waiting is False
        party.answers.clear()
        async with following:
            assert await following.wait_until_fresh(10)

    asyncio.run(follow())


def test_it_is_started_once_in_an_event_loop(party):
    async def follow():
        async with asynchronously(party) as following:
            with pytest.raises(RuntimeError, match="started"):
                await following.start()
            await following.stop()
            await following.stop()
            assert following.state.mode == "stopped"

    asyncio.run(follow())


def test_a_revoked_chain_is_refused_once_the_follower_has_heard(party):
    view = party.view(floor=NoFloor())
    from chaincred import InMemoryReplay, Token, Verifier
    from tests.cast import READ, SERVER

    now = int(time.time())
    token = Token.issue(
        ROOT, holder=WORKER.public_key, agent="worker", purpose="read", now=now, caveats=[]
    )
    verifier = Verifier(audience=SERVER, roots={ROOT.public_key: view}, replay=InMemoryReplay())

    def asks():
        shown = str(token.present(WORKER, READ, audience=SERVER, now=int(time.time())))
        return verifier.verify(shown, READ, now=int(time.time()))

    with pytest.raises(Stale):
        asks()
    with follower(party, view) as following:
        assert following.wait_until_fresh(10)
        assert asks().list_seq == 0
        party.revoke(Entry.chain(token.root_id))
        assert numbers(following, 1)
        with pytest.raises(Revoked):
            asks()
