"""A service that is asked to stop answers what it has begun; one whose log is gone goes on."""

import json
import re
import socket
import sqlite3
import time
from contextlib import closing

import pytest

from chaincred import Bearer, Request
from tests.verifier.raw import Raw, head
from tests.verifier.running import AUDIENCE, Keys, Running, check

REQUEST = Request("read_file", effect="read")


def body(bearer: Bearer) -> bytes:
    presentation = bearer.present(REQUEST, audience=AUDIENCE, now=int(time.time()))
    return json.dumps(check(str(presentation), REQUEST)).encode()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_what_is_under_way_is_answered_before_the_service_stops(keys: Keys, workers: int):
    bearer = keys.chain("planner", "worker")[-1]
    with Running(keys, workers=workers) as service:
        path = keys.folder / "service.db"
        waiting, half, stream, idle, begun = (Raw(service.port) for _ in range(5))
        with (
            waiting,
            half,
            stream,
            idle,
            begun,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            assert idle.send(head("GET", "/healthz")).answer().status == 200
            assert stream.send(head("GET", "/v1/list/stream")).answer().status == 200
            begun.send("GET /healthz HTTP/1.1\r\nhost: ")
            whole = body(bearer)
            half.send(head("POST", "/v1/verify", content_length=len(whole)), whole[:50])
            other.execute("BEGIN EXCLUSIVE")
            call = body(bearer)
            waiting.send(head("POST", "/v1/verify", content_length=len(call)), call)
            time.sleep(0.3)
            process = service.process
            assert process is not None
            process.terminate()
            asked_at = time.monotonic()
            time.sleep(1)
            other.execute("ROLLBACK")
            half.send(whole[50:])
            assert waiting.answer().status == 200
            assert half.answer().status == 200
            assert process.wait(10) in (0, -15)
            # A stream and idle connections do not hold it up.
            assert time.monotonic() - asked_at < 6
            assert all(each.is_closed(1) for each in (stream, idle, begun))
        with pytest.raises(ConnectionRefusedError), socket.socket() as late:
            late.connect(("127.0.0.1", service.port))
        log = service.log()
        assert log.count('"stopped"') == workers
        assert not re.search("Traceback|ERROR|cc1[ps]_|cc1k_", log)


def test_a_service_whose_log_nobody_takes_goes_on(keys: Keys):
    planner, worker = keys.chain("planner", "worker")
    under = ("bash", "-c", 'exec "$@" 2> >(head -c 20 > log-begins)', "bash")
    with Running(keys, under=under) as service:
        for _ in range(5):
            assert service.client.post("/v1/verify", content=b"{}").status_code == 400
            assert service.client.get("/nothing").status_code == 404
        assert service.verify(worker).status_code == 200
        link = worker.token.chain.links[-1].hex()
        assert service.revoke(what="chain", link=link).status_code == 201
        assert service.verify(worker).json()["code"] == "revoked"
        (keys.folder / "service.db").rename(keys.folder / "away")
        time.sleep(0.5)
        assert service.verify(planner).json()["code"] == "unavailable"
        (keys.folder / "away").rename(keys.folder / "service.db")
        end = time.monotonic() + 10
        while service.client.get("/readyz").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert service.verify(planner).status_code == 200
        assert service.stop() in (0, -15)
