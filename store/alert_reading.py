"""What stands around alerts on the pages of people: their runs, checks, rules and channels, gone ones too."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from store.alert_tables import Alert, AlertChannel, AlertRule, Notification
from store.tables import Check, Probe, Run

_ALERTS_OF_A_RUN = 200
"""How many alerts of a check are looked through for one that a run proves."""
_HELD_ALERTS = 500
"""How many alerts that wait are looked through for those that wait for one check."""


def count_open_alerts(session: Session, rule_id: str | None = None) -> dict[str, int]:
    """How many alerts are open, by status; of this rule."""
    counted = select(Alert.status, func.count(Alert.id)).where(Alert.resolved_ms.is_(None)).group_by(Alert.status)
    if rule_id is not None:
        counted = counted.where(Alert.rule_id == rule_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def alerts_of_run(session: Session, run: Run) -> list[Alert]:
    """The alerts that a run proves, oldest first: those that it raised, and those that it joined."""
    of_check = (
        select(Alert)
        .where(Alert.check_id == run.check_id, or_(Alert.resolved_ms.is_(None), Alert.resolved_ms >= run.at_ms))
        .order_by(Alert.triggered_ms)
        .limit(_ALERTS_OF_A_RUN)
    )
    return [alert for alert in session.scalars(of_check) if run.id in alert.run_ids]


def alerts_behind(session: Session, check_id: str) -> list[Alert]:
    """The open alerts that nobody is told of because this check, on which theirs depend, is down."""
    held = select(Alert).where(Alert.resolved_ms.is_(None), Alert.held.is_not(None))
    found = session.scalars(held.order_by(Alert.title, Alert.id).limit(_HELD_ALERTS))
    return [alert for alert in found if (alert.held or {}).get("parent_id") == check_id]


def alerts_told(session: Session, alert_ids: Collection[str]) -> set[str]:
    """Which of these alerts are, or were, on their way to a channel."""
    statement = select(Notification.alert_id).where(Notification.alert_id.in_(set(alert_ids))).distinct()
    return {alert_id for alert_id in session.scalars(statement) if alert_id is not None}


def alerts_by_ids(session: Session, alert_ids: Collection[str]) -> dict[str, Alert]:
    """Those of these alerts that are still kept."""
    return {alert.id: alert for alert in session.scalars(select(Alert).where(Alert.id.in_(set(alert_ids))))}


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
    return {row[0]: row[1] for row in session.execute(statement)}


def rule_names(session: Session, rule_ids: Collection[str]) -> dict[str, str]:
    """Names of rules by id, deleted ones too."""
    statement = select(AlertRule.id, AlertRule.name).where(AlertRule.id.in_(set(rule_ids)))
    return {row[0]: row[1] for row in session.execute(statement)}


def rule_types(session: Session, rule_ids: Collection[str]) -> dict[str, str]:
    """Types of rules by id, deleted ones too."""
    statement = select(AlertRule.id, AlertRule.type).where(AlertRule.id.in_(set(rule_ids)))
    return {row[0]: row[1] for row in session.execute(statement)}


def probe_name(session: Session, probe_id: str | None) -> str | None:
    """What people call a probe, a deleted one too; None for one that has no row."""
    return session.scalars(select(Probe.name).where(Probe.id == probe_id)).one_or_none()
