"""Who wants a status page's updates by mail. An address counts when its owner has followed the link in the first mail;
one that was never confirmed is forgotten after a week."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.times import DAY_MS
from store.sessions import EVERY_ORGANIZATION, Database
from store.status_tables import StatusMail, StatusPage, StatusSubscriber
from store.write_lock import Urgency

CONFIRM_MS = 7 * DAY_MS
"""How long an address may wait for its owner's word."""
MAILS_KEPT_MS = 30 * DAY_MS


def subscribe(session: Session, page: StatusPage, email: str, now_ms: int) -> StatusSubscriber | None:
    """Somebody gave this address: the row to send a confirmation for. None when it is confirmed already, or was asked
    within the last ten minutes: whoever gives others' addresses must not fill their mailboxes."""
    wanted = select(StatusSubscriber).where(StatusSubscriber.page_id == page.id, StatusSubscriber.email == email)
    known = session.scalars(wanted.with_for_update()).one_or_none()
    if known is not None and (known.confirmed_ms is not None or known.created_ms > now_ms - 600_000):
        return None
    if known is None:
        known = StatusSubscriber(
            id=new_id("sub", now_ms), organization_id=page.organization_id, page_id=page.id, email=email,
            created_ms=now_ms,
        )  # fmt: skip
        session.add(known)
    known.created_ms = now_ms
    session.flush()
    return known


def get_subscriber(session: Session, subscriber_id: str) -> StatusSubscriber | None:
    """In a session of EVERY_ORGANIZATION, for whoever holds a link."""
    return session.scalars(select(StatusSubscriber).where(StatusSubscriber.id == subscriber_id)).one_or_none()


def confirm(session: Session, subscriber: StatusSubscriber, now_ms: int) -> None:
    """Twice is once."""
    if subscriber.confirmed_ms is None:
        subscriber.confirmed_ms = now_ms
        session.flush()


def unsubscribe(session: Session, subscriber: StatusSubscriber) -> None:
    """Forgotten, with what was still to be sent."""
    session.delete(subscriber)
    session.flush()


def count_subscribers(session: Session, page_ids: Collection[str]) -> dict[str, int]:
    """How many confirmed addresses each of these pages has; those with none are missing."""
    wanted = select(StatusSubscriber.page_id, func.count(StatusSubscriber.id)).where(
        StatusSubscriber.page_id.in_(page_ids), StatusSubscriber.confirmed_ms.is_not(None)
    )
    return {row[0]: row[1] for row in session.execute(wanted.group_by(StatusSubscriber.page_id))}


def forget_unconfirmed(database: Database) -> None:
    """Delete addresses whose owner never answered, and mails that are done with."""
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        now_ms = database.now_ms(session)
        late = StatusSubscriber.created_ms < now_ms - CONFIRM_MS
        session.execute(delete(StatusSubscriber).where(StatusSubscriber.confirmed_ms.is_(None), late))
        done = StatusMail.created_ms < now_ms - MAILS_KEPT_MS
        session.execute(delete(StatusMail).where(StatusMail.status != "pending", done))
