"""Notices of Tracer about itself, and the channels they are told through. Whose they are is said in every call, so a
session of EVERY_ORGANIZATION will do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from store.alert_tables import AlertChannel, Notice
from store.counting import one_page
from store.tables import Organization


def take_turn(session: Session, organization_id: str) -> None:
    """Wait for whoever is changing a notice of this organization, and keep others waiting until this transaction ends:
    so there is never a second open notice of one subject."""
    session.execute(
        select(Organization.id).where(Organization.id == organization_id).with_for_update(key_share=True)
    )  # fmt: skip


def open_notice(session: Session, organization_id: str, kind: str, subject: str) -> Notice | None:
    """The one open notice of a subject."""
    found = select(Notice).where(
        Notice.organization_id == organization_id,
        Notice.kind == kind,
        Notice.subject == subject,
        Notice.resolved_ms.is_(None),
    )
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def newest_notice(session: Session, organization_id: str, kind: str, subject: str) -> Notice | None:
    """The last notice of a subject, open or not."""
    found = select(Notice).where(
        Notice.organization_id == organization_id, Notice.kind == kind, Notice.subject == subject
    )
    newest = found.order_by(Notice.at_ms.desc(), Notice.id.desc()).limit(1)
    return session.scalars(newest.execution_options(populate_existing=True)).one_or_none()


def open_notices(session: Session, kinds: Collection[str]) -> list[Notice]:
    """Every open notice of these kinds that the session sees."""
    found = select(Notice).where(Notice.kind.in_(kinds), Notice.resolved_ms.is_(None))
    return list(session.scalars(found.order_by(Notice.id)))


def owed_notices(session: Session, now_ms: int, most: int = 100) -> list[tuple[str, str]]:
    """(organization id, notice id) of notices whose owners may now be told that they changed again."""
    found = select(Notice.organization_id, Notice.id).where(Notice.owed_ms <= now_ms)
    return [(row[0], row[1]) for row in session.execute(found.order_by(Notice.organization_id, Notice.id).limit(most))]


def list_notices(
    session: Session, *, is_open: bool | None = None, kind: str | None = None, offset: int = 0, limit: int = 20
) -> tuple[list[Notice], int]:
    """Notices newest first, and how many there are (to 10,001)."""
    statement = select(Notice)
    if is_open is not None:
        statement = statement.where(Notice.resolved_ms.is_(None) if is_open else Notice.resolved_ms.is_not(None))
    if kind is not None:
        statement = statement.where(Notice.kind == kind)
    return one_page(session, statement.order_by(Notice.at_ms.desc(), Notice.id.desc()), (offset, limit))


def organization_ids(session: Session) -> list[str]:
    """All of them: what stops the whole of Tracer concerns everybody."""
    return list(session.scalars(select(Organization.id).order_by(Organization.id)))


def channels_told(session: Session, organization_id: str, subject: str) -> list[str]:
    """The ids of the channels that a notice goes to: the organization's `notice_channels`, or all. Never one that is
    deleted or disabled, and never the one the notice is about. When none of those chosen is left, all others."""
    working = [
        channel_id
        for channel_id in existing_channels(session, organization_id, disabled=False)
        if channel_id != subject
    ]
    organization = session.get(Organization, organization_id)
    chosen = organization.notice_channels if organization is not None else None
    if chosen is None:
        return working
    return [channel_id for channel_id in working if channel_id in chosen] or (working if chosen else [])


def existing_channels(session: Session, organization_id: str, *, disabled: bool = True) -> list[str]:
    """The ids of an organization's channels, oldest first; those that are disabled too, unless told otherwise."""
    found = select(AlertChannel.id).where(
        AlertChannel.organization_id == organization_id,
        AlertChannel.deleted_ms.is_(None),
        AlertChannel.disabled_ms.is_(None) if not disabled else true(),
    )
    return list(session.scalars(found.order_by(AlertChannel.created_ms, AlertChannel.id)))


def unknown_channels(session: Session, organization_id: str, channel_ids: Sequence[str]) -> list[int]:
    """The places in a list of channel ids of those that the organization does not have."""
    known = set(existing_channels(session, organization_id))
    return [place for place, channel_id in enumerate(channel_ids) if channel_id not in known]


def chosen_channels(session: Session, organization: Organization) -> list[str] | None:
    """The organization's `notice_channels` as people see it: without those that were deleted since. None: all."""
    chosen = organization.notice_channels
    if not chosen:
        return chosen
    known = set(existing_channels(session, organization.id))
    return [channel_id for channel_id in chosen if channel_id in known] or None


def set_notice_channels(session: Session, organization: Organization, channel_ids: list[str] | None) -> None:
    """Who hears what Tracer says about itself. None: every channel; empty: none."""
    organization.notice_channels = channel_ids
    session.flush()
