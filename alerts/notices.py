"""Notices: what Tracer has to say about itself to the owners, once. Never an alert of a check.

    raise_notice     it is so                 told at once
    resolve_notice   it is so no more         told at once
    end_notice       it is so no more         told to nobody
    tell_of_past     it was so for a while    told once

A subject that comes and goes is told at most once in QUIET_MS that it is there, and once that it is gone; what owners
were not told meanwhile is owed, and `tell_owed` tells it if it still holds then. The list always shows what is so.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from alerts.messages import channel_notices
from model.ids import new_id
from model.times import iso
from store.alert_tables import Notice
from store.notices import channels_told, newest_notice, open_notice, owed_notices, take_turn
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

QUIET_MS = 300_000
EVENT = "notice"


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
    """Say that something is wrong. While that is known, the words may change and nobody is told again. What was
    resolved less than QUIET_MS ago is open again.

    `kind`: a value of model.notices.NoticeKind; `subject`: up to 200 characters, of a notice about a channel that
    channel's id, so that it goes to the others; `severity` as an alert's; `link`: absolute.
    """
    take_turn(session, organization_id)
    notice = newest_notice(session, organization_id, kind, subject)
    if notice is None or not (notice.resolved_ms is None or _lately(notice, now_ms)):
        notice = Notice(
            id=new_id("ntc", now_ms), organization_id=organization_id, kind=kind, subject=subject, at_ms=now_ms,
            messages=0,
        )  # fmt: skip
        session.add(notice)
    notice.severity, notice.message, notice.link = severity, message, link
    notice.resolved_ms = None
    session.flush()
    _tell(session, notice, now_ms)
    return notice


def resolve_notice(session: Session, organization_id: str, *, kind: str, subject: str, now_ms: int) -> None:
    """Say that it is over. Nothing happens when it was not known."""
    take_turn(session, organization_id)
    notice = open_notice(session, organization_id, kind, subject)
    if notice is None:
        return
    notice.resolved_ms = max(now_ms, notice.at_ms)
    session.flush()
    _tell(session, notice, now_ms)


def end_notice(session: Session, organization_id: str, *, kind: str, subject: str, now_ms: int) -> None:
    """It is over, and nobody has to hear of that: the list shows it."""
    take_turn(session, organization_id)
    notice = open_notice(session, organization_id, kind, subject)
    if notice is not None:
        notice.resolved_ms = max(now_ms, notice.at_ms)
        notice.messages += notice.messages % 2
        notice.owed_ms = None
        session.flush()


def tell_of_past(
    session: Session,
    organization_id: str,
    *,
    kind: str,
    subject: str,
    severity: str,
    message: str,
    link: str,
    between_ms: tuple[int, int],
    now_ms: int,
) -> Notice | None:
    """Say that something was wrong between two instants and is over: one message. None when this subject was told."""
    take_turn(session, organization_id)
    if newest_notice(session, organization_id, kind, subject) is not None:
        return None
    notice = Notice(
        id=new_id("ntc", now_ms), organization_id=organization_id, kind=kind, subject=subject, severity=severity,
        message=message, link=link, at_ms=between_ms[0], resolved_ms=between_ms[1], messages=2,
        told_resolved_ms=now_ms,
    )  # fmt: skip
    session.add(notice)
    session.flush()
    _enqueue(session, notice, now_ms)
    return notice


def tell_owed(database: Database) -> int:
    """Tell what could not be told yet because its subject had changed too often; how many notices that concerned."""
    with database.read(EVERY_ORGANIZATION) as session:
        owed = owed_notices(session, database.now_ms(session))
    for organization_id, notice_id in owed:
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            take_turn(session, organization_id)
            notice = session.get(Notice, notice_id, populate_existing=True)
            if notice is not None:
                _tell(session, notice, database.now_ms(session))
    return len(owed)


def notice_shape(notice: Notice) -> dict[str, Any]:
    """The notice as REST and webhooks show it."""
    return {
        "id": notice.id,
        "at": iso(notice.at_ms),
        "kind": notice.kind,
        "severity": notice.severity,
        "message": notice.message,
        "link": notice.link,
        "resolved_at": iso(notice.resolved_ms),
    }


def _lately(notice: Notice, now_ms: int) -> bool:
    """Whether it was over, or owners were told so, so short a time ago that this is the same trouble again."""
    over_ms = max(notice.resolved_ms or 0, notice.told_resolved_ms or 0)
    return notice.owed_ms is not None or now_ms - over_ms < QUIET_MS


def _tell(session: Session, notice: Notice, now_ms: int) -> None:
    """Bring owners' knowledge up to what is so, or note when that may be done."""
    is_open, known_open = notice.resolved_ms is None, notice.messages % 2 == 1
    told_ms = notice.told_open_ms if is_open else notice.told_resolved_ms
    if is_open == known_open:
        notice.owed_ms = None
    elif told_ms is not None and now_ms - told_ms < QUIET_MS:
        notice.owed_ms = told_ms + QUIET_MS
    else:
        notice.owed_ms = None
        notice.messages += 1
        if is_open:
            notice.told_open_ms = now_ms
        else:
            notice.told_resolved_ms = now_ms
        _enqueue(session, notice, now_ms)
    session.flush()


def _told(session: Session, notice: Notice) -> dict[str, Any]:
    """The list keeps what was wrong; who is told that a channel works again is not told the alarm once more."""
    shape = notice_shape(notice)
    if notice.resolved_ms is not None and notice.kind in channel_notices.KINDS:
        shape["message"] = channel_notices.over(session, notice)
    return shape


def _enqueue(session: Session, notice: Notice, now_ms: int) -> None:
    enqueue(
        session,
        organization_id=notice.organization_id,
        subject_id=notice.id,
        event=EVENT,
        number=notice.messages,
        channel_ids=channels_told(session, notice.organization_id, notice.subject),
        payload={"type": EVENT, "timestamp": iso(now_ms), "data": _told(session, notice)},
        now_ms=now_ms,
    )
