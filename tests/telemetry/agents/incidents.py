"""Failures that tests put into incidents, and all that the store says of them."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from sqlalchemy import select

from alerts.record import record
from model.evidence import StepResult
from model.finished import Finished
from model.outcome import RunError
from model.schedule import Schedule
from store.incident_tables import Incident, IncidentFailure, IncidentMember
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion
from store.write_lock import Urgency
from telemetry.agents.uniting import Placing, place
from tests.alerts.recording import T0, measured

SHOP = "http://shop.example/checkout"
STEPS = [{"type": "goto", "url": "http://shop.example/"}, {"type": "click", "selector": "#buy"}]


def put(database: Database, organization_id: str, *placings: Placing, now_ms: int = T0) -> list[str | None]:
    """Each in a transaction of its own; the incidents that they are part of then."""
    found = []
    for placing in placings:
        with database.write(organization_id, Urgency.RESULTS) as session:
            found.append(place(session, organization_id, msgspec.structs.replace(placing), now_ms))
    return found


def dump(database: Database, organization_id: str) -> list[dict[str, Any]]:
    """All incidents of an organization with all their members, without the ids that are made up."""
    with database.read(EVERY_ORGANIZATION) as session:
        incidents = session.scalars(select(Incident).where(Incident.organization_id == organization_id))
        found = []
        for one in incidents:
            of_it = select(IncidentMember).where(IncidentMember.incident_id == one.id)
            members = sorted(
                (each.kind, each.member, each.label, each.count, each.first_ms, each.last_ms, each.newest,
                 each.resolved_ms is not None) for each in session.scalars(of_it)
            )  # fmt: skip
            facts = {name: getattr(one, name) for name in ("title", "label", "status", "count", "first_ms", "last_ms")}
            found.append({**facts, "tally": dict(sorted(one.tally.items())), "members": members})
    return sorted(found, key=lambda each: (each["title"], str(each["members"])))


def waiting(database: Database) -> int:
    """How many failures nobody has looked at."""
    with database.read(EVERY_ORGANIZATION) as session:
        return len(session.scalars(select(IncidentFailure).where(IncidentFailure.waiting > 0)).all())


def add_journey(database: Database, organization_id: str, steps: list[dict[str, Any]] | None = None) -> str:
    """A journey with one version; its id."""
    return _add(database, organization_id, "jny", "journey", "browser", {"steps": steps or STEPS})


def add_monitor(database: Database, organization_id: str, url: str = SHOP) -> str:
    """A monitor of an address; its id."""
    return _add(database, organization_id, "mon", "url", "network", {"url": url})


def _add(
    database: Database, organization_id: str, prefix: str, kind: str, engine: str, definition: dict[str, Any]
) -> str:
    check_id = f"{prefix}_{uuid.uuid4().hex[:20]}"
    plan = Schedule(kind=engine, locations=("local",), budget_ms=30_000, interval_ms=10_000)
    whole = {"interval": 10, **definition}
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Check(
                id=check_id, organization_id=organization_id, type=kind, kind=engine, name="Shop", status="active",
                version=1, definition=whole, locations=["local"], created_ms=0, updated_ms=0,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            CheckVersion(
                check_id=check_id, version=1, organization_id=organization_id, definition=whole,
                schedule=msgspec.to_builtins(plan), from_ms=0, created_ms=0,
            )
        )  # fmt: skip
    return check_id


def walk(organization_id: str, check_id: str, number: int, *, passed: bool = False, **given: Any) -> Finished:
    """A run of a journey whose second step met the shop answering 500, unless it passed."""
    words = f"no element fits within 10 s; {SHOP} answered 500 Internal Server Error"
    steps = (
        StepResult(0, "goto", "success", duration_ms=20.0),
        StepResult(1, "click", "success" if passed else "failed", duration_ms=80.0, error=None if passed else words),
    )
    error = None if passed else RunError("step_failed", f"step 2 click `#buy`: {words}")
    facts = {"steps": steps, "response": {"status_code": 200 if passed else 500}, "error": error, **given}
    return measured(organization_id, check_id, T0 + number * 10_000, passed=passed, **facts)


def ping(organization_id: str, check_id: str, number: int, *, passed: bool = False, **given: Any) -> Finished:
    """A run of a monitor that was answered 500, unless it passed."""
    status = 200 if passed else 500
    return measured(
        organization_id, check_id, T0 + number * 10_000, passed=passed, response={"status_code": status}, **given
    )


def record_runs(database: Database, *runs: Finished) -> None:
    """Each in a transaction of its own."""
    for done in runs:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            record(session, [done], done.completed_ms or done.at_ms)
