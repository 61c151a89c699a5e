"""Puts an event of an alert on its way to the channels of its rule (R8: in the transaction of what it tells of)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from alerts.payload import event_payload
from store.alert_channels import working_channels
from store.alert_rules import channels_of_rule
from store.alert_tables import Alert
from store.alerts import add_decision, count_events
from store.notifications import enqueue


def tell(session: Session, alert: Alert, event: str, now_ms: int) -> None:
    """Tell the channels of the alert's rule, also when the rule is gone: who was told of the beginning is told of the
    end. Without a channel there is nobody to tell, and the run's decision says so."""
    session.flush()
    wanted = channels_of_rule(session, alert.organization_id, alert.rule_id)
    channels = working_channels(session, alert.organization_id, wanted)
    number = count_events(session, alert, event)
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


def _told(working: int, wanted: int) -> str:
    if not wanted:
        return "the rule names no channel: nobody was told"
    if not working:
        return "every channel of the rule is deleted or disabled: nobody was told"
    return f"told by {working} of {wanted} channels" if working < wanted else f"told by {wanted} channel(s)"
