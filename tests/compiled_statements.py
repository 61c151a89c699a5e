"""Statements are compiled once for all databases of the suite.

SQLAlchemy keeps what it compiled per engine, and each test has engines of its own, so each would compile every
statement anew: a fifth of what a request costs a test. All engines of one kind speak the same dialect here, so its
instances count as equal, and what one compiled serves the next.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


def share_compiled_statements() -> None:
    """From now on, in this process."""
    compiled: dict[Any, Any] = {}

    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    for dialect in (PGDialect_psycopg, SQLiteDialect_pysqlite):
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    event.listen(Engine, "engine_connect", use)
