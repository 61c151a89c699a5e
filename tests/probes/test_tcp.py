"""TCP checks against real servers on loopback, plain and TLS, that answer as each test tells them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model.outcome import Outcome, RunStatus
from model.validation import field_errors
from probes.checks import tcp
from tests.probes.http_bench import Answerer, Bench, Connection, bench, run, serving
from tests.probes.tls_bench import Authority

NEVER_S = 60.0
"""A deadline that a test must not come near."""
SOON_S = 20.0


def check(port: int, host: str = "127.0.0.1", **fields: Any) -> tcp.TcpCheck:
    return tcp.TcpCheck.model_validate({"name": "a", "type": "tcp", "host": host, "port": port, **fields})


async def attempt(b: Bench, port: int, host: str = "127.0.0.1", within_s: float = 5.0, **fields: Any) -> Outcome:
    return await tcp.run(check(port, host, **fields), b.context(within_s))


def outcome_of(answer: Answerer, *, within_s: float = 5.0, **fields: Any) -> Outcome:
    """One attempt against a server that answers so."""

    async def work() -> Outcome:
        async with serving(answer) as server, bench() as b, asyncio.timeout(SOON_S):
            return await attempt(b, server.port, within_s=within_s, **fields)

    return run(work())


def saying(*parts: bytes) -> Answerer:
    """Sends the parts, each alone, and stays until the other side is gone."""

    async def answer(connection: Connection) -> None:
        for part in parts:
            connection.writer.write(part)
            await connection.writer.drain()
        await connection.reader.read()

    return answer


async def silent(connection: Connection) -> None:
    await connection.reader.read()


async def echoing(connection: Connection) -> None:
    while data := await connection.reader.read(65_536):
        connection.writer.write(data)
        await connection.writer.drain()


async def closing(connection: Connection) -> None:
    """Says half a word and closes."""
    connection.writer.write(b"22")


async def resetting(connection: Connection) -> None:
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def hanging_up(connection: Connection) -> None:
    """Resets as soon as it has heard something."""
    await connection.reader.read(4)
    await resetting(connection)


@contextmanager
def full_listener() -> Iterator[int]:
    """A port whose queue is full: the next connection is neither taken nor refused."""
    listener, waiting = socket.socket(), []
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    try:
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
        yield listener.getsockname()[1]
    finally:
        for one in (*waiting, listener):
            one.close()


def test_a_port_that_takes_the_connection_is_up() -> None:
    outcome = outcome_of(silent)
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.duration_ms == outcome.metrics.connect_ms
    assert (outcome.metrics.tls_ms, outcome.metrics.ttfb_ms, outcome.metrics.dns_ms) == (None, None, None)
    assert outcome.response == {"remote_ip": "127.0.0.1", "bytes": 0}


def test_a_name_is_looked_up_and_told_apart() -> None:
    async def work() -> Outcome:
        async with serving(silent) as server, bench() as b:
            return await attempt(b, server.port, "localhost")

    outcome = run(work())
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.metrics.dns_ms is not None
    assert outcome.duration_ms == outcome.metrics.connect_ms


def test_a_banner_is_read_until_it_holds_what_is_expected() -> None:
    outcome = outcome_of(saying(b"220 mail.", b"example.com ESMTP\r\n"), expect="example.com")
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.metrics.ttfb_ms is not None
    assert outcome.metrics.connect_ms is not None
    assert outcome.duration_ms == pytest.approx(outcome.metrics.connect_ms + outcome.metrics.ttfb_ms, abs=0.002)
    [expected] = outcome.assertions
    assert (expected.type, expected.operator, expected.passed) == ("response", "contains", True)


def test_what_is_sent_is_answered() -> None:
    outcome = outcome_of(
        echoing,
        send="PING\r\n",
        expect="PING",
        assertions=[{"type": "response", "operator": "matches", "value": r"^PING\r\n$"}],
    )
    assert outcome.status is RunStatus.SUCCESS
    assert [result.passed for result in outcome.assertions] == [True, True]


def test_a_large_text_is_sent_whole() -> None:
    text = "x" * 65_000 + "end"
    outcome = outcome_of(echoing, send=text, expect="end")
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.response is not None
    assert outcome.response["bytes"] == len(text)


def test_a_wrong_answer_fails_at_the_deadline_and_shows_what_came() -> None:
    outcome = outcome_of(saying(b"500 go away\r\n"), within_s=0.3, expect="220")
    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.code == "assertion_failed"
    assert "got 500 go away" in outcome.error.message
    assert outcome.response is not None
    assert outcome.response["body"] == "500 go away\r\n"


def test_a_peer_that_closes_before_it_said_what_is_expected_fails_at_once() -> None:
    outcome = outcome_of(closing, within_s=NEVER_S, expect="220")
    assert outcome.error is not None
    assert outcome.error.code == "assertion_failed"


def test_a_peer_that_says_nothing_is_a_timeout() -> None:
    outcome = outcome_of(silent, within_s=0.3, expect="220")
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "timeout")
    assert outcome.metrics.connect_ms is not None
    assert [(result.actual, result.passed) for result in outcome.assertions] == [(None, False)]


def test_a_reset_is_the_fault_of_the_phase_it_comes_in() -> None:
    at_once = outcome_of(resetting, within_s=NEVER_S, expect="220")
    assert at_once.error is not None
    assert at_once.error.code in ("connect_failed", "protocol_error")  # as the reset comes before or after our look
    later = outcome_of(hanging_up, within_s=NEVER_S, send="ping", expect="220")
    assert later.error is not None
    assert later.error.code == "protocol_error"


def test_a_closed_port_refuses_and_a_full_one_times_out() -> None:
    async def work(port: int, within_s: float) -> Outcome:
        async with bench() as b:
            assertions = [{"type": "response_time", "operator": "less_than", "value": 500}]
            return await attempt(b, port, within_s=within_s, assertions=assertions)

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        refused = run(work(bound.getsockname()[1], 5.0))
    with full_listener() as port:
        late = run(work(port, 0.3))
    assert refused.error is not None
    assert refused.error.code == "connect_refused"
    assert late.error is not None
    assert late.error.code == "connect_timeout"
    assert late.duration_ms is not None
    assert late.duration_ms >= 290
    for outcome in (refused, late):
        assert [(result.actual, result.passed) for result in outcome.assertions] == [(None, False)]


@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "[::ffff:10.1.2.3]"])
def test_an_address_that_may_not_be_reached_is_blocked(host: str) -> None:
    async def work() -> Outcome:
        async with bench() as b:
            return await attempt(b, 80, host)

    outcome = run(work())
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "blocked_address")


def test_a_peer_that_never_stops_is_cut_off() -> None:
    async def endless(connection: Connection) -> None:
        while True:
            connection.writer.write(b"x" * 10_000)
            await connection.writer.drain()

    outcome = outcome_of(endless, within_s=NEVER_S, expect="y")
    assert outcome.error is not None
    assert outcome.error.code == "assertion_failed"
    assert outcome.response is not None
    assert outcome.response["bytes"] == tcp.MAX_READ
    assert len(outcome.response["body"]) == 4_096


def test_a_peer_that_sends_single_bytes_is_not_judged_after_each() -> None:
    async def dribbling(connection: Connection) -> None:
        for _ in range(3_000):
            connection.writer.write(b"x")
            await connection.writer.drain()
            await asyncio.sleep(0)
        connection.writer.write(b"end")
        await connection.writer.drain()

    outcome = outcome_of(dribbling, within_s=NEVER_S, expect="xend")
    assert outcome.status is RunStatus.SUCCESS


def test_bytes_that_are_no_text_are_read_as_well_as_can_be() -> None:
    outcome = outcome_of(saying(b"\xff\xfe\x00OK"), expect="OK")
    assert outcome.status is RunStatus.SUCCESS


def test_phases_end_when_the_peer_answered_however_busy_the_loop_is() -> None:
    """The peer, a thread, answers after 20 ms; the loop stands still for 300. The kernel's stamps tell the truth."""

    async def work(listener: socket.socket) -> Outcome:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4)
                loop.call_soon_threadsafe(heard.set)
                time.sleep(0.02)
                peer.sendall(b"pong")
                peer.recv(1)

        answering = asyncio.ensure_future(asyncio.to_thread(answer))
        async with bench() as b:
            task = asyncio.ensure_future(attempt(b, listener.getsockname()[1], send="ping", expect="pong"))
            await heard.wait()
            _stand_still()
            outcome = await task
        await answering
        return outcome

    with socket.create_server(("127.0.0.1", 0)) as listener:
        outcome = run(work(listener))
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.metrics.ttfb_ms is not None
    assert 19 <= outcome.metrics.ttfb_ms < 250


