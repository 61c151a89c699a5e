"""SQLite keeps rollups in their key: a window of a check is read in one go, not by a search for each of its rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_COLUMNS = (
    "check_id, bucket_ms, location, planned, success, failed, unmeasured, maintenance, by_hand, duration_sum_ms, "
    "histogram, organization_id"
)


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for table in ("rollups_hour", "rollups_day"):
        op.rename_table(table, f"{table}_before")
        op.create_table(
            table,
            sa.Column("check_id", sa.String(length=40), nullable=False),
            sa.Column("bucket_ms", sa.Integer(), nullable=False),
            sa.Column("location", sa.String(length=64), nullable=False),
            sa.Column("planned", sa.Integer(), nullable=False),
            sa.Column("success", sa.Integer(), nullable=False),
            sa.Column("failed", sa.Integer(), nullable=False),
            sa.Column("unmeasured", sa.JSON(), nullable=True),
            sa.Column("maintenance", sa.Integer(), nullable=False),
            sa.Column("by_hand", sa.JSON(), nullable=True),
            sa.Column("duration_sum_ms", sa.Float(), nullable=False),
            sa.Column("histogram", sa.LargeBinary(), nullable=True),
            sa.Column("organization_id", sa.String(length=40), nullable=False),
            sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("check_id", "bucket_ms", "location"),
            sqlite_with_rowid=False,
        )
        op.execute(f"INSERT INTO {table} ({_COLUMNS}) SELECT {_COLUMNS} FROM {table}_before ORDER BY 1, 2, 3")  # noqa: S608
        op.drop_table(f"{table}_before")
