"""Puts an event of an alert on its way to the channels of its rule (R8: in the transaction of what it tells of)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.payload import event_payload
from store.alert_tables import Alert, AlertChannel, AlertRule
from store.alerts import add_decision, count_events
from store.notifications import enqueue


def tell(session: Session, alert: Alert, event: str, now_ms: int) -> None:
    """Tell the channels of the alert's rule, also when the rule is gone: who was told of the beginning is told of the
    end. Without a channel there is nobody to tell, and the run's decision says so."""
    session.flush()
    rule = session.scalars(select(AlertRule).where(AlertRule.id == alert.rule_id)).one_or_none()
    wanted = rule.definition.get("channels") or () if rule is not None else ()
    channels = channels_that_work(session, wanted)
    number = count_events(session, alert.id, event)
    if channels:
        enqueue(
            session,
            organization_id=alert.organization_id,
            subject_id=alert.id,
            event=event,
            number=max(1, number),
            channel_ids=channels,
            payload=event_payload(session, alert, event, now_ms),
            now_ms=now_ms,
        )
    if event == "triggered":
        alert.told_ms = alert.told_ms or now_ms
        if alert.run_ids:
            add_decision(session, alert, alert.run_ids[-1], "triggered", _told(len(channels), len(wanted)), now_ms)


def channels_that_work(session: Session, channel_ids: Collection[str]) -> list[str]:
    """Those that are neither deleted nor disabled by their receivers, in the order given."""
    if not channel_ids:
        return []
    found = set(
        session.scalars(
            select(AlertChannel.id).where(
                AlertChannel.id.in_(channel_ids), AlertChannel.deleted_ms.is_(None), AlertChannel.disabled_ms.is_(None)
            )
        )
    )
    return [channel_id for channel_id in channel_ids if channel_id in found]


def _told(working: int, wanted: int) -> str:
    if not wanted:
        return "the rule names no channel: nobody was told"
    if not working:
        return "every channel of the rule is deleted or disabled: nobody was told"
    return f"told by {working} of {wanted} channels" if working < wanted else f"told by {wanted} channel(s)"
