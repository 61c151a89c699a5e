"""The tables of incidents (seed 002): failures that are one, what they happened to, and what people said of them. Part
of store/tables.py.

A failure is a row of `incident_failures`, whatever told of it and however often: which incident it is part of is
decided under the lock of that row, and all counts follow from these rows.
"""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped

_WAITING = text("waiting > 0")


class Incident(Scoped, Base):
    """`cluster_key`: what its failures have in common (telemetry/agents/failures.py). `tally`: of its members, how many
    show which label. `count`, `first_ms`, `last_ms`: of its failures. `owner_id`: a membership. `fixed_ms`: when it was
    called fixed, null while it is not. `touched_ms`: when people last said something of it, null: never."""

    __tablename__ = "incidents"
    __table_args__ = (
        UniqueConstraint("organization_id", "cluster_key", name="uq_incidents_cluster"),
        Index("ix_incidents_last", "organization_id", "last_ms", "id"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    cluster_key: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    label: Mapped[str] = mapped_column(String(30))
    tally: Mapped[dict[str, int]] = mapped_column(Json)
    status: Mapped[str] = mapped_column(String(13))
    owner_id: Mapped[str | None] = mapped_column(String(40))
    count: Mapped[int] = mapped_column(Ms)
    first_ms: Mapped[int] = mapped_column(Ms)
    last_ms: Mapped[int] = mapped_column(Ms)
    fixed_ms: Mapped[int | None] = mapped_column(Ms)
    touched_ms: Mapped[int | None] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)


class IncidentMember(Scoped, Base):
    """What an incident happened to. `kind`: session, check, alert; `member`: its id. `label`: the first in the registry
    of those that its failures show, "" of alerts. `newest`: the last of its failures. `resolved_ms`: of alerts."""

    __tablename__ = "incident_members"
    __table_args__ = (
        Index("ix_incident_members_newest", "incident_id", "kind", "last_ms"),
        Index("ix_incident_members_project", "organization_id", "project", "incident_id"),
    )
    incident_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(7), primary_key=True)
    member: Mapped[str] = mapped_column(String(200), primary_key=True)
    project: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(30))
    count: Mapped[int] = mapped_column(Ms)
    first_ms: Mapped[int] = mapped_column(Ms)
    last_ms: Mapped[int] = mapped_column(Ms)
    newest: Mapped[str] = mapped_column(String(200))
    resolved_ms: Mapped[int | None] = mapped_column(Ms)


class IncidentFailure(Scoped, Base):
    """One thing that failed. `kind`: session, run (of a journey), alert; `id`: its own; `member`: the session, check or
    alert that it is of. `waiting`: how often it was told that it is to be looked at (again); below 0 once it has been.
    `upto_seq`: of a session, how much of it the analysis knew. `pinned`: a server said where it belongs."""

    __tablename__ = "incident_failures"
    __table_args__ = (
        Index(
            "ix_incident_failures_waiting", "organization_id", "kind", "id", sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_incident_failures_member", "incident_id", "member", "last_ms"),
        Index("ix_incident_failures_old", "kind", "last_ms"),
    )  # fmt: skip
    organization_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(7), primary_key=True)
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    member: Mapped[str] = mapped_column(String(200))
    incident_id: Mapped[str | None] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(30))
    first_ms: Mapped[int] = mapped_column(Ms)
    last_ms: Mapped[int] = mapped_column(Ms)
    waiting: Mapped[int] = mapped_column(Integer)
    upto_seq: Mapped[int] = mapped_column(Ms)
    pinned: Mapped[bool] = mapped_column(Boolean)


class IncidentChange(Scoped, Base):
    """A line of an incident's history. `kind`: opened, came_back, emptied, status, owner, note, fix, regression. `was`,
    `became`: statuses, owners as people know them, or what a fix or a regression run came to. `by`: a person (of
    fixes and regression runs, who asked for it), or null for Tracer itself. `number` counts an incident's lines."""

    __tablename__ = "incident_changes"
    __table_args__ = (Index("ix_incident_changes_incident", "incident_id", "number"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(40), ForeignKey("incidents.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(Ms)
    kind: Mapped[str] = mapped_column(String(10))
    by: Mapped[str | None] = mapped_column(String(200))
    was: Mapped[str | None] = mapped_column(String(254))
    became: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str] = mapped_column(String)
