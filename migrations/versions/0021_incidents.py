"""Incidents: failures that are one, what they happened to, and what people said of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
WAITING = sa.text("waiting > 0")


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("cluster_key", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("label", sa.String(length=30), nullable=False),
        sa.Column("tally", Json, nullable=False),
        sa.Column("status", sa.String(length=13), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=True),
        sa.Column("count", Ms, nullable=False),
        sa.Column("first_ms", Ms, nullable=False),
        sa.Column("last_ms", Ms, nullable=False),
        sa.Column("fixed_ms", Ms, nullable=True),
        sa.Column("touched_ms", Ms, nullable=True),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "cluster_key", name="uq_incidents_cluster"),
    )
    op.create_index("ix_incidents_last", "incidents", ["organization_id", "last_ms", "id"])
    op.create_table(
        "incident_members",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=7), nullable=False),
        sa.Column("member", sa.String(length=200), nullable=False),
        sa.Column("project", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=30), nullable=False),
        sa.Column("count", Ms, nullable=False),
        sa.Column("first_ms", Ms, nullable=False),
        sa.Column("last_ms", Ms, nullable=False),
        sa.Column("newest", sa.String(length=200), nullable=False),
        sa.Column("resolved_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident_id", "kind", "member"),
    )
    op.create_index("ix_incident_members_newest", "incident_members", ["incident_id", "kind", "last_ms"])
    op.create_index("ix_incident_members_project", "incident_members", ["organization_id", "project", "incident_id"])
    op.create_table(
        "incident_failures",
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=7), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("member", sa.String(length=200), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=True),
        sa.Column("label", sa.String(length=30), nullable=False),
        sa.Column("first_ms", Ms, nullable=False),
        sa.Column("last_ms", Ms, nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("upto_seq", Ms, nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "kind", "id"),
    )
    op.create_index(
        "ix_incident_failures_waiting", "incident_failures", ["organization_id", "kind", "id"], sqlite_where=WAITING,
        postgresql_where=WAITING,
    )  # fmt: skip
    op.create_index("ix_incident_failures_member", "incident_failures", ["incident_id", "member", "last_ms"])
    op.create_index("ix_incident_failures_old", "incident_failures", ["kind", "last_ms"])
    op.create_table(
        "incident_changes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=True),
        sa.Column("was", sa.String(length=254), nullable=True),
        sa.Column("became", sa.String(length=254), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_incident_changes_incident", "incident_changes", ["incident_id", "number"])
