"""The rows every database has: the change feed's number, 16 scheduler shards, the service clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SHARDS = 16


def upgrade() -> None:
    counters = sa.table("counters", sa.column("name"), sa.column("value"))
    op.bulk_insert(counters, [{"name": "changes", "value": 0}])
    shards = sa.table("shards", sa.column("id"), sa.column("token"), sa.column("lease_until_ms"))
    op.bulk_insert(shards, [{"id": number, "token": 0, "lease_until_ms": 0} for number in range(_SHARDS)])
    clock = sa.table("service_clock", sa.column("name"), sa.column("serving_since_ms"), sa.column("seen_ms"))
    op.bulk_insert(clock, [{"name": "api", "serving_since_ms": 0, "seen_ms": 0}])
