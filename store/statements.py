"""The hot path's way to the database: SQL written once for both stores, lists and batches as plain tuples.

What runs for every result is not worth SQLAlchemy's work on each bound value (it doubles the cost of a stored run), so
these statements go to the driver as they are. They bypass the ORM's filter by organization and are therefore refused
outside a session of EVERY_ORGANIZATION; one that names its organization itself (`of`) may also run in a session of that
organization. What the ORM has not flushed they don't see. Templates are written with

    ?          a value
    IN ?       a list of text, one parameter whatever its length, so the statement is prepared once
    ?::jsonb   text that is a JSON document
    INDEXED BY x   for SQLite, which plans without statistics; PostgreSQL has them and chooses by itself
    FOR UPDATE [OF x] [SKIP LOCKED]   row locks, where rows can be locked (SQLite has one writer anyway)
    json_array_length(column)
    the_address, the_address IS ?   of a row on PostgreSQL (ctid), good until it is written; SQLite finds by the key
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store.sessions import EVERY_ORGANIZATION, UnscopedStatementError


def rows(session: Session, template: str, *values: Any, of: str | None = None) -> list[Any]:
    """Run one query and return all of its rows, each a tuple."""
    found: list[Any] = _executed(session, template, values, of, fetch=True)
    return found


def run(session: Session, template: str, *values: Any, of: str | None = None) -> int:
    """Run one statement that returns nothing; how many rows it touched."""
    return int(_executed(session, template, values, of))


def run_many(session: Session, template: str, batch: list[tuple[Any, ...]], *, of: str | None = None) -> int:
    """Run one statement for each tuple of values; how many rows they touched in all. No values, no statement."""
    return int(_executed(session, template, batch, of)) if batch else 0


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


_encode = msgspec.json.Encoder().encode
_INDEXED_BY = re.compile(r"INDEXED BY \w+ ")
_ROW_LOCKS = re.compile(r"FOR UPDATE( OF \w+)?( SKIP LOCKED)?")


@lru_cache(maxsize=256)
def sql(template: str, dialect: str) -> str:
    """The template as the dialect writes it."""
    if dialect == "sqlite":
        plain = template.replace("IN ?", "IN (SELECT value FROM json_each(?))").replace("?::jsonb", "?")
        return _ROW_LOCKS.sub("", plain).replace("the_address", "NULL")
    plain = _INDEXED_BY.sub("", template).replace("%", "%%").replace("IN ?", "= ANY(?)")
    plain = plain.replace("the_address IS", "ctid =").replace("the_address", "ctid")
    return plain.replace("json_array_length", "jsonb_array_length").replace("?", "%s")


def from_json(value: Any) -> Any:
    """A JSON column of a hot query: SQLite gives its text, PostgreSQL's driver what it means."""
    return json.loads(value) if isinstance(value, str) else value


def _executed(
    session: Session,
    template: str,
    values: tuple[Any, ...] | list[tuple[Any, ...]],
    of: str | None,
    *,
    fetch: bool = False,
) -> Any:
    """The rows that the statement finds, or how many it touched, in the session's transaction. Who listens to
    SQLAlchemy's statements hears of this one; the driver's errors come out as SQLAlchemy's, like everybody else's, but
    without the values."""
    scope = session.info.get("organization_id")
    if scope is not EVERY_ORGANIZATION and (of is None or scope != of):
        raise UnscopedStatementError("hot statements see every organization's rows: open the session for all of them")
    if of is not None and "organization_id" not in template:
        raise UnscopedStatementError("this statement does not say whose rows it is about")
    connection = _connection(session)
    dialect = connection.dialect
    statement, many = sql(template, dialect.name), isinstance(values, list)
    if not many and dialect.name == "sqlite":
        values = tuple([_encode(value).decode() if isinstance(value, list) else value for value in values])
    cursor = connection.connection.cursor()
    try:
        for hear in connection.engine.dispatch.before_cursor_execute:
            hear(connection, cursor, statement, values, None, many)
        (cursor.executemany if many else cursor.execute)(statement, values)
        return cursor.fetchall() if fetch else cursor.rowcount
    except dialect.loaded_dbapi.Error as error:
        base = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, base, hide_parameters=True, dialect=dialect) from error
    finally:
        cursor.close()


def _connection(session: Session) -> Connection:
    """The session's connection, asked for once a transaction: the session takes as long as the statement to answer."""
    known: tuple[object, Connection] | None = session.info.get("connection")
    if known is None or known[0] is not session.get_transaction():
        connection = session.connection()
        known = session.info["connection"] = session.get_transaction(), connection
    return known[1]
