"""The telemetry store's own line of steps: beside the main store, to exactly what its tables say."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, select, text

from migrations.upgrade import TELEMETRY, is_newest, newest_revision, upgrade
from store.sessions import Database
from telemetry.agents.detectors.base import Finding
from telemetry.stored.tables import METADATA
from tests.migrations.filling import fill

OWN = {"events_text", "tokens", "ix_events_tokens"}
"""What finds words is each store's own, and not among the tables."""


@pytest.fixture
def empty(make_empty_database: Callable[[], str]) -> Iterator[Database]:
    database = Database(make_empty_database())
    yield database
    database.close()


def _known(_item: Any, name: str | None, _kind: str, _reflected: bool, _compared: Any) -> bool:
    return not any((name or "").startswith(own) for own in OWN)


def test_a_migrated_store_is_exactly_what_the_tables_say_and_doing_it_twice_does_nothing(empty: Database) -> None:
    for _ in range(2):
        upgrade(empty.telemetry.engine, line=TELEMETRY)
    assert is_newest(empty.telemetry.engine, TELEMETRY)
    with empty.telemetry.engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _known})
        assert compare_metadata(context, METADATA) == []


def test_an_address_is_brought_to_the_newest_in_both_and_neither_sees_the_other(
    make_empty_database: Callable[[], str],
) -> None:
    url = make_empty_database()
    upgrade(url)
    database = Database(url)
    try:
        main, beside = inspect(database.engine), inspect(database.telemetry.engine)
        assert "checks" in main.get_table_names()
        assert "events" not in main.get_table_names()
        assert {"events", "spans", "issues"} <= set(beside.get_table_names())
        assert "checks" not in beside.get_table_names()
    finally:
        database.close()


def test_rows_of_any_step_stay(empty: Database) -> None:
    upgrade(empty.telemetry.engine, "0001", TELEMETRY)
    with empty.telemetry.engine.begin() as connection:
        if empty.sqlite:
            connection.exec_driver_sql("DROP TABLE events_text")  # rows in it are made by hand, from those of events
        else:
            connection.exec_driver_sql("ALTER TABLE events DROP COLUMN tokens")  # and so are values in this
        fill(connection)
        filled = set(inspect(connection).get_table_names())
    upgrade(empty.telemetry.engine, line=TELEMETRY)
    with empty.telemetry.engine.begin() as connection:
        kept = MetaData()
        kept.reflect(connection)
        assert all(
            len(connection.execute(select(table)).all()) >= 2
            for table in kept.sorted_tables
            if table.name in METADATA.tables and table.name in filled
        )


def test_analyses_from_before_are_found_by_their_labels(empty: Database) -> None:
    upgrade(empty.telemetry.engine, "0003", TELEMETRY)
    stored = {1: ["stall", "tool_loop"], 2: []}
    with empty.telemetry.engine.begin() as connection:
        for session, labels in stored.items():
            found = [Finding(label, 0.9, 1, [1]) for label in labels]
            values = {"session": session, "detectors": zlib.compress(msgspec.json.encode(found))}
            connection.execute(
                text(
                    "INSERT INTO agent_analyses "
                    "(organization_id, session, upto_seq, at_ms, version, summary, detectors) "
                    "VALUES ('org_1', :session, 1, 1, 1, '', :detectors)"
                ),
                values,
            )
    upgrade(empty.telemetry.engine, line=TELEMETRY)
    with empty.telemetry.engine.begin() as connection:
        rows = connection.execute(text("SELECT session, labels FROM agent_analyses ORDER BY session")).all()
    assert [tuple(row) for row in rows] == [(1, " stall tool_loop "), (2, "")]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_an_index_of_words_finds_what_stands_between_spaces(empty: Database) -> None:
    upgrade(empty.telemetry.engine, line=TELEMETRY)
    with empty.telemetry.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events_text (rowid, search) VALUES (1, ' \ue000ab12 größe 東京 user '), (2, ' größen ')"
        )
        for wanted, found in (('"größe"', [1]), ('"größ" *', [1, 2]), ('"東京" AND "\ue000ab12"', [1]), ('"gr"', [])):
            query = "SELECT rowid FROM events_text WHERE events_text MATCH ?"
            assert [row[0] for row in connection.exec_driver_sql(query, (wanted,))] == found, wanted


def test_the_steps_form_one_line_and_their_files_are_named_by_number() -> None:
    line = [step.revision for step in reversed(list(ScriptDirectory(str(TELEMETRY.folder)).walk_revisions()))]
    assert line == sorted(path.stem[:4] for path in TELEMETRY.versions.glob("[0-9]*.py"))
    assert newest_revision(TELEMETRY) == line[-1]
