"""What people do to an alert: acknowledge it, resolve it. Twice changes nothing."""

from __future__ import annotations

from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import Alert, AlertEvent


class AlreadyResolvedError(ValueError):
    """What is resolved can't be acknowledged."""


def acknowledge(session: Session, alert: Alert, *, by: str, note: str | None, now_ms: int) -> None:
    """Somebody takes it on. AlreadyResolvedError."""
    if alert.status == "resolved":
        raise AlreadyResolvedError("the alert is resolved already")
    if alert.status == "acknowledged":
        return
    alert.status = "acknowledged"
    alert.acknowledged_ms, alert.acknowledged_by = now_ms, by
    _tell(session, alert, "acknowledged", by, note, now_ms)


def resolve_by_hand(session: Session, alert: Alert, *, by: str, note: str | None, now_ms: int) -> None:
    """Somebody says that it is over."""
    if alert.status == "resolved":
        return
    alert.status = "resolved"
    alert.resolved_ms, alert.resolved_by = now_ms, by
    alert.resolution = "resolved by hand"
    _tell(session, alert, "resolved", by, note, now_ms)


def _tell(session: Session, alert: Alert, kind: str, by: str, note: str | None, now_ms: int) -> None:
    if note:
        alert.notes = [*alert.notes, {"at": now_ms, "by": by, "text": note}]
    session.add(
        AlertEvent(
            id=new_id("evt", now_ms), organization_id=alert.organization_id, alert_id=alert.id,
            at_ms=now_ms, kind=kind, by=by, detail=note or "", run_id=None,
        )
    )  # fmt: skip
    session.flush()
