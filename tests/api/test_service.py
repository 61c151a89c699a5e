"""/health and /metrics."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from api.app import create_app
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import LocationState, Shard
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.test_fleet import come_online
from tests.api.test_monitors import url_monitor

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.5"}


def set_checkpoint(database: Database, checkpoint_ms: int) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.execute(update(Shard).values(checkpoint_ms=checkpoint_ms))


def test_health_is_ok_while_the_scheduler_keeps_up(app: Flask, database: Database, clock: Any) -> None:
    client = app.test_client()
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "impaired")
    assert "no scheduler" in answer.get_json()["reasons"][0]
    set_checkpoint(database, clock.now_ms)
    clock.advance(10_000)
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"
    clock.advance(1)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "scheduler has stopped" in answer.get_json()["reasons"][0]


def figures(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def measured(database: Database, organization: str, check_id: str, clock: Any, *, failed: bool, location: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.add(
            LocationState(
                check_id=check_id,
                location=location,
                organization_id=organization,
                status="failed" if failed else "success",
                degraded=False,
                since_ms=clock.now_ms,
                at_ms=clock.now_ms,
                fresh_until_ms=clock.now_ms + 120_000,
                run_id="run_abc123",
                duration_ms=245.0,
                metrics={"dns_ms": 15.0, "connect_ms": 45.0, "ttfb_ms": 190.0},
                error={"code": "timeout", "message": "x"} if failed else None,
                unrun_slots=0,
            )
        )


def test_a_read_key_gets_its_organizations_checks(
    owner: Client, client_of: Any, database: Database, organization: str, clock: Any, make_organization: Any
) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(name='a "b"\n c'[:5], locations=["eu", "us"]), status=201)
    measured(database, organization, made["id"], clock, failed=False, location="eu")
    measured(database, organization, made["id"], clock, failed=True, location="us")
    measured(database, organization, made["id"], clock, failed=True, location="gone")
    answer = client_of("read")("GET", "/metrics", environ_base=ELSEWHERE)
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = figures(answer.get_data(as_text=True))
    labels = {"id": made["id"], "name": made["name"], "type": "url"}
    assert found["tracer_check_up"] == {
        tuple(sorted({**labels, "location": "eu"}.items())): 1,
        tuple(sorted({**labels, "location": "us"}.items())): 0,
    }
    phases = {dict(key)["phase"]: value for key, value in found["tracer_check_duration_seconds"].items()}
    assert phases == {"dns": 0.015, "connect": 0.045, "ttfb": 0.19, "total": 0.245}
    assert "tracer_queue_depth" not in found
    stranger = client_of("read", organization_id=make_organization("Other"))
    assert "tracer_check_up" not in figures(stranger("GET", "/metrics", environ_base=ELSEWHERE).get_data(as_text=True))
    clock.advance(121_000)
    assert "tracer_check_up" not in figures(owner("GET", "/metrics").get_data(as_text=True))


def test_the_token_and_loopback_get_the_services_figures(
    owner: Client, app: Flask, database: Database, organization: str, clock: Any
) -> None:
    probe = owner.data("POST", "/v1/probes", {"name": "p", "location": "eu"}, status=201)
    come_online(database, organization, probe, clock)
    client = app.test_client()
    idle = figures(client.get("/metrics").get_data(as_text=True))
    assert idle["tracer_queue_depth"] == {(("kind", "network"), ("location", "eu")): 0}
    made = owner.data("POST", "/v1/monitors", url_monitor(locations=["eu"]), status=201)
    owner.data("POST", f"/v1/monitors/{made['id']}/run", status=202)
    set_checkpoint(database, clock.now_ms - 250)
    token = {"Authorization": "Bearer a-token-for-prometheus"}
    for answer in (client.get("/metrics"), client.get("/metrics", headers=token, environ_base=ELSEWHERE)):
        found = figures(answer.get_data(as_text=True))
        assert found["tracer_scheduler_lateness_seconds"] == {(): 0.25}
        assert found["tracer_queue_depth"] == {(("kind", "network"), ("location", "eu")): 1}
        assert found["tracer_probe_spool_results"] == {(("probe", probe["id"]),): 7}
        assert "tracer_check_up" not in found


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_others_get_no_figures(app: Flask, client_of: Any) -> None:
    client = app.test_client()
    assert client.get("/metrics", environ_base=ELSEWHERE).status_code == 401
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer a-token"}).status_code == 401
    assert client_of("ingest")("GET", "/metrics").status_code == 403


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_schedulers_totals_are_counters(database: Database, keyring: Any, settings: Any) -> None:
    app = create_app(database, keyring, settings, lambda: {"failures_total": 2.0, "shards_held": 16.0})
    text = app.test_client().get("/metrics").get_data(as_text=True)
    assert "# TYPE tracer_scheduler_failures_total counter" in text
    assert "tracer_scheduler_failures_total 2.0" in text
    assert "# TYPE tracer_scheduler_shards_held gauge" in text
