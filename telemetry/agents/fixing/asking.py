"""An incident as it is told to who proposes a fix: what failed, what the detectors found, and the events that show it.

All of it is of the incident's own organization, as it is stored; no token, no variable and no definition of a check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.finished import Detail
from model.times import iso
from store.alert_tables import Alert, AlertRule
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import Incident, IncidentMember
from store.incidents import newest_members
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Run
from telemetry.agents.stored.analyses import get_analysis
from telemetry.agents.stored.replaying import StoredEvent, events_with
from telemetry.agents.stored.sessions import get_session
from telemetry.behind import ErrorsBehind

MOST_SESSIONS, MOST_CHECKS, MOST_EVENTS = 10, 10, 20
"""Those that failed last; and of each session, events."""
MOST_PAYLOAD = 4_096
"""Characters of an event's payload; of a longer one its beginning is told, as text."""


def told_of(database: Database, organization_id: str, incident_id: str) -> dict[str, Any] | None:
    """What a runner is asked with, but for the plan and the repository; None where the incident is gone."""
    with database.read(organization_id) as session:
        incident = session.get(Incident, incident_id)
        if incident is None:
            return None
        head = {
            "id": incident.id, "title": incident.title, "label": incident.label, "status": incident.status,
            "count": incident.count, "first_seen": iso(incident.first_ms), "last_seen": iso(incident.last_ms),
        }  # fmt: skip
        members = newest_members(session, incident_id, SESSION, MOST_SESSIONS)
        failing = newest_members(session, incident_id, CHECK, MOST_CHECKS)
        checks = [_check(session, each) for each in failing]
        alerts = [_alert(session, each) for each in newest_members(session, incident_id, ALERT, MOST_CHECKS)]
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        sessions = [told for each in members if (told := _session(session, organization_id, each.member)) is not None]
    error = ErrorsBehind(database)(organization_id, [each.newest for each in failing])
    return {
        "incident": head, "sessions": sessions, "checks": checks, "alerts": alerts,
        "errors": [] if error is None else [error],
    }  # fmt: skip


def _session(session: Session, organization_id: str, session_id: str) -> dict[str, Any] | None:
    run = get_session(session, organization_id, session_id)
    if run is None:
        return None
    stored = get_analysis(session, organization_id, run.number)
    findings = [] if stored is None else stored.analysis.detectors
    seqs = sorted({seq for finding in findings for seq in finding.evidence})[:MOST_EVENTS]
    return {
        "id": run.id, "name": run.name, "agent": run.agent, "status": run.status, "started_at": iso(run.started_ms),
        "detectors": msgspec.to_builtins(findings),
        "critical_step": None if stored is None else stored.analysis.critical_step,
        "summary": "" if stored is None else stored.analysis.summary,
        "events": [_event(each) for each in events_with(session, organization_id, run.number, seqs)],
    }  # fmt: skip


def _event(event: StoredEvent) -> dict[str, Any]:
    text = msgspec.json.encode(event.payload).decode()
    payload = event.payload if len(text) <= MOST_PAYLOAD else text[:MOST_PAYLOAD]
    return {
        "seq": event.seq, "step": event.step, "type": event.type, "timestamp": event.timestamp, "payload": payload,
    }  # fmt: skip


def _check(session: Session, member: IncidentMember) -> dict[str, Any]:
    check, run = session.get(Check, member.member), session.get(Run, member.newest)
    return {
        "id": member.member, "name": "" if check is None else check.name, "type": "" if check is None else check.type,
        "count": member.count, "newest_run": None if run is None else _run(run),
    }  # fmt: skip


def _run(run: Run) -> dict[str, Any]:
    try:
        detail = msgspec.json.decode(run.detail, type=Detail) if run.detail else Detail()
    except msgspec.MsgspecError:  # written by another version: what it says beside is enough
        detail = Detail()
    steps: list[Mapping[str, Any]] = [
        {"index": step.index, "type": step.type, "status": step.status, "error": step.error} for step in detail.steps
    ]
    return {
        "id": run.id, "location": run.location, "at": iso(run.at_ms), "error": run.error_code,
        "message": run.error_message, "steps": steps,
    }  # fmt: skip


def _alert(session: Session, member: IncidentMember) -> dict[str, Any]:
    alert = session.get(Alert, member.member)
    rule = None if alert is None else session.scalars(select(AlertRule).where(AlertRule.id == alert.rule_id)).first()
    return {
        "id": member.member, "check_id": None if alert is None else alert.check_id,
        "rule": None if rule is None else rule.type, "triggered_at": iso(member.first_ms),
        "resolved_at": iso(member.resolved_ms),
    }  # fmt: skip
