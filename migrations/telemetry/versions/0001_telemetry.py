"""The tables of errors, traces and releases, and the index of words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FTS5 = (
    "CREATE VIRTUAL TABLE events_text USING fts5(search, content='events', content_rowid='seq', detail='none', "
    "tokenize=ascii)"
)
"""Of each token only in which rows it is: phrases are looked for in the rows themselves."""
TSVECTOR = (
    "ALTER TABLE events ADD COLUMN tokens tsvector GENERATED ALWAYS AS "
    "(array_to_tsvector(string_to_array(btrim(search), ' '))) STORED"
)
"""The same tokens, not parsed again."""


def upgrade() -> None:
    op.create_table(
        "intake",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("events", Number, nullable=False),
        sa.Column("spans", Number, nullable=False),
        sa.Column("generations", Number, nullable=False),
        sa.Column("issues", Number, nullable=False),
        sa.Column("maps", Number, nullable=False),
        sa.Column("at_ms", Number, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("minute_ms", Number, primary_key=True, autoincrement=False),
        sa.Column("events", Number, nullable=False),
        sa.Column("spans", Number, nullable=False),
        sa.Column("generations", Number, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", Number, primary_key=True, autoincrement=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("issue", Number, nullable=False),
        sa.Column("level", sa.String(7), nullable=False),
        sa.Column("at_ms", Number, nullable=False),
        sa.Column("received_ms", Number, nullable=False),
        sa.Column("environment", sa.String(200)),
        sa.Column("release", sa.String(200)),
        sa.Column("user_key", sa.String(200)),
        sa.Column("trace_id", sa.String(128)),
        sa.Column("tags", sa.Text()),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("project", "event_id", name="uq_events_event_id"),
    )
    op.create_index("ix_events_issue", "events", ["issue", "seq"])
    op.create_index("ix_events_level", "events", ["project", "level", "seq"])
    op.create_index("ix_events_project", "events", ["project", "seq"])
    traced = sa.text("trace_id IS NOT NULL")
    op.create_index("ix_events_trace", "events", ["project", "trace_id"], sqlite_where=traced, postgresql_where=traced)
    op.create_table(
        "issues",
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(200), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("culprit", sa.String(300), nullable=False),
        sa.Column("level", sa.String(7), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("first_ms", Number, nullable=False),
        sa.Column("last_ms", Number, nullable=False),
        sa.Column("first_seq", Number, nullable=False),
        sa.Column("last_seq", Number, nullable=False),
        sa.Column("count", Number, nullable=False),
        sa.Column("user_count", Number, nullable=False),
        sa.Column("merged_into", Number),
        sa.Column("resolved_ms", Number),
        sa.Column("regressed_ms", Number),
        sa.Column("regressed_release", sa.String(200)),
    )
    op.create_index("ix_issues_merged", "issues", ["merged_into"])
    op.create_index("ix_issues_project", "issues", ["project", "last_seq"])
    op.create_table(
        "fingerprints",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("issue", Number, nullable=False),
        sa.PrimaryKeyConstraint("project", "fingerprint"),
    )
    op.create_index("ix_fingerprints_issue", "fingerprints", ["issue"])
    op.create_table(
        "issue_users",
        sa.Column("issue", Number, nullable=False),
        sa.Column("user_hash", Number, nullable=False),
        sa.PrimaryKeyConstraint("issue", "user_hash"),
    )
    op.create_table(
        "issue_releases",
        sa.Column("issue", Number, nullable=False),
        sa.Column("release", sa.String(200), nullable=False),
        sa.Column("first_ms", Number, nullable=False),
        sa.Column("last_ms", Number, nullable=False),
        sa.Column("count", Number, nullable=False),
        sa.PrimaryKeyConstraint("issue", "release"),
    )
    op.create_table(
        "spans",
        sa.Column("seq", Number, primary_key=True, autoincrement=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.String(128), nullable=False),
        sa.Column("span_id", sa.String(128), nullable=False),
        sa.Column("parent_span_id", sa.String(128)),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("op", sa.String(100), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("start_ms", sa.Float(53), nullable=False),
        sa.Column("end_ms", sa.Float(53), nullable=False),
        sa.Column("received_ms", Number, nullable=False),
        sa.Column("environment", sa.String(200)),
        sa.Column("release", sa.String(200)),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("project", "trace_id", "span_id", name="uq_spans_span_id"),
    )
    op.create_index("ix_spans_project", "spans", ["project", "seq"])
    op.create_table(
        "generations",
        sa.Column("seq", Number, primary_key=True, autoincrement=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("status", sa.String(5), nullable=False),
        sa.Column("at_ms", Number, nullable=False),
        sa.Column("received_ms", Number, nullable=False),
        sa.Column("input_tokens", Number, nullable=False),
        sa.Column("output_tokens", Number),
        sa.Column("cost_usd", sa.Float(53)),
        sa.Column("latency_ms", sa.Float(53)),
        sa.Column("trace_id", sa.String(128)),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_generations_model", "generations", ["project", "at_ms"])
    op.create_index("ix_generations_project", "generations", ["project", "seq"])
    op.create_table(
        "usage",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("kind", sa.String(11), nullable=False),
        sa.Column("reason", sa.String(12), nullable=False),
        sa.Column("count", Number, nullable=False),
        sa.PrimaryKeyConstraint("project", "month", "kind", "reason"),
    )
    op.create_table(
        "bodies",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("answer", sa.String(40), nullable=False),
        sa.Column("until_ms", Number, nullable=False),
    )
    op.create_index("ix_bodies_until", "bodies", ["until_ms"])
    op.create_table(
        "releases",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(200), nullable=False),
        sa.Column("commit_id", sa.String(200)),
        sa.Column("url", sa.Text()),
        sa.Column("deployed_ms", Number),
        sa.Column("created_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("project", "release"),
    )
    op.create_index("ix_releases_created", "releases", ["project", "created_ms"])
    op.create_table(
        "source_maps",
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", Number, nullable=False),
        sa.Column("created_ms", Number, nullable=False),
        sa.UniqueConstraint("project", "release", "url", name="uq_source_maps_url"),
    )
    op.create_table(
        "source_map_files",
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.execute("INSERT INTO intake VALUES (1, 0, 0, 0, 0, 0, 0)")
    if op.get_bind().dialect.name == "sqlite":
        op.execute(FTS5)
    else:
        op.execute(TSVECTOR)
        op.execute("CREATE INDEX ix_events_tokens ON events USING gin (tokens)")
