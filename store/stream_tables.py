"""The tables of the live stream: what was told, how far each organization's numbers have come, who is listening.

Part of store/tables.py, where the conventions stand.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class StreamHead(Base):
    """The number of an organization's newest message. Whoever tells something holds this row until the commit, so
    numbers appear in order (R7)."""

    __tablename__ = "stream_heads"
    organization_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(Ms)


class StreamPage(Scoped, Base):
    """All messages of one transaction about one organization: one row, however many runs a batch of results has.
    `news`: a JSON list (store/news.py) whose last entry has the number `last_seq`, the one before it the number
    before."""

    __tablename__ = "stream_pages"
    __table_args__ = (Index("ix_stream_pages_at", "at_ms"),)
    organization_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    last_seq: Mapped[int] = mapped_column(Ms, primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(Ms)
    news: Mapped[str] = mapped_column(String)


class StreamPlace(Scoped, Base):
    """An open stream: the place `number` of those that its holder (a key, a sign-in, a person) may have. The process
    that serves it renews it; one that is not renewed is free at `until_ms`."""

    __tablename__ = "stream_places"
    __table_args__ = (UniqueConstraint("holder", "number", name="uq_stream_places_number"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(60))
    number: Mapped[int] = mapped_column(Ms)
    until_ms: Mapped[int] = mapped_column(Ms)
