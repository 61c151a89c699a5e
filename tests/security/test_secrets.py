"""Fifty secrets, in every place that takes one, and in the answers of targets that give them back in twelve encodings:
none of them stands in anything that Tracer says, logs, sends or stores. What journeys leave is looked at by
tests/journeys/test_secrets.py."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from alerts.channels.slack import _message as slack_message
from alerts.messages.html import html as mail_html
from alerts.messages.plain import plain
from alerts.messages.told import told
from alerts.payload import event_payload
from model import scrub, secrets
from model.outcome import AssertionResult, Attempt, RunError, RunStatus
from model.protocol import LeasedCheck, Result
from probes.checks.url import UrlCheck
from probes.definitions import Definitions
from store.alert_tables import Alert
from store.keyring import Cell, Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.table_base import Base
from tests.api.client import Client
from tests.api.conftest import PUBLIC_URL
from tests.api.pages.world import Browser
from tests.api.test_monitors import url_monitor
from tests.api.test_runs import finish
from tests.conftest import Clock
from tests.security.access_table import ACCESS
from tests.security.tally import Tally, corpus

ATTACK = "looking for secrets"
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
KINDS = (
    "canary-plain-{n}", "can\"ary'quo<tes>&amp-{n}", "canary with spaces + plus/slash {n}", "90817{n}635445",
    "k7q2z{n}", "can%41ry%percent#hash?x={n}", "canary.{n}@secret.example", "can\\ary\\back/slash{{}}-{n}",
    "canäry-ünïcode-✓-{n}", "Ünïcode\u00a0{n} und noch mehr davon, damit es länger wird als andere",
)  # fmt: skip
"""The first eight are headers' values as well."""


def canaries() -> list[str]:
    return [kind.format(n=7000 + 13 * number) for number in range(5) for kind in KINDS]


def encodings(secret: str) -> dict[str, str]:
    """Written down here once more, not taken from what is to be judged."""
    raw = secret.encode()
    percent = quote(secret, safe="")
    return {
        "as it is": secret,
        "percent": percent,
        "percent, slashes kept": quote(secret),
        "percent, small letters": re.sub("%..", lambda found: found[0].lower(), percent),
        "twice percent": quote(percent, safe=""),
        "form": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "JSON, not ASCII alone": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "HTML": html.escape(secret),
        "HTML text": html.escape(secret, quote=False),
        "base64": base64.b64encode(raw).decode().rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "hexadecimal": raw.hex(),
    }  # fmt: skip


def echo(secret: str) -> str:
    return " | ".join(encodings(secret).values())


def places(number: int, secret: str) -> tuple[str, dict[str, Any]]:
    """Where the secret with this number is put: (path, body)."""
    header = secret.isascii()
    named = f"Place {number}"
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("/v1/monitors", url_monitor(name=named, basic_auth={"username": "ann", "password": secret})),
        ("/v1/variables", {"name": f"V{number}", "value": secret}),
        ("/v1/journeys", {"name": named, "variables": {"P": secret}, "steps": [{"type": "goto", "url": "https://a.example"}]}),
    ]  # fmt: skip
    if header:
        kinds += [
            ("/v1/monitors", url_monitor(name=named, headers={"Authorization": f"Bearer {secret}"})),
            ("/v1/monitors", url_monitor(name=named, headers={"X-Own": secret}, secret_headers=["X-Own"])),
            ("/v1/alert-channels", {"name": named, "type": "webhook", "config": {
                "url": f"http://127.0.0.1:9/{quote(secret, safe='')}", "headers": {"X-Team": secret}}}),
            ("/v1/alert-channels", {"name": named, "type": "slack", "config": {
                "webhook_url": f"http://127.0.0.1:9/{quote(secret, safe='')}"}}),
        ]  # fmt: skip
    return kinds[number % len(kinds)]


@dataclass
class Ear:
    """All that was heard, by where."""

    heard: list[tuple[str, str]] = field(default_factory=list)

    def hear(self, where: str, what: str) -> None:
        self.heard.append((where, what))

    def hits(self, secrets: list[str]) -> list[tuple[str, str, str]]:
        """(secret, encoding, where) of each that stands in what was heard."""
        whole: dict[str, str] = {}
        for where, what in self.heard:
            whole[where] = whole.get(where, "") + "\n" + what
        return [
            (secret, name, where)
            for secret in secrets
            for name, form in encodings(secret).items()
            for where, text in whole.items()
            if form in text
        ]

    @property
    def places(self) -> int:
        return len({where for where, _ in self.heard})


