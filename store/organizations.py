"""Organizations: everything else belongs to one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.changes import append_change
from store.tables import Organization


def create_organization(session: Session, name: str, default_locations: Sequence[str], now_ms: int) -> Organization:
    """A new one, with nothing in it."""
    row = Organization(
        id=new_id("org", now_ms), name=name, default_locations=list(default_locations), created_ms=now_ms
    )
    session.add(row)
    session.flush()
    return row


def get_organization(session: Session, organization_id: str) -> Organization | None:
    """By id. Organizations are not filtered by the session's own: ask only for the caller's."""
    return session.get(Organization, organization_id)


def hold_organization(session: Session, organization_id: str) -> None:
    """Wait for whoever counts or changes what this organization has, and keep others waiting until this transaction
    ends."""
    session.execute(
        select(Organization.id).where(Organization.id == organization_id).with_for_update(key_share=True)
    )  # fmt: skip


def first_organization(session: Session) -> Organization | None:
    """The oldest: the one that `tracer up` and the first start work with."""
    return session.scalars(select(Organization).order_by(Organization.created_ms, Organization.id).limit(1)).first()


def update_organization(
    session: Session, organization: Organization, *, name: str, default_locations: Sequence[str], now_ms: int
) -> None:
    """Rename it, or say where checks made from now on run when they don't say so themselves."""
    organization.name = name
    organization.default_locations = list(default_locations)
    session.flush()
    append_change(session, organization.id, "organization", organization.id, now_ms)
