"""Channels that deliver nothing, as the outbox shows it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from store.alert_tables import AlertChannel, Notification

RECENT_MS = 600_000
"""A message that was given up counts against its channel for so long, unless another is delivered."""
_PENDING = text("status = 'pending'")
"""Not as a parameter: only so does SQLite know that the index of what is pending has all it asks for."""


class Undelivered(NamedTuple):
    """What waits in vain, or was given up. `since_ms`: when the channel last delivered or was changed, or when the
    first of these messages was written if that is later. `given_up`: one was refused for good."""

    channel: AlertChannel
    since_ms: int
    given_up: bool
    last_error: str | None


def disabled_channels(session: Session) -> list[AlertChannel]:
    """Those whose receiver said that it is gone."""
    found = select(AlertChannel).where(AlertChannel.deleted_ms.is_(None), AlertChannel.disabled_ms.is_not(None))
    return list(session.scalars(found.order_by(AlertChannel.id)))


def undelivered(session: Session, now_ms: int) -> list[Undelivered]:
    """Channels with messages that were tried and not delivered since they last delivered one."""
    waiting = select(
        Notification.channel_id, func.min(Notification.created_ms), func.max(Notification.created_ms)
    ).where(Notification.attempts > 0)
    of_channel = Notification.channel_id
    pending = {row[0]: row for row in session.execute(waiting.where(_PENDING).group_by(of_channel))}
    organizations = select(AlertChannel.organization_id).distinct()
    given_up = {
        row[0]: row
        for organization_id in session.scalars(organizations).all()
        for row in session.execute(
            waiting.where(
                Notification.organization_id == organization_id,
                Notification.status == "failed",
                Notification.created_ms >= now_ms - RECENT_MS,
            ).group_by(of_channel)
        )
    }
    channels = select(AlertChannel).where(
        AlertChannel.id.in_({*pending, *given_up}),
        AlertChannel.deleted_ms.is_(None),
        AlertChannel.disabled_ms.is_(None),
    )
    found = []
    for channel in session.scalars(channels.order_by(AlertChannel.id)):
        steady_ms = max(last_delivery_ms(session, channel.id) or 0, channel.updated_ms)
        refused = channel.id in given_up and given_up[channel.id][2] >= steady_ms
        if refused or channel.id in pending:
            first_ms = min(row[1] for row in (pending.get(channel.id), given_up.get(channel.id)) if row is not None)
            found.append(Undelivered(channel, max(steady_ms, first_ms), refused, _last_error(session, channel.id)))
    return found


def last_delivery_ms(session: Session, channel_id: str) -> int | None:
    """When this channel last delivered something."""
    return session.scalar(select(func.max(Notification.sent_ms)).where(Notification.channel_id == channel_id))


def shares_its_name(session: Session, channel: AlertChannel) -> bool:
    """Whether the organization has another channel of this name."""
    others = select(AlertChannel.id).where(
        AlertChannel.organization_id == channel.organization_id,
        AlertChannel.name == channel.name,
        AlertChannel.id != channel.id,
        AlertChannel.deleted_ms.is_(None),
    )
    return session.scalar(others.limit(1)) is not None


def channel_by_id(session: Session, channel_id: str) -> AlertChannel | None:
    """A channel that is not deleted."""
    row = session.get(AlertChannel, channel_id)
    return row if row is not None and row.deleted_ms is None else None


def _last_error(session: Session, channel_id: str) -> str | None:
    newest = (
        select(Notification.last_error)
        .where(
            Notification.channel_id == channel_id,
            Notification.sent_ms.is_(None),
            Notification.last_error.is_not(None),
        )
        .order_by(Notification.created_ms.desc())
        .limit(1)
    )
    return session.scalar(newest)
