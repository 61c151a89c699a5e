"""The newest runs of a journey that walked its steps, with all that they found."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from model.outcome import RunStatus
from store.tables import Run

_MEASURED = (RunStatus.SUCCESS.value, RunStatus.FAILED.value)


def walked_runs(session: Session, check_id: str, limit: int) -> list[Run]:
    """Newest first, whatever asked for them: those that a probe measured."""
    wanted = select(Run).where(Run.check_id == check_id, Run.status.in_(_MEASURED)).options(undefer(Run.detail))
    return list(session.scalars(wanted.order_by(Run.at_ms.desc(), Run.location, Run.trigger).limit(limit)))


def runs_under_way(session: Session, check_id: str) -> list[Run]:
    """Those that wait for a probe or are at one, newest first."""
    open_ones = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
    wanted = select(Run).where(Run.check_id == check_id, Run.status.in_(open_ones))
    return list(session.scalars(wanted.order_by(Run.at_ms.desc()).limit(20)))
