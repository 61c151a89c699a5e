"""Usage: runs by organization, calendar month and kind. Those of this month that are stored already are counted."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "usage_counters",
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("month_ms", Ms, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("runs", Ms, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "month_ms", "kind", "slot"),
    )
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    op.execute(
        sa.text(
            "INSERT INTO usage_counters (organization_id, month_ms, kind, slot, runs) "
            "SELECT organization_id, CAST(:month_ms AS BIGINT), "
            "CASE WHEN substr(check_id, 1, 4) = 'jny_' THEN 'browser_runs' ELSE 'api_runs' END, 0, count(*) "
            "FROM runs WHERE at_ms >= :month_ms AND probe_id IS NOT NULL AND status IN ('success', 'failed') "
            "GROUP BY 1, 3"
        ).bindparams(month_ms=round(month.timestamp()) * 1000)
    )
