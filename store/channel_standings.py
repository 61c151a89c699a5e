"""Whether channels deliver, for whoever looks at them: what arrived last, and what has not since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.alert_tables import AlertChannel, Notification


class Delivery(NamedTuple):
    """`sent_ms`: when something last arrived. `failing_ms`: since when nothing does that was tried, None when all is
    well; `error`: what the newest try says."""

    sent_ms: int | None = None
    failing_ms: int | None = None
    error: str | None = None


def deliveries(session: Session, channels: Sequence[AlertChannel]) -> dict[str, Delivery]:
    """By channel. What failed before a channel was changed, or before something arrived, says nothing of it now."""
    ids = [channel.id for channel in channels]
    arrived = select(Notification.channel_id, func.max(Notification.sent_ms)).where(
        Notification.channel_id.in_(ids), Notification.status == "sent"
    )
    sent = {row[0]: row[1] for row in session.execute(arrived.group_by(Notification.channel_id))}
    steady = {channel.id: max(sent.get(channel.id) or 0, channel.updated_ms) for channel in channels}
    lost = (
        select(
            Notification.channel_id,
            Notification.created_ms,
            Notification.last_error,
        )
        .where(
            Notification.channel_id.in_(ids),
            Notification.status.in_(("pending", "failed")),
            Notification.attempts > 0,
            Notification.created_ms >= min(steady.values(), default=0),
        )
        .order_by(Notification.created_ms)
    )
    failing: dict[str, tuple[int, str | None]] = {}
    for channel_id, created_ms, error in session.execute(lost):
        if created_ms >= steady[channel_id]:
            since_ms, said = failing.get(channel_id, (created_ms, None))
            failing[channel_id] = (since_ms, error or said)
    return {channel_id: Delivery(sent.get(channel_id), *failing.get(channel_id, (None, None))) for channel_id in ids}
