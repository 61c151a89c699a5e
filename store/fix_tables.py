"""The tables of what is done about incidents: fixes that were asked for, and proofs that one works. Part of
store/tables.py.

A row is written when somebody asks, and is the only thing that says that work is to be done: whoever finds one that
nobody is at goes on with it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped

_RUNNING = text("status = 'running'")


class IncidentFix(Scoped, Base):
    """`status`: running, proposed, fallback. `reason`: why it is a fallback. `project_id`: whose repository the diff is
    for, at the commit `revision`. `owner`: who is at it, until `until_ms` unless they say so again. `tries`: how often
    somebody began."""

    __tablename__ = "incident_fixes"
    __table_args__ = (
        Index(
            "uq_incident_fixes_running", "incident_id", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
        ),
        Index("ix_incident_fixes_newest", "incident_id", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(40), ForeignKey("incidents.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(8))
    label: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str | None] = mapped_column(String)
    plan: Mapped[list[str]] = mapped_column(Json)
    diff: Mapped[str | None] = mapped_column(String)
    project_id: Mapped[str | None] = mapped_column(String(40))
    revision: Mapped[str | None] = mapped_column(String(64))
    asked_by: Mapped[str] = mapped_column(String(200))
    created_ms: Mapped[int] = mapped_column(Ms)
    done_ms: Mapped[int | None] = mapped_column(Ms)
    owner: Mapped[str | None] = mapped_column(String(64))
    until_ms: Mapped[int] = mapped_column(Ms)
    tries: Mapped[int] = mapped_column(Integer)


class RegressionRun(Scoped, Base):
    """`status`: running, completed. `verdict`: fixed, not_fixed, inconclusive, with the `reason`. `since_ms`: what came
    later is after the fix. `asked`: the runs of checks that were asked for with it, which `give_up_ms` is the end of
    waiting for."""

    __tablename__ = "regression_runs"
    __table_args__ = (
        Index(
            "uq_regression_runs_running", "incident_id", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
        ),
        Index("ix_regression_runs_newest", "incident_id", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(40), ForeignKey("incidents.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(9))
    verdict: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String)
    since_ms: Mapped[int] = mapped_column(Ms)
    asked: Mapped[list[dict[str, str]]] = mapped_column(Json)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)
    asked_by: Mapped[str] = mapped_column(String(200))
    created_ms: Mapped[int] = mapped_column(Ms)
    give_up_ms: Mapped[int] = mapped_column(Ms)
    done_ms: Mapped[int | None] = mapped_column(Ms)
