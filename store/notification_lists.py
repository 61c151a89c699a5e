"""Notifications as people look through them, and sent again by hand."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.alert_tables import Notification
from store.audit import Target, note
from store.counting import one_page
from store.notifications import OUTBOX_TOPIC
from store.wakeups import wake


def list_notifications(
    session: Session, *, status: str | None, channel_id: str | None, alert_id: str | None, page: tuple[int, int]
) -> tuple[list[Notification], int]:
    """Newest first, `page` = (offset, how many), and how many there are; replaced ones are left out."""
    wanted = select(Notification).where(Notification.status != "replaced")
    if status is not None:
        wanted = wanted.where(Notification.status == status)
    if channel_id is not None:
        wanted = wanted.where(Notification.channel_id == channel_id)
    if alert_id is not None:
        wanted = wanted.where(Notification.alert_id == alert_id)
    return one_page(session, wanted.order_by(Notification.created_ms.desc(), Notification.id.desc()), page)


def get_notification(session: Session, notification_id: str, *, lock: bool = False) -> Notification | None:
    """By id. `lock`: nobody else changes it until this transaction ends."""
    wanted = select(Notification).where(Notification.id == notification_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def send_again(session: Session, row: Notification, now_ms: int) -> None:
    """Try a notification now, and count its tries from now on."""
    row.status, row.next_ms, row.retry_from_ms = "pending", now_ms, now_ms
    row.attempts = 0
    session.flush()
    target = Target("notification", row.id, row.event)
    note(session, row.organization_id, "notification.resent", target, after={"channel_id": row.channel_id})
    wake(session, OUTBOX_TOPIC)
