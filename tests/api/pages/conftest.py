"""A signed-in browser, and a check that is down with an alert about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from model.times import iso
from model.traceparent import trace_id_of
from store.sessions import Database
from tests.api.conftest import Client, MakeKey
from tests.api.pages.agent_world import LOOP, analyze, record
from tests.api.pages.world import MINUTE_MS, Browser, add_alert, fail, succeed
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor
from tests.store.people import PASSWORD
from tests.telemetry.reporting import Reports, event, make_project, message, span


@dataclass
class Outage:
    """Ids of a check that passed, then failed twice at us-east, and of the alert about it."""

    check_id: str
    good: str
    failed: list[str]
    alert_id: str

    @property
    def page(self) -> str:
        return f"/alerts/{self.alert_id}"


@pytest.fixture
def outage(owner: Client, database: Database, organization: str, clock: Any) -> Outage:
    definition = url_monitor(
        name="Orders API", locations=["us-east", "eu-west"], runbook_url="https://wiki.example/orders"
    )
    check_id = owner.data("POST", "/v1/monitors", definition, status=201)["id"]
    start_ms = clock.now_ms
    good = succeed(database, organization, check_id, start_ms)
    failed = [fail(database, organization, check_id, start_ms + n * MINUTE_MS) for n in (1, 2)]
    alert_id = add_alert(database, organization, check_id, failed, start_ms + 2 * MINUTE_MS)
    clock.advance(10 * MINUTE_MS)
    return Outage(check_id, good, failed, alert_id)


@dataclass
class Reported:
    """What a service reported of the outage's last run: errors, spans, a release, calls of a model; and a run of its
    agent."""

    reports: Reports
    trace_id: str
    issue_id: str
    incident: str
    """The page of what its agent's run is part of."""

    @property
    def page(self) -> str:
        return f"/issues/{self.issue_id}"


@pytest.fixture
def reported(owner: Client, outage: Outage, clock: Any) -> Reported:
    reports, trace_id = make_project(owner), trace_id_of(outage.failed[-1])
    frames = [
        {"filename": "app/main.py", "function": "serve", "lineno": 3},
        {"filename": "x/site-packages/lib.py", "function": "helper", "lineno": 9},
        {"filename": "app/cart.py", "function": "buy", "lineno": 12, "context_line": "  total = cart[sku]"},
    ]
    raised = {"type": "KeyError", "value": "'sku' " + "in a cart " * 20, "stacktrace": {"frames": frames}}
    reports.events(
        event(
            "e1", exception=raised, release="web@2", environment="production", trace_id=trace_id,
            user={"id": "u1", "email": "ada@example.com"}, tags={"region": "eu", "feature.flag": "x" * 60},
            breadcrumbs=[{"category": "http", "message": "GET /cart", "timestamp": "2024-01-15T10:29:59Z"}],
        ),
        message("m1", "Payment declined", level="warning", trace_id=trace_id),
    )  # fmt: skip
    reports.spans(
        span("a", trace_id, name="GET /orders", status="error", attributes={"http.route": "/orders/" + "x" * 80}),
        span("b", trace_id, parent_span_id="a", name="SELECT * FROM orders WHERE customer = ?", op="db.query"),
    )
    made = {"type": "ai_generation", "provider": "openrouter", "inputTokens": 1200, "outputTokens": 340}
    reports.items([
        {**made, "model": "anthropic/claude-sonnet-4", "totalCostUsd": 0.5, "latencyMs": 900, "traceId": trace_id},
        {**made, "model": "small", "totalCostUsd": 0.01, "latencyMs": 80, "status": "error"},
    ])  # fmt: skip
    release = {"project": "truecom", "release": "web@2", "deployed_at": iso(clock.now_ms), "commit": "a8c2f11d3"}
    assert owner("POST", "/v1/releases", release).status_code == 201
    record(owner, [each for each in LOOP if each[0] != "screenshot"], project_id="truecom")
    incident = analyze(owner)["incident_id"]
    return Reported(reports, trace_id, reports.issues(q="level:error")[0]["id"], f"/incidents/{incident}")


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Not signed in."""
    return Browser.of(app)


@pytest.fixture
def signed_in(browser: Browser, make_key: MakeKey) -> Browser:
    """Signed in with an owner's key, whose name is `test`."""
    assert browser.sign_in(make_key()).status_code == 303
    return browser


@pytest.fixture
def enter(app: Flask, crowd: Crowd) -> Callable[..., Browser]:
    """A function that makes a member and a browser signed in as them."""

    def entered(role: str, name: str = "Ada") -> Browser:
        crowd.member(role, name)
        browser = Browser.of(app)
        answer = browser.send("/login", "/login", email=f"{name.lower()}@example.com", password=PASSWORD)
        assert answer.status_code == 303
        return browser

    return entered
