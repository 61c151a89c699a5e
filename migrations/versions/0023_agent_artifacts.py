"""Files of agents' runs, beside those of journeys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agent_artifacts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("session", Ms, nullable=False),
        sa.Column("project", sa.Integer(), nullable=True),
        sa.Column("file_id", sa.String(length=40), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", Ms, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["artifact_files.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "session", "sha256", name="uq_agent_artifacts_content"),
    )
    op.create_index("ix_agent_artifacts_file", "agent_artifacts", ["file_id"])
    op.create_index("ix_agent_artifacts_age", "agent_artifacts", ["created_ms"])
