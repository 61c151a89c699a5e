"""What stands beside a run: the last good one before it at the same location, and the ones around it in time."""

from __future__ import annotations

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, defer

from model.outcome import RunStatus
from store.runs import run_by_id
from store.tables import LocationState, Run

_LOOKED_AT = 2_000
"""How many runs before this one are looked through for a good one: a bound on what a page may cost."""


def last_good_run(session: Session, run: Run) -> Run | None:
    """The newest run of the same check at the same location that passed and was due before this one; before one that
    was slow, that was not. None when there is none among the runs just before it, or before the failure that lasts
    since then."""
    before_ms = run.at_ms
    state = session.scalars(
        select(LocationState).where(LocationState.check_id == run.check_id, LocationState.location == run.location)
    ).one_or_none()
    if state is not None and state.status == RunStatus.FAILED and state.since_ms is not None:
        before_ms = min(before_ms, state.since_ms)  # down for weeks: all since then has failed
    earlier = (
        select(Run.id, Run.status, Run.degraded)
        .where(Run.check_id == run.check_id, Run.location == run.location, Run.at_ms < before_ms)
        .order_by(Run.at_ms.desc())
        .limit(_LOOKED_AT)
    )
    for run_id, status, slow in session.execute(earlier):
        if status == RunStatus.SUCCESS and not (slow and run.status == RunStatus.SUCCESS):
            return run_by_id(session, run_id)
    return None


def runs_around(session: Session, run: Run, *, each_way: int = 6) -> list[Run]:
    """The runs of the same check just before and after it, and itself, newest first, without their detail."""
    place = tuple_(Run.at_ms, Run.location, Run.trigger)
    own = (run.at_ms, run.location, run.trigger)
    of_check = select(Run).where(Run.check_id == run.check_id).options(defer(Run.detail))
    keys = (Run.at_ms, Run.location, Run.trigger)
    later = of_check.where(Run.at_ms >= run.at_ms, place > tuple_(*own)).order_by(*keys).limit(each_way)
    earlier = of_check.where(Run.at_ms <= run.at_ms, place < tuple_(*own)).order_by(*(key.desc() for key in keys))
    return [*list(session.scalars(later))[::-1], run, *session.scalars(earlier.limit(each_way))]
