"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", Ms, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "keyring",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("default_locations", Json, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "roles",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until_ms", Ms, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "service_clock",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("serving_since_ms", Ms, nullable=False),
        sa.Column("seen_ms", Ms, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "shards",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("lease_until_ms", Ms, nullable=False),
        sa.Column("checkpoint_ms", Ms, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=20), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("expires_ms", Ms, nullable=True),
        sa.Column("last_used_ms", Ms, nullable=True),
        sa.Column("revoked_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index("ix_api_keys_organization", ["organization_id"], unique=False)

    op.create_table(
        "changes",
        sa.Column("seq", Ms, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("entity_id", sa.String(length=40), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("locations", Json, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("updated_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.create_index("ix_checks_organization", ["organization_id", "deleted_ms", "created_ms"], unique=False)

    op.create_table(
        "dispatches",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("runs", Json, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("first_limit_ms", Ms, nullable=False),
        sa.Column("last_limit_ms", Ms, nullable=False),
        sa.Column("instance_id", sa.String(length=40), nullable=True),
        sa.Column("probe_id", sa.String(length=40), nullable=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("leased_ms", Ms, nullable=True),
        sa.Column("finished", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("dispatches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_dispatches_open", ["organization_id", "location", "kind", "closed_ms", "priority"], unique=False
        )

    op.create_table(
        "gaps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("from_ms", Ms, nullable=False),
        sa.Column("to_ms", Ms, nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("error_code", sa.String(length=30), nullable=False),
        sa.Column("error_message", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("gaps", schema=None) as batch_op:
        batch_op.create_index("ix_gaps_check", ["check_id", "to_ms"], unique=False)

    op.create_table(
        "probes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=20), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
    )
    with op.batch_alter_table("probes", schema=None) as batch_op:
        batch_op.create_index("ix_probes_location", ["organization_id", "location"], unique=False)

    op.create_table(
        "rollups_day",
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("bucket_ms", Ms, nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("success", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("unmeasured", Json, nullable=True),
        sa.Column("maintenance", sa.Integer(), nullable=False),
        sa.Column("by_hand", Json, nullable=True),
        sa.Column("duration_sum_ms", sa.Float(), nullable=False),
        sa.Column("histogram", sa.LargeBinary(), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "bucket_ms", "location"),
    )
    op.create_table(
        "rollups_hour",
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("bucket_ms", Ms, nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("success", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("unmeasured", Json, nullable=True),
        sa.Column("maintenance", sa.Integer(), nullable=False),
        sa.Column("by_hand", Json, nullable=True),
        sa.Column("duration_sum_ms", sa.Float(), nullable=False),
        sa.Column("histogram", sa.LargeBinary(), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "bucket_ms", "location"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("check_version", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("trigger", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("started_ms", Ms, nullable=True),
        sa.Column("completed_ms", Ms, nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=True),
        sa.Column("dns_ms", sa.Float(), nullable=True),
        sa.Column("connect_ms", sa.Float(), nullable=True),
        sa.Column("tls_ms", sa.Float(), nullable=True),
        sa.Column("ttfb_ms", sa.Float(), nullable=True),
        sa.Column("download_ms", sa.Float(), nullable=True),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("maintenance", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.String(length=30), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("probe_id", sa.String(length=40), nullable=True),
        sa.Column("dispatch_id", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("check_id", "at_ms", "location", "trigger", name="uq_runs_slot"),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_runs_not_success",
            ["check_id", "at_ms"],
            unique=False,
            sqlite_where=sa.text("status <> 'success'"),
            postgresql_where=sa.text("status <> 'success'"),
        )

    op.create_table(
        "check_versions",
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("schedule", Json, nullable=True),
        sa.Column("from_ms", Ms, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "version"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("deadline_ms", Ms, nullable=True),
        sa.Column("started_ms", Ms, nullable=True),
        sa.Column("last_ping_ms", Ms, nullable=True),
        sa.Column("last_run_ms", Ms, nullable=True),
        sa.Column("last_status", sa.String(length=10), nullable=True),
        sa.Column("period_end_ms", Ms, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id"),
        sa.UniqueConstraint("token_hash"),
    )
    with op.batch_alter_table("heartbeats", schema=None) as batch_op:
        batch_op.create_index("ix_heartbeats_deadline", ["deadline_ms"], unique=False)

    op.create_table(
        "location_states",
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=True),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("since_ms", Ms, nullable=True),
        sa.Column("at_ms", Ms, nullable=True),
        sa.Column("fresh_until_ms", Ms, nullable=True),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=True),
        sa.Column("metrics", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("unrun_since_ms", Ms, nullable=True),
        sa.Column("unrun_slots", sa.Integer(), nullable=False),
        sa.Column("gap_id", sa.String(length=40), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "location"),
    )
    op.create_table(
        "probe_instances",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("probe_id", sa.String(length=40), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("lease_until_ms", Ms, nullable=False),
        sa.Column("started_ms", Ms, nullable=False),
        sa.Column("seen_ms", Ms, nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("capabilities", Json, nullable=False),
        sa.Column("types", Json, nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("spool", sa.Integer(), nullable=False),
        sa.Column("self_check", sa.String(length=5), nullable=False),
        sa.Column("stopping", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["probe_id"], ["probes.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("probe_instances", schema=None) as batch_op:
        batch_op.create_index(
            "ix_probe_instances_location", ["organization_id", "location", "lease_until_ms"], unique=False
        )
