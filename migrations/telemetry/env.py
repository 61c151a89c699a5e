"""What Alembic runs: the steps of the telemetry store, on the connection that migrations.upgrade hands over."""

from __future__ import annotations

from alembic import context

from telemetry.stored.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
