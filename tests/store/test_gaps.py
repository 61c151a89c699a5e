"""Slots that nobody ran: the first are rows, the rest one growing gap, and every slot counts once (R5)."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.stretches import record_gaps
from model.errors import ErrorCode
from model.finished import Finished, Stretch
from model.ids import phase_ms
from model.times import DAY_MS, HOUR_MS
from store.rollups import buckets_of_stretch
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Gap, LocationState, RollupDay, RollupHour, Run
from store.write_lock import Urgency
from tests.alerts.recording import T0, add_check, measured, not_run, record_all, rows_of

PACE_MS = 10_000


def _slots(organization: str, check: str, count: int, first: int = 0) -> list[Finished]:
    start = T0 + phase_ms(check, "local", PACE_MS)
    return [not_run(organization, check, start + PACE_MS * slot) for slot in range(first, first + count)]


def _state(database: Database) -> dict[str, Any]:
    (state,) = rows_of(database, LocationState)
    return state


def _unmeasured(database: Database) -> int:
    return sum(sum((row["unmeasured"] or {}).values()) for row in rows_of(database, RollupHour))


def test_the_first_minute_is_rows_and_the_rest_one_gap(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    record_all(database, [[slot] for slot in slots])
    assert len(rows_of(database, Run)) == 7  # due 0 s to 60 s after the first
    (gap,) = rows_of(database, Gap)
    assert (gap["from_ms"], gap["to_ms"], gap["slots"]) == (slots[7].at_ms, slots[29].at_ms, 23)
    assert (gap["status"], gap["error_code"]) == ("missed", "probe_offline")
    assert (_state(database)["unrun_since_ms"], _state(database)["unrun_slots"]) == (slots[0].at_ms, 30)
    assert _unmeasured(database) == 30


def test_one_batch_makes_the_same_of_it(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    record_all(database, [_slots(organization, check, 30)])
    assert len(rows_of(database, Run)) == 7
    assert [gap["slots"] for gap in rows_of(database, Gap)] == [23]


def test_a_slot_inside_a_gap_counts_once_however_often_it_is_reported(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    record_all(database, [slots, slots[10:20], [slots[29]]])
    assert _unmeasured(database) == 30
    assert len(rows_of(database, Run)) == 7


def test_a_late_result_takes_its_slot_out_of_the_gap(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    late = measured(organization, check, slots[20].at_ms)
    record_all(database, [slots, [late], [late]])
    (gap,) = rows_of(database, Gap)
    (day,) = rows_of(database, RollupDay)
    assert (gap["slots"], day["planned"], day["success"], day["unmeasured"]) == (22, 30, 1, {"probe_offline": 29})
    assert _state(database)["status"] == "success"


def test_a_gap_that_turns_out_to_have_been_run_goes(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 8)
    record_all(database, [slots, [measured(organization, check, slots[7].at_ms)]])
    assert rows_of(database, Gap) == []
    assert _state(database)["gap_id"] is None


def test_a_measured_run_ends_the_stretch(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 40)
    record_all(database, [slots[:20], [measured(organization, check, slots[20].at_ms)], slots[21:23]])
    state = _state(database)
    assert (state["unrun_since_ms"], state["unrun_slots"], state["gap_id"]) == (slots[21].at_ms, 2, None)
    assert len(rows_of(database, Run)) == 7 + 1 + 2


def test_a_gap_never_covers_a_slot_it_does_not_count(database: Database, organization: str) -> None:
    """Slot 25 comes before slot 24: a gap that simply grew to 25 would swallow 24 and count it as known."""
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    record_all(database, [slots[:24], [slots[25]], [slots[24]], slots[26:], slots])
    inside = sum(gap["slots"] for gap in rows_of(database, Gap))
    assert inside + len(rows_of(database, Run)) == 30 == _unmeasured(database)


def test_another_reason_is_another_gap(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    for slot in slots[20:]:
        slot.status = not_run(organization, check, 0, ErrorCode.NO_PROBE).status
        slot.error = not_run(organization, check, 0, ErrorCode.NO_PROBE).error
    record_all(database, [slots])
    assert [
        (gap["error_code"], gap["slots"]) for gap in sorted(rows_of(database, Gap), key=lambda gap: gap["to_ms"])
    ] == [
        ("probe_offline", 13),
        ("no_probe", 10),
    ]


def test_runs_somebody_began_are_always_rows(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30)
    for slot in slots:
        slot.started_ms = slot.at_ms + 1
    record_all(database, [slots])
    assert (len(rows_of(database, Run)), rows_of(database, Gap)) == (30, [])


def _stretch(organization: str, check: str, first_ms: int, count: int, interval_ms: int = PACE_MS) -> Stretch:
    return Stretch(
        organization_id=organization,
        check_id=check,
        location="local",
        reason=ErrorCode.API_UNREACHABLE,
        message="Tracer was not running",
        first_ms=first_ms,
        last_ms=first_ms + (count - 1) * interval_ms,
        count=count,
        interval_ms=interval_ms,
    )


def _record_gaps(database: Database, stretches: list[Stretch]) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        record_gaps(session, stretches, T0)


def test_a_stretch_is_one_gap_and_counts_in_its_hours_and_days(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    count = 2 * DAY_MS // PACE_MS
    _record_gaps(database, [_stretch(organization, check, T0 + 1, count)])
    (gap,) = rows_of(database, Gap)
    assert (gap["slots"], gap["from_ms"], gap["to_ms"]) == (count, T0 + 1, T0 + 1 + (count - 1) * PACE_MS)
    for table, width, most in ((RollupHour, HOUR_MS, 360), (RollupDay, DAY_MS, 8640)):
        rollups = rows_of(database, table)
        assert sum(row["planned"] for row in rollups) == count
        assert max(row["planned"] for row in rollups) == most
        for row in rollups:
            due = range(T0 + 1, T0 + 1 + count * PACE_MS, PACE_MS)
            inside = sum(row["bucket_ms"] <= at < row["bucket_ms"] + width for at in due)
            assert row["unmeasured"] == {"api_unreachable": inside}
    assert len(rows_of(database, RollupHour)) == 49


def test_a_stretch_of_cron_slots_counts_each_where_it_is_due(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=None, cron="0 9 * * 1-5")
    due = [T0, T0 + DAY_MS, T0 + 4 * DAY_MS]
    stretch = Stretch(
        organization_id=organization, check_id=check, location="local", reason=ErrorCode.API_UNREACHABLE,
        message="Tracer was not running", first_ms=due[0], last_ms=due[-1], count=3, due_ms=due,
    )  # fmt: skip
    _record_gaps(database, [stretch])
    assert [row["bucket_ms"] for row in rows_of(database, RollupHour)] == [at - at % HOUR_MS for at in due]


def test_a_stretch_right_after_an_open_gap_makes_it_longer(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    _record_gaps(database, [_stretch(organization, check, T0, 200)])
    _record_gaps(database, [_stretch(organization, check, T0 + 200 * PACE_MS, 50)])
    assert [gap["slots"] for gap in rows_of(database, Gap)] == [250]


def test_an_absence_closed_late_leaves_the_newer_verdict_alone(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    record_all(database, [[measured(organization, check, T0 + 500 * PACE_MS)]])
    _record_gaps(database, [_stretch(organization, check, T0, 400)])
    state = _state(database)
    assert (state["status"], state["unrun_slots"], state["gap_id"]) == ("success", 0, None)
    late = measured(organization, check, T0 + 100 * PACE_MS, passed=False)
    record_all(database, [[late, not_run(organization, check, T0 + 101 * PACE_MS)]])
    assert [gap["slots"] for gap in rows_of(database, Gap)] == [399]
    assert _state(database)["status"] == "success"


def test_an_absence_closed_late_leaves_the_newer_gap_open(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=PACE_MS)
    slots = _slots(organization, check, 30, first=300)
    record_all(database, [slots[:20]])
    _record_gaps(database, [_stretch(organization, check, T0, 200)])
    record_all(database, [slots[20:]])
    assert sorted(gap["slots"] for gap in rows_of(database, Gap)) == [23, 200]


def test_the_cost_of_a_stretch_is_that_of_its_hours(database: Database, organization: str) -> None:
    """A thousand million slots: whoever went through them one by one would not be back before the test is stopped."""
    check = add_check(database, organization, interval_ms=PACE_MS)
    _record_gaps(database, [_stretch(organization, check, T0, 10**9, interval_ms=1)])
    assert sum(row["planned"] for row in rows_of(database, RollupDay)) == 10**9


def test_a_stretch_of_a_check_that_is_gone_is_left_out(database: Database, organization: str) -> None:
    _record_gaps(database, [_stretch(organization, "mon_gone", T0, 400)])
    assert rows_of(database, Gap) == []


@pytest.mark.parametrize("interval_ms", [1_000, 7_000, HOUR_MS, HOUR_MS + 1, 5 * HOUR_MS, DAY_MS])
def test_every_slot_of_a_stretch_is_in_its_bucket(interval_ms: int) -> None:
    for first_ms in (0, 1, HOUR_MS - 1, HOUR_MS):
        for count in (1, 2, 50):
            due = [first_ms + slot * interval_ms for slot in range(count)]
            counted = dict(buckets_of_stretch(first_ms, due[-1], interval_ms, HOUR_MS))
            assert counted == {at - at % HOUR_MS: sum(d // HOUR_MS == at // HOUR_MS for d in due) for at in due}
