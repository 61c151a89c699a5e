"""Migrations: from any step, empty or filled, on either store, to exactly the models; once, whoever starts first."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, Table, inspect, select, text

from migrations.upgrade import VERSIONS, BrokenReferencesError, configuration, migrating, newest_revision, upgrade
from store.sessions import Database
from store.tables import Base
from tests.migrations.filling import fill

MakeUrl = Callable[[], str]
STEPS = sorted(path.stem[:4] for path in VERSIONS.glob("*.py"))


@pytest.fixture
def empty(make_empty_database: MakeUrl) -> Iterator[Database]:
    database = Database(make_empty_database())
    yield database
    database.close()


def contents(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that there is, as it is."""
    reflected = MetaData()
    reflected.reflect(connection)
    return {
        name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for name, table in reflected.tables.items()
        if name != "alembic_version"
    }


@contextmanager
def transaction(database: Database) -> Iterator[Connection]:
    with database.engine.begin() as connection:
        yield connection


def test_a_migrated_database_is_exactly_what_the_models_say(empty: Database) -> None:
    upgrade(empty.engine)
    with transaction(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_migrated_database_has_every_index_of_the_models_partial_ones_too(empty: Database) -> None:
    """Alembic compares neither the conditions of indexes nor the rules of references, nor how SQLite keeps rows."""
    upgrade(empty.engine)
    migrated = _facts(empty)
    with transaction(empty) as connection:
        reflected = MetaData()
        reflected.reflect(connection)
        reflected.drop_all(connection)
        Base.metadata.create_all(connection)
    assert migrated == _facts(empty)


def _told(options: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (options or {}).items()}


def _facts(database: Database) -> dict[str, object]:
    look = inspect(database.engine)
    facts: dict[str, object] = {}
    if database.engine.dialect.name == "sqlite":
        with transaction(database) as connection:
            tables = connection.execute(text("SELECT name, wr FROM pragma_table_list"))
            facts["kept in their key"] = sorted(name for name, in_key in tables if in_key)
    for table in Base.metadata.tables:
        indexes = {
            index["name"]: (index["column_names"], bool(index["unique"]), _told(index.get("dialect_options")))
            for index in look.get_indexes(table)
        }
        references = sorted(
            (key["constrained_columns"], key["referred_table"], str(key["options"]))
            for key in look.get_foreign_keys(table)
        )
        unique = sorted(entry["column_names"] for entry in look.get_unique_constraints(table))
        facts[table] = (indexes, references, unique, look.get_pk_constraint(table)["constrained_columns"])
    return facts


@pytest.mark.parametrize("step", STEPS)
def test_a_filled_database_of_any_step_comes_to_the_newest_and_loses_nothing(empty: Database, step: str) -> None:
    upgrade(empty.engine, step)
    with transaction(empty) as connection:
        fill(connection)
        before = contents(connection)
    upgrade(empty.engine)
    with transaction(empty) as connection:
        after = contents(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    for table, rows in before.items():
        kept = after[table]
        for row in rows:  # new columns stand at the end, new rows are allowed
            assert any(other[: len(row)] == row for other in kept), f"{table} lost {row}"


def test_doing_it_twice_does_nothing(empty: Database) -> None:
    upgrade(empty.engine)
    with transaction(empty) as connection:
        fill(connection)
        before = contents(connection)
    upgrade(empty.engine)
    with migrating(empty.engine) as connection:  # also when it does look at every step
        from alembic import command

        command.upgrade(configuration(connection), "head")
    with transaction(empty) as connection:
        assert contents(connection) == before


def test_processes_that_start_together_migrate_once(make_empty_database: MakeUrl) -> None:
    url = make_empty_database()
    program = (
        "import sys, alembic.command; from migrations.upgrade import upgrade; print(flush=True); "
        "sys.stdin.readline(); upgrade(sys.argv[1])"
    )
    command = [sys.executable, "-W", "error", "-c", program, url]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()  # all are ready
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    database = Database(url)
    try:
        with transaction(database) as connection:
            assert len(connection.execute(select(Base.metadata.tables["shards"])).all()) == 16
    finally:
        database.close()


def test_a_step_that_fails_leaves_the_database_as_it_was(empty: Database) -> None:
    upgrade(empty.engine, "0001")

    def half_way() -> None:
        with migrating(empty.engine) as connection:
            Table("half_way", MetaData(), Column("id", Integer)).create(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_way()
    assert "half_way" not in inspect(empty.engine).get_table_names()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_step_may_rebuild_a_table_that_others_point_at(empty: Database) -> None:
    upgrade(empty.engine)
    with transaction(empty) as connection:
        fill(connection)
        before = contents(connection)
    with migrating(empty.engine) as connection:
        connection.exec_driver_sql("CREATE TABLE rebuilt AS SELECT * FROM organizations")
        connection.exec_driver_sql("DROP TABLE organizations")
        connection.exec_driver_sql(
            "CREATE TABLE organizations (id TEXT PRIMARY KEY, name, default_locations, created_ms, notice_channels)"
        )
        connection.exec_driver_sql("INSERT INTO organizations SELECT * FROM rebuilt")
        connection.exec_driver_sql("DROP TABLE rebuilt")
    with transaction(empty) as connection:
        assert contents(connection)["checks"] == before["checks"]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_step_that_leaves_rows_pointing_at_nothing_is_undone(empty: Database) -> None:
    upgrade(empty.engine)
    with transaction(empty) as connection:
        fill(connection)

    def break_references() -> None:
        with migrating(empty.engine) as connection:
            connection.exec_driver_sql("DELETE FROM organizations")

    with pytest.raises(BrokenReferencesError, match="rows that point at nothing"):
        break_references()
    with transaction(empty) as connection:
        assert contents(connection)["organizations"]


def test_the_steps_form_one_line_and_their_files_are_named_by_number() -> None:
    scripts = ScriptDirectory(str(VERSIONS.parent))
    line = [step.revision for step in reversed(list(scripts.walk_revisions()))]
    assert line == STEPS == [f"{number:04}" for number in range(1, len(STEPS) + 1)]
    assert newest_revision() == line[-1]
    for path in VERSIONS.iterdir():
        assert path.name == "__pycache__" or re.fullmatch(r"\d{4}(_[a-z0-9]+)+\.py", path.name), path.name
