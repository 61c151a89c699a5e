"""People, their memberships, and sessions of people beside those of keys."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=False),
        sa.Column("created_ms", Ms, nullable=False),
        sa.Column("password_ms", Ms, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("api_key_id", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("invite_hash", sa.String(length=64), nullable=True),
        sa.Column("invited_by", sa.String(length=200), nullable=True),
        sa.Column("invited_ms", Ms, nullable=False),
        sa.Column("invite_expires_ms", Ms, nullable=True),
        sa.Column("joined_ms", Ms, nullable=True),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("api_key_id"),
        sa.UniqueConstraint("invite_hash"),
        sa.UniqueConstraint("organization_id", "email", name="uq_memberships_email"),
        sa.UniqueConstraint("organization_id", "person_id", name="uq_memberships_person"),
    )
    op.create_index("ix_memberships_person", "memberships", ["person_id"])
    _sessions()


def _sessions() -> None:
    with op.batch_alter_table("web_sessions") as batch:
        batch.add_column(sa.Column("id", sa.String(length=40), nullable=True))
        batch.add_column(sa.Column("person_id", sa.String(length=40), nullable=True))
        batch.add_column(sa.Column("address", sa.String(length=64), server_default="", nullable=False))
        batch.add_column(sa.Column("user_agent", sa.String(length=300), server_default="", nullable=False))
    sessions = sa.table("web_sessions", sa.column("token_hash"), sa.column("id"))
    connection = op.get_bind()
    for token_hash in connection.execute(sa.select(sessions.c.token_hash)).scalars().all():
        connection.execute(
            sessions.update().where(sessions.c.token_hash == token_hash).values(id=f"ses_{secrets.token_hex(11)}")
        )
    with op.batch_alter_table("web_sessions") as batch:
        batch.alter_column("id", existing_type=sa.String(length=40), nullable=False)
        batch.alter_column("api_key_id", existing_type=sa.String(length=40), nullable=True)
        batch.create_unique_constraint("uq_web_sessions_id", ["id"])
        batch.create_foreign_key("fk_web_sessions_person", "people", ["person_id"], ["id"], ondelete="CASCADE")
        batch.create_index("ix_web_sessions_person", ["person_id"])
