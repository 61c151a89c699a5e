"""Notices: what Tracer has to say about itself. One open notice per kind and subject, told once when it opens and once
when it is over."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.times import iso
from store.alert_tables import AlertChannel, Notice
from store.notifications import enqueue
from store.organizations import get_organization


def raise_notice(
    session: Session,
    organization_id: str,
    *,
    kind: str,
    subject: str,
    severity: str,
    message: str,
    link: str,
    now_ms: int,
) -> Notice:
    """Say that something is wrong; while it is known, nobody is told again."""
    known = _open(session, organization_id, kind, subject)
    if known is not None:
        return known
    notice = Notice(
        id=new_id("ntc", now_ms), organization_id=organization_id, kind=kind, subject=subject, severity=severity,
        message=message, link=link, at_ms=now_ms, resolved_ms=None,
    )  # fmt: skip
    session.add(notice)
    session.flush()
    _tell(session, notice, 1, now_ms)
    return notice


def resolve_notice(session: Session, organization_id: str, *, kind: str, subject: str, now_ms: int) -> None:
    """Say that it is over. Nothing happens when it was not known."""
    notice = _open(session, organization_id, kind, subject)
    if notice is None:
        return
    notice.resolved_ms = now_ms
    session.flush()
    _tell(session, notice, 2, now_ms)


def _open(session: Session, organization_id: str, kind: str, subject: str) -> Notice | None:
    wanted = select(Notice).where(
        Notice.organization_id == organization_id,
        Notice.kind == kind,
        Notice.subject == subject,
        Notice.resolved_ms.is_(None),
    )
    return session.scalars(wanted).one_or_none()


def _tell(session: Session, notice: Notice, number: int, now_ms: int) -> None:
    organization = get_organization(session, notice.organization_id)
    chosen = organization.notice_channels if organization is not None else None
    wanted = select(AlertChannel.id).where(
        AlertChannel.organization_id == notice.organization_id,
        AlertChannel.deleted_ms.is_(None),
        AlertChannel.disabled_ms.is_(None),
        AlertChannel.id != notice.subject,
    )
    channels = [found for found in session.scalars(wanted) if chosen is None or found in chosen]
    data = {
        "id": notice.id, "at": iso(notice.at_ms), "kind": notice.kind, "severity": notice.severity,
        "message": notice.message, "link": notice.link, "resolved_at": iso(notice.resolved_ms),
    }  # fmt: skip
    enqueue(
        session,
        organization_id=notice.organization_id,
        subject_id=notice.id,
        event="notice",
        number=number,
        channel_ids=channels,
        payload={"type": "notice", "timestamp": iso(now_ms), "data": data},
        now_ms=now_ms,
    )
