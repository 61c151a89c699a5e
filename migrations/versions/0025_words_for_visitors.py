"""What visitors of status pages read of a maintenance window."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("maintenance_windows", sa.Column("message", sa.String(length=500), nullable=True))
