"""A month of maintenance windows, day by day, in one time zone: each window on each day that it touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from alerts.book import window_of
from store.alert_tables import MaintenanceWindow

_A_DAY = 3
"""Times of one window that are told of on one day; a window that comes more often says so."""


@dataclass(frozen=True)
class Entry:
    """A window on a day: `22:00 to 23:00`, `all day`."""

    window: MaintenanceWindow
    when: str


@dataclass(frozen=True)
class Day:
    """`inside`: it belongs to the month, and is not of the weeks that begin or end it."""

    date: date
    inside: bool
    today: bool
    entries: Sequence[Entry]


def month_of(text: str, zone: ZoneInfo, now_ms: int) -> date:
    """The first day of the month that `2026-11` means; of this month when it means none."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return datetime.fromtimestamp(now_ms / 1000, zone).date().replace(day=1)


def weeks(first: date) -> list[list[date]]:
    """The weeks, Monday to Sunday, that show the month."""
    begin = first - timedelta(days=first.weekday())
    after = _next_month(first)
    days = [begin + timedelta(days=number) for number in range(((after - begin).days + 6) // 7 * 7)]
    return [days[number : number + 7] for number in range(0, len(days), 7)]


def neighbours(first: date) -> tuple[str, str]:
    """The months before and after, as in addresses."""
    return f"{first - timedelta(days=1):%Y-%m}", f"{_next_month(first):%Y-%m}"


def begins_ms(day: date, zone: ZoneInfo) -> int:
    """When a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def calendar(first: date, windows: Sequence[MaintenanceWindow], zone: ZoneInfo, now_ms: int) -> list[list[Day]]:
    """The month with what is planned."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    return [
        [
            Day(
                day,
                day.month == first.month,
                day == today,
                [entry for window in windows for entry in _entries(window, day, zone)],
            )
            for day in week
        ]
        for week in weeks(first)
    ]


def _entries(window: MaintenanceWindow, day: date, zone: ZoneInfo) -> list[Entry]:
    begin, end = begins_ms(day, zone), begins_ms(day + timedelta(days=1), zone)
    times = list(islice(window_of(window).times(begin, end), _A_DAY + 1))  # one more than are told of
    said = [_when(max(start, begin), min(stop, end), (begin, end), zone) for start, stop in times[:_A_DAY]]
    if len(times) > _A_DAY:
        said = [f"{said[0]}, and again and again"]
    return [Entry(window, when) for when in said]


def _when(start: int, stop: int, day: tuple[int, int], zone: ZoneInfo) -> str:
    if (start, stop) == day:
        return "all day"
    first, last = (f"{datetime.fromtimestamp(at_ms / 1000, zone):%H:%M}" for at_ms in (start, stop))
    if start == day[0]:
        return f"until {last}"
    return f"from {first}" if stop == day[1] else f"{first} to {last}"


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