@dataclass
class Household:
    """Puts the secrets where secrets belong, has targets give them back, and listens to all that comes of it."""

    app: Flask
    owner: Client
    database: Database
    keyring: Keyring
    organization: str
    clock: Clock
    ear: Ear

    def live(self, secrets: list[str]) -> None:
        rule = {"name": "Down", "type": "consecutive_failures", "threshold": 1, "apply_to": {"all": True}}
        self.ask("POST", "/v1/alert-rules", rule)
        for number, secret in enumerate(secrets):
            path, body = places(number, secret)
            self.ask("POST", path, {**body, "no_such_field": 1})
            made = self.ask("POST", path, body)["id"]
            if path == "/v1/monitors":
                self.answered_with(secret, made, body)
            if path == "/v1/alert-channels" and number < 20:
                self.ask("POST", f"{path}/{made}/test", {})
            self.ask("PUT", f"{path}/{made}", {"name": f"New {number}" if "variables" not in path else f"N{number}"})
            self.ask("GET", f"{path}/{made}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.owner(method, path, body)
        assert answer.status_code < 500, answer.get_data(as_text=True)
        shown = f"{answer.headers}\n{answer.get_data(as_text=True)}"
        self.ear.hear("API", shown)
        return (answer.get_json() or {}).get("data") or {}

    def answered_with(self, secret: str, check_id: str, definition: dict[str, Any]) -> None:
        """A run whose target gave the secret back wherever it could; scrubbed as probes do it."""
        raw = msgspec.json.encode(definition)
        definitions = Definitions(UrlCheck.model_validate_json)
        definitions.learn(LeasedCheck(check_id, 1, msgspec.Raw(raw)))
        known = definitions.get(check_id)
        assert known is not None
        assert known.check is not None, known.problem
        error = RunError("assertion_failed", f"got {echo(secret)}")
        run = known.scrubber.result(
            Result(
                run_id="run_1", dispatch_id="d", token=1, check_id=check_id, check_version=1, status=RunStatus.FAILED,
                error=error, attempts=(Attempt(late_ms=0.0, status=RunStatus.FAILED, error=error),),
                assertions=(AssertionResult("body", "equals", echo(secret), [echo(secret)], passed=False),),
                response={
                    "status_code": 503, "headers": {"x-echo": echo(secret), secret: "x"}, "body": echo(secret),
                    "title": echo(secret),
                },
            )
        )  # fmt: skip
        done = finish(
            self.database, self.organization, check_id, self.clock.now_ms, location="local", status=run.status,
            error=run.error, assertions=run.assertions, attempts=run.attempts, response=run.response,
        )  # fmt: skip
        for path in ("", "/steps", "/artifacts", "/decisions"):
            self.ask("GET", f"/v1/runs/{done.run_id}{path}")
        self.ask("GET", f"/v1/monitors/{check_id}/why")

    def look_everywhere(self) -> None:
        """Lists, pages, messages, and the database as it is."""
        for method, path in ACCESS:
            if method == "GET" and "<" not in path and path.startswith(("/v1/", "/openapi")):
                self.ask("GET", f"{path}?per_page=100" if path.startswith("/v1/") else path)
        browser = Browser.of(self.app)
        assert browser.sign_in(self.owner.key).status_code == 303
        with self.database.read(self.organization) as session:
            alerts = session.scalars(select(Alert)).all()
            payloads = [event_payload(session, alert, "triggered", self.clock.now_ms) for alert in alerts]
        pages = [f"/alerts/{alert.id}" for alert in alerts] + [f"/runs/{alert.run_ids[-1]}" for alert in alerts]
        for page in ["/alerts", "/settings/keys", "/settings/people", *pages]:
            self.ear.hear("pages", browser.answer(page).get_data(as_text=True))
        assert alerts, "somebody is told"
        for payload in payloads:
            event = told(payload, PUBLIC_URL, lambda _: None)
            self.ear.hear("webhooks", msgspec.json.encode(payload).decode())
            self.ear.hear("mail", f"{plain(event)}\n{mail_html(event)}")
            self.ear.hear("Slack", msgspec.json.encode(slack_message(event, "ntf_1")).decode())
        with self.database.read(EVERY_ORGANIZATION) as session:
            for table in Base.metadata.sorted_tables:
                for row in session.execute(select(table)):
                    self.ear.hear("database", "\n".join(map(dumped, row)))


def dumped(value: Any) -> str:
    """A cell as it stands in a dump: text as it is, JSON both ways, bytes by their letters."""
    if isinstance(value, bytes):
        return value.decode("latin-1") + value.decode("utf-8", "replace") + value.hex()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


Live = Callable[[list[str]], Ear]
FEW = canaries()[:10]


@pytest.fixture
def lived(app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock) -> Live:
    def live(secrets: list[str]) -> Ear:
        ear = Ear()
        household = Household(app, owner, database, keyring, organization, clock, ear)
        with capture_logs() as lines:
            household.live(secrets)
            household.look_everywhere()
        for line in lines:
            ear.hear("log", json.dumps(line, ensure_ascii=False, default=str))
        return ear

    return live


def test_fifty_secrets_stand_nowhere(lived: Live, tally: Tally) -> None:
    secrets = corpus(canaries(), short=16)
    ear = lived(secrets)
    assert {where for where, _ in ear.heard} == {"API", "pages", "webhooks", "mail", "Slack", "database", "log"}
    hits = ear.hits(secrets)
    tried = len(secrets) * len(encodings("x")) * ear.places
    tally.add(ATTACK, "API, pages, log, database, messages", tried=tried, effective=len(hits))
    assert hits == []


def found_in(hits: list[tuple[str, str, str]]) -> set[str]:
    return {where for _, _, where in hits}


@ONE_STORE
def test_a_build_that_takes_out_what_it_sees_as_it_is_alone_is_caught(
    lived: Live, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrub, "forms_of", lambda secret: frozenset({secret}))
    hits = lived(FEW).hits(FEW)
    assert found_in(hits) >= {"API", "pages", "database", "mail", "Slack"}
    assert "base64" in {name for _, name, _ in hits}
    tally.caught(ATTACK, "scrubber that knows no encodings")


@ONE_STORE
def test_a_build_that_takes_headers_for_harmless_is_caught(
    lived: Live, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "secret_header", lambda *_: False)
    assert found_in(lived(FEW).hits(FEW)) >= {"API", "database"}
    tally.caught(ATTACK, "headers taken for harmless")


@ONE_STORE
def test_a_build_that_stores_secrets_as_they_are_is_caught(
    lived: Live, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plain_text(self: Keyring, secret: str | bytes, cell: Cell) -> bytes:
        return secret.encode() if isinstance(secret, str) else secret

    monkeypatch.setattr(Keyring, "encrypt", plain_text)
    monkeypatch.setattr(Keyring, "decrypt", lambda self, blob, cell: blob)
    assert found_in(lived(FEW).hits(FEW)) == {"database"}
    tally.caught(ATTACK, "secrets stored as they are")
