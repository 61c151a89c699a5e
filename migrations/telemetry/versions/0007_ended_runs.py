"""Runs of agents that ended are waited for by whoever looks at them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agent_ended",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("session", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("at_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "session"),
    )
    op.create_index("ix_agent_ended_at", "agent_ended", ["at_ms"])
