"""Retention: what a project no longer keeps goes, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from model.settings import Settings
from model.times import DAY_MS
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from telemetry.stored.retention import TelemetryRetention
from tests.api.conftest import Client
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project, span
from tests.telemetry.test_source_maps import upload

GENERATION = {"type": "ai_generation", "provider": "p", "model": "m", "inputTokens": 1}
LEFT_OVER = ("events", "spans", "generations", "issues", "fingerprints", "issue_users", "issue_releases")


def run(database: Database, **settings: Any) -> int:
    """A whole pass; how many steps it took."""
    retention, steps = TelemetryRetention(database, Settings(**settings)), 0
    while retention.step():
        steps += 1
    return steps


def counts(database: Database, *tables: str) -> dict[str, int]:
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        return {
            table: rows(session, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
            for table in tables or LEFT_OVER
        }


def fill(reports: Reports, name: str) -> None:
    reports.events(event(f"{name}1", user={"id": "u"}, release="web@2.4.1"), event(f"{name}2", fingerprint=name))
    reports.spans(span(name))
    reports.items({**GENERATION, "metadata": {"name": name}})


def test_each_project_keeps_what_was_received_as_long_as_it_says(
    reports: Reports, owner: Client, database: Database, clock: Clock
) -> None:
    short = make_project(owner, "short", retention_days=7)
    for each in (reports, short):
        fill(each, "old")
    clock.advance(8 * DAY_MS)
    for each in (reports, short):
        fill(each, "new")
    run(database)
    assert short.found() == ["new2", "new1"]
    assert short.found("TypeError") == ["new2", "new1"]
    assert reports.found("TypeError") == ["new2", "new1", "old2", "old1"]
    assert len(short.issues()) == 2, "one goes on, one is new; that of which nothing is left has gone"
    assert len(reports.issues()) == 3
    assert len(short.get("/v1/generations")["generations"]) == 1
    before = counts(database)
    run(database)
    assert counts(database) == before


def test_a_deleted_project_leaves_nothing(reports: Reports, owner: Client, database: Database) -> None:
    fill(reports, "a")
    upload(reports)
    assert owner("DELETE", "/v1/projects/truecom").get_json() == {"id": "truecom", "deleted": True}
    assert reports.post("/v1/events", {"events": [event("b")]}).status_code == 401
    assert owner("GET", "/v1/query").get_json()["events"] == []
    run(database)
    assert set(counts(database, *LEFT_OVER, "source_maps", "source_map_files").values()) == {0}
    assert make_project(owner).project["slug"] == "truecom"  # it is free again


def test_a_source_map_stays_as_long_as_its_release_is_heard_of(
    reports: Reports, database: Database, clock: Clock
) -> None:
    upload(reports)
    upload(reports, release="web@1")
    clock.advance(80 * DAY_MS)
    reports.events(event("a", release="web@2.4.1"))
    clock.advance(20 * DAY_MS)
    run(database)
    assert counts(database, "source_maps", "source_map_files") == {"source_maps": 1, "source_map_files": 1}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_over_its_size_the_oldest_go_and_are_counted(reports: Reports, database: Database) -> None:
    for number in range(6):
        reports.events(*(event(f"e{number}-{one}", message=f"{number} {one} " * 300) for one in range(100)))
    run(database, telemetry_gb=0.0008)
    left = len(reports.found(limit=1000))
    assert 0 < left < 600
    assert reports.found()[0] == "e5-99"
    assert reports.get("/v1/projects")[0]["usage"]["events"] == {"stored": 600, "dropped": {"space": 600 - left}}
