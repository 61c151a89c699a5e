"""Slots that are due, made into dispatches: up to 100 runs of one organization, location and kind."""

from __future__ import annotations

from collections.abc import Iterable

from model.ids import slot_run_id
from model.slots import Due
from store.dispatches import RUNS_PER_DISPATCH, NewDispatch, PlannedRun


def batched(slots: Iterable[Due]) -> list[NewDispatch]:
    """Dispatches of these slots, in their order. Runs that may begin equally late share a dispatch, so one limit
    closes all of it: a check every second is not waited for as long as one every minute."""
    groups: dict[tuple[str, str, str, int], list[PlannedRun]] = {}
    for due_ms, stream in slots:
        schedule = stream.schedule
        late_ms = schedule.late_ms
        place = (stream.organization_id, stream.location, schedule.kind, late_ms)
        runs = groups.get(place)
        if runs is None:
            runs = groups[place] = []
        run_id = slot_run_id(stream.check_id, stream.location, due_ms)
        runs.append((run_id, stream.check_id, due_ms, due_ms + late_ms, "schedule"))
    return [
        NewDispatch(organization_id, location, kind, runs[first : first + RUNS_PER_DISPATCH])
        for (organization_id, location, kind, _), runs in groups.items()
        for first in range(0, len(runs), RUNS_PER_DISPATCH)
    ]
