"""Alerts as people look at them: one, a list by status and severity, how many are open, and an alert's own story."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from store.alert_tables import Alert, AlertChannel, AlertEvent
from store.counting import count_rows
from store.tables import Check, Run

OPEN = ("triggered", "acknowledged")
STATUSES = (*OPEN, "resolved")
SEVERITIES = ("critical", "high", "medium", "low")
_ALERTS_OF_A_RUN = 200
"""How many alerts of a check are looked through for one that a run proves."""


def get_alert(session: Session, alert_id: str, *, lock: bool = False) -> Alert | None:
    """One alert. `lock`: nobody else changes it until this transaction ends."""
    statement = select(Alert).where(Alert.id == alert_id)
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def list_alerts(
    session: Session,
    *,
    statuses: Collection[str] = (),
    severities: Collection[str] = (),
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[Alert], int]:
    """Alerts of these statuses and severities (none given: all), newest first, and how many there are (counted to
    10,001)."""
    statement = select(Alert)
    if statuses:
        statement = statement.where(Alert.status.in_(statuses))
    if severities:
        statement = statement.where(Alert.severity.in_(severities))
    newest_first = statement.order_by(Alert.triggered_ms.desc(), Alert.id.desc())
    return list(session.scalars(newest_first.offset(offset).limit(limit))), count_rows(session, statement)


def open_alerts(session: Session) -> dict[str, int]:
    """How many alerts are open, by status."""
    counted = select(Alert.status, func.count(Alert.id)).where(Alert.resolved_ms.is_(None)).group_by(Alert.status)
    return dict(session.execute(counted).tuples().all())


def events_of(session: Session, alert_id: str) -> list[AlertEvent]:
    """The lines of an alert's timeline, oldest first."""
    return list(
        session.scalars(
            select(AlertEvent).where(AlertEvent.alert_id == alert_id).order_by(AlertEvent.at_ms, AlertEvent.id)
        )
    )


def alerts_of_run(session: Session, run: Run) -> list[Alert]:
    """The alerts that a run proves, newest first."""
    of_check = (
        select(Alert)
        .where(Alert.check_id == run.check_id, Alert.triggered_ms >= run.at_ms)
        .order_by(Alert.triggered_ms)
        .limit(_ALERTS_OF_A_RUN)
    )
    return [alert for alert in session.scalars(of_check) if run.id in alert.run_ids][::-1]


def runs_by_ids(session: Session, run_ids: Sequence[str]) -> list[Run]:
    """Those runs that are still kept, oldest first, without their detail."""
    statement = select(Run).where(Run.id.in_(run_ids)).options(defer(Run.detail))
    return list(session.scalars(statement.order_by(Run.at_ms, Run.location)))


def checks_by_ids(session: Session, check_ids: Collection[str]) -> dict[str, Check]:
    """Checks by id, deleted ones too: an alert outlives its check."""
    return {check.id: check for check in session.scalars(select(Check).where(Check.id.in_(set(check_ids))))}


def channel_names(session: Session, channel_ids: Collection[str]) -> dict[str, str]:
    """Names of channels by id, deleted ones too: what was told to them stays told."""
    statement = select(AlertChannel.id, AlertChannel.name).where(AlertChannel.id.in_(set(channel_ids)))
    return dict(session.execute(statement).tuples().all())
