"""Which labels an analysis found, so that runs are found by them."""

from __future__ import annotations

import json
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ANALYSES = sa.table(
    "agent_analyses",
    sa.column("organization_id", sa.String),
    sa.column("session", sa.BigInteger),
    sa.column("detectors", sa.LargeBinary),
    sa.column("labels", sa.Text),
)


def upgrade() -> None:
    op.add_column("agent_analyses", sa.Column("labels", sa.Text(), nullable=False, server_default=""))
    bind = op.get_bind()
    for organization_id, session, kept in bind.execute(
        sa.select(ANALYSES.c.organization_id, ANALYSES.c.session, ANALYSES.c.detectors)
    ).all():
        labels = [found["label"] for found in json.loads(zlib.decompress(kept))]
        if labels:
            bind.execute(
                sa.update(ANALYSES)
                .where(ANALYSES.c.organization_id == organization_id, ANALYSES.c.session == session)
                .values(labels=f" {' '.join(labels)} ")
            )
