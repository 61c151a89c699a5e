"""What is posted on a status page: updates, each of an incident, whose state is that of its newest update."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.counting import one_page
from store.status_tables import StatusIncident, StatusPage, StatusUpdate

RESOLVED = "resolved"
STATUSES = ("investigating", "identified", "monitoring", RESOLVED)
MOST_OPEN = 50
"""Incidents of a page that are open at once: more than that are no news to anybody."""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says, and who they are."""

    status: str
    message: str
    by: str


def begin_incident(
    session: Session, page: StatusPage, title: str, components: Sequence[str], post: Post, now_ms: int
) -> StatusUpdate:
    """A new incident with its first update."""
    incident = StatusIncident(
        id=new_id("pinc", now_ms), organization_id=page.organization_id, page_id=page.id, title=title,
        components=list(components), status=post.status, began_ms=now_ms,
    )  # fmt: skip
    session.add(incident)
    session.flush()
    return post_update(session, incident, post, now_ms)


def post_update(session: Session, incident: StatusIncident, post: Post, now_ms: int) -> StatusUpdate:
    """One more update of an incident, which is in this state from now on: open again, if it was resolved. Its time is
    after all others', so that which one is the newest is never in doubt."""
    last_ms = session.scalar(select(func.max(StatusUpdate.at_ms)).where(StatusUpdate.incident_id == incident.id))
    now_ms = now_ms if last_ms is None else max(now_ms, last_ms + 1)
    update = StatusUpdate(
        id=new_id("upd", now_ms), organization_id=incident.organization_id, page_id=incident.page_id,
        incident_id=incident.id, status=post.status, message=post.message, by=post.by, at_ms=now_ms,
    )  # fmt: skip
    session.add(update)
    session.flush()
    _settle(session, incident)
    return update


def edit_update(session: Session, update: StatusUpdate, message: str, now_ms: int) -> None:
    """Other words. Subscribers who got the former ones keep them."""
    if update.message != message:
        update.message, update.edited_ms = message, now_ms
        session.flush()


def delete_update(session: Session, update: StatusUpdate, incident: StatusIncident) -> None:
    """Gone, and the incident with its last one."""
    session.delete(update)
    session.flush()
    _settle(session, incident)


def get_update(session: Session, page_id: str, update_id: str) -> StatusUpdate | None:
    wanted = select(StatusUpdate).where(StatusUpdate.id == update_id, StatusUpdate.page_id == page_id)
    return session.scalars(wanted).one_or_none()


def get_incident(session: Session, page_id: str, incident_id: str) -> StatusIncident | None:
    wanted = select(StatusIncident).where(StatusIncident.id == incident_id, StatusIncident.page_id == page_id)
    return session.scalars(wanted).one_or_none()


def open_incidents(session: Session, page_id: str) -> list[StatusIncident]:
    """Those that are not resolved, newest first."""
    wanted = select(StatusIncident).where(StatusIncident.page_id == page_id, StatusIncident.resolved_ms.is_(None))
    return list(
        session.scalars(wanted.order_by(StatusIncident.began_ms.desc(), StatusIncident.id.desc()).limit(MOST_OPEN))
    )


def past_incidents(session: Session, page_id: str, since_ms: int, most: int) -> list[StatusIncident]:
    """Those that were resolved since then, newest first."""
    wanted = select(StatusIncident).where(StatusIncident.page_id == page_id, StatusIncident.resolved_ms >= since_ms)
    return list(session.scalars(wanted.order_by(StatusIncident.began_ms.desc(), StatusIncident.id.desc()).limit(most)))


def updates_of(session: Session, incident_ids: Sequence[str]) -> dict[str, list[StatusUpdate]]:
    """The updates of each of these incidents, newest first."""
    found: dict[str, list[StatusUpdate]] = {incident_id: [] for incident_id in incident_ids}
    wanted = select(StatusUpdate).where(StatusUpdate.incident_id.in_(incident_ids))
    for update in session.scalars(wanted.order_by(StatusUpdate.at_ms.desc(), StatusUpdate.id.desc())):
        found[update.incident_id].append(update)
    return found


def list_updates(
    session: Session, page_id: str, *, page: tuple[int, int] = (0, 20)
) -> tuple[list[tuple[StatusUpdate, StatusIncident]], int]:
    """A page's updates with their incidents, newest first; `page` = (offset, how many); and how many there are."""
    wanted = select(StatusUpdate).where(StatusUpdate.page_id == page_id)
    newest_first = wanted.order_by(StatusUpdate.at_ms.desc(), StatusUpdate.id.desc())
    updates, total = one_page(session, newest_first, page)
    asked = select(StatusIncident).where(StatusIncident.id.in_([update.incident_id for update in updates]))
    incidents = {incident.id: incident for incident in session.scalars(asked)}
    return [(update, incidents[update.incident_id]) for update in updates], total


def _settle(session: Session, incident: StatusIncident) -> None:
    """The incident as its newest update says; without any it goes."""
    newest = select(StatusUpdate).where(StatusUpdate.incident_id == incident.id)
    last = session.scalars(newest.order_by(StatusUpdate.at_ms.desc(), StatusUpdate.id.desc()).limit(1)).one_or_none()
    if last is None:
        session.execute(delete(StatusIncident).where(StatusIncident.id == incident.id))
    else:
        incident.status = last.status
        incident.resolved_ms = last.at_ms if last.status == RESOLVED else None
    session.flush()
