"""Rules on what SDKs report: alerts of a project, one a group; their firings; how far events have been judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
OPEN = sa.text("resolved_ms IS NULL")
OPEN_GROUP = sa.text("resolved_ms IS NULL AND group_key <> ''")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("group_key", sa.String(length=200), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("issue_id", sa.String(length=24), nullable=True))
    op.add_column("alerts", sa.Column("about", Json, nullable=True))
    op.drop_index("uq_alerts_open", "alerts")
    op.create_index(
        "uq_alerts_open", "alerts", ["check_id", "rule_id", "group_key"], unique=True, sqlite_where=OPEN,
        postgresql_where=OPEN,
    )  # fmt: skip
    op.create_index(
        "ix_alerts_groups", "alerts", ["rule_id"], sqlite_where=OPEN_GROUP, postgresql_where=OPEN_GROUP
    )  # fmt: skip
    op.create_table(
        "firings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("rule_name", sa.String(length=200), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("alert_id", sa.String(length=40), nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("quiet_until_ms", Ms, nullable=False),
        sa.Column("count", Ms, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_firings_organization", "firings", ["organization_id", "id"])
    op.create_index("ix_firings_quiet", "firings", ["rule_id", "quiet_until_ms"])
    op.create_index("ix_firings_alert", "firings", ["alert_id"])
    op.create_table(
        "event_cursors",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("seq", Ms, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO event_cursors (name, seq) VALUES ('rules', 0)")
