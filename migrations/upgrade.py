"""Brings a database to the newest shape, from code alone: no alembic.ini, safe when several processes start at once.

There are two lines of steps, that of the main store and that of telemetry, which lies beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from store.sessions import TELEMETRY as SCHEMA
from store.sessions import Database

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True)
class Line:
    """Steps that follow one another, in `folder`; `schema`: where they work on PostgreSQL, if not where all else is."""

    folder: Path
    schema: str | None = None

    @property
    def versions(self) -> Path:
        return self.folder / "versions"


MAIN = Line(Path(__file__).parent)
TELEMETRY = Line(Path(__file__).parent / "telemetry", SCHEMA)
VERSIONS = MAIN.versions
_LOCK = 7_264_118_305
"""The advisory lock of PostgreSQL under which one process migrates and the others wait."""


class BrokenReferencesError(RuntimeError):
    """A step left rows on SQLite that point at nothing; the whole upgrade was rolled back."""


def upgrade(target: str | Engine, revision: str = "head", line: Line = MAIN) -> None:
    """Run the steps that are missing, all in one transaction: a database is at the old shape or the new, never between.

    `target`: an SQLAlchemy address, for the main store and that of telemetry; or an engine made by
    store.sessions.Database, for one of them. Doing it twice does nothing.
    """
    if isinstance(target, Engine):
        if revision == "head" and is_newest(target, line):
            return
        from alembic import command  # 0.3 s that a start with nothing to do need not spend

        with migrating(target, line.schema) as connection:
            command.upgrade(configuration(connection, line), revision)
        return
    database = Database(target)
    try:
        upgrade(database.engine, revision)
        upgrade(database.telemetry.engine, line=TELEMETRY)
    finally:
        database.close()


def newest_revision(line: Line = MAIN) -> str:
    """The number of the last step; the files in versions/ are named by theirs."""
    return max(path.name[:4] for path in line.versions.glob("[0-9]*.py"))


def is_newest(engine: Engine, line: Line = MAIN) -> bool:
    """Whether this database has every step."""
    return _revision_of(engine) == newest_revision(line)


def _revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def configuration(connection: Connection, line: Line = MAIN) -> Config:
    """Alembic's configuration for this package on this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(line.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def migrating(engine: Engine, schema: str | None = None) -> Iterator[Connection]:
    """A connection in one transaction that no other migrating process shares. `schema`: made if it is not there."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # whoever migrates may take long
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            if schema is not None and schema not in inspect(connection).get_schema_names():
                connection.execute(text(f"CREATE SCHEMA {schema}"))  # asked for only then: it needs a right of its own
            yield connection
        return
    with engine.connect().execution_options(immediate=True) as connection:
        # A step that rebuilds a table drops the old one; with references on, that would delete what points at it.
        # The switch only works outside a transaction, so it is thrown on the driver's connection.
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise BrokenReferencesError(f"table {broken[0]} holds rows that point at nothing in {broken[2]}")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")
            driver.close()
