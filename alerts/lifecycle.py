"""What happens to an alert, one function a step: its row, its timeline, and the telling of it, in one transaction.

Who decides that it happens is elsewhere: results (alerts/judging.py), edits (alerts/edits.py), people (the API, a link
in a notice), time (alerts/watch.py).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from alerts.holds import Held
from alerts.state import Opened, Rule
from alerts.streaming import stream_alert
from alerts.telling import tell
from model.ids import new_id
from model.times import iso
from store.alert_tables import Alert
from store.alerts import add_decision, add_event
from store.incident_failures import ALERT, tell_failures
from store.tables import Check

LONGEST_CAUSE = 1_000
NOT_SO = "a result that came late, or a maintenance window made afterwards, shows that it was not so"


class AlreadyResolvedError(ValueError):
    """A resolved alert needs no acknowledging."""


def open_alert(session: Session, check: Check, rule: Rule, opened: Opened, held: Held | None, now_ms: int) -> Alert:
    """A rule holds for a check: an alert, and its notices unless they are held. One that is over already (its results
    came late) never counts as open: the caller says how it ended."""
    definition = rule.definition
    ended_ms = opened.ended_by.ended_ms if opened.ended_by is not None else opened.closed_ms
    alert = Alert(
        id=new_id("alr", now_ms),
        organization_id=check.organization_id,
        rule_id=rule.id,
        rule_name=definition.name,
        check_id=check.id,
        severity=definition.severity,
        status="triggered",
        title=f"{check.name} is {definition.state_word}",
        cause=opened.cause[:LONGEST_CAUSE],
        votes=dict(opened.votes),
        needed=opened.needed,
        run_ids=list(opened.run_ids),
        at_ms=opened.at_ms,
        triggered_ms=opened.triggered_ms,
        resolved_ms=ended_ms,
        told_ms=now_ms if opened.is_open and held is None else None,
        notes=[],
        retracted=False,
    )
    begin(session, alert, held, now_ms)
    return alert


def begin(session: Session, alert: Alert, held: Held | None, now_ms: int) -> None:
    """Store a new alert and, if it is open, tell of it or keep that back."""
    session.add(alert)
    session.flush()
    add_event(session, alert, "triggered", alert.triggered_ms, alert.cause, run_id=_last(alert))
    if alert.resolved_ms is None:
        tell_or_hold(session, alert, held, now_ms)
    _tell_incidents(session, alert)
    stream_alert(session, alert, "triggered")


def tell_or_hold(session: Session, alert: Alert, held: Held | None, now_ms: int) -> None:
    """Tell that an alert was triggered, or keep it back and note why, with the run that caused it."""
    run_id = _last(alert)
    if held is not None:
        if alert.held is None or alert.held.get("outcome") != held.outcome:
            add_event(session, alert, "held", now_ms, held.detail, run_id=run_id)
            if run_id is not None:
                add_decision(session, alert, run_id, held.outcome, held.detail, now_ms)
        alert.held = {"outcome": held.outcome, "detail": held.detail, "parent_id": held.parent_id}
        return
    if alert.held is not None:
        add_event(session, alert, "released", now_ms, "nothing holds it any more", run_id=run_id)
        alert.held = None
        stream_alert(session, alert, "released")
    tell(session, alert, "triggered", now_ms)


def recover(session: Session, alert: Alert, opened: Opened, now_ms: int) -> None:
    """A run has shown that it is over."""
    if opened.ended_by is None:
        raise ValueError("nothing has ended this alert")
    alert.recovered_ms = opened.ended_by.at_ms
    location = opened.ended_by.location
    _resolve(
        session, alert, opened.ended_by.ended_ms, now_ms, f"it recovered at {location}", run=opened.ended_by.run_id
    )


def close(session: Session, alert: Alert, why: str, now_ms: int) -> None:
    """What the alert was about is there no more."""
    _resolve(session, alert, now_ms, now_ms, why)


def remind(session: Session, alert: Alert, why: str, now_ms: int) -> None:
    """Nobody has acknowledged it, and it goes on: its channels are told again."""
    alert.reminded_ms = now_ms
    add_event(session, alert, "reminder", now_ms, why)
    tell(session, alert, "reminder", now_ms)


def reopen(session: Session, alert: Alert, now_ms: int) -> None:
    """A result that came late shows that what had ended an alert had not."""
    alert.status = "acknowledged" if alert.acknowledged_ms is not None else "triggered"
    alert.resolved_ms = alert.recovered_ms = alert.resolved_by = alert.resolution = None
    alert.retracted = False
    add_event(session, alert, "reopened", now_ms, "a result that came late shows that it goes on")
    _tell_incidents(session, alert)
    stream_alert(session, alert, "reopened")
    if alert.told_ms is not None:
        tell(session, alert, "triggered", now_ms)


def retract(session: Session, alert: Alert, now_ms: int) -> None:
    """What was learnt later shows that an alert should not have been."""
    was_open = alert.resolved_ms is None
    alert.retracted = True
    add_event(session, alert, "retracted", now_ms, NOT_SO)
    _tell_incidents(session, alert)
    stream_alert(session, alert, "retracted")
    if was_open:
        _resolve(session, alert, now_ms, now_ms, NOT_SO)


def acknowledge(session: Session, alert: Alert, *, by: str, note: str | None, now_ms: int) -> None:
    """Somebody has it: reminders stop. A second time only its note is new; the same note twice changes nothing.
    AlreadyResolvedError when there is nothing left to do."""
    if alert.resolved_ms is not None:
        raise AlreadyResolvedError("this alert is resolved already")
    if alert.acknowledged_ms is not None:
        if note and (by, note) not in ((earlier["by"], earlier["text"]) for earlier in alert.notes):
            _note(alert, by, note, now_ms)
            add_event(session, alert, "note", now_ms, note, by=by)
            stream_alert(session, alert, "note")
        return
    alert.status, alert.acknowledged_ms, alert.acknowledged_by = "acknowledged", now_ms, by
    _note(alert, by, note, now_ms)
    add_event(session, alert, "acknowledged", now_ms, note or "", by=by)
    stream_alert(session, alert, "acknowledged")
    if alert.told_ms is not None:
        tell(session, alert, "acknowledged", now_ms)


def resolve_by_hand(session: Session, alert: Alert, *, by: str, note: str | None, now_ms: int) -> None:
    """Somebody says that it is over: its rule stays quiet until the first good run, or for an hour. Twice changes
    nothing."""
    if alert.resolved_ms is not None:
        return
    _note(alert, by, note, now_ms)
    _resolve(session, alert, now_ms, now_ms, note or "resolved by hand", by=by)


def _resolve(
    session: Session, alert: Alert, at_ms: int, now_ms: int, why: str, *, by: str | None = None, run: str | None = None
) -> None:
    alert.status, alert.resolved_ms, alert.resolved_by, alert.resolution = "resolved", at_ms, by, why
    add_event(session, alert, "resolved", at_ms, why, by=by, run_id=run)
    _tell_incidents(session, alert)
    stream_alert(session, alert, "resolved")
    if alert.told_ms is None and alert.held is not None:
        return  # nobody was told that it began
    tell(session, alert, "resolved", now_ms)


def _tell_incidents(session: Session, alert: Alert) -> None:
    """Of a check's alert: what raised it is looked for once this is committed (telemetry/agents/told.py)."""
    if not alert.group_key:
        tell_failures(session, ALERT, [(alert.organization_id, alert.id, alert.id)])


def _note(alert: Alert, by: str, note: str | None, now_ms: int) -> None:
    if note:
        alert.notes = [*alert.notes, {"at": iso(now_ms), "by": by, "text": note}]


def _last(alert: Alert) -> str | None:
    return alert.run_ids[-1] if alert.run_ids else None
