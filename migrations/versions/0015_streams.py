"""The organization's live stream: its messages, their numbers, and the streams that are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stream_heads",
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("seq", Ms, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id"),
    )
    op.create_table(
        "stream_pages",
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("last_seq", Ms, autoincrement=False, nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("news", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "last_seq"),
    )
    op.create_index("ix_stream_pages_at", "stream_pages", ["at_ms"])
    op.create_table(
        "stream_places",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=60), nullable=False),
        sa.Column("number", Ms, nullable=False),
        sa.Column("until_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("holder", "number", name="uq_stream_places_number"),
    )
