"""The organization on the pictures of the pages: a bookshop with a week behind it, and an outage going on.

Its checks, rules, channels, status page and people are made over REST; its runs are given to `alerts.record` in the
order of time, as a scheduler would, so every state, alert and figure on the pictures is what the product made of them.
"""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from alerts.record import record
from model.errors import ErrorCode, status_for
from model.evidence import PageFigures, StepResult
from model.finished import Finished
from model.ids import new_id, slot_run_id
from model.outcome import AssertionResult, Metrics, RunError, RunStatus
from model.times import DAY_MS, HOUR_MS, iso
from store.alert_tables import AlertRule
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ProbeInstance
from store.write_lock import Urgency

MINUTE_MS = 60_000
EVERY_MS, BEHIND_MS = 5 * MINUTE_MS, 3 * DAY_MS
LOCATIONS = ("eu-west", "us-east", "ap-south")
BROKE_MS = 47 * MINUTE_MS
"""How long ago the outage began."""
HEADERS = {"content-type": "application/json", "server": "nginx", "strict-transport-security": "max-age=63072000"}


@dataclass(frozen=True)
class Place:
    """A check: what is asked of the API to make it, and how fast it is, in ms. `failing`: since the outage began."""

    name: str
    typical_ms: float
    given: dict[str, Any]
    failing: tuple[str, ...] = ()
    path: str = "/v1/monitors"
    locations: tuple[str, ...] = LOCATIONS


def _api(path: str) -> dict[str, Any]:
    wanted = [
        {"type": "status_code", "operator": "equals", "value": 200},
        {"type": "json_path", "path": "$.status", "operator": "equals", "value": "ok"},
    ]
    return {"type": "api", "url": f"https://api.books.example{path}", "assertions": wanted}


def _url(host: str) -> dict[str, Any]:
    return {"type": "url", "url": f"https://{host}"}


PLACES = (
    Place("Checkout API", 143, {**_api("/checkout/health"), "tags": ["checkout", "critical"],
          "runbook_url": "https://wiki.books.example/checkout"}, failing=("us-east", "eu-west")),
    Place("Orders API", 96, {**_api("/orders/health"), "tags": ["checkout"]}),
    Place("Payments API", 210, {**_api("/payments/health"), "tags": ["checkout", "critical"]}),
    Place("Search API", 61, {**_api("/search?q=dune"), "tags": ["catalogue"]}),
    Place("Recommendations", 180, {**_api("/for-you"), "tags": ["catalogue"]}),
    Place("Shop front", 320, {**_url("www.books.example"), "tags": ["web"]}),
    Place("Shop front, Germany", 290, {**_url("de.books.example"), "tags": ["web"]}),
    Place("Reader's blog", 410, {**_url("blog.books.example"), "tags": ["web"]}),
    Place("Covers on the CDN", 38, {**_url("covers.books.example/dune.jpg"), "tags": ["web"]}),
    Place("Orders database", 3, {"type": "tcp", "host": "db.books.example", "port": 5432, "tags": ["data"]}),
    Place("Mail for the shop", 24, {"type": "dns", "host": "books.example", "record_type": "MX", "tags": ["mail"]}),
    Place("A reader buys a book", 4_300, {"type": "journey", "tags": ["checkout"], "steps": [
        {"type": "goto", "url": "https://www.books.example"},
        {"type": "fill", "selector": "#search", "value": "Dune"},
        {"type": "click", "selector": "text=Add to basket"},
        {"type": "click", "selector": "text=Pay"},
        {"type": "expect_visible", "selector": "text=Thank you"},
    ]}, path="/v1/journeys", locations=("eu-west",), failing=("eu-west",)),
)  # fmt: skip


@dataclass
class Shop:
    """Ids by name, for the addresses of the pages."""

    checks: dict[str, str] = field(default_factory=dict)
    failed_run: str = ""
    failed_runs: list[str] = field(default_factory=list)
    journey_run: str = ""
    good_run: str = ""
    alert: str = ""