def _stand_still() -> None:
    """What other checks may do to the loop."""
    time.sleep(0.3)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def over_tls(
    authority: Authority, context: ssl.SSLContext, answer: Answerer = silent, host: str = "127.0.0.1", **fields: Any
) -> Outcome:
    async def work() -> Outcome:
        async with serving(answer, tls=context) as server, bench(ca_file=str(authority.ca_file)) as b:
            return await attempt(b, server.port, host, **fields)

    return run(work())


def test_tls_is_a_phase_of_its_own_and_shows_the_certificate(authority: Authority) -> None:
    expires = datetime.now(UTC) + timedelta(days=30)
    context = authority.server("127.0.0.1", "db.example.com", not_after=expires)
    outcome = over_tls(
        authority,
        context,
        saying(b"hello"),
        tls={"enabled": True},
        expect="hello",
        assertions=[{"type": "certificate_expiry", "operator": "greater_than", "value": 29}],
    )
    assert outcome.status is RunStatus.SUCCESS, outcome.error
    metrics = outcome.metrics
    assert metrics.connect_ms is not None
    assert metrics.tls_ms is not None
    assert metrics.ttfb_ms is not None
    assert outcome.duration_ms == pytest.approx(metrics.connect_ms + metrics.tls_ms + metrics.ttfb_ms, abs=0.002)
    assert outcome.response is not None
    shown = outcome.response["certificate"]
    assert set(shown["san"]) == {"127.0.0.1", "db.example.com"}
    assert 29.5 < shown["days_left"] <= 30


