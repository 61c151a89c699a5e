"""The audit log: events that can't be changed or deleted, their heads, and from where keys were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

Ms = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SAID = "the audit log is never changed: its events stay as they were written"

_SQLITE = (
    f"CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, '{_SAID}'); END",
    f"""
    CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
    WHEN EXISTS (SELECT 1 FROM organizations WHERE id = OLD.organization_id)
    BEGIN SELECT RAISE(ABORT, '{_SAID}'); END
    """,  # noqa: S608
    # INSERT OR REPLACE deletes a row without asking the trigger of DELETE.
    f"""
    CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
    WHEN EXISTS (
        SELECT 1 FROM audit_events
        WHERE id = NEW.id OR (organization_id = NEW.organization_id AND number = NEW.number)
    )
    BEGIN SELECT RAISE(ABORT, '{_SAID}'); END
    """,  # noqa: S608
)
_FUNCTION = f"""
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM organizations WHERE id = OLD.organization_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '{_SAID}';
END $$
"""  # noqa: S608


def upgrade() -> None:
    _events()
    _heads()
    _addresses()
    _keep_events()


def _events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", Ms, nullable=False),
        sa.Column("at_ms", Ms, nullable=False),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.String(length=40), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("target_kind", sa.String(length=30), nullable=False),
        sa.Column("target_id", sa.String(length=40), nullable=True),
        sa.Column("target_name", sa.String(length=200), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "number", name="uq_audit_events_number"),
    )
    op.create_index("ix_audit_events_target", "audit_events", ["organization_id", "target_id", "number"])


def _heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("number", Ms, nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("base_number", Ms, nullable=False),
        sa.Column("base_chain", sa.String(length=64), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id"),
    )


def _addresses() -> None:
    op.create_table(
        "key_addresses",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("first_ms", Ms, nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key_id", "address"),
    )


def _keep_events() -> None:
    """Not even Tracer can change or delete an event. An organization that is deleted whole takes its log along."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE:
            op.execute(statement)
        return
    op.execute(_FUNCTION)
    for name, deed, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{name} BEFORE {deed} ON audit_events "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_audit_change()"
        )
