"""Notices remember what owners were told of them; the API's clock remembers when its last absence began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("messages", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("told_open_ms", Ms, nullable=True))
        batch_op.add_column(sa.Column("told_resolved_ms", Ms, nullable=True))
        batch_op.add_column(sa.Column("owed_ms", Ms, nullable=True))
        batch_op.create_index(
            "ix_notices_owed",
            ["owed_ms"],
            unique=False,
            sqlite_where=sa.text("owed_ms IS NOT NULL"),
            postgresql_where=sa.text("owed_ms IS NOT NULL"),
        )
    with op.batch_alter_table("service_clock", schema=None) as batch_op:
        batch_op.add_column(sa.Column("away_from_ms", Ms, nullable=True))
