"""The server: what it refuses, what it limits, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask, Response, request

import api.server
from api.server import Server
from api.serving_protocol import HEADER_BYTES, LimitedProtocol
from api.serving_requests import Bodies
from api.serving_uvicorn import PartUvicorn
from model.settings import Settings
from store.bootstrap import SettingRefusedError
from store.keyring import Keyring
from store.service_clock import Service, service
from store.sessions import EVERY_ORGANIZATION, Database
from tests.api.wire import Answer, Line, Place, ask, wait_until
from tests.conftest import Clock

MIB = 1 << 20
StartServer = Callable[..., Server]


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    """Most of this is about sockets: one store will do. Tests of the other say so."""
    return str(request.param)


class People:
    """A Flask app with a door that the test opens."""

    def __init__(self) -> None:
        self.app = Flask("people")
        self.inside = threading.Semaphore(0)
        self.door = threading.Event()
        self.closed = threading.Event()
        self.called = 0
        self.app.add_url_rule("/echo", view_func=self.echo, methods=["GET", "POST"])
        self.app.add_url_rule("/wait", view_func=self.wait, methods=["GET", "POST"])
        self.app.add_url_rule("/pieces", view_func=self.pieces)
        self.app.add_url_rule("/fails", view_func=self.fails)

    def echo(self) -> dict[str, object]:
        self.called += 1
        return {
            "path": request.path,
            "query": request.query_string.decode(),
            "length": len(request.get_data()),
            "client": request.remote_addr,
            "scheme": request.scheme,
            "peer": request.environ["tracer.peer"],
            "id": request.environ["tracer.request_id"],
            "headers": dict(request.headers),
        }

    def wait(self) -> str:
        self.inside.release()
        self.door.wait(10)
        return "waited"

    def pieces(self) -> Response:
        def made() -> Iterator[bytes]:
            yield b"first"
            self.door.wait(10)
            yield b"second"

        response = Response(made())
        response.call_on_close(self.closed.set)
        return response

    def fails(self) -> str:
        raise RuntimeError("a secret detail")


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def start(database: Database, keyring: Keyring, people: People) -> Iterator[StartServer]:
    """A function that starts a server of the people's app, with these settings."""
    started: list[Server] = []

    def start(**settings: object) -> Server:
        server = Server(people.app, database, keyring, Settings.model_validate({"port": 0, **settings}))
        started.append(server)
        server.start()
        return server

    yield start
    people.door.set()
    for server in started:
        server.stop()


@pytest.fixture
def server(start: StartServer) -> Server:
    return start()


def test_port_0_is_any_free_port_and_told(server: Server) -> None:
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert ask(server, "GET", "/echo").status == 200


def test_a_port_in_use_is_said_with_its_address(server: Server, start: StartServer) -> None:
    with pytest.raises(OSError, match=f"can't listen on 127.0.0.1:{server.port}"):
        start(port=server.port)


def test_ipv6_is_served_and_its_url_has_brackets(start: StartServer) -> None:
    server = start(host="::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert ask(server, "GET", "/echo").json["client"] == "::1"


def test_a_connection_serves_many_requests(server: Server) -> None:
    with Line(server) as line:
        for _ in range(3):
            line.request("POST", "/echo", b"12345")
            assert line.answer().json["length"] == 5


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with Line(server) as line:
        line.send(b"".join(b"GET /echo?%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5)))
        assert [line.answer().json["query"] for _ in range(5)] == list("01234")


def test_an_http_1_0_connection_ends_with_its_answer(server: Server) -> None:
    with Line(server) as line:
        line.send(b"GET /echo HTTP/1.0\r\n\r\n")
        assert line.answer().status == 200
        assert line.ended()


def test_head_has_the_headers_of_get_and_no_body(server: Server) -> None:
    with Line(server) as line:
        line.request("HEAD", "/echo")
        head = line.answer("HEAD")
        line.request("GET", "/echo")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) > 100
        assert line.answer().status == 200


def test_paths_are_decoded_once_and_names_with_underscores_are_dropped(server: Server) -> None:
    answer = ask(server, "GET", "/ech%6F?a=%2F", b"", "X_Forwarded_For: 1.2.3.4", "X-Two: a", "X-Two: b").json
    assert (answer["path"], answer["query"]) == ("/echo", "a=%2F")
    assert "X-Forwarded-For" not in answer["headers"]
    assert answer["headers"]["X-Two"] == "a,b"


def test_the_request_id_of_the_server_is_the_one_flask_sees(server: Server) -> None:
    first, second = (ask(server, "GET", "/echo").json["id"] for _ in range(2))
    assert first.startswith("req_")
    assert first != second


@pytest.mark.parametrize("path", ["/echo", "/v1/probe/lease"])
def test_a_body_over_1_mib_is_refused_before_it_is_sent(server: Server, people: People, path: str) -> None:
    with Line(server) as line:
        line.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB + 1}\r\n\r\n".encode())
        answer = line.answer()
    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]
    assert people.called == 0