def test_tls_works_with_tls_1_2_and_large_answers(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    outcome = over_tls(authority, context, echoing, tls={"enabled": True}, send="a" * 60_000 + "end", expect="end")
    assert outcome.status is RunStatus.SUCCESS, outcome.error


@pytest.mark.parametrize(
    ("names", "expired", "tls", "said"),
    [
        (("other.example.com",), False, {}, "it is not for 127.0.0.1;"),
        (("127.0.0.1",), False, {"server_name": "db.example.com"}, "it is not for db.example.com;"),
        (("127.0.0.1",), True, {}, "it has expired;"),
    ],
)
def test_a_certificate_that_does_not_fit_is_a_tls_error_unless_it_is_not_verified(
    authority: Authority, names: tuple[str, ...], expired: bool, tls: dict[str, Any], said: str
) -> None:
    context = authority.server(*names, not_after=datetime.now(UTC) - timedelta(days=1) if expired else None)
    refused = over_tls(authority, context, tls={"enabled": True, **tls})
    assert refused.error is not None
    assert refused.error.code == "tls_error"
    assert said in refused.error.message
    assert refused.metrics.connect_ms is not None
    assert refused.response is not None
    assert refused.response["certificate"]["san"] == list(names)
    taken = over_tls(authority, context, tls={"enabled": True, **tls, "verify": False})
    assert taken.status is RunStatus.SUCCESS
    assert taken.response is not None
    assert (taken.response["certificate"]["days_left"] < 0) is expired


def test_an_authority_that_nobody_knows_is_a_tls_error(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    outcome = over_tls(authority, stranger.server("127.0.0.1"), tls={"enabled": True})
    assert outcome.error is not None
    assert outcome.error.code == "tls_error"


def test_the_server_name_decides_which_certificate_is_asked_for(authority: Authority) -> None:
    context = authority.server("db.example.com")
    outcome = over_tls(authority, context, tls={"enabled": True, "server_name": "db.example.com"})
    assert outcome.status is RunStatus.SUCCESS, outcome.error


@pytest.mark.parametrize("answer", [saying(b"220 hello\r\n"), closing, hanging_up], ids=["speaks", "closes", "resets"])
def test_a_peer_that_speaks_no_tls_is_a_tls_error(answer: Answerer) -> None:
    outcome = outcome_of(answer, within_s=NEVER_S, tls={"enabled": True})
    assert outcome.error is not None
    assert outcome.error.code == "tls_error"


def test_a_handshake_that_does_not_end_is_a_timeout_that_says_so() -> None:
    outcome = outcome_of(silent, within_s=0.3, tls={"enabled": True})
    assert outcome.error is not None
    assert outcome.error.code == "timeout"
    assert "handshake" in outcome.error.message


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"host": "a b"}, "host"),
        ({"host": "http://a"}, "host"),
        ({"host": "a:80"}, "host"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": "80"}, "port"),
        ({"tls": {"enabled": "yes"}}, "tls.enabled"),
        ({"tls": {"nonsense": 1}}, "tls.nonsense"),
        ({"tls": {"server_name": "a b"}}, "tls.server_name"),
        ({"expect": ""}, "expect"),
        ({"expect": "x" * 4_001}, "expect"),
        ({"send": "x" * 65_537}, "send"),
        ({"send": "a\x00"}, "send"),
        ({"assertions": [{"type": "status_code", "value": 200}]}, "assertions.0.type"),
        ({"url": "http://a"}, "url"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_at_its_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        tcp.TcpCheck.model_validate({"name": "a", "type": "tcp", "host": "example.com", "port": 80, **fields})
    assert list(field_errors(caught.value)) == [path]
