"""A world for pages: a check that went down, the alert about it, who was told; and a browser that runs no scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from model.ids import new_id
from model.outcome import AssertionResult, Metrics, RunError, RunStatus
from store.alert_tables import Alert, AlertChannel, Notification
from store.alerts import add_event
from store.notifications import enqueue
from store.sessions import Database
from store.write_lock import Urgency
from tests.api.test_runs import finish

MINUTE_MS = 60_000
HEADERS = {"content-type": "application/json", "server": "nginx", "date": "Mon, 15 Jan 2024 10:30:00 GMT"}
GOOD = {"status_code": 201, "http_version": "2", "remote_ip": "203.0.113.7", "bytes": 412, "headers": HEADERS}
BAD = {**GOOD, "status_code": 503, "bytes": 44, "headers": {**HEADERS, "retry-after": "30"}}
OVERLOADED = '{"error": "too many connections"}'


def fail(database: Database, organization: str, check_id: str, at_ms: int, **given: Any) -> str:
    """A failed run, answering 503 where 201 was wanted; its id."""
    message = given.pop("message", "status_code was 503, expected 201")
    facts: dict[str, Any] = {
        "status": RunStatus.FAILED,
        "error": RunError("assertion_failed", message),
        "assertions": (AssertionResult("status_code", "equals", 201, 503, False),),
        "response": {**BAD, "body": OVERLOADED},
        "metrics": Metrics(dns_ms=9.0, connect_ms=14.0, tls_ms=27.0, ttfb_ms=72.0, download_ms=29.0),
        "duration_ms": 101.0,
        **given,
    }
    return finish(database, organization, check_id, at_ms, **facts).run_id


def succeed(database: Database, organization: str, check_id: str, at_ms: int, **given: Any) -> str:
    """A passed run; its id."""
    facts: dict[str, Any] = {
        "assertions": (AssertionResult("status_code", "equals", 201, 201, True),),
        "response": GOOD,
        **given,
    }
    return finish(database, organization, check_id, at_ms, **facts).run_id


def add_alert(
    database: Database, organization: str, check_id: str, run_ids: list[str], at_ms: int, **given: Any
) -> str:
    """An open critical alert that these runs prove, with the first line of its timeline; its id."""
    alert_id = new_id("alr", at_ms)
    facts: dict[str, Any] = {
        "rule_id": new_id("rule", at_ms),
        "rule_name": "Down twice in a row",
        "severity": "critical",
        "status": "triggered",
        "title": "Orders API answers 503",
        "cause": "status_code was 503, expected 201",
        "votes": {"us-east": at_ms},
        "needed": 1,
        "notes": [],
        "retracted": False,
        **given,
    }
    with database.write(organization, Urgency.PEOPLE) as session:
        alert = Alert(
            id=alert_id, organization_id=organization, check_id=check_id, run_ids=run_ids, at_ms=at_ms,
            triggered_ms=at_ms + 200, **facts,
        )  # fmt: skip
        session.add(alert)
        session.flush()
        add_event(session, alert, "triggered", at_ms + 200, alert.cause, run_id=run_ids[-1] if run_ids else None)
    return alert_id


def tell(database: Database, organization: str, alert_id: str, channel: str, at_ms: int, **outcome: Any) -> None:
    """A notification of the alert to a new channel of this name, with this outcome."""
    channel_id = new_id("chan", at_ms)
    with database.write(organization, Urgency.PEOPLE) as session:
        session.add(
            AlertChannel(
                id=channel_id, organization_id=organization, type="slack", name=channel, config={},
                created_ms=at_ms, updated_ms=at_ms,
            )
        )  # fmt: skip
        session.flush()
        sent = enqueue(
            session, organization_id=organization, subject_id=alert_id, event="triggered", number=1,
            channel_ids=[channel_id], payload={}, now_ms=at_ms,
        )  # fmt: skip
        for name, value in outcome.items():
            setattr(session.get_one(Notification, sent[0]), name, value)


_APART = frozenset({"br", "button", "dd", "dt", "h1", "h2", "li", "p", "pre", "td", "th", "time"})
"""Tags whose text does not touch what stands before it."""


class Seen(HTMLParser):
    """What a browser would make of a page: its tags, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " " * (tag in _APART)

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@dataclass
class Browser:
    """Follows links and sends forms with the hidden fields that they have on the page."""

    client: FlaskClient

    @classmethod
    def of(cls, app: Flask) -> Browser:
        return cls(app.test_client())

    def get(self, path: str, *, status: int = 200, **options: Any) -> Seen:
        return Seen(self.answer(path, status=status, **options).get_data(as_text=True))

    def answer(self, path: str, *, status: int = 200, **options: Any) -> TestResponse:
        answer = self.client.get(path, base_url="https://tracer.example", **options)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer

    def post(self, path: str, fields: dict[str, str], **options: Any) -> TestResponse:
        headers = {"Origin": "https://tracer.example", **options.pop("headers", {})}
        return self.client.post(path, data=fields, base_url="https://tracer.example", headers=headers, **options)

    def send(self, page: str, action: str, **fields: str) -> TestResponse:
        """Open a page and send its form with that action, these fields filled in."""
        text = self.answer(page).get_data(as_text=True)
        form = re.search(rf'<form[^>]* action="{re.escape(action)}".*?</form>', text, re.DOTALL)
        assert form is not None, f"{page} has no form for {action}"
        hidden = {
            tag["name"] or "": tag["value"] or "" for tag in Seen(form[0]).all("input") if tag.get("type") == "hidden"
        }
        return self.post(action, {**hidden, **fields})

    def sign_in(self, key: str, *, wanted: str = "/alerts") -> TestResponse:
        return self.send(f"/login?next={wanted}", "/login", api_key=key)


def form_token(browser: Browser) -> str:
    """What the forms of this browser carry."""
    return browser.answer("/account").get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
