"""The tables of rules on what SDKs report: when they held, and how far events have been judged. Part of
store/tables.py."""

from __future__ import annotations

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class Firing(Scoped, Base):
    """A rule that held for one group of events, and who was told: the alert's event of this name and number. Until
    `quiet_until_ms` it does not fire for that group again."""

    __tablename__ = "firings"
    __table_args__ = (
        Index("ix_firings_organization", "organization_id", "id"),
        Index("ix_firings_quiet", "rule_id", "quiet_until_ms"),
        Index("ix_firings_alert", "alert_id"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(40))
    rule_name: Mapped[str] = mapped_column(String(200))
    project_id: Mapped[str] = mapped_column(String(40))
    group_key: Mapped[str] = mapped_column(String(200))
    alert_id: Mapped[str] = mapped_column(String(40))
    at_ms: Mapped[int] = mapped_column(Ms)
    quiet_until_ms: Mapped[int] = mapped_column(Ms)
    count: Mapped[int] = mapped_column(Ms)
    event: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(Integer)


class EventCursor(Base):
    """Up to which number the events of the telemetry store have been worked through, by what for."""

    __tablename__ = "event_cursors"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(Ms)
