"""The tables of people: who they are, and where they are a member. Part of store/tables.py."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class Person(Base):
    """Somebody with a password, known by an email in lower case. People belong to organizations by their memberships:
    a person is nobody's row, and is read only by email, by session, or beside a membership."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(300))
    created_ms: Mapped[int] = mapped_column(Ms)
    password_ms: Mapped[int] = mapped_column(Ms)


class Membership(Scoped, Base):
    """A place in an organization, with a role. `status`: `invited` until somebody takes it by its link (`invite_hash`),
    then `active`, with the person in `person_id`.

    `api_key_id`: the owner is a key, that of the first start; such a row has neither person nor email. An invitation
    without an email is a setup link: whoever takes it becomes an owner under an email of their own."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("organization_id", "email", name="uq_memberships_email"),
        UniqueConstraint("organization_id", "person_id", name="uq_memberships_person"),
        Index("ix_memberships_person", "person_id"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    person_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("people.id", ondelete="CASCADE"))
    api_key_id: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("api_keys.id", ondelete="CASCADE"), unique=True
    )
    email: Mapped[str | None] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    invite_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    invited_by: Mapped[str | None] = mapped_column(String(200))
    invited_ms: Mapped[int] = mapped_column(Ms)
    invite_expires_ms: Mapped[int | None] = mapped_column(Ms)
    joined_ms: Mapped[int | None] = mapped_column(Ms)
