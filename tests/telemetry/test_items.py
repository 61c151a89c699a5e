"""POST /v1/ingest: every line of seed 001's tables, word for word."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from api.dialects import body_limit
from tests.api.conftest import Client
from tests.conftest import Clock
from tests.telemetry.reporting import Reports

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ERROR = {"type": "error", "exception": {"type": "Error", "value": "test from curl"}}
TRANSACTION = {
    "type": "transaction", "name": "GET /api/checkout", "traceId": "trace-abc-123", "durationMs": 245, "status": "ok",
    "environment": "production",
    "spans": [
        {
            "spanId": "span-1", "op": "db.query", "description": "SELECT * FROM orders", "durationMs": 40,
            "parentSpanId": "root-span-id",
        }
    ],
    "timestamp": "2024-01-15T10:29:02.000Z",
}  # fmt: skip
GENERATION = {
    "type": "ai_generation", "provider": "openrouter", "model": "anthropic/claude-sonnet-4", "inputTokens": 1200,
    "outputTokens": 340, "totalCostUsd": 0.00482, "latencyMs": 1820, "timeToFirstTokenMs": 420, "status": "ok",
    "traceId": "trace-abc-123", "tags": {"feature": "chat"}, "environment": "production",
    "timestamp": "2024-01-15T10:29:03.000Z",
}  # fmt: skip


def refused(reports: Reports, body: Any, headers: dict[str, str] | None = None, query: str = "") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"X-Open-Sentry-Key": reports.key} if headers is None else headers
    answer = reports.client.post(f"/v1/ingest{query}", data=data, headers=shown)
    return answer.status_code, answer.get_json()


@sqlite_only
def test_every_line_of_the_error_table_has_its_exact_body(reports: Reports) -> None:
    key = {"X-Open-Sentry-Key": reports.key}
    assert refused(reports, b"no json", key) == (400, {"error": "Invalid JSON"})
    assert refused(reports, {"type": "error"}, key) == (400, {"error": "Invalid payload"})
    assert refused(reports, ERROR, {}) == (401, {"error": "Missing auth key"})
    assert refused(reports, ERROR, {"X-Open-Sentry-Key": "f" * 32}) == (403, {"error": "Invalid DSN key"})
    assert refused(reports, ERROR, {}, "?key=nobodys") == (403, {"error": "Invalid DSN key"})
    limit = body_limit("/v1/ingest")
    assert limit == 256 << 10
    whole = json.dumps(ERROR).encode()
    assert refused(reports, whole + b" " * (limit + 1 - len(whole)), key) == (413, {"error": "Payload too large"})
    assert refused(reports, whole + b" " * (limit - len(whole)), key)[0] == 202


def test_the_key_may_stand_in_each_place_that_an_sdk_puts_it(reports: Reports) -> None:
    basic = base64.b64encode(f"{reports.key}:".encode()).decode()
    for number, (headers, query) in enumerate(
        (
            ({"X-Open-Sentry-Key": reports.key}, ""),
            ({"X-Sentry-Clone-Key": reports.key}, ""),
            ({}, f"?key={reports.key}"),
            ({"Authorization": f"Basic {basic}"}, ""),
            ({"Content-Type": "text/plain;charset=UTF-8"}, f"?key={reports.key}"),
        )
    ):
        answer = refused(reports, {**ERROR, "message": f"{number}"}, headers, query)
        assert answer[0] == 202, answer
    assert len(reports.found()) == 5


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [ERROR] * 21,
        5,
        "error",
        None,
        [[ERROR]],
        {**ERROR, "type": "crash"},
        {**ERROR, "exception": None},
        {**ERROR, "exception": {"type": "E"}},
        {**ERROR, "exception": {"type": "E", "value": 5}},
        {**ERROR, "exception": {"type": "E", "value": "v", "stacktrace": {"frames": "none"}}},
        {**ERROR, "tags": {"a": 1}},
        {**ERROR, "user": ["a"]},
        {**ERROR, "timestamp": "tomorrow"},
        {**ERROR, "timestamp": "1999-01-01T00:00:00Z"},
        {**ERROR, "environment": 5},
        {**TRANSACTION, "durationMs": 1.5},
        {**TRANSACTION, "durationMs": -1},
        {**TRANSACTION, "name": ""},
        {**TRANSACTION, "traceId": "t" * 129},
        {**TRANSACTION, "status": "late"},
        {**TRANSACTION, "spans": [{"op": "db"}]},
        {**GENERATION, "inputTokens": None},
        {**GENERATION, "totalCostUsd": -1},
        {**GENERATION, "provider": 1},
        [ERROR, {**GENERATION, "model": ""}],
    ],
)  # fmt: skip
@sqlite_only
def test_one_bad_item_refuses_all(reports: Reports, bad: Any) -> None:
    assert refused(reports, bad) == (400, {"error": "Invalid payload"})
    assert reports.found() == []


@pytest.mark.parametrize(
    "bad", [b"NaN", b'{"type": "error", "x": Infinity}', b'"\\ud800"', b'["\\u0000"]', b"[" * 100_000, b"\xff", b""]
)
@sqlite_only
def test_what_no_store_could_hold_is_no_json(reports: Reports, bad: bytes) -> None:
    assert refused(reports, bad) == (400, {"error": "Invalid JSON"})


def test_items_land_among_events_spans_and_generations_with_fields_that_nobody_knows(reports: Reports) -> None:
    error = {
        **ERROR, "release": "web@2.4.1", "tags": {"region": "us-east"}, "user": {"id": "u1"}, "unknown": {"a": [1]},
        "timestamp": "2024-01-15T10:29:01.000Z",
    }  # fmt: skip
    assert set(reports.items([error, TRANSACTION, GENERATION])) == {"id"}
    [event] = reports.get("/v1/query", q="region:us-east release:web@2.4.1")["events"]
    assert event["unknown"] == {"a": [1]}
    assert event["timestamp"] == "2024-01-15T10:29:01.000Z"
    trace = reports.owner("GET", "/v1/traces/trace-abc-123").get_json()
    root, inner = trace["spans"]
    assert (root["name"], root["op"], root["duration_ms"]) == ("GET /api/checkout", "transaction", 245.0)
    assert (inner["span_id"], inner["parent_span_id"], inner["duration_ms"]) == ("span-1", "root-span-id", 40.0)
    assert inner["start_timestamp"] == root["start_timestamp"] == "2024-01-15T10:29:02.000Z"
    [generation] = reports.get("/v1/generations")["generations"]
    assert {name: generation[name] for name in GENERATION} == GENERATION


def test_a_trace_may_have_any_name(reports: Reports) -> None:
    for name in ("a/b c?", "ключ", "x" * 128):
        reports.items({**TRANSACTION, "traceId": name})
        answer = reports.owner("GET", f"/v1/traces/{quote(name)}")
        assert [span["name"] for span in answer.get_json()["spans"]] == ["GET /api/checkout", "SELECT * FROM orders"]
    for name in ("a%00b", "x" * 129, "no-such"):
        assert reports.owner("GET", f"/v1/traces/{name}").status_code == 404


def test_an_equal_body_from_one_key_within_a_minute_is_one(reports: Reports, owner: Client, clock: Clock) -> None:
    first = reports.items(ERROR)
    clock.advance(59_000)
    assert reports.items(ERROR) == first
    assert len(reports.found()) == 1
    other = reports.client.post(
        "/v1/ingest", json={**ERROR, "message": "x"}, headers={"X-Open-Sentry-Key": reports.key}
    )
    assert other.get_json() != first
    clock.advance(2_000)
    assert reports.items(ERROR) != first
    assert len(reports.found()) == 3
    [issue] = reports.issues()
    assert issue["count"] == 3


def test_a_trace_shows_the_calls_of_models_in_it(reports: Reports) -> None:
    reports.items([GENERATION, {**GENERATION, "traceId": "another"}])
    trace = reports.get("/v1/traces/trace-abc-123")
    assert (trace["spans"], trace["events"]) == ([], [])
    assert [made["model"] for made in trace["generations"]] == [GENERATION["model"]]


def test_generations_are_listed_page_by_page_and_summed_by_model(reports: Reports) -> None:
    def made(number: int, **fields: Any) -> dict[str, Any]:
        return {**GENERATION, "latencyMs": number, "totalCostUsd": 0.5, **fields}

    reports.items([made(number) for number in range(1, 21)])
    reports.items([made(7, model="small", status="error", outputTokens=None, totalCostUsd=0.01)])
    reports.items({"type": "ai_generation", "provider": "own", "model": "untimed", "inputTokens": 5})
    summary = reports.get("/v1/generations/summary")["by_model"]
    assert summary[0] == {
        "provider": "openrouter", "model": "anthropic/claude-sonnet-4", "calls": 20, "errors": 0,
        "input_tokens": 24_000, "output_tokens": 6_800, "cost_usd": 10.0, "p50_latency_ms": 10.0,
        "p95_latency_ms": 19.0,
    }  # fmt: skip
    assert [(one["model"], one["errors"], one["p95_latency_ms"]) for one in summary[1:]] == [
        ("small", 1, 7.0), ("untimed", 0, None),
    ]  # fmt: skip
    assert reports.get("/v1/generations/summary", **{"from": "2024-01-15T10:29:30Z"})["by_model"] == [summary[2]]
    first = reports.get("/v1/generations", limit=15, model="anthropic/claude-sonnet-4")
    reports.items(made(99))
    second = reports.get("/v1/generations", limit=15, model="anthropic/claude-sonnet-4", cursor=first["cursor"])
    shown = [made["latencyMs"] for page in (first, second) for made in page["generations"]]
    assert shown == [float(number) for number in range(20, 0, -1)]
    assert second["cursor"] is None
