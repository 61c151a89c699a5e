"""Slots by arithmetic equal slots counted one by one; cron equals an oracle that walks the clock minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.schedule import (
    LATE_MS,
    Schedule,
    count_slots,
    fires,
    fresh_until_ms,
    next_fire,
    next_slot,
    slots_between,
)

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Africa/Casablanca",
    "Asia/Beirut",
    "America/Havana",
]
EXPRESSIONS = [
    "* * * * *",
    "*/5 * * * *",
    "*/30 * * * *",
    "7,37 * * * *",
    "0 * * * *",
    "30 * * * *",
    "59 * * * *",
    "0 */2 * * *",
    "15 */3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "0 1 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "15 2 * * *",
    "30 2 * * *",
    "15,45 2 * * *",
    "30 2,3 * * *",
    "0 3 * * *",
    "*/20 2 * * *",
    "* 2 * * *",
    "45 23 * * *",
    "30 2 * * SUN",
    "30 2 1-7 * 0",
    "0 2,14 * MAR,apr,9-11 7",
]
_DAYS = {name: at for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_MONTHS = {
    name: at + 1
    for at, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
}


def _values(field: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in field.upper().split(","):
        body, _, step = part.partition("/")
        first, _, last = ("0", "", "") if body == "*" else body.partition("-")
        start = low if body == "*" else names.get(first) if first in names else int(first)
        end = high if body == "*" else (names.get(last) if last in names else int(last)) if last else start
        found |= set(range(start, end + 1, int(step or 1)))
    return found


def _matcher(expression: str):
    """crontab(5), read anew: day-of-month OR day-of-week when both are restricted."""
    minute, hour, day, month, weekday = expression.split()
    minutes, hours = _values(minute, 0, 59, {}), _values(hour, 0, 23, {})
    days, months = _values(day, 1, 31, {}), _values(month, 1, 12, _MONTHS)
    weekdays = {value % 7 for value in _values(weekday, 0, 7, _DAYS)}

    def matches(local: datetime) -> bool:
        if local.minute not in minutes or local.hour not in hours or local.month not in months:
            return False
        by_day, by_weekday = local.day in days, local.isoweekday() % 7 in weekdays
        return by_day and by_weekday if day == "*" or weekday == "*" else by_day or by_weekday

    return matches


def _walk(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[int, list[datetime]]]:
    """Real time by the minute, with the local minutes the clock first reaches, or jumps over, there."""
    steps = []
    moment = start
    seen = moment.astimezone(zone).replace(tzinfo=None)
    while moment < end:
        moment += timedelta(minutes=1)
        local = moment.astimezone(zone).replace(tzinfo=None)
        reached = []
        while seen < local:
            seen += timedelta(minutes=1)
            reached.append(seen)
        steps.append((int(moment.timestamp()) * 1000, reached))
    return steps


def _transitions(zone: ZoneInfo, wanted: int) -> list[datetime]:
    """The first changes of a zone's clock after 2023, to the minute."""
    found: list[datetime] = []
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    while len(found) < wanted:
        later = moment + timedelta(hours=6)
        if later.astimezone(zone).utcoffset() != moment.astimezone(zone).utcoffset():
            while moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
                moment += timedelta(minutes=1)
            found.append(moment)
        moment = later
    return found


@pytest.mark.parametrize("zone_name", ZONES)
def test_cron_equals_the_oracle_around_every_change_of_the_clock(zone_name: str) -> None:
    """10 zones x 4 changes x 25 expressions = 1,000 cases."""
    zone = ZoneInfo(zone_name)
    cases = 0
    for change in _transitions(zone, 4):
        start, end = change - timedelta(hours=26), change + timedelta(hours=26)
        start_ms, end_ms = int(start.timestamp()) * 1000, int(end.timestamp()) * 1000
        walk = _walk(zone, start, end)
        for expression in EXPRESSIONS:
            matches = _matcher(expression)
            expected = [at_ms for at_ms, reached in walk if any(map(matches, reached))]
            schedule = Schedule(kind="network", locations=("eu",), budget_ms=0, cron=expression, timezone=zone_name)
            assert list(slots_between(schedule, 0, start_ms, end_ms)) == expected, (expression, change)
            assert (
                list(takewhile(lambda fire, end_ms=end_ms: fire <= end_ms, fires(expression, zone_name, start_ms)))
                == expected
            )
            slots = count_slots(schedule, 0, start_ms, end_ms)
            assert (slots.count if slots else 0) == len(expected)
            cases += 1
    assert cases == 100


