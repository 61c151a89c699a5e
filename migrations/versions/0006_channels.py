"""The outbox by channel: what waits for one, what was asked for again, and when others were told in its place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retry_from_ms", Ms, nullable=True))
        batch_op.add_column(sa.Column("others_told_ms", Ms, nullable=True))
        batch_op.create_index(
            "ix_notifications_waiting",
            ["channel_id", "created_ms"],
            unique=False,
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        )
