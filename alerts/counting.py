"""Which counts of the rollups a finished run raises: the definition of planned, measured and the rest, in one place.

scheduled, in a maintenance window            maintenance (outside planned)
scheduled, success or failed                  planned, success or failed, its duration
scheduled, missed or unknown                  planned, unmeasured by reason
by hand (manual, ci, confirm), measured       by_hand by trigger
cancelled; by hand and not measured           nothing
"""

from __future__ import annotations

from model.finished import Finished
from model.histogram import bucket_of
from model.outcome import RunStatus, Trigger
from model.times import DAY_MS, HOUR_MS
from store.rollups import UNITS_PER_MS, Delta, Deltas, delta_of


def count(hours: Deltas, days: Deltas, done: Finished) -> None:
    """Count one finished run."""
    status = done.status
    if status is RunStatus.CANCELLED:
        return
    hour, day = _buckets(hours, days, done)
    if done.trigger is not Trigger.SCHEDULE:
        if status.measured:
            for delta in (hour, day):
                delta.by_hand[done.trigger.value] = delta.by_hand.get(done.trigger.value, 0) + 1
    elif done.maintenance:
        hour.maintenance += 1
        day.maintenance += 1
    elif status.measured:
        _count_measured(hour, day, done)
    else:
        reason = reason_of(status, done.error.code if done.error else None)
        _count_unmeasured(hour, reason, 1)
        _count_unmeasured(day, reason, 1)


def _count_measured(hour: Delta, day: Delta, done: Finished) -> None:
    hour.planned += 1
    day.planned += 1
    if done.status is RunStatus.SUCCESS:
        hour.success += 1
        day.success += 1
    else:
        hour.failed += 1
        day.failed += 1
    if done.duration_ms is not None:
        units, bucket = round(done.duration_ms * UNITS_PER_MS), bucket_of(done.duration_ms)
        hour.add_duration(units, bucket)
        day.add_duration(units, bucket)


def take_back(hours: Deltas, days: Deltas, done: Finished, reason: str, *, maintenance: bool) -> None:
    """Take out of the counts the slot that was thought not to have been measured, for `reason`, until `done` came."""
    if done.trigger is not Trigger.SCHEDULE:
        return
    for delta in _buckets(hours, days, done):
        if maintenance:
            delta.maintenance -= 1
        else:
            _count_unmeasured(delta, reason, -1)


def set_apart(hours: Deltas, days: Deltas, done: Finished) -> None:
    """Move a scheduled run that was counted as planned to those in maintenance: its window was made afterwards."""
    for delta in _buckets(hours, days, done):
        delta.maintenance += 1
        if not done.status.measured:
            _count_unmeasured(delta, reason_of(done.status, done.error.code if done.error else None), -1)
            continue
        delta.planned -= 1
        if done.status is RunStatus.SUCCESS:
            delta.success -= 1
        else:
            delta.failed -= 1
        if done.duration_ms is not None:
            delta.take_duration(round(done.duration_ms * UNITS_PER_MS), bucket_of(done.duration_ms))


def reason_of(status: str, code: str | None) -> str:
    """Under which reason an unmeasured run is counted: its error's code."""
    return code or str(status)


def _count_unmeasured(delta: Delta, reason: str, slots: int) -> None:
    delta.planned += slots
    delta.unmeasured[reason] = delta.unmeasured.get(reason, 0) + slots


def _buckets(hours: Deltas, days: Deltas, done: Finished) -> tuple[Delta, Delta]:
    stream, at_ms, organization_id = (done.check_id, done.location), done.at_ms, done.organization_id
    return (
        delta_of(hours, stream, at_ms - at_ms % HOUR_MS, organization_id),
        delta_of(days, stream, at_ms - at_ms % DAY_MS, organization_id),
    )
