"""The seeds' examples and a real SDK, against a server on a socket; and what it refuses before it has read it."""

from __future__ import annotations

import base64
import json
import shlex
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.api.wire import Answer, Line, ask
from tests.conftest import Clock
from tests.telemetry import seeds
from tests.telemetry.reporting import Reports

NOW_MS = 1_780_142_400_000
"""2026-05-30T12:00:00Z, when seed 001's examples were sent."""


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    """This is about what is on the wire: one store will do."""
    return str(request.param)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring, clock: Clock) -> Iterator[Server]:
    clock.now_ms = NOW_MS + 10_000
    with Server(app, database, keyring, Settings(port=0)) as serving:
        yield serving


def sent(server: Server, example: str, reports: Reports) -> Answer:
    """An example as the seed has it, to this server, with this project's key and an API key."""
    text = example.strip().replace("PUBLIC_KEY,project=12", f"{reports.key},project={reports.project['id']}")
    head, _, body = text.replace("$CODERADAR_TOKEN", reports.owner.key).partition("\n\n")
    first, *lines = head.splitlines()
    method, url = first.split()
    query = dict(line.strip(" ?&").split("=", 1) for line in lines if line.startswith("  "))
    headers = [line for line in lines if not line.startswith("  ")]
    path = urlsplit(url).path + (f"?{urlencode(query)}" if query else "")
    return ask(server, method, path, body.encode(), *headers)


def test_seed_000s_examples_work_word_for_word(server: Server, reports: Reports) -> None:
    assert sent(server, seeds.EVENTS, reports).json == {"accepted": 1, "dropped": []}
    assert sent(server, seeds.RELEASE, reports).status == 201
    assert sent(server, seeds.QUERY, reports).json == {"events": [], "cursor": None}  # that was in April
    found = sent(server, seeds.QUERY.replace(" in:5m", ""), reports).json["events"]
    assert [event["event_id"] for event in found] == ["ev_01HZRX4D2KQ7"]
    assert [issue["releases"] for issue in reports.issues()] == [["[email\xa0protected]"]]


def test_seed_000s_source_map_is_taken_as_curl_sends_it(server: Server, reports: Reports) -> None:
    fields = seeds.SOURCE_MAP.strip().partition("\n\n")[2].splitlines()
    parts = []
    for field in fields:
        name, _, value = field.partition("=")
        file = (
            '; filename="main.abc123.js.map"\r\nContent-Type: application/octet-stream' if value.startswith("@") else ""
        )
        content = json.dumps({"version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAAA"}) if file else value
        parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n')
    body = ("".join(parts) + "--b--\r\n").encode()
    headers = ("Content-Type: multipart/form-data; boundary=b", f"Authorization: Bearer {reports.owner.key}")
    answer = ask(server, "POST", "/v1/sourcemaps", body, *headers)
    assert (answer.status, answer.json["url"]) == (201, "/static/js/main.abc123.js")


def test_seed_001s_examples_work_word_for_word(server: Server, reports: Reports) -> None:
    words = shlex.split(seeds.CURL.replace("YOUR_PUBLIC_KEY", reports.key))
    headers = [words[index + 1] for index, word in enumerate(words) if word == "-H"]
    answer = ask(server, words[2], urlsplit(words[3]).path, words[words.index("-d") + 1].encode(), *headers)
    assert answer.status == 202
    assert set(answer.json) == {"id"}
    dsn = urlsplit(seeds.DSN.replace("YOUR_PUBLIC_KEY", reports.key))
    basic = base64.b64encode(f"{dsn.username}:".encode()).decode()  # as every client makes of a user in a URL
    for example in (seeds.ERROR, seeds.TRANSACTION, seeds.GENERATION, seeds.BATCH):
        assert ask(server, "POST", dsn.path, example.encode(), f"Authorization: Basic {basic}").status == 202
    assert [issue["title"] for issue in reports.issues()] == [
        "Error: second", "Error: first", "TypeError: Cannot read property 'x' of undefined", "Error: test from curl",
    ]  # fmt: skip
    assert (
        ask(server, "GET", "/v1/traces/trace-abc-123", b"", f"Authorization: Bearer {reports.owner.key}").status == 200
    )
    health = ask(server, "GET", "/health")
    assert health.status in (200, 503)  # nothing schedules here, and it says so


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: Server, reports: Reports) -> None:
    for path, limit, said in (
        ("/v1/ingest", 256 << 10, b'{"error":"Payload too large"}'),
        ("/v1/events", 1 << 20, None),
        ("/v1/traces", 5 << 20, None),
        ("/v1/otlp/v1/traces", 5 << 20, None),
        ("/v1/sourcemaps", 51 << 20, None),
    ):
        with Line(server) as line:
            line.send(f"POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {limit + 1}\r\n\r\n".encode())
            answer = line.answer()
        assert answer.status == 413, path
        assert said is None or answer.body == said
        assert said is None or answer.headers["access-control-allow-origin"] == "*"


