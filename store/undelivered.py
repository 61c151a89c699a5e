"""What happens beside trying again when a notification does not get through: the rule's other channels are told."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.alert_tables import Alert, AlertChannel, AlertRule, Notification
from store.notifications import enqueue
from store.statements import rows

PATIENCE_MS = 120_000
"""So long without success, and the rule's other channels are told."""
_ANY_OVERDUE = (
    "SELECT 1 FROM notifications INDEXED BY ix_notifications_pending WHERE status = 'pending' AND attempts > 0 "
    "AND others_told_ms IS NULL AND created_ms <= ? LIMIT 1"
)


def any_overdue(session: Session, now_ms: int) -> bool:
    """Whether `overdue` would find any. In a session of EVERY_ORGANIZATION."""
    return bool(rows(session, _ANY_OVERDUE, now_ms - PATIENCE_MS))


def overdue(session: Session, now_ms: int, limit: int) -> list[Notification]:
    """Notifications that were tried, did not get through within PATIENCE_MS, and whose others were not told."""
    wanted = (
        select(Notification)
        .where(
            Notification.status == "pending",
            Notification.attempts > 0,
            Notification.others_told_ms.is_(None),
            Notification.created_ms <= now_ms - PATIENCE_MS,
        )
        .order_by(Notification.created_ms)
        .limit(limit)
    )
    return list(session.scalars(wanted))


def tell_others(session: Session, notification_ids: Collection[str], now_ms: int) -> list[tuple[str, AlertChannel]]:
    """Put these events on their way to those channels of their rules that did not get them; (organization, channel) of
    each channel that did not get through, once each."""
    found = select(Notification).where(Notification.id.in_(notification_ids), Notification.others_told_ms.is_(None))
    failing = list(session.scalars(found))
    named = _channels_named(session, {row.alert_id for row in failing if row.alert_id})
    alive = _alive(session, {row.organization_id for row in failing})
    for row in failing:
        others = [
            channel_id
            for channel_id in named.get(row.alert_id or "", ())
            if channel_id != row.channel_id and channel_id in alive
        ]
        if not others or row.alert_id is None:
            continue
        enqueue(
            session,
            organization_id=row.organization_id,
            subject_id=row.alert_id,
            event=row.event,
            number=row.number,
            channel_ids=others,
            payload=row.payload,
            now_ms=now_ms,
            fallback=True,
        )
    session.execute(
        update(Notification)
        .where(Notification.id.in_([row.id for row in failing]))
        .values(others_told_ms=now_ms)
        .execution_options(synchronize_session=False)
    )
    unreached = dict.fromkeys((row.organization_id, row.channel_id) for row in failing)
    return [(organization, alive[channel_id]) for organization, channel_id in unreached if channel_id in alive]


def _channels_named(session: Session, alert_ids: Collection[str]) -> dict[str, list[str]]:
    """Alert id -> the channels its rule names now."""
    wanted = (
        select(Alert.id, AlertRule.definition)
        .join(AlertRule, AlertRule.id == Alert.rule_id)
        .where(Alert.id.in_(alert_ids), AlertRule.deleted_ms.is_(None))
    )
    return {alert_id: list(definition.get("channels") or ()) for alert_id, definition in session.execute(wanted)}


def _alive(session: Session, organization_ids: Collection[str]) -> dict[str, AlertChannel]:
    wanted = select(AlertChannel).where(
        AlertChannel.organization_id.in_(organization_ids), AlertChannel.deleted_ms.is_(None)
    )
    return {channel.id: channel for channel in session.scalars(wanted)}
