"""Rate limits: counted in the database, so that all processes of the API count together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rate_counts",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("until_ms", Ms, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