def test_a_body_that_only_turns_out_too_large_is_read_no_further(server: Server, reports: Reports) -> None:
    with Line(server) as line:
        line.send(b"POST /v1/ingest HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            line.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        assert line.answer().json == {"error": "Payload too large"}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_opentelemetrys_exporter_sends_spans_and_exceptions(
    server: Server, reports: Reports, clock: Clock, compression: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{server.url}/v1/otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-open-sentry-key={reports.key}")
    about = {"service.name": "shop", "service.version": "shop@1.4.0", "deployment.environment.name": "production"}
    provider = TracerProvider(resource=Resource(about), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(compression=compression)))
    tracer = provider.get_tracer("test")

    def at(seconds: float) -> int:
        return (NOW_MS + round(seconds * 1000)) * 1_000_000

    with tracer.start_as_current_span("GET /checkout", start_time=at(0), end_on_exit=False) as root:
        root.set_attribute("http.route", "/checkout")
        root.set_attribute("sizes", [1, 2])
        with tracer.start_as_current_span("charge", start_time=at(1), end_on_exit=False) as inner:
            try:
                raise KeyError("card 4711")
            except KeyError as error:
                inner.record_exception(error, timestamp=at(1.5))
            inner.end(at(2))
        root.end(at(3))
    provider.shutdown()
    trace_id = f"{root.get_span_context().trace_id:032x}"
    trace = reports.owner("GET", f"/v1/traces/{trace_id}").get_json()
    checkout, charge = trace["spans"]
    assert (checkout["name"], checkout["duration_ms"], checkout["release"]) == ("GET /checkout", 3000.0, "shop@1.4.0")
    assert (checkout["attributes"], checkout["service"]) == ({"http.route": "/checkout", "sizes": [1, 2]}, "shop")
    assert charge["parent_span_id"] == checkout["span_id"]
    [event] = trace["events"]
    assert (event["exception"]["type"], event["environment"]) == ("KeyError", "production")
    assert event["exception"]["stacktrace"]["frames"][-1]["filename"] == __file__
    assert reports.found("service:shop KeyError") == [event["event_id"]]
    [issue] = reports.issues()
    assert (issue["title"], issue["releases"]) == ("KeyError: 'card 4711'", ["shop@1.4.0"])
    assert issue["culprit"].startswith("test_opentelemetrys_exporter_sends_spans_and_exceptions (")


OTLP_JSON: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
            "unknown": 1,
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                            "parentSpanId": "", "name": "I am a span", "kind": 2,
                            "startTimeUnixNano": f"{NOW_MS}000000", "endTimeUnixNano": f"{NOW_MS + 5}000000",
                            "attributes": [{"key": "n", "value": {"intValue": "7"}}], "status": {"code": 2},
                        }
                    ]
                }
            ],
        }
    ]
}  # fmt: skip


def test_an_exception_that_passes_three_spans_is_one_event(server: Server, reports: Reports) -> None:
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{server.port}/v1/otlp/v1/traces", headers={"x-open-sentry-key": reports.key}
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")

    def fail(price: str) -> None:
        with tracer.start_as_current_span("inner"):
            raise KeyError(price)

    for _ in range(2):
        with suppress(KeyError), tracer.start_as_current_span("outer"), tracer.start_as_current_span("middle"):
            fail("dune")
    with suppress(KeyError), tracer.start_as_current_span("outer"):
        fail("emma")
    provider.shutdown()
    found = reports.get("/v1/query")["events"]
    assert sorted(each["exception"]["value"] for each in found) == ["'dune'", "'dune'", "'emma'"]
    assert len(reports.issues()) == 1


def test_otlp_in_json_is_answered_as_otlp_says(server: Server, reports: Reports) -> None:
    key = f"X-CodeRadar-Auth: dsn={reports.key},project=truecom"

    def send(body: Any, kind: str = "application/json", path: str = "/v1/otlp/traces", auth: str = key) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ask(server, "POST", path, data, f"Content-Type: {kind}", auth)

    for _ in range(2):
        assert (send(OTLP_JSON).status, send(OTLP_JSON).json) == (200, {})
    trace = reports.owner("GET", "/v1/traces/5b8efff798038103d269b633813fc60c").get_json()
    [span] = trace["spans"]
    assert (span["op"], span["status"], span["attributes"], span["duration_ms"]) == ("server", "error", {"n": 7}, 5.0)
    assert send({}).json == {}
    old = json.loads(
        json.dumps(OTLP_JSON).replace(f"{NOW_MS}", "1000000000000").replace(f"{NOW_MS + 5}", "1000000000005")
    )
    assert send(old).json == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "1 span not stored: 1 too_old"}}
    for bad in ([], {"resourceSpans": 5}, b"{", {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}):
        assert (send(bad).status, send(bad).json["code"]) == (400, 3)
    assert send(b"\xff\xff", "application/x-protobuf").headers["content-type"] == "application/x-protobuf"
    assert send(b"\xff\xff", "application/x-protobuf").status == 400
    assert send(b"", "application/x-protobuf").status == 200
    assert send(OTLP_JSON, "text/plain").status == 415
    assert send(OTLP_JSON, auth="X-Nothing: 1").json["code"] == 16
    assert send(OTLP_JSON, auth=f"X-CodeRadar-Auth: dsn={reports.key},project=99").json["code"] == 7


def test_a_client_takes_a_dsn_as_it_is_shown(server: Server, reports: Reports, owner: Client) -> None:
    shown = urlsplit(str(reports.project["keys"][0]["dsn"]))
    request = urllib.request.Request(f"{server.url}{shown.path}?key={shown.username}", method="POST")
    request.data = seeds.BATCH.encode()
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202
