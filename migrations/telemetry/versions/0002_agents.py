"""The tables of agents' runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agent_heads",
        sa.Column("organization_id", sa.String(40), primary_key=True),
        sa.Column("stream_seq", Number, nullable=False),
        sa.Column("sessions", Number, nullable=False),
    )
    op.create_table(
        "agent_sessions",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("number", Number, nullable=False),
        sa.Column("project", sa.Integer()),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("started_ms", Number, nullable=False),
        sa.Column("last_ms", Number, nullable=False),
        sa.Column("last_seq", Number, nullable=False),
        sa.Column("events", Number, nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "number", name="uq_agent_sessions_number"),
    )
    op.create_index("ix_agent_sessions_project", "agent_sessions", ["organization_id", "project", "number"])
    op.create_table(
        "agent_events",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("stream_seq", Number, nullable=False),
        sa.Column("session", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("type", sa.String(11), nullable=False),
        sa.Column("timestamp", sa.String(40), nullable=False),
        sa.Column("at_ms", Number, nullable=False),
        sa.Column("received_ms", Number, nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=False),
        sa.Column("step", sa.Integer()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "stream_seq"),
        sa.UniqueConstraint("organization_id", "session", "seq", name="uq_agent_events_seq"),
        sa.UniqueConstraint("organization_id", "session", "idempotency_key", name="uq_agent_events_key"),
    )
