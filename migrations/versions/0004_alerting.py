"""Alerting: rules, channels, alerts and their story, the outbox, quiet times, notices; browsers that signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    counters = sa.table("counters", sa.column("name"), sa.column("value"))
    op.bulk_insert(counters, [{"name": "alerting", "value": 0}])
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("updated_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("disabled_ms", Ms, nullable=True),
        sa.Column("disabled_reason", sa.String(length=500), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alert_channels", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_channels_organization", ["organization_id", "deleted_ms", "created_ms"], unique=False
        )

    op.create_table(
        "alert_rules",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("since_ms", Ms, nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("updated_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alert_rules", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_rules_organization", ["organization_id", "deleted_ms", "created_ms"], unique=False
        )

    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("rule_name", sa.String(length=200), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("votes", Json, nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("run_ids", Json, nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("triggered_ms", Ms, nullable=False),
        sa.Column("acknowledged_ms", Ms, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("recovered_ms", Ms, nullable=True),
        sa.Column("resolved_ms", Ms, nullable=True),
        sa.Column("resolved_by", sa.String(length=200), nullable=True),
        sa.Column("resolution", sa.String(), nullable=True),
        sa.Column("notes", Json, nullable=False),
        sa.Column("held", Json, nullable=True),
        sa.Column("told_ms", Ms, nullable=True),
        sa.Column("reminded_ms", Ms, nullable=True),
        sa.Column("retracted", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index("ix_alerts_check", ["check_id", "triggered_ms"], unique=False)
        batch_op.create_index(
            "ix_alerts_held",
            ["organization_id"],
            unique=False,
            sqlite_where=sa.text("resolved_ms IS NULL AND held IS NOT NULL"),
            postgresql_where=sa.text("resolved_ms IS NULL AND held IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_organization", ["organization_id", "triggered_ms"], unique=False)
        batch_op.create_index(
            "uq_alerts_open",
            ["check_id", "rule_id"],
            unique=True,
            sqlite_where=sa.text("resolved_ms IS NULL"),
            postgresql_where=sa.text("resolved_ms IS NULL"),
        )

    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("alert_id", sa.String(length=40), nullable=True),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_check", ["check_id", "at_ms"], unique=False)
        batch_op.create_index("ix_decisions_run", ["run_id"], unique=False)

    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("apply_to", Json, nullable=False),
        sa.Column("starts_ms", Ms, nullable=True),
        sa.Column("ends_ms", Ms, nullable=True),
        sa.Column("cron", sa.String(length=200), nullable=True),
        sa.Column("duration_s", sa.Integer(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("updated_ms", Ms, nullable=False),
        sa.Column("deleted_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("maintenance_windows", schema=None) as batch_op:
        batch_op.create_index(
            "ix_maintenance_windows_organization", ["organization_id", "deleted_ms", "created_ms"], unique=False
        )

    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("resolved_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index("ix_notices_organization", ["organization_id", "at_ms"], unique=False)
        batch_op.create_index(
            "uq_notices_open",
            ["organization_id", "kind", "subject"],
            unique=True,
            sqlite_where=sa.text("resolved_ms IS NULL"),
            postgresql_where=sa.text("resolved_ms IS NULL"),
        )

    op.create_table(
        "silences",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("match", Json, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("starts_ms", Ms, nullable=False),
        sa.Column("ends_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("silences", schema=None) as batch_op:
        batch_op.create_index("ix_silences_organization", ["organization_id", "ends_ms"], unique=False)

    op.create_table(
        "alert_events",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("alert_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alert_events", schema=None) as batch_op:
        batch_op.create_index("ix_alert_events_alert", ["alert_id", "number"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("alert_id", sa.String(length=40), nullable=True),
        sa.Column("notice_id", sa.String(length=40), nullable=True),
        sa.Column("channel_id", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("next_ms", Ms, nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("claimed_until_ms", Ms, nullable=True),
        sa.Column("sent_ms", Ms, nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("grouped", sa.Boolean(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index("ix_notifications_alert", ["alert_id", "created_ms"], unique=False)
        batch_op.create_index("ix_notifications_channel", ["channel_id", "sent_ms"], unique=False)
        batch_op.create_index(
            "ix_notifications_organization", ["organization_id", "status", "created_ms"], unique=False
        )
        batch_op.create_index(
            "ix_notifications_pending",
            ["next_ms"],
            unique=False,
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        )

    op.create_table(
        "web_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("api_key_id", sa.String(length=40), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("seen_ms", Ms, nullable=False),
        sa.Column("expires_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_web_sessions_expires", ["expires_ms"], unique=False)

    with op.batch_alter_table("organizations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notice_channels", Json, nullable=True))
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("judged_from", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("judged_from_ms", Ms, server_default="0", nullable=False))