def test_a_body_over_1_mib_without_a_length_is_refused_while_it_arrives(server: Server, people: People) -> None:
    with Line(server) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            line.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        answer = line.answer()
        assert (answer.status, answer.code) == (413, "too_large")
        line.send(b"0\r\n\r\n")
        assert line.ended()
    assert people.called == 0


def test_a_client_that_sends_all_of_a_large_body_can_read_why_it_was_refused(server: Server) -> None:
    answer = ask(server, "POST", "/echo", bytes(8 * MIB))
    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_a_body_of_1_mib_is_taken_with_and_without_a_length(server: Server) -> None:
    assert ask(server, "POST", "/echo", bytes(MIB)).json["length"] == MIB
    with Line(server) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        line.send(b"100000\r\n" + bytes(MIB) + b"\r\n0\r\n\r\n")
        assert line.answer().json["length"] == MIB


def test_results_may_be_larger_than_what_people_send(server: Server) -> None:
    assert ask(server, "POST", "/v1/probe/results", bytes(2 * MIB)).status == 401
    assert ask(server, "POST", "/v1/probe/results", bytes(8 * MIB + 1)).status == 413


def test_expect_100_is_answered_before_the_body_and_413_in_its_place(server: Server) -> None:
    with Line(server) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert line.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        line.send(b"abc")
        assert line.answer().json["length"] == 3
    with Line(server) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n")
        assert line.answer().status == 413


def test_a_body_that_drips_is_given_up(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.serving.Bodies", lambda: Bodies(within_s=0.1))
    server = start()
    with Line(server) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert line.answer().status == 408
        line.send(b"defghij")
        assert line.ended()


def test_slow_bodies_hold_no_thread(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Line(server) for _ in range(3 * api.server.PEOPLE_THREADS)]
    for line in lines:
        line.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert ask(server, "GET", "/echo").status == 200
    for line in lines:
        line.close()


def test_too_many_bytes_on_their_way_in_are_answered_503(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.serving.Bodies", lambda: Bodies(most_bytes=100_000))
    server = start()
    answer = ask(server, "POST", "/echo", bytes(200_000))
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert ask(server, "POST", "/echo", bytes(90_000)).status == 200


def test_headers_that_do_not_come_are_given_up(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "headers_s", 0.1)
    server = start()
    for begun in (b"", b"GET /echo HTTP/1.1\r\nHost:"):
        with Line(server) as line:
            line.send(begun)
            assert line.answer().status == 408
            assert line.ended()


def test_a_second_request_gets_the_same_time_for_its_headers(
    start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedProtocol, "headers_s", 0.2)
    with Line(start()) as line:
        line.request("GET", "/echo")
        assert line.answer().status == 200
        line.send(b"GET /echo HT")
        assert line.answer().status == 408


def test_a_slow_answer_is_no_slow_request(start: StartServer, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "headers_s", 0.1)
    with Line(start()) as line:
        line.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n\r\n")  # and a stray empty line
        people.inside.acquire(timeout=5)
        threading.Timer(0.3, people.door.set).start()
        assert line.answer().body == b"waited"


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"a" * HEADER_BYTES + b"\r\n\r\n",
        b"X: y\r\n" * 101 + b"\r\n",
        b"X-Endless: " + b"a" * 3 * HEADER_BYTES,
    ],
    ids=["long", "many", "endless"],
)
@pytest.mark.parametrize("piece", [10_000, 1_000_000], ids=["in pieces", "at once"])
def test_headers_over_the_limit_are_431(server: Server, headers: bytes, piece: int) -> None:
    with Line(server) as line:
        line.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
        for at in range(0, len(headers), piece):
            line.send(headers[at : at + piece])
        answer = line.answer()
    assert (answer.status, answer.code) == (431, "malformed")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nA\x00B: c\r\n\r\n",
    ],
)
def test_what_is_no_http_is_400_in_the_envelope(server: Server, people: People, garbage: bytes) -> None:
    with Line(server) as line:
        line.send(garbage)
        answer = line.answer()
        assert (answer.status, answer.code) == (400, "malformed")
        assert line.ended()
    assert people.called == 0


