"""How a check fared over a span of time, cut into equal columns: what its chart shows, in few bounded queries.

Long spans are counted by the rollups. Phases are in no rollup: of each column the newest few runs are looked at, each
by a seek in the index of slots, so that a year costs what an hour costs. Short spans have these samples alone, and
beside them every failure by the index of what did not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.histogram import Histogram
from model.outcome import RunStatus, Trigger
from store.statements import rows
from store.tables import Gap, RollupDay, RollupHour

SAMPLES = 24
"""Runs looked at in each column, of all locations or of as many as are needed to find one location's."""
MOST_SAMPLES = 120
_MOST_FAILURES = 5_000
_MOST_GAPS = 500
_NAMES = ("dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "download_ms")
_COLUMNS = f"at_ms, location, trigger, status, duration_ms, {', '.join(_NAMES)}"
_SAMPLE = (
    f"SELECT * FROM (SELECT {_COLUMNS} FROM runs WHERE check_id = ? AND organization_id = ? AND at_ms >= ? "  # noqa: S608
    "AND at_ms < ? ORDER BY at_ms DESC LIMIT ?) AS s{number}"
)
_FAILURES = (
    "SELECT at_ms, location, status FROM runs WHERE check_id = ? AND organization_id = ? AND at_ms >= ? AND at_ms < ? "
    "AND status <> 'success' AND trigger = 'schedule' ORDER BY at_ms DESC LIMIT ?"
)


class Sample(msgspec.Struct, frozen=True):
    """A scheduled run that ended, as far as a chart looks at it; times in ms. The names are those of model.phases."""

    at_ms: int
    location: str
    trigger: str
    status: str
    duration_ms: float | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    ttfb_ms: float | None
    download_ms: float | None

    @property
    def measured(self) -> bool:
        return self.status in (RunStatus.SUCCESS, RunStatus.FAILED)


class Tally(msgspec.Struct, frozen=True):
    """What rollups count of one location in one column, which begins at `from_ms`."""

    from_ms: int
    location: str
    planned: int
    success: int
    failed: int
    maintenance: int
    duration_sum_ms: float


class Columns(msgspec.Struct, frozen=True):
    """A span as `count` columns of `step_ms`, the first beginning at `from_ms`."""

    from_ms: int
    step_ms: int
    count: int

    @property
    def to_ms(self) -> int:
        return self.from_ms + self.step_ms * self.count

    @property
    def starts(self) -> Sequence[int]:
        return range(self.from_ms, self.to_ms, self.step_ms)

    def of(self, at_ms: int) -> int:
        """The number of the column in which an instant lies, held to those there are."""
        return min(max((at_ms - self.from_ms) // self.step_ms, 0), self.count - 1)


def samples(
    session: Session, organization_id: str, check_id: str, columns: Columns, location: str | None, locations: int
) -> list[Sample]:
    """The newest scheduled runs of each column. `locations`: how many the check has, of which one may be wanted."""
    most = SAMPLES if location is None else min(max(SAMPLES, 8 * locations), MOST_SAMPLES)
    parts = [_SAMPLE.format(number=number) for number in range(columns.count)]
    values = [
        value for start in columns.starts for value in (check_id, organization_id, start, start + columns.step_ms, most)
    ]
    found = rows(session, " UNION ALL ".join(parts), *values, of=organization_id)
    every = (Sample(*row) for row in found)
    return [
        each
        for each in every
        if each.trigger == Trigger.SCHEDULE
        and (location is None or each.location == location)
        and RunStatus(each.status).terminal
    ]


def failures(
    session: Session, organization_id: str, check_id: str, columns: Columns, location: str | None
) -> list[tuple[int, str, str]]:
    """(at_ms, location, status) of the scheduled runs of a span that did not pass, the newest of them when they are
    many."""
    found = rows(
        session, _FAILURES, check_id, organization_id, columns.from_ms, columns.to_ms, _MOST_FAILURES,
        of=organization_id,
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in found if location is None or row[1] == location]


def gaps_within(session: Session, check_id: str, columns: Columns, location: str | None) -> list[Gap]:
    """The stretches of a span that nobody ran, the newest of them when they are many."""
    wanted = select(Gap).where(Gap.check_id == check_id, Gap.to_ms >= columns.from_ms, Gap.from_ms < columns.to_ms)
    if location is not None:
        wanted = wanted.where(Gap.location == location)
    return list(session.scalars(wanted.order_by(Gap.to_ms.desc()).limit(_MOST_GAPS)))


def tallies(session: Session, check_id: str, columns: Columns, location: str | None, *, daily: bool) -> list[Tally]:
    """What the rollups of hours, or of days, count in each column at each location."""
    table: Any = RollupDay if daily else RollupHour
    place = (table.bucket_ms - columns.from_ms) // columns.step_ms
    counted = (table.planned, table.success, table.failed, table.maintenance, table.duration_sum_ms)
    wanted = (
        select(place.label("place"), table.location, *(func.sum(column) for column in counted))
        .where(table.check_id == check_id, table.bucket_ms >= columns.from_ms, table.bucket_ms < columns.to_ms)
        .group_by("place", table.location)
    )
    if location is not None:
        wanted = wanted.where(table.location == location)
    found = []
    for number, name, planned, success, failed, maintenance, duration_sum_ms in session.execute(wanted):
        from_ms = columns.from_ms + int(number) * columns.step_ms
        counts = (int(planned), int(success), int(failed), int(maintenance))
        found.append(Tally(from_ms, name, *counts, float(duration_sum_ms)))
    return found


def durations(session: Session, check_id: str, from_ms: int, location: str | None, *, daily: bool) -> Histogram:
    """The durations of the measured scheduled runs since a whole hour, or day."""
    table: Any = RollupDay if daily else RollupHour
    wanted = select(table.histogram).where(
        table.check_id == check_id, table.bucket_ms >= from_ms, table.histogram.is_not(None)
    )
    if location is not None:
        wanted = wanted.where(table.location == location)
    return Histogram.merged(session.scalars(wanted))
