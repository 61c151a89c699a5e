"""`url` and `api` checks against real servers: what passes, what fails, and what a run shows of it."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from probes.checks.api import ApiCheck
from probes.checks.url import UrlCheck
from probes.http.headers import USER_AGENT
from tests.probes.http_bench import OK, answering, bench, run, serving


def test_a_page_that_answers_passes_with_its_phases() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            outcome = await b.url(server.url("/x?y=1"))
            assert outcome.status == "success"
            metrics = outcome.metrics
            assert metrics.dns_ms is None
            assert metrics.tls_ms is None
            assert metrics.connect_ms is not None
            assert metrics.ttfb_ms is not None
            assert metrics.download_ms is not None
            assert 0 < metrics.connect_ms < metrics.ttfb_ms
            assert outcome.duration_ms == pytest.approx(metrics.ttfb_ms + metrics.download_ms)
            assert outcome.response is not None
            assert outcome.response["status_code"] == 200
            assert outcome.response["http_version"] == "1.1"
            assert outcome.response["remote_ip"] == "127.0.0.1"
            assert outcome.response["bytes"] == 2
            assert "body" not in outcome.response
            assert "certificate" not in outcome.response
            (implied,) = outcome.assertions
            assert (implied.type, implied.operator, implied.expected, implied.actual, implied.passed) == (
                "status_code", "less_than", 400, 200, True,
            )  # fmt: skip

    run(work())


def test_the_request_says_who_asks_and_for_which_run() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await b.url(server.url("/x?y=1"), headers={"X-Ok": "a\tb ü", "X-Empty": ""})
            await b.api(server.url(), headers={"user-agent": "mine", "Accept": "text/csv"})
            first, second = server.seen
            assert first.lines[0] == "GET /x?y=1 HTTP/1.1"
            assert first.header("user-agent") == USER_AGENT
            assert first.header("x-tracer-run") == "run_1"
            assert first.header("accept") == "*/*"
            assert (first.header("x-ok") or "").encode("latin-1").decode() == "a\tb ü"
            assert first.header("x-empty") == ""
            assert first.header("cookie") is None
            assert second.header("user-agent") == "mine"
            assert second.header("accept") == "text/csv"

    run(work())


@pytest.mark.parametrize(
    ("status", "url_passes", "api_passes"), [(204, True, True), (304, True, False), (404, False, False)]
)
def test_with_no_status_assertion_url_wants_under_400_and_api_2xx(
    status: int, url_passes: bool, api_passes: bool
) -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(f"HTTP/1.1 {status} X\r\n\r\n".encode())) as server:
            for outcome, passes in ((await b.url(server.url()), url_passes), (await b.api(server.url()), api_passes)):
                assert (outcome.status == "success") == passes
                if not passes:
                    assert outcome.error is not None
                    assert outcome.error.code == "assertion_failed"
                    assert f"got {status}" in outcome.error.message
                    assert outcome.response is not None
                    assert "body" in outcome.response

    run(work())


def test_a_status_assertion_takes_the_place_of_the_implied_one() -> None:
    async def work() -> None:
        wanted = [{"type": "status_code", "operator": "equals", "value": 404}]
        async with bench() as b, serving(answering(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as server:
            outcome = await b.api(server.url(), assertions=wanted)
            assert outcome.status == "success"
            assert len(outcome.assertions) == 1
            assert b.http is not None
            assert (await b.url(server.url())).status == "failed"
            assert server.seen[0].header("accept") == "application/json"

    run(work())


def test_every_kind_of_fact_reaches_its_assertion() -> None:
    async def work() -> None:
        body = json.dumps({"ok": True, "n": [1, 2]}).encode()
        head = f"HTTP/1.1 200 OK\r\nX-Two: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        wanted = [
            {"type": "body", "operator": "contains", "value": '"ok"'},
            {"type": "json_path", "path": "$.n[1]", "operator": "equals", "value": 2},
            {"type": "header", "name": "x-two", "operator": "equals", "value": "a"},
            {"type": "http_version", "operator": "equals", "value": "1.1"},
            {"type": "redirects", "operator": "equals", "value": 0},
            {"type": "response_time", "operator": "less_than", "value": 5000},
        ]
        async with bench() as b, serving(answering(head + body)) as server:
            outcome = await b.api(server.url(), assertions=wanted)
            assert [result.passed for result in outcome.assertions] == [True] * 7
            outcome = await b.api(server.url(), assertions=[{**wanted[0], "value": "missing"}])
            assert outcome.error is not None
            assert "body" in outcome.error.message
            assert outcome.response is not None
            assert outcome.response["body"] == body.decode()

    run(work())


def test_with_no_answer_every_assertion_is_listed_as_not_passed() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            port = server.port
        async with bench() as b:
            outcome = await b.url(f"http://127.0.0.1:{port}/", assertions=[{"type": "body", "operator": "exists"}])
            assert outcome.error is not None
            assert outcome.error.code == "connect_refused"
            assert [(result.actual, result.passed) for result in outcome.assertions] == [(None, False)] * 2
            assert outcome.response is None

    run(work())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS"])
def test_a_body_is_sent_as_it_was_given(method: str) -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await b.url(server.url(), method=method, body="a=ü")
            await b.api(server.url(), method=method, json={"a": ["ü", None]})
            plain, as_json = server.seen
            assert plain.lines[0].startswith(f"{method} / ")
            assert plain.body == "a=ü".encode()
            assert plain.header("content-type") is None
            assert plain.header("expect") is None
            assert json.loads(as_json.body) == {"a": ["ü", None]}
            assert as_json.header("content-type") == "application/json"

    run(work())


def test_methods_without_a_body_say_so() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            for method in ("POST", "DELETE", "HEAD", "OPTIONS"):
                assert (await b.url(server.url(), method=method)).status == "success"
            assert [connection.header("content-length") for connection in server.seen] == ["0", None, None, None]
            assert [connection.lines[0].split()[0] for connection in server.seen] == [
                "POST",
                "DELETE",
                "HEAD",
                "OPTIONS",
            ]

    run(work())


def test_credentials_go_by_the_definition_or_the_url() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            await b.url(server.url(), basic_auth={"username": "ü", "password": "p:w"})
            await b.url(f"http://u:p%40@127.0.0.1:{server.port}/")
            assert [connection.header("authorization") for connection in server.seen] == [
                "Basic w7w6cDp3", "Basic dTpwQA==",
            ]  # fmt: skip
            assert all("@" not in connection.lines[0] for connection in server.seen)

    run(work())


def test_one_definition_makes_one_plan() -> None:
    check = UrlCheck.model_validate({"name": "a", "type": "url", "url": "http://a.test/"})
    assert check.plan is check.plan
    assert check.model_dump()["json"] is None
    assert ApiCheck.model_validate({**check.model_dump(), "type": "api", "json": {"a": 1}}).model_dump()["json"] == {
        "a": 1
    }


FRAMING = "Host host Content-Length Transfer-Encoding Connection Keep-Alive Upgrade TE Trailer Expect X-Tracer-Run"
BAD_NAMES = [":authority", "a b", "a:b", "a\r\nb", "a\n", "", "ü", "a\x00", "\ta", "a" * 201]
BAD_VALUES = ["x\r\ny: z", "x\n", "\rx", "x\x00", "x\x7f", "\x1b[0m", "\ud800", "x" * 8_193, "a\r\n b"]
BAD_HEADERS = [
    *({name: "x"} for name in (*FRAMING.split(), "Proxy-Connection", "proxy-authorization", *BAD_NAMES)),
    *({"A": value} for value in BAD_VALUES),
    {"a": "x", "A": "y"},
    {f"h{n}": "x" for n in range(101)},
]


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=lambda headers: repr(headers)[:40])
def test_headers_that_frame_end_or_hide_a_message_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        UrlCheck.model_validate({"name": "a", "type": "url", "url": "http://a.test/", "headers": headers})


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "file:///etc/passwd"},
        {"url": "http://a\r\nb/"},
        {"url": "http://a.test:0/"},
        {"url": "http://" + "a" * 9000},
        {"method": "TRACE"},
        {"method": "GET\r\nX: y"},
        {"body": "x", "json": {}},
        {"method": "HEAD", "body": "x"},
        {"basic_auth": {"username": "a:b"}},
        {"basic_auth": {"username": "a"}, "headers": {"authorization": "x"}},
        {"max_redirects": -1},
        {"max_redirects": 51},
        {"http_version": "3"},
        {"http_version": 2},
        {"client_certificate": {"certificate": "x", "key": "y"}},
        {"body": "x" * 300_000},
        {"json": "x" * 300_000},
        {"body": "\ud800"},
        {"unknown": 1},
        {"timeout": 0},
    ],
    ids=lambda fields: repr(fields)[:40],
)
def test_definitions_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UrlCheck.model_validate({"name": "a", "type": "url", "url": "http://a.test/", **fields})
