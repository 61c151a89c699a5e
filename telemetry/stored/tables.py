"""Every table of the telemetry store. Rows belong to projects, by number; whose project that is, the main store knows.

`seq` is the order in which things were stored: given under the lock of the one row of `intake`, which is held until the
commit, so whoever has read up to a number has read all before it (docs/decisions/0016). Instants are integer ms.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from telemetry.agents.stored import tables as agent_tables
from telemetry.stored.metadata import METADATA as METADATA
from telemetry.stored.metadata import Number as Number

__all__ = ["METADATA", "agent_tables"]

INTAKE = Table(
    "intake",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Number, nullable=False) for name in ("events", "spans", "generations", "issues", "maps", "at_ms")),
)
"""One row: the last number given of each kind, and the time of the last commit, which never runs backwards."""

MARKS = Table(
    "marks",
    METADATA,
    Column("minute_ms", Number, primary_key=True, autoincrement=False),
    *(Column(name, Number, nullable=False) for name in ("events", "spans", "generations")),
)
"""The numbers that had been given when a minute began: what was received since is what came after them."""

EVENTS = Table(
    "events",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("project", Integer, nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("issue", Number, nullable=False),
    Column("level", String(7), nullable=False),
    Column("at_ms", Number, nullable=False),
    Column("received_ms", Number, nullable=False),
    Column("environment", String(200)),
    Column("release", String(200)),
    Column("user_key", String(200)),
    Column("trace_id", String(128)),
    Column("tags", Text),
    Column("search", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("project", "event_id", name="uq_events_event_id"),
    Index("ix_events_project", "project", "seq"),
    Index("ix_events_level", "project", "level", "seq"),
    Index("ix_events_issue", "issue", "seq"),
    Index(
        "ix_events_trace",
        "project",
        "trace_id",
        sqlite_where=text("trace_id IS NOT NULL"),
        postgresql_where=text("trace_id IS NOT NULL"),
    ),
)
"""`at_ms`: when it happened, as its sender says, but never after it was received. `search`: ` terms words `, what is
found by tokens (telemetry/words.py). `payload`: deflated JSON, the event as it was sent."""

ISSUES = Table(
    "issues",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("project", Integer, nullable=False),
    Column("fingerprint", String(200), nullable=False),
    Column("title", String(300), nullable=False),
    Column("culprit", String(300), nullable=False),
    Column("level", String(7), nullable=False),
    Column("status", String(8), nullable=False),
    Column("first_ms", Number, nullable=False),
    Column("last_ms", Number, nullable=False),
    Column("first_seq", Number, nullable=False),
    Column("last_seq", Number, nullable=False),
    Column("count", Number, nullable=False),
    Column("user_count", Number, nullable=False),
    Column("merged_into", Number),
    Column("resolved_ms", Number),
    Column("regressed_ms", Number),
    Column("regressed_release", String(200)),
    Index("ix_issues_project", "project", "last_seq"),
    Index("ix_issues_merged", "merged_into"),
)
"""`merged_into`: the issue that stands for this one, which itself is merged into none."""

FINGERPRINTS = Table(
    "fingerprints",
    METADATA,
    Column("project", Integer, nullable=False),
    Column("fingerprint", String(40), nullable=False),
    Column("issue", Number, nullable=False),
    PrimaryKeyConstraint("project", "fingerprint"),
    Index("ix_fingerprints_issue", "issue"),
)
"""Which issue an event with this fingerprint belongs to."""

ISSUE_USERS = Table(
    "issue_users",
    METADATA,
    Column("issue", Number, nullable=False),
    Column("user_hash", Number, nullable=False),
    PrimaryKeyConstraint("issue", "user_hash"),
)

ISSUE_RELEASES = Table(
    "issue_releases",
    METADATA,
    Column("issue", Number, nullable=False),
    Column("release", String(200), nullable=False),
    Column("first_ms", Number, nullable=False),
    Column("last_ms", Number, nullable=False),
    Column("count", Number, nullable=False),
    PrimaryKeyConstraint("issue", "release"),
)

SPANS = Table(
    "spans",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("project", Integer, nullable=False),
    Column("trace_id", String(128), nullable=False),
    Column("span_id", String(128), nullable=False),
    Column("parent_span_id", String(128)),
    Column("name", String(300), nullable=False),
    Column("op", String(100), nullable=False),
    Column("status", String(40), nullable=False),
    Column("start_ms", Float(53), nullable=False),
    Column("end_ms", Float(53), nullable=False),
    Column("received_ms", Number, nullable=False),
    Column("environment", String(200)),
    Column("release", String(200)),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("project", "trace_id", "span_id", name="uq_spans_span_id"),
    Index("ix_spans_project", "project", "seq"),
)
"""`start_ms`, `end_ms` with fractions, as their sender says. `payload`: deflated JSON."""

GENERATIONS = Table(
    "generations",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("project", Integer, nullable=False),
    Column("provider", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("status", String(5), nullable=False),
    Column("at_ms", Number, nullable=False),
    Column("received_ms", Number, nullable=False),
    Column("input_tokens", Number, nullable=False),
    Column("output_tokens", Number),
    Column("cost_usd", Float(53)),
    Column("latency_ms", Float(53)),
    Column("trace_id", String(128)),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_generations_project", "project", "seq"),
    Index("ix_generations_model", "project", "at_ms"),
    Index("ix_generations_trace", "trace_id"),
)

USAGE = Table(
    "usage",
    METADATA,
    Column("project", Integer, nullable=False),
    Column("month", String(7), nullable=False),
    Column("kind", String(11), nullable=False),
    Column("reason", String(12), nullable=False),
    Column("count", Number, nullable=False),
    PrimaryKeyConstraint("project", "month", "kind", "reason"),
)
"""What was stored (`reason` is empty) and what was dropped, and why, in a calendar month."""

BODIES = Table(
    "bodies",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("answer", String(40), nullable=False),
    Column("until_ms", Number, nullable=False),
    Index("ix_bodies_until", "until_ms"),
)
"""Bodies that came a moment ago: who sends one again is told the same id, and nothing is stored twice."""

RELEASES = Table(
    "releases",
    METADATA,
    Column("project", Integer, nullable=False),
    Column("release", String(200), nullable=False),
    Column("commit_id", String(200)),
    Column("url", Text),
    Column("deployed_ms", Number),
    Column("created_ms", Number, nullable=False),
    PrimaryKeyConstraint("project", "release"),
    Index("ix_releases_created", "project", "created_ms"),
)

SOURCE_MAPS = Table(
    "source_maps",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("project", Integer, nullable=False),
    Column("release", String(200), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Number, nullable=False),
    Column("created_ms", Number, nullable=False),
    UniqueConstraint("project", "release", "url", name="uq_source_maps_url"),
)

SOURCE_MAP_FILES = Table(
    "source_map_files",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""What a source map holds, deflated; apart from its row, which is read far more often."""
