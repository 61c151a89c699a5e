"""The W3C traceparent of url and api checks, as it arrives."""

from __future__ import annotations

import pytest

from model.traceparent import trace_id_of
from tests.probes.http_bench import OK, answering, bench, run, serving


@pytest.mark.parametrize("kind", ["url", "api"])
def test_a_run_tells_its_trace(kind: str) -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await getattr(b, kind)(server.url())
            (seen,) = server.seen
            version, trace, span, flags = (seen.header("traceparent") or "").split("-")
            assert (version, trace, flags) == ("00", trace_id_of("run_1"), "01")
            assert len(span) == 16
            assert int(span, 16)

    run(work())


def test_each_hop_of_a_redirect_is_a_span_of_the_same_trace() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as end:
            there = f"HTTP/1.1 302 Found\r\nLocation: {end.url('/there')}\r\nContent-Length: 0\r\n\r\n".encode()
            async with serving(answering(there)) as begin:
                await b.url(begin.url())
                first, second = ((server.seen[0].header("traceparent") or "").split("-") for server in (begin, end))
                assert first[1] == second[1]
                assert first[2] != second[2]

    run(work())


def test_the_switch_turns_it_off() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await b.url(server.url(), traceparent=False)
            assert server.seen[0].header("traceparent") is None
            assert server.seen[0].header("x-tracer-run") == "run_1"

    run(work())


def test_a_traceparent_of_the_check_itself_is_sent_as_it_is() -> None:
    own = "00-11111111111111111111111111111111-2222222222222222-00"

    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await b.url(server.url(), headers={"TraceParent": own})
            assert [line for line in server.seen[0].lines if line.lower().startswith("traceparent")] == [
                f"TraceParent: {own}"
            ]

    run(work())
