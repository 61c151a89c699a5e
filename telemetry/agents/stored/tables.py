"""The tables of agents' runs. Part of telemetry/stored/tables.py.

Rows belong to organizations, which seed 002 calls workspaces. `stream_seq` is the order in which the events of one were
stored: given under the lock of its row in `agent_heads`, which is held until the commit.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint

from telemetry.stored.metadata import METADATA, Number

AGENT_HEADS = Table(
    "agent_heads",
    METADATA,
    Column("organization_id", String(40), primary_key=True),
    Column("stream_seq", Number, nullable=False),
    Column("sessions", Number, nullable=False),
)
"""The last numbers given in an organization."""

AGENT_SESSIONS = Table(
    "agent_sessions",
    METADATA,
    Column("organization_id", String(40), nullable=False),
    Column("id", String(200), nullable=False),
    Column("number", Number, nullable=False),
    Column("project", Integer),
    Column("name", String(200), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("status", String(9), nullable=False),
    Column("started_ms", Number, nullable=False),
    Column("last_ms", Number, nullable=False),
    Column("last_seq", Number, nullable=False),
    Column("events", Number, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organization_id", "id"),
    UniqueConstraint("organization_id", "number", name="uq_agent_sessions_number"),
)
"""`number`: in the order in which they began, within an organization. `last_ms`: when its last event was stored."""

AGENT_EVENTS = Table(
    "agent_events",
    METADATA,
    Column("organization_id", String(40), nullable=False),
    Column("stream_seq", Number, nullable=False),
    Column("session", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("type", String(11), nullable=False),
    Column("timestamp", String(40), nullable=False),
    Column("at_ms", Number, nullable=False),
    Column("received_ms", Number, nullable=False),
    Column("idempotency_key", String(200), nullable=False),
    Column("step", Integer),
    Column("digest", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organization_id", "stream_seq"),
    UniqueConstraint("organization_id", "session", "seq", name="uq_agent_events_seq"),
    UniqueConstraint("organization_id", "session", "idempotency_key", name="uq_agent_events_key"),
)
"""`session`: its number. `timestamp`: as it was sent. `digest`: of all that the event says."""

AGENT_ANALYSES = Table(
    "agent_analyses",
    METADATA,
    Column("organization_id", String(40), nullable=False),
    Column("session", Number, nullable=False),
    Column("upto_seq", Number, nullable=False),
    Column("at_ms", Number, nullable=False),
    Column("version", Integer, nullable=False),
    Column("critical_step", Number),
    Column("summary", Text, nullable=False),
    Column("detectors", LargeBinary, nullable=False),
    Column("incident_id", String(40)),
    Column("labels", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("organization_id", "session"),
)
"""The newest analysis of a run, by its number. `upto_seq`: of the newest event that it knows. `version`: of the
detectors. `labels`: those of its findings, each between blanks."""

AGENT_ENDED = Table(
    "agent_ended",
    METADATA,
    Column("organization_id", String(40), nullable=False),
    Column("session", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("at_ms", Number, nullable=False),
    PrimaryKeyConstraint("organization_id", "session"),
    Index("ix_agent_ended_at", "at_ms"),
)
"""Runs by their number that wait to be analysed: they ended, or may have fallen silent. `seq`: of the newest event.
`at_ms`: from when on."""

AGENT_TRACES = Table(
    "agent_traces",
    METADATA,
    Column("project", Integer, nullable=False),
    Column("trace_id", String(128), nullable=False),
    Column("organization_id", String(40), nullable=False),
    Column("session", Number, nullable=False),
    PrimaryKeyConstraint("project", "trace_id"),
    Index("ix_agent_traces_session", "organization_id", "session"),
)
"""Which run of an agent the spans of a trace are told in (telemetry/agents/spans.py)."""

Index("ix_agent_sessions_age", AGENT_SESSIONS.c.last_ms)
Index("ix_agent_sessions_project_age", AGENT_SESSIONS.c.project, AGENT_SESSIONS.c.last_ms)
Index("ix_agent_sessions_id", AGENT_SESSIONS.c.id)
Index("ix_agent_sessions_project", AGENT_SESSIONS.c.organization_id, AGENT_SESSIONS.c.project, AGENT_SESSIONS.c.number)
