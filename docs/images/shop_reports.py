"""What the bookshop's services report on the pictures: the error behind the outage, its spans, the release it came
with, and what its assistant's language model costs. Sent as SDKs send it."""

from __future__ import annotations

import http.client
import json
import random
from typing import Any

from shop import BROKE_MS, Api, Shop

from model.times import DAY_MS, HOUR_MS, iso
from model.traceparent import trace_id_of

RELEASE, BEFORE = "checkout@4.12.0", "checkout@4.11.3"
_POOL = [
    {"filename": "gunicorn/workers/sync.py", "function": "handle", "lineno": 134, "in_app": False},
    {"filename": "checkout/views.py", "function": "health", "lineno": 41,
     "context_line": "    with pool.connection() as db:"},
    {"filename": "checkout/pool.py", "function": "connection", "lineno": 88,
     "context_line": "        raise PoolTimeout(self.size)"},
    {"filename": "psycopg_pool/pool.py", "function": "getconn", "lineno": 202, "in_app": False},
]  # fmt: skip
_MODELS = (("anthropic", "claude-sonnet-4", 0.012, 1900), ("openai", "gpt-4o-mini", 0.0009, 620))


def report(api: Api, shop: Shop, now_ms: int) -> str:
    """Have it all reported; the id of the issue behind the outage."""
    say = Sender(api)
    checkout = say.rest("POST", "/v1/projects", {"name": "Checkout", "slug": "checkout", "retention_days": 30})
    say.rest("POST", "/v1/projects", {"name": "Web shop", "slug": "web", "quota": {"events": 500_000}})
    for release, ago_ms in ((BEFORE, 3 * DAY_MS), (RELEASE, BROKE_MS + 180_000)):
        say.rest("POST", "/v1/releases", {"project": "checkout", "release": release, "commit": "a8c2f11d3",
                                          "deployed_at": iso(now_ms - ago_ms)}, say.build_key)  # fmt: skip
    key = str(checkout["keys"][0]["public_key"])
    for number, run in enumerate(shop.failed_runs):
        trace_id = trace_id_of(run)
        say.sdk("/v1/events", {"events": [_error(f"e{number}", trace_id, number)]}, key)
        say.sdk("/v1/traces", {"spans": _spans(trace_id, now_ms)}, key)
    others = [
        {"event_id": "w1", "level": "warning", "message": "Card was declined", "release": RELEASE,
         "user": {"id": "r11"}},
        {"event_id": "w2", "level": "error", "release": BEFORE, "environment": "production",
         "exception": {"type": "KeyError", "value": "'gift_note'", "stacktrace": {"frames": [
             {"filename": "checkout/baskets.py", "function": "note_of", "lineno": 17}]}}},
    ]  # fmt: skip
    say.sdk("/v1/events", {"events": others}, key)
    _generations(say, key, now_ms)
    found = say.rest("GET", "/v1/issues?project=checkout&q=PoolTimeout")["issues"]
    return str(found[0]["id"])


def _error(event_id: str, trace_id: str, number: int) -> dict[str, Any]:
    return {
        "event_id": event_id, "level": "error", "release": RELEASE, "environment": "production", "trace_id": trace_id,
        "transaction": "GET /checkout/health", "user": {"id": f"reader-{number % 7}"},
        "tags": {"region": "eu-west" if number % 3 else "us-east", "pool": "primary"},
        "exception": {"type": "PoolTimeout", "value": "no connection left in the pool of 10 after 2.0 s",
                      "stacktrace": {"frames": _POOL}},
        "breadcrumbs": [
            {"timestamp": "14:02:11.104", "category": "config", "message": "pool size is 10, was 40"},
            {"timestamp": "14:02:29.881", "category": "query", "message": "SELECT 1 waited 1.9 s", "level": "warning"},
        ],
    }  # fmt: skip


def _spans(trace_id: str, now_ms: int) -> list[dict[str, Any]]:
    def one(span_id: str, parent: str | None, name: str, op: str, begins: float, took: float, **more: Any) -> Any:
        return {
            "trace_id": trace_id, "span_id": span_id, "parent_span_id": parent, "name": name, "op": op, "status": "ok",
            "start_timestamp": iso(now_ms + round(begins)), "end_timestamp": iso(now_ms + round(begins + took)),
            "release": RELEASE, **more,
        }  # fmt: skip

    return [
        one("1", None, "GET /checkout/health", "http.server", 0, 2_110, status="error",
            attributes={"http.route": "/checkout/health", "http.response.status_code": 503}),
        one("2", "1", "authorize probe", "internal", 4, 31),
        one("3", "1", "pool.connection", "db.pool", 40, 2_012, status="error", attributes={"pool.size": 10}),
        one("4", "3", "wait for a connection", "db.pool", 44, 2_004),
        one("5", "1", "render 503", "template", 2_060, 38),
    ]  # fmt: skip


def _generations(say: Sender, key: str, now_ms: int) -> None:
    chance = random.Random(11)  # noqa: S311
    made = [
        {
            "type": "ai_generation", "provider": provider, "model": model, "inputTokens": chance.randrange(400, 2_400),
            "outputTokens": chance.randrange(80, 600), "totalCostUsd": round(cost * chance.lognormvariate(0, 0.4), 5),
            "latencyMs": round(latency * chance.lognormvariate(0, 0.3)), "tags": {"feature": "recommend a book"},
            "status": "error" if chance.random() < 0.03 else "ok", "timestamp": iso(now_ms - hour * 2 * HOUR_MS),
        }
        for hour in reversed(range(80)) for provider, model, cost, latency in _MODELS
        for _ in range(chance.randrange(1, 4))
    ]  # fmt: skip
    for begin in range(0, len(made), 20):
        say.sdk("/v1/ingest", made[begin : begin + 20], key)


class Sender:
    """Paths that answer bare JSON, for the owner or for an SDK."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.build_key = str(api("POST", "/v1/api-keys", {"name": "Build", "scopes": ["ingest"]})["key"])

    def rest(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        return self._sent(method, path, body, {"Authorization": f"Bearer {key or self._api.key}"})

    def sdk(self, path: str, body: object, key: str) -> None:
        self._sent("POST", path, body, {"X-Open-Sentry-Key": key})

    def _sent(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        connection = http.client.HTTPConnection(*self._api.place, timeout=30)
        sent = json.dumps(body) if body is not None else None
        connection.request(method, path, sent, {**headers, "Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {found}")
        return found
