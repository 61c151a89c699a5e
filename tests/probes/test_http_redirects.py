"""Redirects: followed by us, hop by hop, with nothing told to a server it was not meant for."""

from __future__ import annotations

import pytest

from tests.probes.http_bench import OK, Connection, answering, bench, redirecting, run, serving

BODY = {"method": "POST", "body": "a", "headers": {"Content-Type": "text/plain"}}


@pytest.mark.parametrize(
    ("status", "method", "sent"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
        (301, "PUT", "PUT"), (302, "DELETE", "DELETE"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (308, "GET", "GET"),
    ],
)  # fmt: skip
def test_methods_and_bodies_change_as_the_standard_says(status: int, method: str, sent: str) -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as last, serving(redirecting(last.url("/b"), status)) as first:
            fields = {} if method in ("GET", "HEAD") else {**BODY, "method": method}
            outcome = await b.url(first.url(), **{"method": method, **fields})
            assert outcome.status == "success"
            (arrived,) = last.seen
            assert arrived.lines[0] == f"{sent} /b HTTP/1.1"
            assert arrived.body == (b"a" if sent in ("POST", "PUT", "DELETE") else b"")
            if sent == "GET":
                assert arrived.header("content-type") is None

    run(work())


def test_secrets_stay_with_their_origin_and_do_not_come_back() -> None:
    secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "X-Mine": "m", "Accept-Language": "de"}

    async def work() -> None:
        async def back_and_forth(connection: Connection) -> None:
            await connection.read_request()
            step = connection.lines[0].split()[1]
            place = {"/1": first.url("/2"), "/2": other.url("/3"), "/3": first.url("/4")}.get(step)
            head = f"HTTP/1.1 302 Go\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode() if place else OK
            connection.writer.write(head)
            await connection.writer.drain()

        async with bench() as b, serving(back_and_forth) as first, serving(back_and_forth) as other:
            outcome = await b.url(
                first.url("/1"),
                headers=secrets,
                secret_headers=["x-mine"],
                assertions=[{"type": "redirects", "operator": "equals", "value": 3}],
            )
            assert outcome.status == "success"
            same_origin, away, home = first.seen[1], other.seen[0], first.seen[2]
            for name in ("authorization", "cookie", "x-api-key", "x-mine"):
                assert same_origin.header(name) is not None
                assert away.header(name) is None
                assert home.header(name) is None
            assert away.header("accept-language") == "de"
            assert away.header("x-tracer-run") == "run_1"

    run(work())


def test_duration_counts_all_hops_and_phases_the_last() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as last, serving(redirecting(last.url())) as first:
            outcome = await b.url(first.url())
            metrics = outcome.metrics
            assert metrics.ttfb_ms is not None
            assert metrics.download_ms is not None
            assert outcome.duration_ms is not None
            assert outcome.duration_ms > metrics.ttfb_ms + metrics.download_ms
            assert len(last.seen) == 1

    run(work())


def test_a_loop_ends_at_the_limit() -> None:
    async def work() -> None:
        async with bench() as b, serving(redirecting("/again")) as server:
            outcome = await b.url(server.url(), max_redirects=3)
            assert outcome.error is not None
            assert outcome.error.code == "too_many_redirects"
            assert len(server.seen) == 4
            outcome = await b.url(server.url(), max_redirects=0)
            assert outcome.error is not None
            assert outcome.error.code == "too_many_redirects"

    run(work())


def test_where_redirects_led_is_kept_with_what_each_took_whether_an_answer_came_or_not() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as last:
            gone = "http://127.0.0.1:1/gone"
            for end, status in ((last.url("/b"), "success"), (gone, "failed")):
                async with serving(redirecting(end, 307)) as second, serving(redirecting(second.url("/a"))) as first:
                    outcome = await b.url(first.url())
                    assert outcome.status == status
                    assert outcome.response is not None
                    hops = outcome.response["redirects"]
                    assert [(hop["status_code"], hop["location"]) for hop in hops] == [
                        (302, second.url("/a")), (307, end),
                    ]  # fmt: skip
                    assert outcome.duration_ms is not None
                    assert 0 < sum(hop["duration_ms"] for hop in hops) <= outcome.duration_ms
            assert "redirects" not in ((await b.url(last.url())).response or {})

    run(work())


def test_long_urls_that_redirects_lead_to_are_cut_where_all_of_them_have_no_room() -> None:
    async def work() -> None:
        async with bench() as b, serving(redirecting("/" + "a" * 1_900)) as server:
            outcome = await b.url(server.url(), max_redirects=20)
            assert outcome.response is not None
            hops = outcome.response["redirects"]
            assert len(hops) == 20
            assert sum(len(hop["location"]) for hop in hops) < 17_000
            assert all(hop["location"].endswith("aaa…") for hop in hops)

    run(work())


def test_a_redirect_that_is_not_followed_is_an_answer() -> None:
    async def work() -> None:
        async with bench() as b, serving(redirecting("/again")) as server:
            outcome = await b.url(server.url(), follow_redirects=False)
            assert outcome.status == "success"
            assert len(server.seen) == 1
        async with bench() as b, serving(answering(b"HTTP/1.1 302 X\r\nContent-Length: 1\r\n\r\nx")) as server:
            assert (await b.url(server.url())).status == "success"

    run(work())


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://2852039166/", "blocked_address"),
        ("http://[::ffff:a9fe:a9fe]/", "blocked_address"),
        ("//10.0.0.1/", "blocked_address"),
        ("http://127.0.0.1\\@good.test/", "connect_refused"),
        ("file:///etc/passwd", "protocol_error"),
        ("gopher://127.0.0.1:1/", "protocol_error"),
        ("http://127.0.0.1:0/", "protocol_error"),
        ("http://[", "protocol_error"),
        ("http://a..b/", "protocol_error"),
        ("http://nowhere.invalid/", "dns_failure"),
    ],
)
def test_where_a_redirect_leads_is_judged_like_any_other_url(location: str, code: str) -> None:
    async def work() -> None:
        async with bench() as b, serving(redirecting(location)) as server:
            outcome = await b.url(server.url())
            assert outcome.error is not None
            # A machine without a resolver can't tell that a name does not exist.
            assert outcome.error.code in (code, "resolver_unavailable" if code == "dns_failure" else code)

    run(work())


def test_an_endless_body_on_a_redirect_is_not_waited_for() -> None:
    async def work() -> None:
        async def endless(connection: Connection) -> None:
            await connection.read_request()
            connection.writer.write(b"HTTP/1.1 302 X\r\nLocation: " + last.url().encode() + b"\r\n\r\nmore to come")
            await connection.reader.read()

        async with bench() as b, serving(answering(OK)) as last, serving(endless) as first:
            outcome = await b.url(first.url())
            assert outcome.status == "success"

    run(work())


def test_a_growing_redirect_to_itself_ends() -> None:
    async def work() -> None:
        async def growing(connection: Connection) -> None:
            await connection.read_request()
            path = connection.lines[0].split()[1]
            connection.writer.write(f"HTTP/1.1 302 X\r\nLocation: {path}{'x' * 4_000}\r\n\r\n".encode())
            await connection.writer.drain()

        async with bench() as b, serving(growing) as server:
            outcome = await b.url(server.url(), max_redirects=50)
            assert outcome.error is not None
            assert outcome.error.code == "protocol_error"
            assert len(server.seen) == 3

    run(work())
