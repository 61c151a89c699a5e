"""What is told of an alert: its shape as REST shows it, and the body that webhooks get and other channels are written
from. Made once, when it happens, so that every try tells the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from alerts.book import Window, windows_at
from model.evidence import StepResult
from model.health import Verdict, health
from model.times import iso
from store.alert_tables import Alert, Notification
from store.alerts import alerts_held_by_parent
from store.tables import Check
from store.told_facts import ToldRun, last_passed, told_runs, verdicts_of

_SHOWN_TARGETS = ("url", "ping_url", "base_url")


def alert_shape(alert: Alert, notifications: Sequence[Notification] = ()) -> dict[str, Any]:
    """An alert as the contract shows it."""
    return {
        "id": alert.id,
        "status": alert.status,
        "severity": alert.severity,
        "rule_id": alert.rule_id,
        "rule_name": alert.rule_name,
        **_subject(alert),
        "title": alert.title,
        "cause": alert.cause,
        "locations": sorted(alert.votes),
        "run_ids": list(alert.run_ids),
        "triggered_at": iso(alert.triggered_ms),
        "acknowledged_at": iso(alert.acknowledged_ms),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": iso(alert.resolved_ms),
        "resolved_by": alert.resolved_by,
        "resolution": alert.resolution,
        "retracted": alert.retracted,
        "held": alert.held,
        "notes": list(alert.notes),
        "notifications": [notification_shape(row) for row in notifications],
    }


def _subject(alert: Alert) -> dict[str, Any]:
    """What it is about."""
    if alert.project_id is not None:
        return {"project_id": alert.project_id, "issue_id": alert.issue_id, "group_key": alert.group_key}
    return {"journey_id" if alert.check_id.startswith("jny_") else "monitor_id": alert.check_id}


def notification_shape(row: Notification) -> dict[str, Any]:
    """One event on its way to one channel, as an alert lists it."""
    return {
        "id": row.id,
        "channel_id": row.channel_id,
        "event": f"alert.{row.event}",
        "status": row.status,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "sent_at": iso(row.sent_ms),
    }


def check_shape(
    check: Check, verdicts: Mapping[str, Verdict], windows: Sequence[Window], now_ms: int
) -> dict[str, Any]:
    """What a receiver is told of the check. `verdicts`: the last of each location. `windows`: the maintenance windows
    of its organization that hold now."""
    definition = check.definition
    known = [at for place, at in verdicts.items() if check.kind == "heartbeat" or place in check.locations]
    paused = check.status == "paused"
    tags = list(definition.get("tags") or ())
    maintenance = any(window.apply_to.covers(check.id, tags) for window in windows)
    return {
        "id": check.id,
        "name": check.name,
        "type": check.type,
        "target": target_of(definition),
        "tags": tags,
        "locations": list(check.locations),
        "runbook_url": definition.get("runbook_url"),
        "description": definition.get("description") or "",
        "health": health(known, now_ms=now_ms, paused=paused, maintenance=maintenance).value,
    }


def target_of(definition: Mapping[str, Any]) -> str | None:
    """What a check looks at, in one line: a URL (of a journey, where it begins), host:port, or a name and the records
    asked for."""
    for name in _SHOWN_TARGETS:
        if definition.get(name):
            return str(definition[name])
    first = next((step for step in definition.get("steps") or () if step.get("type") == "goto"), None)
    if first is not None:
        return str(first.get("url"))
    host, port, records = definition.get("host"), definition.get("port"), definition.get("record_type")
    if host is None:
        return None
    return f"{host}:{port}" if port is not None else f"{host} {records}" if records is not None else str(host)


def event_payload(session: Session, alert: Alert, event: str, now_ms: int) -> dict[str, Any]:
    """The webhook body of one event: `{type: "alert.triggered", timestamp, data: {alert, check, run}}`; of one
    that events raised, `data` has their `project` and `issue`, and check and run are null."""
    if alert.project_id is not None:
        return _events_payload(alert, event, now_ms)
    organization_id, check_id = alert.organization_id, alert.check_id
    check = session.get(Check, check_id)
    runs = told_runs(session, organization_id, {*alert.run_ids[:1], *alert.run_ids[-1:]})
    run = runs.get(alert.run_ids[-1]) if alert.run_ids else None
    first = runs.get(alert.run_ids[0]) if alert.run_ids else None
    windows = windows_at(session, organization_id, now_ms)
    verdicts = verdicts_of(session, organization_id, check_id)
    since_ms = min(alert.votes.values(), default=alert.at_ms)
    if first is not None:
        since_ms = min(since_ms, first.at_ms)
    good = last_passed(session, organization_id, check_id, since_ms)
    return {
        "type": f"alert.{event}",
        "timestamp": iso(now_ms),
        "data": {
            "alert": {
                **_lasting(alert, since_ms),
                "needed": alert.needed,
                "last_good_run": None if good is None else {"id": good[0], "at": iso(good[1])},
                "also_affected": alerts_held_by_parent(session, organization_id, check_id),
            },
            "check": None if check is None else check_shape(check, verdicts, windows, now_ms),
            "run": None if run is None else _run_shape(run),
        },
    }


def _events_payload(alert: Alert, event: str, now_ms: int) -> dict[str, Any]:
    about = alert.about or {}
    return {
        "type": f"alert.{event}",
        "timestamp": iso(now_ms),
        "data": {
            "alert": _lasting(alert, alert.at_ms),
            "check": None,
            "run": None,
            "project": about.get("project"),
            "issue": about.get("issue"),
        },
    }


def _lasting(alert: Alert, since_ms: int) -> dict[str, Any]:
    shown = alert_shape(alert)
    del shown["notifications"]
    lasted = None if alert.resolved_ms is None else round((alert.resolved_ms - since_ms) / 1000)
    return {**shown, "since": iso(since_ms), "duration_s": lasted}


def _run_shape(run: ToldRun) -> dict[str, Any]:
    detail = run.shown
    status_code = (detail.response or {}).get("status_code")
    return {
        "id": run.id,
        "status": run.status,
        "location": run.location,
        "started_at": iso(run.started_ms),
        "duration_ms": run.duration_ms,
        "error": None if run.error_code is None else {"code": run.error_code, "message": run.error_message},
        "response": None if status_code is None else {"status_code": status_code},
        "failed_step": next((_step_shape(step) for step in detail.steps if step.status == "failed"), None),
    }


def _step_shape(step: StepResult) -> dict[str, Any]:
    """`has_screenshot`: becomes a link where it is sent (alerts/messages/links.py)."""
    return {
        "index": step.index,
        "type": step.type,
        "name": step.name,
        "error": step.error,
        "has_screenshot": step.screenshot is not None,
    }
