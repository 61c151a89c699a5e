"""How a check fared over a stretch of time, counted in steps by the database: a month of runs is some hundred rows."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from model.outcome import RunStatus, Trigger
from store.tables import Run


class Step(NamedTuple):
    """What was measured in one step. `mean_ms`, `most_ms`: of the runs that passed, None when none took a time."""

    number: int
    passed: int
    failed: int
    mean_ms: float | None
    most_ms: float | None


def run_history(session: Session, check_id: str, period: tuple[int, int], step_ms: int) -> list[Step]:
    """The scheduled runs of a check due in [from, to), at all its locations, in steps of `step_ms` from the beginning;
    steps in which nothing was measured are left out."""
    from_ms, to_ms = period
    number = ((Run.at_ms - from_ms) // step_ms).label("number")
    failed = func.sum(case((Run.status == RunStatus.FAILED, 1), else_=0))
    took = case((Run.status == RunStatus.SUCCESS, Run.duration_ms), else_=None)
    wanted = (
        select(number, func.count(), failed, func.avg(took), func.max(took))
        .where(Run.check_id == check_id, Run.at_ms >= from_ms, Run.at_ms < to_ms)
        .where(Run.status.in_((RunStatus.SUCCESS, RunStatus.FAILED)), Run.trigger == Trigger.SCHEDULE)
        .group_by(number)
        .order_by(number)
    )
    return [
        Step(int(step), int(every) - int(bad), int(bad), *(None if took is None else float(took) for took in times))
        for step, every, bad, *times in session.execute(wanted)
    ]
