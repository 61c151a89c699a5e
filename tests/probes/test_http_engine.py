"""The engine beneath the checks: pinned addresses, pooled handles, exact phases, nothing left behind."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from egress.resolver import Resolver
from model.hosts import parse_url
from probes.http.engine import HttpEngine
from probes.http.exchange import Exchange, Request
from tests.egress.dns_server import dns_server, resolver_files, zone
from tests.probes.http_bench import OK, Connection, answering, bench, run, serving


def request(url: str) -> Request:
    return Request(parse_url(url))


async def fetch(http: HttpEngine, url: str, *addresses: str, within_s: float = 5.0) -> Exchange:
    return await http.fetch(request(url), addresses, asyncio.get_running_loop().time() + within_s)


def test_a_name_leads_where_it_was_pinned_and_keeps_its_host_header() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as one, serving(answering(OK), host="::1") as other:
            for server, address, host in (
                (one, "127.0.0.1", "a.test"),
                (other, "::1", "a.test"),
                (one, "127.0.0.1", "b.test"),
            ):
                exchange = await fetch(http, server.url(host=host), address)
                assert exchange.failure is None
                assert exchange.remote_ip == address
                assert server.seen[-1].header("host") == f"{host}:{server.port}"
            # The same handle, now for an address: no pin may remain.
            exchange = await fetch(http, other.url(host="[::1]"), "::1")
            assert exchange.failure is None
            assert (len(one.seen), len(other.seen)) == (2, 2)
        http.close()

    run(work())


def test_the_next_address_is_tried_when_one_refuses() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as server:
            for _ in range(2):
                exchange = await fetch(http, server.url(host="a.test"), "::1", "127.0.0.2", "127.0.0.1")
                assert exchange.failure is None
                assert exchange.remote_ip == "127.0.0.1"
        http.close()

    run(work())


def test_an_address_that_was_not_vetted_is_never_connected_to() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as server:
            exchange = await fetch(http, server.url(), "127.0.0.9")
            assert exchange.failure is not None
            assert exchange.failure.code == "blocked_address"
            assert server.seen == []
        http.close()

    run(work())


def test_each_check_connects_afresh() -> None:
    async def work() -> None:
        async def keeps_open(connection: Connection) -> None:
            while True:
                await connection.read_request()
                connection.writer.write(OK)
                await connection.writer.drain()

        http = HttpEngine()
        async with serving(keeps_open) as server:
            for _ in range(3):
                assert (await fetch(http, server.url(), "127.0.0.1")).failure is None
            assert len(server.seen) == 3
        http.close()

    run(work())


def test_phases_follow_the_server_clock() -> None:
    async def work() -> None:
        async def slow(connection: Connection) -> None:
            await connection.read_request()
            connection.writer.write(b"HTTP/1.1 200 OK\r\n")
            await asyncio.sleep(0)
            waited = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.1, waited.set_result, None)
            await waited
            connection.writer.write(b"Content-Length: 2\r\n\r\nok")
            await connection.writer.drain()

        http = HttpEngine()
        async with serving(slow) as server:
            exchange = await fetch(http, server.url(), "127.0.0.1")
            assert exchange.first_byte_ms is not None
            assert exchange.first_byte_ms < 80
            assert 95 < exchange.total_ms < 300
        http.close()

    run(work())


def test_nothing_is_kept_open_however_attempts_end() -> None:
    async def work() -> None:
        async def never(connection: Connection) -> None:
            await connection.reader.read()

        http = HttpEngine()
        async with serving(answering(OK)) as server, serving(never) as silent:
            await fetch(http, server.url(), "127.0.0.1")
            before = _descriptors()
            stuck = [asyncio.create_task(fetch(http, silent.url(), "127.0.0.1")) for _ in range(20)]
            await silent.until(20)
            for task in stuck:
                task.cancel()
            await asyncio.wait(stuck)
            assert all(task.cancelled() for task in stuck)
            await asyncio.gather(*(fetch(http, silent.url(), "127.0.0.1", within_s=0.1) for _ in range(20)))
            await asyncio.gather(*(fetch(http, server.url(), "127.0.0.1") for _ in range(50)))
            ours = _descriptors() - before
            theirs = sum(not connection.writer.is_closing() for connection in (*silent.seen, *server.seen))
            assert ours - theirs <= 2
        http.close()
        http.close()

    run(work())


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_cancellation_in_the_instant_of_the_end_is_a_cancellation() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as server:
            ended = http._transfers._on_ended

            def end_and_cancel(curl: Any, number: int, detail: str) -> None:
                ended(curl, number, detail)
                task.cancel()

            http._transfers._on_ended = end_and_cancel
            task = asyncio.create_task(fetch(http, server.url(), "127.0.0.1"))
            await asyncio.wait([task])
            assert task.cancelled()
            http._transfers._on_ended = ended
            assert (await fetch(http, server.url(), "127.0.0.1")).failure is None
        http.close()

    run(work())


@pytest.mark.parametrize("first", ["cancellation", "libcurl"])
def test_a_deadline_that_two_keep_at_once_is_a_timeout_whoever_is_heard_first(first: str) -> None:
    async def work() -> None:
        async def never(connection: Connection) -> None:
            await connection.reader.read()

        http = HttpEngine()
        async with serving(never) as silent:
            ended = http._transfers._on_ended

            def end_and_cancel(curl: Any, number: int, detail: str) -> None:
                if first == "cancellation":
                    task.cancel()
                ended(curl, number, detail)
                task.cancel()

            http._transfers._on_ended = end_and_cancel
            task = asyncio.create_task(fetch(http, silent.url(), "127.0.0.1", within_s=0.1))
            exchange = await task
            assert exchange.failure is not None
            assert exchange.failure.code == "timeout"
            assert "no answer came in time" in exchange.failure.message
        http.close()

    run(work())


def test_a_transfer_that_ends_between_its_cancellation_and_its_tasks_turn_has_left_already() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as server:
            ended = http._transfers._on_ended

            def cancel_and_end(curl: Any, number: int, detail: str) -> None:
                task.cancel()
                ended(curl, number, detail)

            http._transfers._on_ended = cancel_and_end
            task = asyncio.create_task(fetch(http, server.url(), "127.0.0.1"))
            await asyncio.wait([task])
            assert task.cancelled()
        http.close()

    run(work())


def test_headers_of_one_request_do_not_reach_the_next() -> None:
    async def work() -> None:
        http = HttpEngine()
        async with serving(answering(OK)) as server:
            target, soon = parse_url(server.url()), asyncio.get_running_loop().time() + 5
            for headers in ((b"A: secret",), (), (b"B: c",)):
                await http.fetch(Request(target, headers=headers), ("127.0.0.1",), soon)
            assert [connection.header("a") for connection in server.seen] == ["secret", None, None]
        http.close()

    run(work())


def test_closing_the_engine_ends_what_runs() -> None:
    async def work() -> None:
        async def never(connection: Connection) -> None:
            await connection.reader.read()

        http = HttpEngine()
        async with serving(never) as silent:
            task = asyncio.create_task(fetch(http, silent.url(), "127.0.0.1"))
            await silent.until(1)
            http.close()
            await asyncio.wait([task])
            assert task.cancelled()

    run(work())


def test_five_hundred_in_flight_end_together() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            started = time.monotonic()
            outcomes = await asyncio.gather(*(b.url(server.url(), within_s=30) for _ in range(500)))
            assert {outcome.status for outcome in outcomes} == {"success"}
            assert time.monotonic() - started < 20
            assert len(server.seen) == 500

    run(work())


def test_a_name_that_moves_between_look_up_and_connection_is_not_followed(tmp_path: Path) -> None:
    async def work() -> None:
        answers = {"moving.test": ["127.0.0.1"]}
        async with dns_server(zone(answers)) as names, serving(answering(OK)) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=names.port)
            async with bench(allow=("127.0.0.1/32",), resolver=resolver) as b:
                assert (await b.url(server.url(host="moving.test"))).status == "success"
                for addresses in (
                    ["10.0.0.1"],
                    ["127.0.0.1", "10.0.0.1"],
                    ["127.0.0.1", "fd00::1"],
                    ["169.254.169.254"],
                ):
                    answers["moving.test"] = addresses
                    outcome = await b.url(server.url(host="moving.test"))
                    assert outcome.error is not None
                    assert outcome.error.code == "blocked_address"
                    assert outcome.metrics.dns_ms is not None
                assert len(server.seen) == 1
                # One look-up a check (A and AAAA), its answer is the one that is connected to.
                assert len(names.asked) == 10

    run(work())


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_the_environments_proxy_is_not_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server, serving(answering(OK)) as proxy:
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
            assert (await b.url(server.url())).status == "success"
            assert proxy.seen == []

    run(work())