@pytest.mark.parametrize("expression", ["*/30 * * * *", "30 2 * * *", "15,45 2 * * *"])
@pytest.mark.parametrize("offset_s", [-1, 0, 1])
@pytest.mark.parametrize("zone_name", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_asking_from_within_a_change_agrees_with_asking_from_before_it(
    expression: str, offset_s: int, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    for change in _transitions(zone, 2):
        before_ms = int(change.timestamp()) * 1000 - 7_200_000
        whole = list(islice(fires(expression, zone_name, before_ms), 40))
        for minutes in range(-119, 180, 7):
            at_ms = int(change.timestamp()) * 1000 + minutes * 60_000 + offset_s * 1000
            assert next_fire(expression, zone_name, at_ms) == next(fire for fire in whole if fire > at_ms)


def test_a_whole_day_that_a_zone_skipped_runs_once_at_the_jump() -> None:
    """Samoa had no 30 December 2011."""
    jump_ms = int(datetime(2011, 12, 30, 10, tzinfo=UTC).timestamp()) * 1000
    found = list(islice(fires("0 12 * * *", "Pacific/Apia", jump_ms - 80_000_000), 3))
    assert found == [jump_ms - 12 * 3_600_000, jump_ms, jump_ms + 12 * 3_600_000]


def test_the_29th_of_february_waits_for_a_leap_year() -> None:
    start_ms = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1000
    expected_ms = int(datetime(2028, 2, 29, tzinfo=UTC).timestamp()) * 1000
    assert next_fire("0 0 29 2 *", "UTC", start_ms) == expected_ms


def test_an_expression_that_never_fires_has_no_slot() -> None:
    schedule = Schedule(kind="network", locations=("eu",), budget_ms=0, cron="0 0 29 2 SUN#5", timezone="UTC")
    never = Schedule(kind="network", locations=("eu",), budget_ms=0, cron="0 0 31 2 */7", timezone="UTC")
    assert next_slot(schedule, 0, 0) is not None
    with pytest.raises(Exception, match="day-of-month"):
        next_slot(never, 0, 0)


@given(st.integers(1, 90_000), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 400_000))
def test_counting_slots_by_arithmetic_equals_listing_them(
    interval_ms: int, phase: int, after_ms: int, length_ms: int
) -> None:
    schedule = Schedule(kind="network", locations=("eu",), budget_ms=0, interval_ms=interval_ms)
    phase %= interval_ms
    until_ms = after_ms + min(length_ms, 300 * interval_ms)
    listed = [due for due in range(after_ms + 1, until_ms + 1) if due % interval_ms == phase][:1000]
    if until_ms - after_ms > 50_000:
        first = after_ms + 1 + (phase - after_ms - 1) % interval_ms
        listed = list(range(first, until_ms + 1, interval_ms))
    assert list(slots_between(schedule, phase, after_ms, until_ms)) == listed
    slots = count_slots(schedule, phase, after_ms, until_ms)
    if not listed:
        assert slots is None
    else:
        assert slots is not None
        assert (slots.first_ms, slots.last_ms, slots.count) == (listed[0], listed[-1], len(listed))


@settings(max_examples=50)
@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.integers(1_700_000_000_000, 1_760_000_000_000))
def test_counting_cron_slots_equals_listing_them(expression: str, zone: str, after_ms: int) -> None:
    schedule = Schedule(kind="network", locations=("eu",), budget_ms=0, cron=expression, timezone=zone)
    until_ms = after_ms + 7_000_000
    listed = list(slots_between(schedule, 0, after_ms, until_ms))
    slots = count_slots(schedule, 0, after_ms, until_ms)
    assert (slots is None) == (not listed)
    if slots is not None:
        assert (slots.first_ms, slots.last_ms, slots.count) == (listed[0], listed[-1], len(listed))


def test_a_verdict_is_fresh_for_two_intervals_and_the_budget() -> None:
    schedule = Schedule(kind="network", locations=("eu",), budget_ms=30_000, interval_ms=10_000)
    assert fresh_until_ms(schedule, 5_000) == 55_000
    assert schedule.late_ms == 10_000


def test_a_cron_verdict_is_fresh_to_the_second_next_fire_time() -> None:
    schedule = Schedule(kind="network", locations=("eu",), budget_ms=5_000, cron="0 * * * *")
    assert fresh_until_ms(schedule, 3_600_000) == 3 * 3_600_000 + 5_000
    assert schedule.late_ms == LATE_MS
