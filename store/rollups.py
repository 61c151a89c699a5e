"""Counts by hour and day of every check at every location, kept in the transaction of the runs they count (R8).

`planned = success + failed + the sum of unmeasured`, always. Rows are read, changed and written back while the
stream's location state is locked (store/location_states.py), so no count is lost between processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.histogram import add_encoded
from model.times import DAY_MS, HOUR_MS
from store.statements import from_json, rows, run_many
from store.tables import RollupDay, RollupHour

Table = Literal["rollups_hour", "rollups_day"]
BUCKETS: tuple[tuple[Table, int], ...] = (("rollups_hour", HOUR_MS), ("rollups_day", DAY_MS))


UNITS_PER_MS = 1024
"""Durations are summed as whole 1/1024 ms: such sums are exact, so the order of arrival can't show in them."""


class Delta(msgspec.Struct):
    """What one bucket of one stream gains; counts may be negative where a late result replaces an unmeasured slot, or a
    maintenance window made afterwards takes a run out."""

    organization_id: str
    planned: int = 0
    success: int = 0
    failed: int = 0
    maintenance: int = 0
    unmeasured: dict[str, int] = {}
    by_hand: dict[str, int] = {}
    duration_units: int = 0
    buckets: list[int] = []
    taken: list[int] = []

    def add_duration(self, units: int, bucket: int) -> None:
        """`units`: the duration in UNITS_PER_MS; `bucket`: where it falls in the histogram."""
        self.duration_units += units
        self.buckets.append(bucket)

    def take_duration(self, units: int, bucket: int) -> None:
        """What `add_duration` of the same has added."""
        self.duration_units -= units
        self.taken.append(bucket)


Deltas = dict[tuple[str, int], dict[str, Delta]]
"""By (location, bucket_ms), then by check id: a bucket of a location is read and written in one go."""
_COUNTS = "planned, success, failed, unmeasured, maintenance, by_hand, duration_sum_ms, histogram"
_SET = (
    "planned = ?, success = ?, failed = ?, unmeasured = ?::jsonb, maintenance = ?, by_hand = ?::jsonb, "
    "duration_sum_ms = ?, histogram = ?"
)
_EMPTY = (None, None, 0, 0, 0, None, 0, None, 0.0, None)


def delta_of(deltas: Deltas, stream: tuple[str, str], bucket_ms: int, organization_id: str) -> Delta:
    """The delta of a (check id, location) in a bucket, made when it is the first."""
    check_id, location = stream
    checks = deltas.get((location, bucket_ms))
    if checks is None:
        checks = deltas[location, bucket_ms] = {}
    delta = checks.get(check_id)
    if delta is None:
        delta = checks[check_id] = Delta(organization_id)
    return delta


def rested_at(session: Session, check_id: str) -> int:
    """The end of the newest hour or day, of those that are kept, in which a run of it was left out; 0 for none."""
    found = [
        (
            session.scalar(select(func.max(table.bucket_ms)).where(table.check_id == check_id, table.maintenance > 0)),
            size,
        )
        for table, size in ((RollupHour, HOUR_MS), (RollupDay, DAY_MS))
    ]
    known = [bucket_ms + size for bucket_ms, size in found if bucket_ms is not None]
    return min(known, default=0)


def add_to_rollups(session: Session, table: Table, deltas: Deltas) -> None:
    """Add these deltas to the table. The caller holds the location states of all their streams."""
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    read = (
        f"SELECT check_id, the_address, {_COUNTS} FROM {table} WHERE check_id IN ? AND bucket_ms = ? AND location = ?"  # noqa: S608
    )
    for (location, bucket_ms), checks in sorted(deltas.items()):
        stored = {row[0]: row for row in rows(session, read, list(checks), bucket_ms, location)}
        for check_id, delta in checks.items():
            before = stored.get(check_id)
            if before is None:
                new.append((check_id, location, bucket_ms, delta.organization_id, *_added(_EMPTY, delta)))
            else:
                changed.append((*_added(before, delta), check_id, bucket_ms, location, before[1]))
    run_many(
        session,
        f"INSERT INTO {table} (check_id, location, bucket_ms, organization_id, {_COUNTS}) "  # noqa: S608
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?::jsonb, ?, ?)",
        new,
    )
    where = "check_id = ? AND bucket_ms = ? AND location = ? AND the_address IS ?"  # which no plan can turn into a scan
    run_many(session, f"UPDATE {table} SET {_SET} WHERE {where}", changed)  # noqa: S608


def _added(before: Sequence[Any], delta: Delta) -> tuple[Any, ...]:
    _, _, planned, success, failed, unmeasured, maintenance, by_hand, duration_sum_ms, histogram = before
    return (
        planned + delta.planned,
        success + delta.success,
        failed + delta.failed,
        _merged(unmeasured, delta.unmeasured) if unmeasured or delta.unmeasured else None,
        maintenance + delta.maintenance,
        _merged(by_hand, delta.by_hand) if by_hand or delta.by_hand else None,
        duration_sum_ms + delta.duration_units / UNITS_PER_MS,
        add_encoded(histogram, delta.buckets, delta.taken) if delta.buckets or delta.taken else histogram,
    )


def _merged(stored: Any, gained: Mapping[str, int]) -> str | None:
    """Counts by name as JSON text; None when there are none."""
    if not gained and isinstance(stored, str):
        return stored
    counts: dict[str, int] = from_json(stored) or {}
    for name, count in gained.items():
        counts[name] = counts.get(name, 0) + count
    counts = {name: count for name, count in sorted(counts.items()) if count}
    return msgspec.json.encode(counts).decode() if counts else None


def buckets_of_stretch(first_ms: int, last_ms: int, interval_ms: int, width_ms: int) -> Iterable[tuple[int, int]]:
    """(bucket_ms, slots due in it) for the slots first_ms, first_ms + interval_ms, … last_ms: by arithmetic, so its
    cost is that of the buckets or of the slots, whichever are fewer."""
    slot = first_ms
    while slot <= last_ms:
        bucket_ms = slot - slot % width_ms
        last_here = min(last_ms, slot + (bucket_ms + width_ms - 1 - slot) // interval_ms * interval_ms)
        yield bucket_ms, (last_here - slot) // interval_ms + 1
        slot = last_here + interval_ms
