"""The table of rate limits. Part of store/tables.py, where the conventions stand."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms


class RateCount(Base):
    """How often something was done since its window began. `subject` is a keyed hash: who tries what is nobody's to
    read, and an email that a stranger typed is not kept. `until_ms`: when the window ends."""

    __tablename__ = "rate_counts"
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    until_ms: Mapped[int] = mapped_column(Ms)
    count: Mapped[int] = mapped_column(Integer)
