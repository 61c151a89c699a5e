"""What one call of `record` stores, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alerts.record import record
from model.errors import ErrorCode
from model.histogram import Histogram
from model.outcome import RunStatus, Trigger
from store.run_rows import stored_runs
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Dispatch, LocationState, RollupDay, RollupHour, Run
from store.write_lock import Urgency
from tests.alerts.recording import (
    T0,
    add_check,
    add_dispatch,
    manual,
    measured,
    not_run,
    record_all,
    rows_of,
)


def test_a_success_is_a_run_counts_by_hour_and_day_and_a_verdict(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    assert record_all(database, [[measured(organization, check, T0, response={"status_code": 200})]]) == []
    (run,) = rows_of(database, Run)
    assert (run["status"], run["started_ms"], run["dns_ms"], run["error_code"]) == ("success", T0 + 5, 1.0, None)
    assert run["detail"] == b'{"response":{"status_code":200}}'
    for table, width in ((RollupHour, 3_600_000), (RollupDay, 86_400_000)):
        (rollup,) = rows_of(database, table)
        assert rollup["bucket_ms"] == T0 - T0 % width
        assert (rollup["planned"], rollup["success"], rollup["failed"], rollup["unmeasured"]) == (1, 1, 0, None)
        assert rollup["duration_sum_ms"] == 100.0
        assert Histogram.decode(rollup["histogram"]).count == 1
    (state,) = rows_of(database, LocationState)
    assert (state["status"], state["since_ms"], state["at_ms"], state["run_id"]) == ("success", T0, T0, run["id"])
    assert state["fresh_until_ms"] == T0 + 2 * 10_000 + 30_000
    assert state["metrics"] == {"dns_ms": 1.0, "connect_ms": 2.0, "ttfb_ms": 90.0, "download_ms": 10.0}


def test_a_repeated_result_changes_nothing(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    done = measured(organization, check, T0)
    assert record_all(database, [[done, done], [done]]) == []
    assert len(rows_of(database, Run)) == 1
    assert rows_of(database, RollupHour)[0]["planned"] == 1


def test_a_late_result_replaces_a_missed_run_and_its_reason(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    record_all(database, [[not_run(organization, check, T0)]])
    assert rows_of(database, RollupDay)[0]["unmeasured"] == {"probe_offline": 1}
    record_all(database, [[measured(organization, check, T0, passed=False)]])
    (rollup,) = rows_of(database, RollupDay)
    assert (rollup["planned"], rollup["failed"], rollup["unmeasured"]) == (1, 1, None)
    assert rows_of(database, Run)[0]["status"] == "failed"
    assert rows_of(database, LocationState)[0]["unrun_slots"] == 0


@pytest.mark.parametrize("first", [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELLED])
@pytest.mark.parametrize("second", [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.MISSED])
def test_success_failed_and_cancelled_stand(
    database: Database, organization: str, first: RunStatus, second: RunStatus
) -> None:
    check = add_check(database, organization)
    one, two = measured(organization, check, T0), measured(organization, check, T0)
    one.status, two.status = first, second
    record_all(database, [[one], [two]])
    assert [run["status"] for run in rows_of(database, Run)] == [first]
    assert sum(row["planned"] for row in rows_of(database, RollupHour)) == int(first.measured)


def test_a_missed_run_is_not_replaced_by_another_that_was_not_measured(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    late = not_run(organization, check, T0, ErrorCode.RESOLVER_UNAVAILABLE, started_ms=T0)
    record_all(database, [[not_run(organization, check, T0)], [late]])
    assert rows_of(database, RollupHour)[0]["unmeasured"] == {"probe_offline": 1}


def test_unmeasured_runs_never_change_the_verdict(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    record_all(
        database,
        [
            [measured(organization, check, T0, passed=False)],
            [not_run(organization, check, T0 + 10_000)],
            [not_run(organization, check, T0 + 20_000, ErrorCode.NETWORK_UNAVAILABLE, started_ms=T0 + 20_000)],
        ],
    )
    (state,) = rows_of(database, LocationState)
    assert (state["status"], state["at_ms"], state["unrun_since_ms"], state["unrun_slots"]) == (
        "failed",
        T0,
        T0 + 10_000,
        1,
    )


def test_runs_by_hand_are_counted_apart_and_judge_nothing(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    lost = not_run(organization, check, T0 + 1, ErrorCode.NO_PROBE, trigger=Trigger.CI, run_id="run_lost1")
    record_all(database, [[manual(organization, check, T0, passed=False), lost]])
    (rollup,) = rows_of(database, RollupDay)
    assert (rollup["planned"], rollup["failed"], rollup["by_hand"], rollup["unmeasured"]) == (0, 0, {"manual": 1}, None)
    assert rollup["histogram"] is None
    assert rows_of(database, LocationState)[0]["status"] is None


def test_runs_in_maintenance_stay_out_of_planned(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    missed = not_run(organization, check, T0 + 10_000, maintenance=True)
    record_all(database, [[measured(organization, check, T0, passed=False, maintenance=True), missed]])
    (rollup,) = rows_of(database, RollupDay)
    assert (rollup["planned"], rollup["maintenance"], rollup["unmeasured"]) == (0, 2, None)
    record_all(database, [[measured(organization, check, T0 + 10_000, maintenance=True)]])
    assert rows_of(database, RollupDay)[0]["maintenance"] == 2


def _queue(database: Database, organization: str, check: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Run(
                id="run_asked", organization_id=organization, check_id=check, check_version=1, location="local",
                at_ms=T0, trigger="manual", status="queued",
            )
        )  # fmt: skip


def test_a_queued_run_ends_and_keeps_what_it_was_asked_with(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    _queue(database, organization, check)
    record_all(database, [[manual(organization, check, T0, run_id="run_asked")]])
    (run,) = rows_of(database, Run)
    assert (run["status"], run["trigger"], run["duration_ms"]) == ("success", "manual", 100.0)
    assert rows_of(database, RollupDay)[0]["by_hand"] == {"manual": 1}


def test_what_belongs_to_nobody_or_somebody_else_is_refused(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    check, other = add_check(database, organization), add_check(database, organization)
    stranger = make_organization("Stranger")
    record_all(database, [[measured(organization, check, T0)]])
    gone = measured(organization, "mon_deleted", T0)
    foreign = measured(stranger, check, T0 + 10_000)
    swapped = measured(organization, other, T0, run_id=rows_of(database, Run)[0]["id"])
    double = measured(organization, check, T0, run_id="run_second1")
    good = measured(organization, other, T0 + 10_000)
    refused = record_all(database, [[gone, foreign, swapped, double, good]])
    assert {refusal.run_id for refusal in refused} == {gone.run_id, foreign.run_id, swapped.run_id, double.run_id}
    assert len(rows_of(database, Run)) == 2
    assert sum(row["planned"] for row in rows_of(database, RollupHour)) == 2


def test_a_dispatch_closes_with_its_last_run(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    runs = [measured(organization, check, T0 + 10_000 * slot, dispatch_id="dsp_1") for slot in range(3)]
    add_dispatch(database, organization, runs, "dsp_1")
    record_all(database, [runs[:2], runs[:2]], now_ms=T0 + 1)
    assert rows_of(database, Dispatch)[0]["closed_ms"] is None
    record_all(database, [[runs[2]]], now_ms=T0 + 2)
    record_all(database, [runs], now_ms=T0 + 3)
    assert rows_of(database, Dispatch)[0]["closed_ms"] == T0 + 2


def test_the_dispatch_of_a_run_by_hand_closes_with_it(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    done = manual(organization, check, T0, run_id="run_asked", dispatch_id="dsp_1")
    _queue(database, organization, check)
    add_dispatch(database, organization, [done], "dsp_1")
    record_all(database, [[done]], now_ms=T0 + 5)
    assert rows_of(database, Dispatch)[0]["closed_ms"] == T0 + 5


def test_a_dispatch_told_twice_of_a_run_it_did_not_count_closes_too(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    runs = [measured(organization, check, T0 + 10_000 * slot) for slot in range(2)]
    add_dispatch(database, organization, runs, "dsp_1")
    record_all(database, [runs])
    assert rows_of(database, Dispatch)[0]["closed_ms"] is None
    again = not_run(organization, check, T0, dispatch_id="dsp_1")
    record_all(database, [[again]], now_ms=T0 + 9)
    assert rows_of(database, Dispatch)[0]["closed_ms"] == T0 + 9


def test_waiters_for_the_checks_of_an_organization_are_woken_after_the_commit(
    database: Database, organization: str
) -> None:
    check = add_check(database, organization)
    seen: list[set[str]] = []
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        record(session, [measured(organization, check, T0)], T0)
        seen.append(set(session.info["topics"]))
        assert stored_runs(session, ["run_none"]) == {}
    assert seen == [{f"check:{organization}"}]
