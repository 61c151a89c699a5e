"""What Alembic runs: the steps, on the connection that migrations.upgrade (or `python -m migrations`) hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON, BigInteger

from store.tables import Base


def _short(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """The two types of ours that differ by store are written by the names that script.py.mako defines."""
    if kind == "type" and isinstance(item, JSON):
        return "Json"
    if kind == "type" and isinstance(item, BigInteger):
        return "Ms"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can't alter most things in place; a step written so works on both stores
    render_item=_short,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
