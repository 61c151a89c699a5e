"""Uptime, coverage and response times of checks, from the rollups alone.

Windows reach to now, and begin with a whole hour or day (UTC): at 10:30, `24h` and `7d` begin at 10:00 of the day that
lies that far back; `30d` and `90d` begin with that day. So they are a little longer than their names, never shorter.
24 h are summed from hours; the others from days, the first of the seven from its hours. Runs in maintenance windows
and runs by hand are in none of them.
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

WINDOWS = ("24h", "7d", "30d", "90d")


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
    found = {check_id: Stats({name: Counts() for name in WINDOWS}) for check_id in check_ids}
    _add_response_times(session, found, now_ms)
    week_ms, month_ms, quarter_ms = now_ms - 7 * DAY_MS, now_ms - 30 * DAY_MS, now_ms - 90 * DAY_MS
    midnight_ms = week_ms + -week_ms % DAY_MS
    # Each day is read once: the parts that windows share are added to all of them.
    _add(session, found, RollupHour, (_hour(week_ms), midnight_ms), WINDOWS[1:2])
    _add(session, found, RollupDay, (midnight_ms, now_ms), WINDOWS[1:])
    _add(session, found, RollupDay, (_day(month_ms), midnight_ms), WINDOWS[2:])
    _add(session, found, RollupDay, (_day(quarter_ms), _day(month_ms)), WINDOWS[3:])
    return found


def days_of_checks(session: Session, check_ids: Sequence[str], now_ms: int, days: int = 90) -> dict[str, list[Day]]:
    """The last `days` UTC days of each check, oldest first, today the last; a day with nothing planned has zeros."""
    today_ms = _day(now_ms)
    first_ms = today_ms - (days - 1) * DAY_MS
    series: dict[str, list[Day | None]] = {check_id: [None] * days for check_id in check_ids}
    reasons = func.aggregate_strings(cast(RollupDay.unmeasured, Text), "\n")
    wanted = select(RollupDay.check_id, RollupDay.bucket_ms, reasons, *_sums(RollupDay)).where(
        RollupDay.check_id.in_(check_ids), RollupDay.bucket_ms >= first_ms, RollupDay.bucket_ms <= today_ms
    )
    for check_id, day_ms, unmeasured, *counts in session.execute(
        wanted.group_by(RollupDay.check_id, RollupDay.bucket_ms)
    ):
        day = series[check_id][(day_ms - first_ms) // DAY_MS] = Day(*counts, day_ms=day_ms)
        for of_a_location in unmeasured.splitlines() if unmeasured else ():
            for reason, slots in json.loads(of_a_location).items():
                day.unmeasured[reason] = day.unmeasured.get(reason, 0) + slots
    return {
        check_id: [day or Day(day_ms=first_ms + place * DAY_MS) for place, day in enumerate(found)]
        for check_id, found in series.items()
    }


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
    sums_ms = dict.fromkeys(found, 0.0)
    histograms: dict[str, list[bytes]] = {check_id: [] for check_id in found}
    for check_id, planned, success, failed, duration_sum_ms, histogram in session.execute(wanted):
        found[check_id].windows["24h"].add(planned, success, failed)
        if histogram:
            sums_ms[check_id] += duration_sum_ms
            histograms[check_id].append(histogram)
    for check_id, encoded in histograms.items():
        merged = Histogram.merged(encoded)
        p95 = merged.percentile(95)
        if p95 is not None:
            found[check_id].avg_response_ms = round(sums_ms[check_id] / merged.count, 1)
            found[check_id].p95_response_ms = round(p95, 1)


def _add(
    session: Session,
    found: Mapping[str, Stats],
    table: type[RollupHour] | type[RollupDay],
    span_ms: tuple[int, int],
    windows: Sequence[str],
) -> None:
    """Add the buckets that begin in [from, to) to these windows."""
    wanted = select(table.check_id, *_sums(table)).where(
        table.check_id.in_(list(found)), table.bucket_ms >= span_ms[0], table.bucket_ms < span_ms[1]
    )
    for check_id, *counts in session.execute(wanted.group_by(table.check_id)):
        for name in windows:
            found[check_id].windows[name].add(*counts)


def _sums(table: type[RollupHour] | type[RollupDay]) -> list[ColumnElement[int]]:
    return [func.sum(column) for column in (table.planned, table.success, table.failed)]


def _hour(at_ms: int) -> int:
    return at_ms - at_ms % HOUR_MS


def _day(at_ms: int) -> int:
    return at_ms - at_ms % DAY_MS
