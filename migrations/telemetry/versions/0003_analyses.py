"""What the detectors found in agents' runs, and runs found by their id alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agent_analyses",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("session", Number, nullable=False),
        sa.Column("upto_seq", Number, nullable=False),
        sa.Column("at_ms", Number, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("critical_step", Number),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("detectors", sa.LargeBinary(), nullable=False),
        sa.Column("incident_id", sa.String(40)),
        sa.PrimaryKeyConstraint("organization_id", "session"),
    )
    op.create_index("ix_agent_sessions_id", "agent_sessions", ["id"])
