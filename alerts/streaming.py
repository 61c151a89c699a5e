"""An alert on the organization's live stream: as it stands after each step of its life, also where nobody is told."""

from __future__ import annotations

from sqlalchemy.orm import Session

from alerts.payload import alert_shape
from store.alert_tables import Alert
from store.announcements import announce


def stream_alert(session: Session, alert: Alert, event: str) -> None:
    """Tell the listeners of the alert's organization what has happened to it, once this transaction commits: the alert
    as the contract shows it, without what was sent of it, and `event`, the step."""
    shown = alert_shape(alert)
    del shown["notifications"]
    announce(session, alert.organization_id, {"alert": {"event": event, **shown}})
