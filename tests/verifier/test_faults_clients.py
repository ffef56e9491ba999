"""Clients that are slow, huge, malformed, endless or gone: each costs little, and others go on."""

import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from chaincred import Request
from tests.verifier.raw import Raw, head, post, reset
from tests.verifier.running import AUDIENCE, Keys, Running, check

PATIENCE = 1.0
"""Seconds that this service waits for a head, and for a body."""
CONNECTIONS = 1_200
SLACK = 3.0
"""Seconds more: the machine may be busy."""
MAX_BODY = 1_114_112
MAX_HEAD = 65_536
PROXIED = "203.0.113."
"""Addresses that the proxy in front of the service reports."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    keys = Keys(tmp_path_factory.mktemp("service"))
    with Running(
        keys,
        head_timeout=PATIENCE,
        body_timeout=PATIENCE,
        max_connections=CONNECTIONS,
        trusted_proxies="127.0.0.1",
    ) as running:
        yield running
        assert running.stop() in (0, -15)
    log = running.log()
    assert "Traceback" not in log
    assert '"fault"' not in log
    assert not re.search("cc1[ps]_|cc1k_", log)


@pytest.fixture(autouse=True)
def still_served(service: Running) -> Iterator[None]:
    """Whatever a client did, the next one is admitted."""
    yield
    answer = service.verify(service.keys.chain("planner", "worker")[-1])
    assert answer.status_code == 200, answer.text


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Lets this process hold that many sockets, where it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard < count:
            pytest.skip(f"{count} open files are not permitted here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(service: Running) -> int:
    """Bytes that the service holds."""
    assert service.process is not None
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.fixture
def stays_small(service: Running) -> Iterator[None]:
    """What the client sends does not pile up."""
    before = memory(service)
    yield
    assert memory(service) - before < 40_000_000


class TestHead:
    def test_one_that_trickles_is_cut_off_in_time(self, service):
        with Raw(service.port) as raw:
            taken = raw.send("GET /healthz HTTP/1.1\r\nhost: ").sends_until_closed(b"x", pause=0.1)
        assert PATIENCE * 0.9 < taken < PATIENCE + SLACK

    def test_one_that_trickles_after_another_call_is_cut_off_in_time(self, service):
        with Raw(service.port) as raw:
            assert raw.send(head("GET", "/healthz")).answer().status == 200
            taken = raw.send("GET /healthz HTTP/1.1\r\nhost: ").sends_until_closed(b"x", pause=0.1)
        assert PATIENCE * 0.9 < taken < PATIENCE + SLACK

    def test_line_breaks_do_not_keep_a_connection_open(self, service):
        with Raw(service.port) as raw:
            assert raw.send(head("GET", "/healthz")).answer().status == 200
            taken = raw.sends_until_closed(b"\r\n", pause=0.1)
        assert taken < PATIENCE + SLACK

    def test_a_connection_that_says_nothing_is_closed(self, service):
        with Raw(service.port) as silent, Raw(service.port) as idle:
            assert idle.send(head("GET", "/healthz")).answer().status == 200
            assert silent.is_closed(PATIENCE + SLACK)
            assert idle.is_closed(PATIENCE + SLACK)

    def test_one_within_the_limit_is_answered(self, service):
        with Raw(service.port) as raw:
            raw.send(head("GET", "/healthz", padding="x" * (MAX_HEAD - 1_000)))
            assert raw.answer().status == 200

    @pytest.mark.parametrize("more", ["x" * MAX_HEAD, "x\r\nmore: " * 8_000], ids=["long", "many"])
    def test_one_beyond_the_limit_is_not_looked_at(self, service, more):
        with Raw(service.port) as raw:
            raw.send(head("GET", "/healthz", padding=more))
            assert b" 200 " not in raw.rest(SLACK)

    @pytest.mark.parametrize(
        ("length", "begins"), [(8_192, b"HTTP/1.1 404 "), (8_193, b"HTTP/1.1 400 ")]
    )
    @pytest.mark.parametrize("path", ["/nowhere", "/nowhere?"])
    def test_a_path_and_query_have_a_limit_of_their_own(self, service, path, length, begins):
        with Raw(service.port) as raw:
            raw.send(head("GET", path.ljust(length, "a"), connection="close"))
            assert raw.rest(SLACK).startswith(begins)

    @pytest.mark.parametrize("asks", ["upgrade: h2c\r\nconnection: upgrade", "x: y"])
    def test_what_follows_an_upgrade_is_not_taken_for_a_call(self, service, asks):
        body = "GET /v1/list/key HTTP/1.1\r\nhost: x\r\n\r\n"
        with Raw(service.port) as raw:
            raw.send(
                "POST /v1/verify HTTP/1.1\r\nhost: x\r\n"
                f"{asks}\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            time.sleep(0.3)
            raw.send(body)
            answer = raw.rest(PATIENCE + SLACK)
        assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400 ")
        assert b"list_id" not in answer

    def test_a_tunnel_is_refused(self, service):
        with Raw(service.port) as raw:
            raw.send("CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n")
            assert raw.rest(SLACK).startswith(b"HTTP/1.1 400 ")

    def test_one_without_end_is_cut_off(self, service, stays_small):
        with Raw(service.port) as raw:
            raw.send("GET /healthz HTTP/1.1\r\nhost: ").sends_until_closed(b"x" * 100_000)

    def test_one_without_end_is_cut_off_while_a_stream_goes_on(self, service, stays_small):
        with Raw(service.port) as raw:
            raw.send(head("GET", "/v1/list/stream"))
            assert raw.answer().status == 200
            raw.send("GET /healthz HTTP/1.1\r\nhost: ").sends_until_closed(b"x" * 100_000)


class TestBody:
    def test_one_that_trickles_is_refused_in_time(self, service):
        with Raw(service.port) as raw:
            begun = time.monotonic()
            raw.send(head("POST", "/v1/verify", content_length=1000))
            for _ in range(5):
                raw.send("[")
                time.sleep(0.1)
            answer = raw.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (408, "timeout")
        assert time.monotonic() - begun < PATIENCE + SLACK

    def test_one_without_end_is_refused_and_cut_off(self, service, stays_small):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", transfer_encoding="chunked"))
            raw.sends_until_closed(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    @pytest.mark.parametrize(
        "begun", ["0\r\nx: ", "1;x=", "0\r\nx"], ids=["trailer", "extension", "name"]
    )
    def test_what_is_no_body_does_not_pile_up_beside_one(self, service, stays_small, begun):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", transfer_encoding="chunked"), begun)
            taken = raw.sends_until_closed(b"x" * 100_000)
        # Not only when the body is late.
        assert taken < PATIENCE * 0.8

    def test_one_that_goes_where_none_is_read_is_cut_off(self, service, stays_small):
        with Raw(service.port) as raw:
            raw.send(head("GET", "/healthz", transfer_encoding="chunked"))
            raw.sends_until_closed(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    @pytest.mark.parametrize("length", [MAX_BODY + 1, 10**12, 2**63, 2**64 - 1])
    def test_a_length_beyond_the_limit_is_refused_unread(self, service, length):
        with Raw(service.port) as raw:
            answer = raw.send(head("POST", "/v1/verify", content_length=length)).answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (413, "too_large")

    @pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "1, 2", "9" * 40, ""])
    def test_a_length_that_is_none_is_not_looked_at(self, service, length):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", content_length=length), "{}")
            assert raw.rest(PATIENCE + SLACK).startswith(b"HTTP/1.1 400 ")

    def test_two_lengths_are_not_looked_at(self, service):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", content_length=2, transfer_encoding="chunked"))
            raw.send("2\r\n{}\r\n0\r\n\r\n")
            assert raw.rest(PATIENCE + SLACK).startswith(b"HTTP/1.1 400 ")

    @pytest.mark.parametrize("chunk", [b"1\r\n \r\n" * 1_000, b"2000\r\n" + b" " * 8_192 + b"\r\n"])
    @pytest.mark.parametrize("path", ["/v1/list/stream", "/v1/list", "/healthz"])
    def test_one_where_none_is_read_is_cut_off(self, service, stays_small, path, chunk):
        with Raw(service.port) as raw:
            raw.send(head("GET", path, transfer_encoding="chunked"))
            raw.sends_until_closed(chunk)

    def test_one_of_hardly_more_than_framing_is_cut_off(self, service, stays_small):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", transfer_encoding="chunked"))
            raw.sends_until_closed(b"1\r\n \r\n" * 1_000)

    def test_who_sends_too_much_learns_so(self, service):
        answer = service.client.post("/v1/verify", content=b"x" * (2 * MAX_BODY))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    @pytest.mark.parametrize("size", [MAX_HEAD - 500, MAX_HEAD + 500, 1_000_000, MAX_BODY])
    def test_the_longest_is_taken_and_the_connection_goes_on(self, service, size):
        with Raw(service.port) as raw:
            answer = raw.send(post("/v1/verify", b" " * size)).answer()
            assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed")
            assert raw.send(head("GET", "/healthz")).answer().status == 200

    def test_a_chunked_one_is_taken_as_any_other(self, service):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", transfer_encoding="chunked"))
            answer = raw.send("2\r\n{}\r\n", "0\r\n\r\n").answer()
            assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed")
            assert raw.send(head("GET", "/healthz")).answer().status == 200

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b'{"presentation": "\xff\xfe", "request": {}}', id="not UTF-8"),
            pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
            pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
            pytest.param(
                b'{"presentation": "\\ud800", "request": {"tool": "\\udfff"}}', id="half of a pair"
            ),
            pytest.param(b"[" * 1_000_000, id="deep arrays"),
            pytest.param(b'{"a":' * 200_000, id="deep objects"),
            pytest.param(b"[" * 500_000 + b"]" * 500_000, id="deep and closed"),
            pytest.param(b'{"presentation": NaN}', id="NaN"),
            pytest.param(b'{"presentation": -Infinity}', id="infinity"),
            pytest.param(
                b'{"presentation": "a", "presentation": "b", "request": {}}', id="a key twice"
            ),
            pytest.param(b'{"presentation": ' + b"9" * 500_000 + b"}", id="a long number"),
            pytest.param(b'{"presentation": 1e999999999, "request": {}}', id="a large exponent"),
            pytest.param(
                b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}", id="many members"
            ),
            pytest.param(b"null", id="no object"),
            pytest.param(b"{} {}", id="two values"),
            pytest.param(b'{"presentation": "\x00"}', id="a zero byte"),
            pytest.param(b'{"checks": []}', id="no batch"),
            pytest.param(b'{"checks": {}}', id="a batch of nothing"),
            pytest.param(
                b'{"checks": [' + b",".join([b"1"] * 101) + b"]}", id="a batch that is too long"
            ),
        ],
    )
    def test_a_malformed_one_is_refused_at_once(self, service, body):
        begun = time.monotonic()
        answer = service.client.post(
            "/v1/verify", content=body, headers={"X-Forwarded-For": PROXIED + "1"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert time.monotonic() - begun < SLACK


class TestConnection:
    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, id="noise"),
            pytest.param(b"\0" * 200, id="zeros"),
            pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
            pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
            pytest.param(b"GET /healthz HTTP/9.9\r\n\r\n", id="another version"),
            pytest.param(b"GET HTTP/1.1\r\n\r\n", id="no path"),
            pytest.param(
                b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", id="a path that is not ASCII"
            ),
            pytest.param(
                b"GET /x?\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", id="a query that is not ASCII"
            ),
            pytest.param(
                b"GET /v1/chains/%ff%fe%zz HTTP/1.1\r\nhost: a\r\n\r\n", id="a percent sign alone"
            ),
            pytest.param(b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", id="everything"),
            pytest.param(b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", id="a tunnel"),
            pytest.param(
                b"GET http://b/healthz?a=[ HTTP/1.1\r\nhost: a\r\n\r\n", id="another server's URL"
            ),
            pytest.param(b"GET /nothing HTTP/1.1\r\nhost: [\r\n\r\n", id="half a host"),
            pytest.param(
                b"GET /nothing HTTP/1.1\r\nhost: a:b:c/d?e#f@\xff\r\n\r\n", id="a strange host"
            ),
            pytest.param(b"GET /nothing HTTP/1.1\r\n\r\n", id="no host"),
            pytest.param(b"GET /healthz HTTP/1.1\r\n: a\r\n\r\n", id="a header without a name"),
            pytest.param(
                b"GET /nothing HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", id="a header that goes on"
            ),
            pytest.param(b"GET /healthz HTTP/1.1\r\nhost: a\0b\r\n\r\n", id="a zero byte"),
            pytest.param(b"GET /nothing HTTP/1.1\nhost: a\n\n", id="bare line feeds"),
            pytest.param(
                b"GET /nothing HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
                id="an upgrade",
            ),
            pytest.param(
                head("POST", "/v1/verify", transfer_encoding="chunked") + b"z\r\n",
                id="a chunk of no size",
            ),
            pytest.param(
                head("POST", "/v1/verify", transfer_encoding="gzip") + b"z\r\n",
                id="a coding not known",
            ),
            pytest.param(
                head("GET", "/v1/audit", cookie="chaincred_session=\xff; a"), id="a strange cookie"
            ),
            pytest.param(
                head("GET", "/v1/audit", authorization="Chaincred \xff\xfe"), id="a strange token"
            ),
            pytest.param(
                head("POST", "/v1/tokens", content_type="\xff;=;", content_length=0),
                id="a strange type",
            ),
            pytest.param(
                head("GET", "/v1/list/stream", last_event_id="\xb2"), id="a strange number"
            ),
            pytest.param(head("GET", "/v1/list/head", if_none_match='W/"\xff'), id="a strange tag"),
            pytest.param(
                head("GET", "/nothing", x_forwarded_for="a, [, \xff", x_forwarded_proto="a"),
                id="a strange way",
            ),
        ],
    )
    def test_what_is_strange_is_not_a_fault_of_the_service(self, service, sent):
        with Raw(service.port) as raw:
            raw.send(sent).socket.shutdown(socket.SHUT_WR)
            came = raw.rest(PATIENCE + SLACK)
        assert re.match(rb"HTTP/1.1 [24]|$", came)

    @pytest.mark.parametrize("path", ["/{}", "/v1/chains/{}", "/v1/verify?a={}", "/v1/verify/{}"])
    def test_a_secret_in_a_path_does_not_get_into_the_log(self, service, path):
        bearer = service.keys.chain("planner")[0]
        service.client.get(path.format(bearer.reveal()))
        service.client.post(path.format(bearer.reveal()), content=bearer.reveal().encode())
        assert bearer.reveal()[5:] not in service.log()

    def test_calls_that_are_sent_together_are_answered_in_order(self, service):
        with Raw(service.port) as raw:
            raw.send(b"".join(head("GET", f"/nothing/{n % 3 and 'x'}") for n in range(10)))
            assert [raw.answer().status for _ in range(10)] == [404] * 10

    def test_calls_without_end_that_wait_for_an_answer_are_cut_off(self, service, stays_small):
        with Raw(service.port, receives=4_096) as raw:
            raw.sends_until_closed(head("GET", "/v1/list/key") * 1_000)

    def test_noise_after_a_call_is_not_taken_for_its_answer(self, service):
        with Raw(service.port) as raw:
            came = raw.send(head("GET", "/v1/list/head") + b"\0noise\r\n\r\n").rest(SLACK)
        assert not came.startswith(b"HTTP/1.1 400 ")

    def test_who_does_not_take_an_answer_is_cut_off(self, service):
        with Raw(service.port, receives=2_048) as raw, suppress(ConnectionError):
            # Megabytes, of which nothing is read: more than lies in the system's own buffers.
            for _ in range(400):
                raw.send(head("GET", "/openapi.json"))
                time.sleep(0.003)
            end = time.monotonic() + 2 * PATIENCE + SLACK
            while raw.is_held() and time.monotonic() < end:
                time.sleep(0.05)
            assert not raw.is_held()

    def test_who_goes_away_disturbs_nobody(self, service):
        whole = post("/v1/verify", "{}")
        for size in range(1, len(whole), 7):
            raw = Raw(service.port)
            raw.send(whole[:size])
            reset(raw)

    def test_half_a_connection_is_closed(self, service):
        with Raw(service.port) as raw:
            raw.send(head("POST", "/v1/verify", content_length=10)).socket.shutdown(socket.SHUT_WR)
            assert raw.is_closed(PATIENCE + SLACK)

    def test_a_decision_is_made_once_though_its_caller_is_gone(self, service):
        bearer = service.keys.chain("planner", "gone")[-1]
        request = Request("read_file", effect="read")
        shown = bearer.present(request, audience=AUDIENCE, now=int(time.time()))
        call = post("/v1/verify", json.dumps(check(str(shown), request)))
        raw = Raw(service.port)
        raw.send(call)
        reset(raw)
        deadline = time.monotonic() + SLACK
        codes = set()
        while time.monotonic() < deadline and "proof_replayed" not in codes:
            with Raw(service.port) as again:
                answer = json.loads(again.send(call).answer().body)
            codes.add(answer.get("code", "ok"))
        # Whether the first call came through is not known; the second cannot have both.
        assert "proof_replayed" in codes

    def test_a_thousand_idle_connections_leave_room_for_others(self, service):
        bearer = service.keys.chain("planner", "busy")[-1]
        with open_files(4_000), ExitStack() as stack:
            idle = [stack.enter_context(Raw(service.port)) for _ in range(1_000)]
            for each in idle[::2]:
                each.send("GET /healthz HTTP/1.1\r\nhost: ")
            taken = []
            for _ in range(20):
                begun = time.monotonic()
                assert service.verify(bearer).status_code == 200
                taken.append(time.monotonic() - begun)
            assert sorted(taken)[10] < 0.5
            assert all(each.is_closed(PATIENCE + SLACK) for each in idle)

    def test_more_than_are_held_are_closed_as_they_come(self, service):
        with open_files(4_000), ExitStack() as stack:
            # Those that are let in wait for their head.
            many = [stack.enter_context(Raw(service.port)) for _ in range(CONNECTIONS + 50)]
            begun = time.monotonic()
            closed = [each.is_closed(PATIENCE + SLACK) for each in many[-20:]]
            assert all(closed)
            assert time.monotonic() - begun < PATIENCE


class TestRate:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param("203.0.113.7", "203.0.113.8", id="IPv4"),
            pytest.param("2001:db8:0:1::{:x}", "2001:db8:0:2::1", id="IPv6, as many as a host has"),
        ],
    )
    def test_who_is_refused_too_often_waits_and_others_do_not(self, tmp_path, one, other):
        # So few a second that a slow machine earns none between two calls.
        keys = Keys(tmp_path)
        with Running(keys, trusted_proxies="127.0.0.1", refused_per_second=0.3) as service:

            def call(address: str) -> int:
                headers = {"X-Forwarded-For": address}
                answer = service.client.post("/v1/verify", content=b"{}", headers=headers)
                return int(answer.status_code)

            codes = [call(one.format(number)) for number in range(1, 7)]
            assert codes[:3] == [400] * 3
            assert codes[-1] == 429
            assert call(other) == 400
            assert service.verify(keys.chain("planner")[0]).status_code == 200
            end = time.monotonic() + 20
            while call(one.format(1)) != 400:
                assert time.monotonic() < end, "it is shut out for good"
                time.sleep(0.1)
