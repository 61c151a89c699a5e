"""Rollups lose nothing between writers, and always add up to the runs they count."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import IntegrityError

from alerts.record import record
from model.errors import ErrorCode
from model.histogram import Histogram
from model.times import DAY_MS, HOUR_MS
from store.sessions import EVERY_ORGANIZATION, Database, UnscopedStatementError
from store.statements import rows, run_many
from store.tables import LocationState, RollupDay, RollupHour, Run
from store.write_lock import Urgency
from tests.alerts.recording import T0, add_check, measured, not_run, record_all, rows_of


def test_a_slot_counts_in_the_hour_and_day_in_which_it_was_due(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    midnight = T0 - T0 % DAY_MS + DAY_MS
    record_all(database, [[measured(organization, check, midnight - 1), measured(organization, check, midnight)]])
    assert [row["bucket_ms"] for row in rows_of(database, RollupHour)] == [midnight - HOUR_MS, midnight]
    assert [row["bucket_ms"] for row in rows_of(database, RollupDay)] == [midnight - DAY_MS, midnight]


def test_reasons_are_counted_apart(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    codes = [ErrorCode.NO_PROBE, ErrorCode.NO_PROBE, ErrorCode.PROBE_OFFLINE, ErrorCode.OVERLAP]
    record_all(database, [[not_run(organization, check, T0 + at * 10_000, code)] for at, code in enumerate(codes)])
    (row,) = rows_of(database, RollupDay)
    assert row["unmeasured"] == {"no_probe": 2, "overlap": 1, "probe_offline": 1}
    assert row["planned"] == 4


def test_sums_do_not_depend_on_the_order_of_arrival(database: Database, organization: str) -> None:
    durations = [0.1, 1e7, 0.3, 12.345, 1e-3, 99_999.9]
    sums = []
    for order in (durations, durations[::-1]):
        check = add_check(database, organization)
        record_all(
            database,
            [[measured(organization, check, T0 + at, duration_ms=each, run_id=f"run_{check}{at}")]
             for at, each in enumerate(order)],
        )  # fmt: skip
        sums += [row["duration_sum_ms"] for row in rows_of(database, RollupDay) if row["check_id"] == check]
    assert sums[0] == sums[1] == pytest.approx(sum(durations), abs=0.01)


def test_writers_at_the_same_time_lose_no_count(database: Database, organization: str) -> None:
    """Each writer holds results of the same checks, in an order of its own, new ones and repeated ones."""
    checks = [add_check(database, organization) for _ in range(8)]
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        start.wait()
        try:
            for turn in range(12):
                batch = [measured(organization, check, T0 + (turn * 4 + number) * 1_000) for check in checks]
                batch += [measured(organization, check, T0 + turn * 4_000, passed=False) for check in checks]
                batch += [not_run(organization, check, T0 + (100 + turn) * 1_000, location="eu") for check in checks]
                with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                    record(session, batch if number % 2 else batch[::-1], T0)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    runs = rows_of(database, Run)
    for check in checks:
        mine = [run for run in runs if run["check_id"] == check and run["location"] == "local"]
        assert len(mine) == 48
        for table in (RollupHour, RollupDay):
            counted = [row for row in rows_of(database, table) if row["check_id"] == check]
            local = [row for row in counted if row["location"] == "local"]
            assert sum(row["planned"] for row in local) == 48
            assert sum(row["failed"] for row in local) == sum(run["status"] == "failed" for run in mine)
            assert sum(Histogram.decode(row["histogram"]).count for row in local) == 48
            assert sum(row["planned"] for row in counted if row["location"] == "eu") == 12
    states = {(row["check_id"], row["location"]): row for row in rows_of(database, LocationState)}
    assert {states[check, "local"]["at_ms"] for check in checks} == {T0 + 47_000}


def test_errors_of_hot_statements_are_sqlalchemys_and_tell_no_values(database: Database) -> None:
    insert = "INSERT INTO organizations (id, name, default_locations, created_ms) VALUES (?, ?, '[]', 0)"
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        run_many(session, insert, [("org_twice", "a name to keep quiet")])
        session.flush()
        with pytest.raises(IntegrityError) as caught:
            run_many(session, insert, [("org_twice", "a name to keep quiet")])
        session.rollback()
    assert "a name to keep quiet" not in str(caught.value)


def test_hot_statements_are_refused_in_the_session_of_one_organization(database: Database, organization: str) -> None:
    with database.read(organization) as session, pytest.raises(UnscopedStatementError):
        rows(session, "SELECT 1")
