"""The outbox of status pages' mails (R9): written in the transaction of what they tell of; claimed, sent, recorded.

Two senders can't claim the same mail, and a claim whose holder has died runs out: the mail, under the same id, is
somebody else's then. Whoever unsubscribes takes what was still to be sent along.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Select, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from model.ids import new_id
from store.notifications import OUTBOX_TOPIC
from store.statements import rows
from store.status_tables import StatusIncident, StatusMail, StatusPage, StatusSubscriber, StatusUpdate
from store.wakeups import wake

LETTER_CLAIM_MS = 30_000
"""Longer than one try may take, so that it needs no renewing; a dead sender's mails are on their way again after it."""


class Letter(msgspec.Struct, frozen=True):
    """One mail that is this sender's now, and all it needs to say. `update`: (incident's title, status, message) of
    what it tells; None: it asks its reader to confirm."""

    id: str
    email: str
    subscriber_id: str
    slug: str
    page_title: str
    attempts: int
    created_ms: int
    update: tuple[str, str, str] | None = None
    incident_id: str | None = None


class LetterOutcome(msgspec.Struct, frozen=True):
    """What came of one try. `status`: sent; pending, to be tried again at `next_ms`; or failed for good."""

    id: str
    status: str
    at_ms: int
    next_ms: int
    error: str | None = None


def ask_to_confirm(session: Session, subscriber: StatusSubscriber, now_ms: int) -> None:
    """The first mail to an address."""
    session.add(
        StatusMail(
            id=new_id("mail", now_ms), organization_id=subscriber.organization_id, page_id=subscriber.page_id,
            subscriber_id=subscriber.id, status="pending", created_ms=now_ms, next_ms=now_ms,
        )
    )  # fmt: skip
    session.flush()
    wake(session, OUTBOX_TOPIC)


def tell_subscribers(session: Session, page: StatusPage, told: StatusUpdate, now_ms: int) -> None:
    """A mail of this update to everybody who wants them: one statement, however many they are."""
    stem = new_id("mail", now_ms)[:-8]  # the time, and some chance; the subscriber's own part of it follows
    mails = select(
        literal(stem).concat(func.substr(StatusSubscriber.id, 15)), StatusSubscriber.organization_id,
        StatusSubscriber.page_id, StatusSubscriber.id, literal(told.id), literal("pending"), literal(0),
        literal(now_ms), literal(now_ms),
    ).where(
        StatusSubscriber.page_id == page.id, StatusSubscriber.confirmed_ms.is_not(None),
        StatusSubscriber.organization_id == page.organization_id,
    )  # fmt: skip
    columns = (
        "id", "organization_id", "page_id", "subscriber_id", "update_id", "status", "attempts", "created_ms", "next_ms",
    )  # fmt: skip
    session.execute(insert(StatusMail).from_select(columns, mails))
    wake(session, OUTBOX_TOPIC)


_ANY_DUE = (
    "SELECT 1 FROM status_mails WHERE status = 'pending' AND next_ms <= ? "
    "AND (claim IS NULL OR claimed_until_ms <= ?) LIMIT 1"
)


def letters_due(session: Session, now_ms: int) -> bool:
    """Whether there is anything to claim. In a session of EVERY_ORGANIZATION."""
    return bool(rows(session, _ANY_DUE, now_ms, now_ms))


def claim_letters(session: Session, claim: str, most: int, now_ms: int) -> list[Letter]:
    """Claim up to so many that are due, the oldest first, for LETTER_CLAIM_MS. In a session of EVERY_ORGANIZATION."""
    due = _due(now_ms).order_by(StatusMail.next_ms, StatusMail.id).limit(most)
    ids = list(session.scalars(due.with_for_update(skip_locked=True)))
    if not ids:
        return []
    held = (
        update(StatusMail).where(StatusMail.id.in_(ids)).values(claim=claim, claimed_until_ms=now_ms + LETTER_CLAIM_MS)
    )
    session.execute(held.execution_options(synchronize_session=False))
    wanted = (
        select(StatusMail, StatusSubscriber, StatusPage.slug, StatusPage.title, StatusUpdate, StatusIncident)
        .join(StatusSubscriber, StatusSubscriber.id == StatusMail.subscriber_id)
        .join(StatusPage, StatusPage.id == StatusMail.page_id)
        .outerjoin(StatusUpdate, StatusUpdate.id == StatusMail.update_id)
        .outerjoin(StatusIncident, StatusIncident.id == StatusUpdate.incident_id)
        .where(StatusMail.id.in_(ids))
    )
    return [
        Letter(
            mail.id, subscriber.email, subscriber.id, slug, title, mail.attempts, mail.created_ms,
            (incident.title, told.status, told.message) if told is not None and incident is not None else None,
            incident.id if incident is not None else None,
        )
        for mail, subscriber, slug, title, told, incident in session.execute(wanted)
    ]  # fmt: skip


def record_letters(session: Session, outcomes: Sequence[LetterOutcome], claim: str) -> None:
    """Write what came of the tries. What was taken is sent whoever holds the claim; all else is the holder's to say."""
    for done in outcomes:
        mine = StatusMail.id == done.id, StatusMail.status == "pending"
        values = {
            "status": done.status, "attempts": StatusMail.attempts + 1, "next_ms": done.next_ms, "claim": None,
            "claimed_until_ms": None, "last_error": done.error,
        }  # fmt: skip
        changed = update(StatusMail).where(*mine)
        if done.status == "sent":
            changed = changed.values(**values, sent_ms=done.at_ms)
        else:
            changed = changed.where(StatusMail.claim == claim).values(**values)
        session.execute(changed.execution_options(synchronize_session=False))


def _due(now_ms: int) -> Select[str]:
    free = or_(StatusMail.claim.is_(None), StatusMail.claimed_until_ms <= now_ms)
    return select(StatusMail.id).where(StatusMail.status == "pending", StatusMail.next_ms <= now_ms, free)
