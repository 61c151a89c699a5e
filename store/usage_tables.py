"""The table of usage. Part of store/tables.py, where the conventions stand."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class UsageCounter(Scoped, Base):
    """Runs of one organization, calendar month (UTC, by when they were due) and kind, `browser_runs` or `api_runs`.
    Kept in several rows (`slot`) that are added up when they are read: processes that record results at once would
    wait for one another at one."""

    __tablename__ = "usage_counters"
    organization_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    month_ms: Mapped[int] = mapped_column(Ms, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True)
    runs: Mapped[int] = mapped_column(Ms)
