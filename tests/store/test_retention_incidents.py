"""Retention of incidents: what nobody touched goes with the last of what it happened to; what people said stays."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from model.settings import Settings
from model.times import DAY_MS
from store.incident_tables import Incident, IncidentFailure, IncidentMember
from store.keyring import Keyring
from store.project_tables import Project
from store.retention import Retention
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.failures import Cluster
from telemetry.agents.uniting import Placing
from tests.conftest import Clock
from tests.store.test_retention import Yard
from tests.telemetry.agents.incidents import put

KEPT = Settings(retention_runs_days=30)


@pytest.fixture
def yard(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Yard:
    return Yard(database, keyring, organization, clock)


def fail(yard: Yard, name: str, kind: str, days_ago: float, number: int = 0) -> None:
    at_ms = round(yard.ago(days_ago * DAY_MS))
    placing = Placing(
        kind=kind, id=f"{name}_{number}", member=name, cluster=Cluster(name, name), label="stall", first_ms=at_ms,
        last_ms=at_ms,
    )  # fmt: skip
    put(yard.database, yard.organization, placing, now_ms=yard.ago(0))


def left(yard: Yard) -> list[str]:
    retention = Retention(yard.database, KEPT)
    while retention.step():
        pass
    with yard.database.read(EVERY_ORGANIZATION) as session:
        return sorted(session.scalars(select(Incident.title)))


def count(yard: Yard, table: type[IncidentFailure | IncidentMember]) -> int:
    with yard.database.read(EVERY_ORGANIZATION) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_incident_goes_when_all_that_it_happened_to_has_aged_out(yard: Yard) -> None:
    for kind, kept in (("run", 30), ("session", 90), ("alert", 761)):
        fail(yard, f"{kind}_young", kind, kept - 1)
        fail(yard, f"{kind}_old", kind, kept + 1)
    for number in range(300):
        fail(yard, "many", "session", 200, number)
    assert left(yard) == ["alert_young", "run_young", "session_young"]
    assert (count(yard, IncidentMember), count(yard, IncidentFailure)) == (3, 3)


def test_sessions_are_kept_as_long_as_a_project_keeps_what_it_is_told(yard: Yard) -> None:
    with yard.database.write(yard.organization, Urgency.PEOPLE) as session:
        session.add(
            Project(id="proj_1", organization_id=yard.organization, number=1, slug="s", name="S", retention_days=365,
                    created_ms=0)
        )  # fmt: skip
    fail(yard, "old", "session", 366)
    fail(yard, "young", "session", 364)
    assert left(yard) == ["young"]


def test_one_that_was_left_empty_goes_when_it_is_old(yard: Yard) -> None:
    for name, days_ago in (("young", 29), ("old", 31)):
        fail(yard, name, "session", days_ago)
        gone = Placing(kind="session", id=f"{name}_0", member=name, cluster=None, upto_seq=1)
        put(yard.database, yard.organization, gone, now_ms=yard.ago(0))
    assert left(yard) == ["young"]


def test_what_people_touched_stays_and_runs_are_forgotten_but_counted(yard: Yard) -> None:
    for number in range(3):
        fail(yard, "touched", "run", 40 + number, number)
    fail(yard, "touched", "run", 1, 9)
    fail(yard, "aged", "run", 40)
    with yard.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.scalars(select(Incident).where(Incident.title == "touched")).one().touched_ms = 1
    assert left(yard) == ["touched"]
    assert count(yard, IncidentFailure) == 1
    with yard.database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Incident.count)).one() == 4