class Api:
    """The REST API at an address, for the holder of a key."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self.place, self.key = (host, port), key

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        """Its `data`; RuntimeError with the error unless it is a 2xx."""
        connection = http.client.HTTPConnection(*self.place, timeout=30)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {found['error']}")
        return found["data"]


def open_shop(api: Api, database: Database, keyring: Keyring, organization_id: str, now_ms: int) -> Shop:
    """Make it all; `now_ms`: when the pictures are taken."""
    shop = Shop()
    _probes(database, keyring, organization_id, now_ms)
    _rules(api)
    for place in PLACES:
        given = {"name": place.name, "interval": 300, "locations": list(place.locations), **place.given}
        shop.checks[place.name] = api("POST", place.path, given)["id"]
    _heartbeat(api, shop)
    with database.write(organization_id, Urgency.PEOPLE) as session:  # as if they had been made before all of this
        for rule in session.scalars(select(AlertRule)):
            rule.since_ms = now_ms - BEHIND_MS
    _run_all(database, organization_id, shop, now_ms)
    _status_page(api, shop)
    window = {"name": "Database upgrade", "starts_at": iso(now_ms + DAY_MS), "ends_at": iso(now_ms + DAY_MS + HOUR_MS),
              "apply_to": {"monitors": [shop.checks["Orders database"]]}}  # fmt: skip
    api("POST", "/v1/maintenance-windows", window)
    alerts = api("GET", "/v1/alerts?status=triggered")
    shop.alert = next((alert["id"] for alert in alerts if alert.get("monitor_id") == shop.checks["Checkout API"]), "")
    return shop


def _rules(api: Api) -> None:
    channel = {"name": "On-call", "type": "webhook", "config": {"url": "https://hooks.books.example/on-call"}}
    told = [api("POST", "/v1/alert-channels", channel)["id"]]
    everything = {"channels": told, "apply_to": {"all": True}}
    for rule in (
        {"name": "Down twice in a row", "type": "consecutive_failures", "threshold": 2, "severity": "critical"},
        {"name": "Slow", "type": "response_time", "aggregate": "p95", "threshold": 900, "window": 1800,
         "severity": "medium", "apply_to": {"tags": ["catalogue", "data"]}},
        {"name": "Certificate ends", "type": "certificate_expiry", "threshold": 14, "severity": "high"},
    ):  # fmt: skip
        api("POST", "/v1/alert-rules", {**everything, **rule})


def _probes(database: Database, keyring: Keyring, organization_id: str, now_ms: int) -> None:
    with database.write(organization_id, Urgency.PEOPLE) as session:
        for number, location in enumerate(LOCATIONS):
            probe, _ = register_probe(session, keyring, organization_id, (f"{location}-1", location), now_ms - DAY_MS)
            session.add(ProbeInstance(
                id=new_id("ins", now_ms), organization_id=organization_id, probe_id=probe.id, location=location,
                lease_until_ms=now_ms + HOUR_MS, started_ms=now_ms - DAY_MS, seen_ms=now_ms, version="0.1.0",
                capabilities=["network", "browser"], types=["url", "api", "tcp", "dns", "journey"], running=number,
                spool=0, self_check="ok", stopping=False,
            ))  # fmt: skip


def _heartbeat(api: Api, shop: Shop) -> None:
    made = api(
        "POST", "/v1/monitors", {"name": "Nightly backup", "type": "heartbeat", "interval": 86400, "grace": 3600}
    )
    shop.checks["Nightly backup"] = made["id"]


def _run_all(database: Database, organization_id: str, shop: Shop, now_ms: int) -> None:
    chance = random.Random(7)  # noqa: S311
    first_ms = (now_ms - BEHIND_MS) // EVERY_MS * EVERY_MS
    for at_ms in range(first_ms, now_ms - MINUTE_MS, EVERY_MS):
        batch = list(_runs(organization_id, shop, at_ms, now_ms - at_ms, chance))
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            record(session, batch, at_ms + 20_000)
        for done in batch:
            if done.check_id == shop.checks["Checkout API"] and done.status == RunStatus.FAILED:
                shop.failed_run = done.run_id
                shop.failed_runs.append(done.run_id)
            elif done.check_id == shop.checks["A reader buys a book"]:
                shop.journey_run = done.run_id
            elif done.check_id == shop.checks["Orders API"] and done.status == RunStatus.SUCCESS:
                shop.good_run = done.run_id


def _runs(organization_id: str, shop: Shop, at_ms: int, ago_ms: int, chance: random.Random) -> Iterator[Finished]:
    for place in PLACES:
        for number, location in enumerate(place.locations):
            facts = _facts(place, location, number, ago_ms, chance)
            started_ms = None if facts["status"] == RunStatus.MISSED else at_ms + chance.randrange(3, 60)
            duration_ms = facts.get("duration_ms", 0.0)
            check_id = shop.checks[place.name]
            yield Finished(
                run_id=slot_run_id(check_id, location, at_ms), organization_id=organization_id, check_id=check_id,
                check_version=1, location=location, at_ms=at_ms, started_ms=started_ms,
                completed_ms=None if started_ms is None else started_ms + round(duration_ms),
                probe_id=None if started_ms is None else f"prb_{location}", **facts,
            )  # fmt: skip


def _facts(place: Place, location: str, number: int, ago_ms: int, chance: random.Random) -> dict[str, Any]:
    if location == "ap-south" and 9 * HOUR_MS < ago_ms < 11 * HOUR_MS:
        code = ErrorCode.PROBE_OFFLINE
        return {"status": status_for(code), "error": RunError(code, "no probe was online at ap-south")}
    slow = 2.6 if place.name == "Recommendations" and 3 * HOUR_MS < ago_ms < 5 * HOUR_MS else 1.0
    total = place.typical_ms * slow * (1 + 0.5 * number) * chance.lognormvariate(0, 0.18)
    if place.path == "/v1/journeys":
        return _journey(place, location in place.failing and ago_ms < BROKE_MS, total)
    metrics = Metrics(
        dns_ms=total * 0.08, connect_ms=total * 0.14, tls_ms=total * 0.2, ttfb_ms=total * 0.88, download_ms=total * 0.12
    )
    if place.given["type"] in ("tcp", "dns"):
        return {"status": RunStatus.SUCCESS, "duration_ms": total, "metrics": Metrics(connect_ms=total)}
    answer = {"status_code": 200, "http_version": "2", "remote_ip": f"203.0.113.{20 + number}", "bytes": 412}
    failing = location in place.failing and ago_ms < BROKE_MS
    failing = failing or (place.name == "Search API" and 26 * HOUR_MS < ago_ms < 26.6 * HOUR_MS)
    wanted = (AssertionResult("status_code", "equals", 200, 503 if failing else 200, not failing),)
    if failing:
        return {
            "status": RunStatus.FAILED, "duration_ms": total, "metrics": metrics, "assertions": wanted,
            "error": RunError("assertion_failed", "status_code was 503, expected 200"),
            "response": {**answer, "status_code": 503, "headers": {**HEADERS, "retry-after": "30"},
                         "body": '{"status": "down", "reason": "no connection left in the pool"}'},
        }  # fmt: skip
    good = {**answer, "headers": HEADERS}
    return {
        "status": RunStatus.SUCCESS, "duration_ms": total, "metrics": metrics, "assertions": wanted, "response": good,
    }  # fmt: skip


def _journey(place: Place, failing: bool, total: float) -> dict[str, Any]:
    steps = [
        StepResult(index, step["type"], "success", duration_ms=total * share)
        for index, (step, share) in enumerate(zip(place.given["steps"], (0.4, 0.1, 0.15, 0.25, 0.1), strict=True))
    ]
    page = PageFigures(load_ms=total * 0.3, lcp_ms=total * 0.2, cls=0.02)
    if not failing:
        return {"status": RunStatus.SUCCESS, "duration_ms": total, "steps": tuple(steps), "page": page}
    told = "step 4 (click text=Pay): the page answered 503"
    steps[3:] = [
        StepResult(3, "click", "failed", duration_ms=total, error="the page answered 503"),
        StepResult(4, "expect_visible", "skipped"),
    ]
    error = RunError("step_failed", told)
    return {"status": RunStatus.FAILED, "duration_ms": total, "steps": tuple(steps), "error": error, "page": page}


def _status_page(api: Api, shop: Shop) -> None:
    groups = {
        "Buying": ("Checkout API", "Payments API", "Orders API"),
        "Browsing": ("Shop front", "Search API", "Covers on the CDN"),
    }
    shown = [
        {"name": group, "checks": [{"id": shop.checks[name], "name": name.removesuffix(" API")} for name in names]}
        for group, names in groups.items()
    ]
    page = api("POST", "/v1/status-pages", {"slug": "books", "title": "Books", "groups": shown})
    update = {"status": "investigating", "title": "Paying fails for some",
              "message": "Cards are refused in Europe and the Americas. We are looking into it.",
              "components": [shop.checks["Checkout API"]]}  # fmt: skip
    api("POST", f"/v1/status-pages/{page['id']}/updates", update)
