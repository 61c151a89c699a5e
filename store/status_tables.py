"""The tables of public status pages. Part of store/tables.py, where the conventions stand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped

_PENDING = text("status = 'pending'")


class StatusPage(Scoped, Base):
    """What strangers see at /status/<slug>. `groups`: [{name, checks: [{id, name}]}], `name` null for the check's own.
    `colours`: {brand, accent}, `#rrggbb` each, as far as they are chosen. `logo`: a picture, its type beside it."""

    __tablename__ = "status_pages"
    __table_args__ = (Index("ix_status_pages_organization", "organization_id", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    public: Mapped[bool] = mapped_column(Boolean)
    groups: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    colours: Mapped[dict[str, str]] = mapped_column(Json)
    logo: Mapped[bytes | None] = mapped_column(LargeBinary)
    logo_type: Mapped[str | None] = mapped_column(String(20))
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)


class StatusIncident(Scoped, Base):
    """What updates on a page tell of. `components`: ids of checks on the page. `status`: of its newest update."""

    __tablename__ = "status_incidents"
    __table_args__ = (Index("ix_status_incidents_page", "page_id", "began_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    page_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_pages.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    components: Mapped[list[str]] = mapped_column(Json)
    status: Mapped[str] = mapped_column(String(20))
    began_ms: Mapped[int] = mapped_column(Ms)
    resolved_ms: Mapped[int | None] = mapped_column(Ms)


class StatusUpdate(Scoped, Base):
    """A post on a page: what is known of an incident now. `by` is for its own people, never for the page."""

    __tablename__ = "status_updates"
    __table_args__ = (
        Index("ix_status_updates_page", "page_id", "at_ms"),
        Index("ix_status_updates_incident", "incident_id", "at_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    page_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_pages.id", ondelete="CASCADE"))
    incident_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_incidents.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(String)
    by: Mapped[str] = mapped_column(String(200))
    at_ms: Mapped[int] = mapped_column(Ms)
    edited_ms: Mapped[int | None] = mapped_column(Ms)


class StatusSubscriber(Scoped, Base):
    """An address that wants a page's updates: from when its owner has said so by the link in the first mail."""

    __tablename__ = "status_subscribers"
    __table_args__ = (UniqueConstraint("page_id", "email", name="uq_status_subscribers_email"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    page_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_pages.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(254))
    created_ms: Mapped[int] = mapped_column(Ms)
    confirmed_ms: Mapped[int | None] = mapped_column(Ms)


class StatusMail(Scoped, Base):
    """A mail to a subscriber, written in the transaction of what it tells of: of an update, or, with none, of the wish
    to subscribe. It is claimed, sent and recorded as notifications are (store/outbox.py)."""

    __tablename__ = "status_mails"
    __table_args__ = (
        Index("ix_status_mails_pending", "next_ms", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("ix_status_mails_subscriber", "subscriber_id"),
        Index("ix_status_mails_update", "update_id"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    page_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_pages.id", ondelete="CASCADE"))
    subscriber_id: Mapped[str] = mapped_column(String(40), ForeignKey("status_subscribers.id", ondelete="CASCADE"))
    update_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("status_updates.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_ms: Mapped[int] = mapped_column(Ms)
    next_ms: Mapped[int] = mapped_column(Ms)
    claim: Mapped[str | None] = mapped_column(String(64))
    claimed_until_ms: Mapped[int | None] = mapped_column(Ms)
    sent_ms: Mapped[int | None] = mapped_column(Ms)
    last_error: Mapped[str | None] = mapped_column(String(500))
