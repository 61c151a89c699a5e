"""Public status pages: what they show, what was posted on them, who wants to hear of it, and the mails to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
PENDING = sa.text("status = 'pending'")


def _owned(*columns: sa.Column[object] | sa.Constraint, page: bool = True) -> list[sa.Column[object] | sa.Constraint]:
    """The columns of a table with an owner, and of a page if it is part of one."""
    found: list[sa.Column[object] | sa.Constraint] = [
        *columns,
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    ]
    if page:
        found.append(sa.ForeignKeyConstraint(["page_id"], ["status_pages.id"], ondelete="CASCADE"))
    return found


def upgrade() -> None:
    op.create_table(
        "status_pages",
        *_owned(
            sa.Column("id", sa.String(length=40), nullable=False),
            sa.Column("slug", sa.String(length=64), nullable=False, unique=True),
            sa.Column("title", sa.String(length=200), nullable=False),
            sa.Column("public", sa.Boolean(), nullable=False),
            sa.Column("groups", Json, nullable=False),
            sa.Column("colours", Json, nullable=False),
            sa.Column("logo", sa.LargeBinary(), nullable=True),
            sa.Column("logo_type", sa.String(length=20), nullable=True),
            sa.Column("created_ms", Ms, nullable=False),
            sa.Column("updated_ms", Ms, nullable=False),
            page=False,
        ),
    )
    op.create_index("ix_status_pages_organization", "status_pages", ["organization_id", "created_ms"])
    op.create_table(
        "status_incidents",
        *_owned(
            sa.Column("id", sa.String(length=40), nullable=False),
            sa.Column("page_id", sa.String(length=40), nullable=False),
            sa.Column("title", sa.String(length=200), nullable=False),
            sa.Column("components", Json, nullable=False),
            sa.Column("status", sa.String(length=20), nullable=False),
            sa.Column("began_ms", Ms, nullable=False),
            sa.Column("resolved_ms", Ms, nullable=True),
        ),
    )
    op.create_index("ix_status_incidents_page", "status_incidents", ["page_id", "began_ms"])
    op.create_table(
        "status_updates",
        *_owned(
            sa.Column("id", sa.String(length=40), nullable=False),
            sa.Column("page_id", sa.String(length=40), nullable=False),
            sa.Column("incident_id", sa.String(length=40), nullable=False),
            sa.Column("status", sa.String(length=20), nullable=False),
            sa.Column("message", sa.String(), nullable=False),
            sa.Column("by", sa.String(length=200), nullable=False),
            sa.Column("at_ms", Ms, nullable=False),
            sa.Column("edited_ms", Ms, nullable=True),
            sa.ForeignKeyConstraint(["incident_id"], ["status_incidents.id"], ondelete="CASCADE"),
        ),
    )
    op.create_index("ix_status_updates_page", "status_updates", ["page_id", "at_ms"])
    op.create_index("ix_status_updates_incident", "status_updates", ["incident_id", "at_ms"])
    op.create_table(
        "status_subscribers",
        *_owned(
            sa.Column("id", sa.String(length=40), nullable=False),
            sa.Column("page_id", sa.String(length=40), nullable=False),
            sa.Column("email", sa.String(length=254), nullable=False),
            sa.Column("created_ms", Ms, nullable=False),
            sa.Column("confirmed_ms", Ms, nullable=True),
            sa.UniqueConstraint("page_id", "email", name="uq_status_subscribers_email"),
        ),
    )
    op.create_table(
        "status_mails",
        *_owned(
            sa.Column("id", sa.String(length=40), nullable=False),
            sa.Column("page_id", sa.String(length=40), nullable=False),
            sa.Column("subscriber_id", sa.String(length=40), nullable=False),
            sa.Column("update_id", sa.String(length=40), nullable=True),
            sa.Column("status", sa.String(length=10), nullable=False),
            sa.Column("attempts", sa.Integer(), nullable=False),
            sa.Column("created_ms", Ms, nullable=False),
            sa.Column("next_ms", Ms, nullable=False),
            sa.Column("claim", sa.String(length=64), nullable=True),
            sa.Column("claimed_until_ms", Ms, nullable=True),
            sa.Column("sent_ms", Ms, nullable=True),
            sa.Column("last_error", sa.String(length=500), nullable=True),
            sa.ForeignKeyConstraint(["subscriber_id"], ["status_subscribers.id"], ondelete="CASCADE"),
            sa.ForeignKeyConstraint(["update_id"], ["status_updates.id"], ondelete="CASCADE"),
        ),
    )
    op.create_index(
        "ix_status_mails_pending", "status_mails", ["next_ms"], sqlite_where=PENDING, postgresql_where=PENDING
    )
    op.create_index("ix_status_mails_subscriber", "status_mails", ["subscriber_id"])
    op.create_index("ix_status_mails_update", "status_mails", ["update_id"])