def test_an_offered_upgrade_is_ignored(server: Server) -> None:
    answer = ask(server, "GET", "/echo", b"", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    assert answer.status == 200


def test_above_the_most_connections_newcomers_are_told_503(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "most_connections", 3)
    server = start()
    lines = [Line(server) for _ in range(3)]
    for line in lines:
        line.request("GET", "/echo")
        assert line.answer().status == 200
    with Line(server) as line:
        refused = line.answer()
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    for line in lines:
        line.close()
    wait_until(lambda: _status(server) == 200, "a place is free again")


def _status(server: Server) -> int:
    return ask(server, "GET", "/echo").status


def test_more_requests_than_threads_and_queue_are_503_and_the_rest_is_answered(
    start: StartServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "PEOPLE_THREADS", 2)
    monkeypatch.setattr(api.server, "PEOPLE_WAITING", 1)
    server = start()
    lines = [Line(server) for _ in range(3)]
    for line in lines:
        line.request("GET", "/wait")
    for _ in range(2):
        assert people.inside.acquire(timeout=5)
    busy = ask(server, "GET", "/echo")
    assert (busy.status, busy.code, busy.headers["retry-after"]) == (503, "unavailable", "1")
    people.door.set()
    assert [line.answer().body for line in lines] == [b"waited"] * 3
    for line in lines:
        line.close()
    assert ask(server, "GET", "/echo").status == 200


def test_who_waits_for_a_thread_for_too_long_is_told_503(
    start: StartServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "PEOPLE_THREADS", 1)
    monkeypatch.setattr(api.server, "QUEUED_S", 0.05)
    server = start()
    with Line(server) as line:
        line.request("GET", "/wait")
        assert people.inside.acquire(timeout=5)
        busy = ask(server, "GET", "/echo")
        assert (busy.status, busy.code, busy.headers["retry-after"]) == (503, "unavailable", "1")
        people.door.set()
        assert line.answer().body == b"waited", "what has a thread may take its time"
    assert people.called == 0
    assert ask(server, "GET", "/echo").status == 200


def test_who_changes_something_holds_up_nobody_who_reads(
    start: StartServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "CHANGE_THREADS", 1)
    monkeypatch.setattr(api.server, "PEOPLE_THREADS", 1)
    server = start()
    with Line(server) as line:
        line.request("POST", "/wait")
        assert people.inside.acquire(timeout=5)
        assert ask(server, "GET", "/echo").status == 200


def test_people_s_slow_requests_do_not_delay_probes_or_pings(
    start: StartServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "PEOPLE_THREADS", 1)
    server = start()
    with Line(server) as line:
        line.request("GET", "/wait")
        assert people.inside.acquire(timeout=5)
        assert ask(server, "POST", "/v1/probe/lease", b"{}", "Authorization: Bearer tprb_x").status == 401
        assert ask(server, "GET", "/ping/nobody").status == 404


def test_forwarded_addresses_count_from_trusted_proxies_only(start: StartServer) -> None:
    headers = ("X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.1.2.3", "X-Forwarded-Proto: https")
    stranger = ask(start(), "GET", "/echo", b"", *headers).json
    assert (stranger["client"], stranger["scheme"]) == ("127.0.0.1", "http")
    behind = ask(start(trusted_proxies=("127.0.0.1", "10.0.0.0/8")), "GET", "/echo", b"", *headers).json
    assert (behind["client"], behind["scheme"], behind["peer"]) == ("203.0.113.7", "https", "127.0.0.1")


def test_a_proxy_setting_that_is_no_address_is_said_at_start(start: StartServer) -> None:
    with pytest.raises(SettingRefusedError, match="TRACER_TRUSTED_PROXIES: 'nginx'"):
        start(trusted_proxies=("nginx",))


def test_an_answer_of_unknown_length_is_sent_as_it_is_made(server: Server, people: People) -> None:
    with Line(server) as line:
        line.request("GET", "/pieces")
        seen = b""
        while b"first" not in seen:
            seen += line.socket.recv(1000)
        assert b"second" not in seen
        people.door.set()
        while b"second" not in seen:
            seen += line.socket.recv(1000)
    assert people.closed.wait(5)


def test_an_error_that_flask_does_not_catch_is_500_without_its_text(server: Server, people: People) -> None:
    people.app.config["PROPAGATE_EXCEPTIONS"] = True
    answer = ask(server, "GET", "/fails")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body


def test_a_method_that_an_address_does_not_take_is_405_with_allow(server: Server) -> None:
    answer = ask(server, "GET", "/v1/probe/lease")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_stopping_lets_a_request_finish_and_refuses_newcomers(server: Server, people: People) -> None:
    answers: list[Answer] = []
    with Line(server) as line, Line(server) as idle:
        line.request("GET", "/wait")
        assert people.inside.acquire(timeout=5)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        wait_until(lambda: _refused(server), "newcomers are refused")
        assert idle.ended()
        people.door.set()
        answers.append(line.answer())
        stopping.join(5)
    assert not stopping.is_alive()
    assert (answers[0].body, answers[0].headers["connection"]) == (b"waited", "close")


def _refused(server: Server) -> bool:
    try:
        socket.create_connection((server.host, server.port), timeout=1).close()
    except OSError:
        return True
    return False


def test_stopping_does_not_wait_longer_than_it_was_told_to(server: Server, people: People) -> None:
    with Line(server) as line:
        line.request("GET", "/wait")
        assert people.inside.acquire(timeout=5)
        server.stop(patience_s=0.1)
        assert not server.alive
        people.door.set()


def test_stopping_twice_and_an_unstarted_server_does_no_harm(
    database: Database, keyring: Keyring, people: People
) -> None:
    server = Server(people.app, database, keyring, Settings(port=0))
    server.stop()
    with Server(people.app, database, keyring, Settings(port=0)) as started:
        started.stop()


def test_a_server_that_stops_serving_by_itself_says_so(
    database: Database, keyring: Keyring, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    async def broken(self: PartUvicorn, counter: int) -> bool:
        raise OSError("out of everything")

    server = Server(people.app, database, keyring, Settings(port=0), failed.set)
    server.start()
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(PartUvicorn, "on_tick", broken)
    assert failed.wait(5)
    wait_until(lambda: not server.alive, "it is not alive")
    server.stop()


def test_on_sqlite_a_start_ends_an_absence_however_short(start: StartServer, database: Database, clock: Clock) -> None:
    first = start()
    wait_until(lambda: _service(database).seen_ms > 0, "a beat")
    first.stop()
    stopped = _service(database)
    clock.advance(500)
    start()
    wait_until(lambda: _service(database).seen_ms == clock.now_ms, "a beat of the next")
    assert _service(database) == Service(clock.now_ms, clock.now_ms, stopped.seen_ms), "nobody served in between"
    clock.advance(500)
    wait_until(lambda: _service(database).seen_ms == clock.now_ms, "another beat")
    assert _service(database).serving_since_ms == clock.now_ms - 500


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_an_api_that_joins_others_ends_no_absence(start: StartServer, database: Database, clock: Clock) -> None:
    first = start()
    wait_until(lambda: _service(database).seen_ms > 0, "a beat")
    first.stop()  # it may have served beside others that go on
    clock.advance(500)
    before = _service(database)
    start()
    wait_until(lambda: _service(database).seen_ms == clock.now_ms, "a beat")
    assert _service(database).serving_since_ms == before.serving_since_ms


def _service(database: Database) -> Service:
    with database.read(EVERY_ORGANIZATION) as session:
        return service(session)


def test_the_service_clock_says_that_the_api_serves(server: Server, database: Database) -> None:
    def seen() -> bool:
        with database.read(EVERY_ORGANIZATION) as session:
            return service(session).serving(database.now_ms(session))

    wait_until(seen, "a beat")


def test_sigterm_answers_waiting_probes_and_ends_the_program_with_0(tmp_path: Path) -> None:
    owner, key = "owner-key-of-this-test-0123456789", "tprb_" + "k" * 40
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRACER_")},
        "TRACER_DATA_DIR": str(tmp_path), "TRACER_PORT": "0", "TRACER_API_KEY": owner, "TRACER_PROBE_KEY": key,
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "server"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            place = urlsplit(json.loads(process.stdout.readline())["address"])
            server = Place(str(place.hostname), int(place.port or 0))
            asked = {"protocol": 1, "instance": "a", "version": "1", "types": [], "capabilities": [], "capacity": 1}
            with Line(server) as line:
                body = json.dumps({**asked, "running": 7, "wait_ms": 2000}).encode()
                line.request("POST", "/v1/probe/lease", body, f"Authorization: Bearer {key}")
                wait_until(lambda: _running(server, owner) == 7, "the lease waits")
                process.send_signal(signal.SIGTERM)
                answer = line.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert answer.json["held_ms"] < 2000
            assert process.wait(10) == 0
        finally:
            process.kill()


def _running(server: Place, owner: str) -> int:
    answer = ask(server, "GET", "/v1/probes", b"", f"Authorization: Bearer {owner}")
    return int(answer.json["data"][0]["running"])
