"""Maintenance windows that begin in the past: what was stored before they were made is as if they had been known."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import marking
from store.alert_tables import MaintenanceWindow
from store.maintenance_windows import WindowFields, create_window, delete_window, update_window
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import RollupDay, RollupHour, Run
from store.write_lock import Urgency
from tests.alerts.alerting import STEP_MS, T0, add_channel, add_rule, alerts_of, record_one, tell_story
from tests.alerts.recording import add_check, not_run, rows_of
from tests.conftest import Clock
from tests.scheduler.asked import mark_stored_runs

STORY = "+-+--+-+"


@pytest.fixture(autouse=True)
def at_the_end(clock: Clock) -> None:
    clock.now_ms = T0 + len(STORY) * STEP_MS


def plan(database: Database, organization: str, clock: Clock, from_step: int, to_step: int, **fields: Any) -> str:
    window = WindowFields(
        name="upgrade", apply_to={"all": True, **fields}, starts_ms=T0 + from_step * STEP_MS,
        ends_ms=T0 + to_step * STEP_MS,
    )  # fmt: skip
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return create_window(session, organization, window, clock.now_ms).id


def counts(database: Database, check: str) -> list[list[Any]]:
    """Every rollup of a check, without its id."""
    found = [*rows_of(database, RollupHour), *rows_of(database, RollupDay)]
    return [[value for name, value in row.items() if name != "check_id"] for row in found if row["check_id"] == check]


def marked(database: Database, check: str) -> list[int]:
    """The steps whose runs are marked."""
    found = [row for row in rows_of(database, Run) if row["check_id"] == check and row["maintenance"]]
    return sorted((row["at_ms"] - T0) // STEP_MS for row in found)


def test_runs_stored_before_count_as_if_the_window_had_been_known(
    database: Database, organization: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "RUNS_AT_ONCE", 2)
    late, known = add_check(database, organization), add_check(database, organization)
    lost_ms = T0 + 2 * STEP_MS + 1
    record_one(database, not_run(organization, late, lost_ms))
    tell_story(database, organization, late, STORY)
    plan(database, organization, clock, 1, 5)
    record_one(database, not_run(organization, known, lost_ms))
    tell_story(database, organization, known, STORY)
    mark_stored_runs(database)
    assert marked(database, late) == marked(database, known)
    assert {1, 2, 3, 4} <= set(marked(database, late))
    assert counts(database, late) == counts(database, known)
    before = rows_of(database, RollupHour)
    mark_stored_runs(database)
    assert rows_of(database, RollupHour) == before


def test_alerts_that_only_its_runs_had_raised_are_taken_back(
    database: Database, organization: str, clock: Clock
) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "+-+--")
    plan(database, organization, clock, 3, 9)
    mark_stored_runs(database)
    first, second = alerts_of(database)
    assert (first.status, first.retracted) == ("resolved", False)
    assert (second.status, second.retracted) == ("resolved", True)
    assert second.resolution is not None
    assert "maintenance window" in second.resolution


def test_a_window_that_is_moved_back_takes_out_more_and_gives_nothing_back(
    database: Database, organization: str, clock: Clock
) -> None:
    check = add_check(database, organization)
    tell_story(database, organization, check, STORY)
    window_id = plan(database, organization, clock, 4, 5)
    mark_stored_runs(database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        window = session.get_one(MaintenanceWindow, window_id)
        moved = WindowFields(name="upgrade", apply_to={"all": True}, starts_ms=T0, ends_ms=T0 + 2 * STEP_MS)
        update_window(session, window, moved, clock.now_ms + 1)
    mark_stored_runs(database)
    assert marked(database, check) == [0, 1, 4]


def test_only_the_checks_it_names_are_touched_and_a_deleted_window_touches_none(
    database: Database, organization: str, clock: Clock
) -> None:
    one, other = add_check(database, organization), add_check(database, organization)
    for check in (one, other):
        tell_story(database, organization, check, STORY)
    plan(database, organization, clock, 0, 3, all=False, monitors=[one])
    gone = plan(database, organization, clock, 5, 8)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        delete_window(session, session.get_one(MaintenanceWindow, gone), clock.now_ms)
    mark_stored_runs(database)
    assert (marked(database, one), marked(database, other)) == ([0, 1, 2], [])
