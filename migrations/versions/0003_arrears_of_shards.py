"""What a shard that had no scheduler still owes, and the dispatches that are not closed yet without a scan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "arrears",
        sa.Column("shard_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("from_ms", Ms, autoincrement=False, nullable=False),
        sa.Column("to_ms", Ms, nullable=False),
        sa.Column("closed_to", sa.String(length=40), nullable=True),
        sa.Column("offered_to", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("shard_id", "from_ms"),
    )
    with op.batch_alter_table("dispatches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_dispatches_unclosed",
            ["last_limit_ms"],
            unique=False,
            sqlite_where=sa.text("closed_ms IS NULL"),
            postgresql_where=sa.text("closed_ms IS NULL"),
        )
