"""Uptime, coverage and response times of checks, from the rollups alone.

Windows reach from the whole hour (UTC) in which they begin to now: `24h` at 10:30 begins at 10:00 of the day before.
24 h are summed from hours; 7, 30 and 90 days from hours up to the first midnight and whole days from there on. Runs in
maintenance windows and runs by hand are in none of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.orm import Session

from model.histogram import Histogram
from model.times import DAY_MS, HOUR_MS
from model.uptime import Counts
from store.tables import RollupDay, RollupHour

LONG_WINDOWS_DAYS = (7, 30, 90)


class Stats(msgspec.Struct):
    """What is known of one check. Windows by name: `24h` `7d` `30d` `90d`. Response times in ms, of the measured
    scheduled runs of 24 h; p95 within 2.2 % (model/histogram.py)."""

    windows: dict[str, Counts]
    avg_response_ms: float | None = None
    p95_response_ms: float | None = None

    def as_fields(self) -> dict[str, float | None]:
        """The contract's `stats`: uptime_24h, coverage_24h, uptime_24h_floor and so on, percent or None."""
        fields: dict[str, float | None] = {}
        for name, counts in self.windows.items():
            fields[f"uptime_{name}"] = counts.uptime
            fields[f"coverage_{name}"] = counts.coverage
            fields[f"uptime_{name}_floor"] = counts.floor
        return {**fields, "avg_response_ms": self.avg_response_ms, "p95_response_ms": self.p95_response_ms}


class Day(Counts, kw_only=True):
    """One UTC day of a check, beginning at `day_ms`; `unmeasured` says how many runs were not measured, by reason."""

    day_ms: int
    unmeasured: dict[str, int] = msgspec.field(default_factory=dict)


def stats_of_checks(session: Session, check_ids: Sequence[str], now_ms: int) -> dict[str, Stats]:
    """The stats of each of these checks; all None for one with nothing planned."""
    names = ["24h", *(f"{days}d" for days in LONG_WINDOWS_DAYS)]
    found = {check_id: Stats({name: Counts() for name in names}) for check_id in check_ids}
    _add_response_times(session, found, now_ms)
    starts = {f"{days}d": _hour(now_ms - days * DAY_MS) for days in LONG_WINDOWS_DAYS}
    for name, start_ms in starts.items():
        edge = (RollupHour.bucket_ms >= start_ms, RollupHour.bucket_ms < _next_midnight(start_ms))
        wanted = select(RollupHour.check_id, *_sums(RollupHour)).where(RollupHour.check_id.in_(check_ids), *edge)
        for check_id, *counts in session.execute(wanted.group_by(RollupHour.check_id)):
            found[check_id].windows[name].add(*counts)
    _add_days(session, found, {name: _next_midnight(start_ms) for name, start_ms in starts.items()})
    return found


def days_of_checks(session: Session, check_ids: Sequence[str], now_ms: int, days: int = 90) -> dict[str, list[Day]]:
    """The last `days` UTC days of each check, oldest first, today the last; a day with nothing planned has zeros."""
    today_ms = now_ms - now_ms % DAY_MS
    first_ms = today_ms - (days - 1) * DAY_MS
    day_starts = range(first_ms, today_ms + 1, DAY_MS)
    series = {check_id: [Day(day_ms=day_ms) for day_ms in day_starts] for check_id in check_ids}
    reasons = func.aggregate_strings(cast(RollupDay.unmeasured, Text), "\n")
    wanted = select(RollupDay.check_id, RollupDay.bucket_ms, reasons, *_sums(RollupDay)).where(
        RollupDay.check_id.in_(check_ids), RollupDay.bucket_ms >= first_ms, RollupDay.bucket_ms <= today_ms
    )
    for check_id, day_ms, unmeasured, *counts in session.execute(
        wanted.group_by(RollupDay.check_id, RollupDay.bucket_ms)
    ):
        day = series[check_id][(day_ms - first_ms) // DAY_MS]
        day.add(*counts)
        for of_a_location in unmeasured.splitlines() if unmeasured else ():
            for reason, slots in json.loads(of_a_location).items():
                day.unmeasured[reason] = day.unmeasured.get(reason, 0) + slots
    return series


def _add_response_times(session: Session, found: Mapping[str, Stats], now_ms: int) -> None:
    """The 24 h window: its counts, and its durations merged from the hours' histograms."""
    wanted = select(
        RollupHour.check_id,
        RollupHour.planned,
        RollupHour.success,
        RollupHour.failed,
        RollupHour.duration_sum_ms,
        RollupHour.histogram,
    ).where(RollupHour.check_id.in_(list(found)), RollupHour.bucket_ms >= _hour(now_ms - DAY_MS))
    sums: dict[str, tuple[float, Histogram]] = {}
    for check_id, planned, success, failed, duration_sum_ms, histogram in session.execute(wanted):
        found[check_id].windows["24h"].add(planned, success, failed)
        total_ms, merged = sums.get(check_id) or (0.0, Histogram())
        merged.merge_encoded(histogram)
        sums[check_id] = total_ms + duration_sum_ms, merged
    for check_id, (total_ms, merged) in sums.items():
        count, p95 = merged.count, merged.percentile(95)
        if count and p95 is not None:
            found[check_id].avg_response_ms = round(total_ms / count, 1)
            found[check_id].p95_response_ms = round(p95, 1)


def _add_days(session: Session, found: Mapping[str, Stats], starts: Mapping[str, int]) -> None:
    sums = [column for start_ms in starts.values() for column in _sums(RollupDay, RollupDay.bucket_ms >= start_ms)]
    wanted = select(RollupDay.check_id, *sums).where(
        RollupDay.check_id.in_(list(found)), RollupDay.bucket_ms >= min(starts.values())
    )
    for check_id, *counts in session.execute(wanted.group_by(RollupDay.check_id)):
        for place, name in enumerate(starts):
            found[check_id].windows[name].add(*(count or 0 for count in counts[3 * place : 3 * place + 3]))


def _sums(
    table: type[RollupHour] | type[RollupDay], condition: ColumnElement[bool] | None = None
) -> list[ColumnElement[int]]:
    columns = [func.sum(column) for column in (table.planned, table.success, table.failed)]
    return [column if condition is None else column.filter(condition) for column in columns]


def _hour(at_ms: int) -> int:
    return at_ms - at_ms % HOUR_MS


def _next_midnight(at_ms: int) -> int:
    """The first midnight (UTC) at `at_ms` or later."""
    return at_ms + -at_ms % DAY_MS
