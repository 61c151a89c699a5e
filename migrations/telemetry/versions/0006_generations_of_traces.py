"""Calls of language models are found by their trace."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_generations_trace", "generations", ["trace_id"])
