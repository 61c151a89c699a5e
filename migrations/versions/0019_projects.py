"""Projects: what SDKs report to, their public keys, and API keys that may see some of them only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("quota_events", Ms, nullable=True),
        sa.Column("quota_traces", Ms, nullable=True),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="uq_projects_number"),
        sa.UniqueConstraint("organization_id", "slug", name="uq_projects_slug"),
    )
    op.create_table(
        "project_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.String(length=32), nullable=False),
        sa.Column("server_only", sa.Boolean(), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("revoked_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_key", name="uq_project_keys_public_key"),
    )
    op.create_index("ix_project_keys_project", "project_keys", ["project_id"])
    with op.batch_alter_table("api_keys") as keys:
        keys.add_column(sa.Column("projects", Json, nullable=True))
