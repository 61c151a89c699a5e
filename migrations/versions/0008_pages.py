"""What is open, by organization: pages ask for it every few seconds, among the alerts of two years."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_OPEN = sa.text("resolved_ms IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["organization_id", "triggered_ms"],
        unique=False,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
