"""Everything that pages show, with one word in every text of it; then any other text in place of that word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, select, update

from alerts.acknowledge_links import acknowledge_url
from alerts.notices import raise_notice
from api.services import services_of
from model.evidence import StepResult
from model.outcome import AssertionResult, Attempt, RunError, RunStatus
from model.protocol import StepName
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.table_base import Base
from store.tables import WebSession
from store.write_lock import Urgency
from tests.api.client import Client
from tests.api.conftest import PUBLIC_URL
from tests.api.pages.world import MINUTE_MS, add_alert, fail, succeed, tell
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor
from tests.api.test_runs import finish
from tests.api.walks import Walker
from tests.conftest import Clock
from tests.security.reported import Reported
from tests.store.people import sign_in_as

MARK = "zq7xmark"
COOKIE = "__Host-tracer_session"
NOT_SHOWN = {
    "audit_events",
    "audit_heads",
    "changes",
    "location_states",
    "rollups_hour",
    "rollups_day",
    "notifications",
}
_JSON_TEXTS = ("steps",)
"""Columns whose text is a document."""


@dataclass(frozen=True)
class Spot:
    """A cell whose text holds the word."""

    table: Table
    key: tuple[Any, ...]
    column: str
    value: Any

    def saying(self, text: str) -> Any:
        if isinstance(self.value, bytes) or self.column in _JSON_TEXTS:
            found = msgspec.json.encode(replaced(msgspec.json.decode(self.value), text))
            return found if isinstance(self.value, bytes) else found.decode()
        return replaced(self.value, text)


def replaced(value: Any, text: str) -> Any:
    """The value with `text` for the word, however deep it stands."""
    if isinstance(value, str):
        return value.replace(MARK, text)
    if isinstance(value, dict):
        return {replaced(key, text): replaced(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, text) for inner in value]
    return value


@dataclass
class Stage:
    """`dress` puts a text everywhere; `pages` are the addresses that show it, `quoted` in them where they repeat what
    is asked."""

    app: Flask
    owner: Client
    database: Database
    keyring: Keyring
    organization: str
    crowd: Crowd
    now_ms: int
    token: str = ""
    addresses: list[str] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    reported: Reported | None = None

    def made(self, path: str, body: Any) -> str:
        return str(self.owner.data("POST", path, body, status=201)["id"])

    def set(self) -> Stage:
        """One of everything, as its owner sees it."""
        self.owner.data("PUT", "/v1/organization", {"name": MARK})
        hook = {"name": MARK, "type": "slack", "config": {"webhook_url": "http://127.0.0.1:9/"}}
        channel = self.made("/v1/alert-channels", hook)
        rule = self.made("/v1/alert-rules", {"name": MARK, "type": "consecutive_failures", "threshold": 1})
        planned = {"name": MARK, "cron": "0 3 * * *", "duration": 60, "apply_to": {"all": True}}
        window = self.made("/v1/maintenance-windows", planned)
        self.addresses += [
            "/alerts/rules", f"/alerts/rules/{rule}", "/alerts/channels", f"/alerts/channels/{channel}",
            "/alerts/silences", "/settings/maintenance", f"/settings/maintenance/{window}",
        ]  # fmt: skip
        self.made("/v1/api-keys", {"name": MARK, "scopes": ["read"]})
        self.made("/v1/probes", {"name": MARK, "location": "local"})
        self.made("/v1/silences", {"match": {"all": True}, "for": 60, "reason": MARK})
        check_id = self.made("/v1/monitors", url_monitor(
            name=MARK, tags=[MARK], description=MARK, runbook_url=f"https://wiki.example/{MARK}",
            url=f"https://shop.example/{MARK}", locations=["local"],
        ))  # fmt: skip
        self.status_page(check_id)
        self.addresses.append(f"/alerts/why?check={check_id}")
        good, bad = self.runs(check_id)
        self.reported = Reported(self.owner, self.database, MARK, replaced)
        self.reported.set(bad[0])
        self.addresses += self.reported.addresses
        self.alerts(check_id, good, bad)
        monitor = f"/monitors/{check_id}"
        self.addresses += [f"{monitor}?span=1h&status=failed", f"{monitor}/edit", f"/runs/{self.journey()}"]
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            raise_notice(
                session, self.organization, kind="disk", subject=MARK, severity="high", message=MARK, link="/",
                now_ms=self.now_ms,
            )  # fmt: skip
        self.people()
        self.spots = list(self.found())
        return self

    def status_page(self, check_id: str) -> None:
        groups = [{"name": MARK, "checks": [{"id": check_id, "name": MARK}]}]
        page = self.made("/v1/status-pages", {"slug": "stage", "title": MARK, "groups": groups})
        for said in ({"status": "resolved"}, {"status": "identified", "components": [check_id]}):
            self.made(f"/v1/status-pages/{page}/updates", {"message": MARK, "title": MARK, **said})
        settings = "/settings/status-pages"
        self.addresses += ["/status/stage", settings, f"{settings}/{page}", f"{settings}/{page}/updates"]

    def runs(self, check_id: str) -> tuple[str, list[str]]:
        response: dict[str, Any] = {
            "status_code": 503, "http_version": "2", "remote_ip": MARK, "headers": {MARK: MARK, "server": MARK},
            "body": MARK, "certificate": {"subject": MARK, "issuer": MARK}, "title": MARK,
        }  # fmt: skip
        good = succeed(self.database, self.organization, check_id, self.now_ms, location="local", response={
            **response, "status_code": 200, "headers": {MARK: "other", "server": f"old {MARK}"}})  # fmt: skip
        assertions = tuple(
            AssertionResult(kind, "equals", MARK, MARK, False, path=MARK, name=MARK, reason=MARK)
            for kind in ("body", "header", "json_path")
        )
        attempt = Attempt(late_ms=0.0, status=RunStatus.FAILED, error=RunError("assertion_failed", MARK))
        bad = [
            fail(
                self.database, self.organization, check_id, self.now_ms + number * MINUTE_MS, location="local",
                message=MARK, response=response, assertions=assertions, attempts=(attempt, attempt), probe_id=MARK,
            )
            for number in (1, 2)
        ]  # fmt: skip
        self.addresses.append(f"/runs/{bad[0]}")
        return good, bad

    def alerts(self, check_id: str, good: str, bad: list[str]) -> None:
        said: dict[str, Any] = {"title": MARK, "cause": MARK, "rule_name": MARK, "votes": {MARK: self.now_ms}}
        for end in ("acknowledge", "resolve"):
            alert = add_alert(self.database, self.organization, check_id, bad, self.now_ms + 2 * MINUTE_MS, **said)
            tell(self.database, self.organization, alert, MARK, self.now_ms, status="failed", last_error=MARK)
            self.owner.data("POST", f"/v1/alerts/{alert}/{end}", {"note": MARK})
            self.addresses.append(f"/alerts/{alert}")
        alert = add_alert(self.database, self.organization, check_id, bad, self.now_ms + 2 * MINUTE_MS, **said)
        url = acknowledge_url(self.keyring, PUBLIC_URL, alert, self.now_ms)
        self.addresses += [f"/alerts/{alert}", url.removeprefix(PUBLIC_URL), f"/alerts?status=all&check={check_id}"]

    def journey(self) -> str:
        steps = [{"type": "goto", "url": f"https://shop.example/{MARK}"}, {"type": "click", "selector": f".{MARK}"}]
        journey = self.made("/v1/journeys", {"name": MARK, "steps": steps, "locations": ["local"]})
        self.addresses += ["/journeys", f"/journeys/{journey}", f"/journeys/{journey}/edit"]
        self.walk(journey)
        walked = (
            StepResult(0, "goto", "success", name=MARK, duration_ms=1.0),
            StepResult(1, "click", "failed", name=MARK, duration_ms=1.0, error=MARK),
        )
        return finish(
            self.database, self.organization, journey, self.now_ms, location="local", status=RunStatus.FAILED,
            error=RunError("step_failed", MARK), steps=walked, response=None,
        ).run_id  # fmt: skip

    def walk(self, journey: str) -> None:
        """A run that is under way."""
        walker = Walker(self.database, self.keyring, self.organization, Clock(self.now_ms), name=f"{MARK} walks")
        run_id = self.owner.data("POST", f"/v1/journeys/{journey}/run", status=202)["run_id"]
        assert walker.lease() == [run_id]
        ended = [StepResult(0, "goto", "success", name=MARK, duration_ms=1.0)]
        assert walker.tell(run_id, of=2, steps=ended, under_way=StepName("click", MARK)).accepted == 1
        self.addresses.append(f"/runs/{run_id}")

    def people(self) -> None:
        member = self.crowd.member("owner", MARK)
        self.token = sign_in_as(self.database, self.keyring, member)
        invite = {"email": f"{MARK}@new.example", "role": "viewer", "name": MARK}
        invited = Client(self.app.test_client(), self.token).data("POST", "/v1/organization/invite", invite, status=201)
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.execute(update(WebSession.__table__).values(user_agent=MARK, address=MARK))  # type: ignore[arg-type]
        self.addresses += [
            str(invited["invite_url"]).removeprefix(PUBLIC_URL), "/alerts", "/settings/people", "/settings/keys",
            "/account", "/probes", "/settings/organization", "/settings/audit", "/settings/secrets",
        ]  # fmt: skip

    def found(self) -> list[Spot]:
        spots = []
        with self.database.read(EVERY_ORGANIZATION) as session:
            for table in Base.metadata.sorted_tables:
                keys = list(table.primary_key.columns)
                for row in session.execute(select(table)).mappings() if table.name not in NOT_SHOWN else ():
                    for column in table.columns:
                        value = row[column.name]
                        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                        if MARK in text and column not in keys:
                            spots.append(Spot(table, tuple(row[key.name] for key in keys), column.name, value))
        return spots

    def dress(self, text: str) -> None:
        """Have every text say `text`, as if it had always stood there."""
        services_of(self.app).public_pages.forget()
        if self.reported is not None:
            self.reported.dress(text)
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            for spot in self.spots:
                where = [column == key for column, key in zip(spot.table.primary_key.columns, spot.key, strict=True)]
                value = spot.saying(text)
                length = getattr(spot.table.c[spot.column].type, "length", None)
                if length is not None and isinstance(value, str) and not self.database.sqlite:
                    value = value[:length]
                session.execute(update(spot.table).where(*where).values({spot.column: value}))

    def pages(self, text: str) -> list[str]:
        """The addresses, and a list of what has a tag that ends with `text`, as far as a tag may: nothing."""
        tag = "".join(character for character in text if character.isprintable())[:46]
        return [*self.addresses, f"/alerts?status=all&tag=not-{quote(tag, safe='')}"]

    def visit(self) -> FlaskClient:
        """A browser of the owner's."""
        client = self.app.test_client()
        client.set_cookie(COOKIE, self.token, domain="tracer.example", secure=True)
        return client

    def page(self, client: FlaskClient, path: str) -> str:
        with client.get(path, base_url=PUBLIC_URL) as answer:
            assert answer.status_code == 200, (path, answer.status_code)
            return answer.get_data(as_text=True)


MakeStage = Callable[[], Stage]
