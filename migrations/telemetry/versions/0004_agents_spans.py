"""Which run of an agent a trace belongs to; runs by their age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agent_traces",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.String(128), nullable=False),
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("session", Number, nullable=False),
        sa.PrimaryKeyConstraint("project", "trace_id"),
    )
    op.create_index("ix_agent_traces_session", "agent_traces", ["organization_id", "session"])
    op.create_index("ix_agent_sessions_age", "agent_sessions", ["last_ms"])
    op.create_index("ix_agent_sessions_project_age", "agent_sessions", ["project", "last_ms"])
