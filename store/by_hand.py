"""Runs that somebody asked for: rows that wait, and dispatches that go before those of the schedule."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.outcome import Trigger
from store.audit import Target, note
from store.audited import check_kind
from store.dispatches import NewDispatch, add_dispatches
from store.runs import QueuedRun, queue_runs
from store.tables import Check
from store.wakeups import wake

TAKEN_WITHIN_MS = 60_000
"""A run asked for that no able probe has taken by then ends `unknown` (CONTRACT, "Runs")."""
_FIRST = 0


def lock_check_of(session: Session, organization_id: str, check_id: str) -> Check | None:
    """A check of that organization that is not deleted, held until this transaction ends. It names the organization
    itself because the session sees all of them: dispatches are written in such a one."""
    wanted = select(Check).where(
        Check.id == check_id, Check.organization_id == organization_id, Check.deleted_ms.is_(None)
    )
    return session.scalars(wanted.with_for_update()).one_or_none()


def ask_for_runs(
    session: Session, check: Check, locations: Sequence[str], trigger: Trigger, now_ms: int
) -> list[QueuedRun]:
    """One waiting run at each location, each in a dispatch of its own so that a probe may take just one. `check` comes
    from `lock_check_of`: nobody else asks for the same check meanwhile."""
    queued = queue_runs(session, check, locations, trigger, now_ms)
    add_dispatches(
        session,
        [
            NewDispatch(
                organization_id=check.organization_id,
                location=run.location,
                kind=check.kind,
                runs=[(run.run_id, check.id, run.at_ms, run.at_ms + TAKEN_WITHIN_MS, trigger.value)],
                priority=_FIRST,
            )
            for run in queued
        ],
        now_ms,
    )
    wake(session, f"lease:{check.organization_id}")
    if trigger is Trigger.MANUAL:  # those of a batch stand in the event of the batch
        target = Target(check_kind(check), check.id, check.name)
        asked = {"run_ids": [run.run_id for run in queued], "locations": list(locations)}
        note(session, check.organization_id, f"{target.kind}.run", target, after=asked)
    return queued
