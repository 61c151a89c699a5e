"""Fixes of incidents and the proofs that they work; whose repository a project's fixes are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
RUNNING = sa.text("status = 'running'")


def upgrade() -> None:
    op.add_column("projects", sa.Column("repository", sa.String(length=2000), nullable=True))
    op.add_column("projects", sa.Column("repository_token", sa.LargeBinary(), nullable=True))
    op.create_table(
        "incident_fixes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("plan", Json, nullable=False),
        sa.Column("diff", sa.String(), nullable=True),
        sa.Column("project_id", sa.String(length=40), nullable=True),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("done_ms", Ms, nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("until_ms", Ms, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_incident_fixes_running", "incident_fixes", ["incident_id"], unique=True, sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )  # fmt: skip
    op.create_index("ix_incident_fixes_newest", "incident_fixes", ["incident_id", "created_ms"])
    op.create_table(
        "regression_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("since_ms", Ms, nullable=False),
        sa.Column("asked", Json, nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("give_up_ms", Ms, nullable=False),
        sa.Column("done_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_regression_runs_running", "regression_runs", ["incident_id"], unique=True, sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )  # fmt: skip
    op.create_index("ix_regression_runs_newest", "regression_runs", ["incident_id", "created_ms"])
