"""The hot path's way to the database: SQL written once for both stores, lists and batches as plain tuples.

What runs for every result is not worth SQLAlchemy's work on each bound value (it doubles the cost of a stored run), so
these statements go to the driver as they are. They bypass the ORM's filter by organization and are therefore refused
outside a session of EVERY_ORGANIZATION. Templates are written with

    ?          a value
    IN ?       a list of text, one parameter whatever its length, so the statement is prepared once
    ?::jsonb   text that is a JSON document
    FOR UPDATE [OF x] [SKIP LOCKED]   row locks, where rows can be locked (SQLite has one writer anyway)
    json_array_length(column)
    rowid      the address of a row (PostgreSQL's ctid), good until the row is written
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.orm import Session

from store.sessions import EVERY_ORGANIZATION, UnscopedStatementError


def rows(session: Session, template: str, *values: Any) -> Sequence[Any]:
    """Run one query and return all of its rows."""
    return _run(session, template, values).all()


def run(session: Session, template: str, *values: Any) -> int:
    """Run one statement that returns nothing; how many rows it touched."""
    return _run(session, template, values).rowcount


def run_many(session: Session, template: str, batch: list[tuple[Any, ...]]) -> int:
    """Run one statement for each tuple of values; how many rows they touched in all. No values, no statement."""
    if not batch:
        return 0
    connection = _connection(session)
    return connection.exec_driver_sql(sql(template, connection.dialect.name), batch).rowcount


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


_ROW_LOCKS = re.compile(r"FOR UPDATE( OF \w+)?( SKIP LOCKED)?")


@lru_cache(maxsize=256)
def sql(template: str, dialect: str) -> str:
    """The template as the dialect writes it."""
    if dialect == "sqlite":
        plain = template.replace("IN ?", "IN (SELECT value FROM json_each(?))").replace("?::jsonb", "?")
        return _ROW_LOCKS.sub("", plain)
    plain = template.replace("%", "%%").replace("IN ?", "= ANY(?)").replace("rowid", "ctid")
    return plain.replace("json_array_length", "jsonb_array_length").replace("?", "%s")


def from_json(value: Any) -> Any:
    """A JSON column of a hot query: SQLite gives its text, PostgreSQL's driver what it means."""
    return json.loads(value) if isinstance(value, str) else value


def _run(session: Session, template: str, values: tuple[Any, ...]) -> CursorResult[Any]:
    connection = _connection(session)
    name = connection.dialect.name
    if name == "sqlite":
        values = tuple([json.dumps(value) if isinstance(value, list) else value for value in values])
    return connection.exec_driver_sql(sql(template, name), values)


def _connection(session: Session) -> Connection:
    if session.info.get("organization_id") is not EVERY_ORGANIZATION:
        raise UnscopedStatementError("hot statements see every organization's rows: open the session for all of them")
    return session.connection()
