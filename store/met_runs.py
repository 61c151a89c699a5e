"""Runs that something else points to: which checks they are of, and how those fared before and after an instant."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.histogram import Histogram
from model.outcome import RunStatus, Trigger
from model.times import HOUR_MS
from model.uptime import percent
from store.tables import Check, RollupHour, Run

_MOST_RUNS = 5_000
"""Of one check in the hour of the instant, which no rollup parts."""


class MetCheck(msgspec.Struct):
    """A check, of whose runs some were met: how many, how many of them failed, and the newest that did, else the newest
    of all."""

    id: str
    name: str
    type: str
    runs: int = 0
    failed: int = 0
    last_run_id: str = ""
    last_at_ms: int = 0


class Fared(msgspec.Struct):
    """Measured scheduled runs of a stretch of time, maintenance left out. Response times in ms."""

    success: int = 0
    failed: int = 0
    duration_sum_ms: float = 0.0
    histogram: Histogram = msgspec.field(default_factory=Histogram)

    @property
    def uptime(self) -> float | None:
        return percent(self.success, self.success + self.failed)

    @property
    def avg_ms(self) -> float | None:
        count = self.histogram.count
        return round(self.duration_sum_ms / count, 1) if count else None

    @property
    def p95_ms(self) -> float | None:
        found = self.histogram.percentile(95)
        return None if found is None else round(found, 1)


def checks_of_runs(session: Session, run_ids: Sequence[str]) -> list[MetCheck]:
    """Those that are still there, the ones with most failures first."""
    columns = (Run.id, Run.check_id, Run.status, Run.at_ms)
    runs = session.execute(select(*columns).where(Run.id.in_(run_ids)).order_by(Run.at_ms, Run.id)).all()
    found = {check.id: check for check in named_checks(session, {run.check_id for run in runs})}
    for run_id, check_id, status, at_ms in runs:
        met = found.get(check_id)
        if met is None:
            continue
        failed = status == RunStatus.FAILED
        met.runs += 1
        met.failed += failed
        if failed or not met.failed:
            met.last_run_id, met.last_at_ms = run_id, at_ms
    return sorted(found.values(), key=lambda met: (-met.failed, -met.runs, met.name, met.id))


def named_checks(session: Session, check_ids: set[str] | None, most: int | None = None) -> list[MetCheck]:
    """By name; None: all there are, `most` of them."""
    wanted = select(Check.id, Check.name, Check.type).where(Check.deleted_ms.is_(None)).order_by(Check.name, Check.id)
    if check_ids is not None:
        wanted = wanted.where(Check.id.in_(sorted(check_ids)))
    return [MetCheck(*row) for row in session.execute(wanted.limit(most))]


def fared_around(
    session: Session, check_ids: Sequence[str], at_ms: int, span_ms: int
) -> dict[str, tuple[Fared, Fared]]:
    """(before, after) of each check: from `span_ms` before the instant's hour on, and until as long after it. From the
    hours' rollups; the runs of the instant's own hour are looked at one by one."""
    found = {check_id: (Fared(), Fared()) for check_id in check_ids}
    hour_ms = at_ms - at_ms % HOUR_MS
    counted = (RollupHour.success, RollupHour.failed, RollupHour.duration_sum_ms, RollupHour.histogram)
    hours = select(RollupHour.check_id, RollupHour.bucket_ms, *counted).where(
        RollupHour.check_id.in_(check_ids),
        RollupHour.bucket_ms >= hour_ms - span_ms,
        RollupHour.bucket_ms <= hour_ms + span_ms,
        RollupHour.bucket_ms != hour_ms,
    )
    for check_id, bucket_ms, success, failed, duration_sum_ms, histogram in session.execute(hours):
        side = found[check_id][bucket_ms > hour_ms]
        side.success += success
        side.failed += failed
        side.duration_sum_ms += duration_sum_ms
        side.histogram.merge(Histogram.decode(histogram))
    for check_id in check_ids:
        _add_hour(session, found[check_id], check_id, hour_ms, at_ms)
    return found


def _add_hour(session: Session, sides: tuple[Fared, Fared], check_id: str, hour_ms: int, at_ms: int) -> None:
    measured = (RunStatus.SUCCESS.value, RunStatus.FAILED.value)
    wanted = (
        select(Run.at_ms, Run.status, Run.duration_ms)
        .where(Run.check_id == check_id, Run.at_ms >= hour_ms, Run.at_ms < hour_ms + HOUR_MS)
        .where(Run.trigger == Trigger.SCHEDULE.value, Run.status.in_(measured), Run.maintenance.is_(False))
        .order_by(Run.at_ms.desc())
        .limit(_MOST_RUNS)
    )
    for due_ms, status, duration_ms in session.execute(wanted):
        side = sides[due_ms >= at_ms]
        passed = status == RunStatus.SUCCESS
        side.success += passed
        side.failed += not passed
        if duration_ms is not None:
            side.duration_sum_ms += duration_ms
            side.histogram.add(duration_ms)
