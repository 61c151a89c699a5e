"""Uptime, coverage and response times say what the runs say, window by window, and never flatter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.errors import ErrorCode
from model.finished import Finished
from model.histogram import RELATIVE_ERROR
from model.times import DAY_MS, HOUR_MS
from store.sessions import Database
from store.stats import Stats, days_of_checks, stats_of_checks
from tests.alerts.recording import T0, add_check, manual, measured, not_run, record_all

NOW = T0 + 20 * 60_000
"""2024-01-15T10:50:00Z"""


def _stats(database: Database, organization: str, check: str) -> Stats:
    with database.read(organization) as session:
        return stats_of_checks(session, [check], NOW)[check]


def _fields(database: Database, organization: str, check: str) -> dict[str, float | None]:
    return _stats(database, organization, check).as_fields()


def test_nothing_measured_is_null_everywhere(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    assert set(_fields(database, organization, check).values()) == {None}
    record_all(database, [[not_run(organization, check, T0)]])
    fields = _fields(database, organization, check)
    assert (fields["uptime_24h"], fields["coverage_24h"], fields["uptime_24h_floor"]) == (None, 0.0, None)


def test_unmeasured_runs_lower_coverage_and_floor_but_not_uptime(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    done: list[Finished] = [measured(organization, check, T0 + at * 10_000, passed=at != 3) for at in range(8)]
    done += [not_run(organization, check, T0 + at * 10_000, ErrorCode.NO_PROBE) for at in range(8, 10)]
    record_all(database, [done])
    fields = _fields(database, organization, check)
    for window in ("24h", "7d", "30d", "90d"):
        assert fields[f"uptime_{window}"] == 87.5
        assert fields[f"coverage_{window}"] == 80.0
        assert fields[f"uptime_{window}_floor"] == 70.0


def test_maintenance_and_runs_by_hand_are_left_out(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    in_window = measured(organization, check, T0 + 10_000, passed=False, maintenance=True)
    by_hand = manual(organization, check, T0 + 5, passed=False, duration_ms=60_000.0)
    record_all(database, [[measured(organization, check, T0), in_window, by_hand]])
    fields = _fields(database, organization, check)
    assert (fields["uptime_24h"], fields["coverage_90d"], fields["avg_response_ms"]) == (100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("window", "begins"),
    [
        ("24h", NOW - NOW % HOUR_MS - DAY_MS),
        ("7d", NOW - NOW % HOUR_MS - 7 * DAY_MS),
        ("30d", NOW - NOW % DAY_MS - 30 * DAY_MS),
        ("90d", NOW - NOW % DAY_MS - 90 * DAY_MS),
    ],
)
def test_a_window_begins_with_the_hour_or_day_it_reaches_back_to(
    database: Database, organization: str, window: str, begins: int
) -> None:
    check = add_check(database, organization)
    runs = [measured(organization, check, at, passed=False) for at in (begins - 1, begins, begins + 3 * HOUR_MS)]
    runs += [measured(organization, check, begins + at) for at in range(DAY_MS, NOW - begins, DAY_MS)]
    record_all(database, [[*runs, measured(organization, check, NOW - 1)]])
    counts = _stats(database, organization, check).windows[window]
    assert (counts.failed, counts.success) == (2, len(runs) - 3 + 1)


def test_response_times_are_those_of_24_hours(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    old = measured(organization, check, NOW - 2 * DAY_MS, duration_ms=9_000.0)
    recent = [measured(organization, check, T0 + at * 10_000, duration_ms=10.0 + at) for at in range(100)]
    record_all(database, [[old, *recent]])
    stats = _stats(database, organization, check)
    assert stats.avg_response_ms == 59.5
    assert stats.p95_response_ms == pytest.approx(104.0, rel=RELATIVE_ERROR + 0.001)


def test_one_failure_never_reads_as_100_percent(database: Database, organization: str) -> None:
    check = add_check(database, organization, interval_ms=1_000)
    runs = [measured(organization, check, T0 + at * 1_000, passed=at != 7) for at in range(1_000)]
    record_all(database, [runs])
    uptime = _fields(database, organization, check)["uptime_24h"]
    assert uptime == 99.9


def test_every_place_of_a_check_counts_and_checks_are_kept_apart(database: Database, organization: str) -> None:
    one, two = add_check(database, organization), add_check(database, organization)
    record_all(
        database,
        [
            [
                measured(organization, one, T0),
                measured(organization, one, T0, passed=False, location="eu-west"),
                measured(organization, two, T0),
            ]
        ],
    )
    with database.read(organization) as session:
        found = stats_of_checks(session, [one, two], NOW)
    assert [found[check].as_fields()["uptime_24h"] for check in (one, two)] == [50.0, 100.0]


def test_another_organizations_runs_are_not_seen(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    check = add_check(database, organization)
    record_all(database, [[measured(organization, check, T0)]])
    stranger = make_organization("Stranger")
    assert set(_fields(database, stranger, check).values()) == {None}
    with database.read(stranger) as session:
        assert all(day.planned == 0 for day in days_of_checks(session, [check], NOW)[check])


def test_the_days_of_a_check_are_ninety_and_say_why_runs_are_missing(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    record_all(
        database,
        [
            [
                measured(organization, check, T0 - 89 * DAY_MS, passed=False),
                measured(organization, check, T0 - 90 * DAY_MS),
                measured(organization, check, T0),
                not_run(organization, check, T0, location="eu-west"),
                not_run(organization, check, T0 + 10_000, ErrorCode.NO_PROBE),
            ]
        ],
    )
    with database.read(organization) as session:
        days = days_of_checks(session, [check], NOW)[check]
    assert len(days) == 90
    assert [day.day_ms for day in days] == list(range(T0 - T0 % DAY_MS - 89 * DAY_MS, T0, DAY_MS))
    assert (days[0].uptime, days[1].uptime, days[-1].uptime) == (0.0, None, 100.0)
    assert days[-1].unmeasured == {"probe_offline": 1, "no_probe": 1}
    assert days[-1].coverage == 33.333
