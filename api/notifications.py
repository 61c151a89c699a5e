"""/v1/notifications: what was, is, or could not be told to whom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field

from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Conflict, NotFound
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.channels import NotificationAnswer, NotificationList
from api.services import services
from model.times import iso
from store.alert_tables import Notification
from store.notification_lists import get_notification, list_notifications, send_again
from store.write_lock import Urgency

routes = Routes("Notifications", "Each event on its way to each channel: pending, sent, or given up.")


class NotificationPath(PathModel):
    notification_id: Annotated[str, Field(pattern=r"^ntf_[0-9a-z]{6,40}$", description="The notification's id")]


class NotificationFilter(Page):
    """Which notifications."""

    status: Annotated[Literal["pending", "sent", "failed"] | None, Field(description="Only of this status")] = None
    channel_id: Annotated[str | None, Field(pattern=r"^chan_[0-9a-z]{6,40}$", description="Only to this channel")] = (
        None
    )
    alert_id: Annotated[str | None, Field(pattern=r"^alr_[0-9a-z]{6,40}$", description="Only of this alert")] = None


@routes.get("/v1/notifications", needs=Scope.READ, answers=NotificationList)
def list_them(query: NotificationFilter) -> Response:
    """List notifications, newest first. `status=failed` is the dead letter."""
    with services().database.read(caller().organization_id) as session:
        found, total = list_notifications(
            session,
            status=query.status,
            channel_id=query.channel_id,
            alert_id=query.alert_id,
            page=(query.offset, query.per_page),
        )
    return success([_shape(row) for row in found], meta=page_meta(query, total))


@routes.post("/v1/notifications/<notification_id>/resend", needs=Scope.WRITE, answers=NotificationAnswer, errors=(409,))
def resend(path: NotificationPath) -> Response:
    """Send a notification again that could not be delivered.

    It keeps its id, and is tried for three days more.
    """
    return success(resend_it(caller(), path.notification_id))


def resend_it(who: Caller, notification_id: str) -> dict[str, Any]:
    """Send a notification again; it as the API shows it. NotFound, Conflict (it was delivered)."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        row = get_notification(session, notification_id, lock=True)
        if row is None or row.status == "replaced":
            raise NotFound("There is no such notification")
        if row.status == "sent":
            raise Conflict("This notification has been delivered")
        send_again(session, row, state.database.now_ms(session))
        return _shape(row)


def _shape(row: Notification) -> dict[str, Any]:
    return {
        "id": row.id,
        "alert_id": row.alert_id,
        "notice_id": row.notice_id,
        "channel_id": row.channel_id,
        "event": "notice" if row.event == "notice" else f"alert.{row.event}",
        "status": row.status,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "status_code": row.status_code,
        "grouped": row.grouped,
        "fallback": row.fallback,
        "created_at": iso(row.created_ms),
        "next_try_at": iso(row.next_ms) if row.status == "pending" else None,
        "sent_at": iso(row.sent_ms),
    }
