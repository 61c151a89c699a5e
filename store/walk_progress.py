"""How far journeys have come that are walked right now: a hint for who looks on, gone when the run ends.

What is stored counts only while the run's dispatch is leased under the very token that said it: a run that was given
back, lost with its probe or leased anew has come nowhere until its new holder says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, defer

from model.evidence import StepResult
from model.protocol import RunProgress
from model.times import HOUR_MS
from store.journey_tables import WalkProgress
from store.open_dispatches import Holder
from store.retention_walk import Deleting
from store.statements import run, run_many
from store.tables import Dispatch

KEPT_MS = HOUR_MS
"""What a run that never ended has left behind: no journey takes as long, all its attempts together."""
MOST_SHOWN = 20
_PUT = (
    "INSERT INTO walk_progress (run_id, check_id, check_version, location, dispatch_id, token, attempt, began_ms, "
    "updated_ms, total, ended, step_type, step_name, steps, organization_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET "
    "check_version = excluded.check_version, dispatch_id = excluded.dispatch_id, token = excluded.token, "
    "attempt = excluded.attempt, began_ms = excluded.began_ms, updated_ms = excluded.updated_ms, "
    "total = excluded.total, ended = excluded.ended, step_type = excluded.step_type, step_name = excluded.step_name, "
    "steps = excluded.steps"
)
_OLD = "SELECT run_id FROM walk_progress WHERE updated_ms < ? LIMIT ?"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[StepResult, ...]).decode


def put_progress(session: Session, holder: Holder, walks: Collection[RunProgress], now_ms: int) -> None:
    """In place of what was known of these runs. The caller has checked the token and that none has ended. The session
    sees every organization."""
    run_many(
        session,
        _PUT,
        [
            (
                walk.run_id, walk.check_id, walk.check_version, holder.location, walk.dispatch_id, walk.token,
                walk.attempt, now_ms - round(walk.elapsed_ms), now_ms, walk.total, len(walk.steps),
                walk.under_way.type if walk.under_way else None, walk.under_way.name if walk.under_way else None,
                _encode(walk.steps).decode(), holder.organization_id,
            )
            for walk in walks
        ],
    )  # fmt: skip


def forget_progress(session: Session, run_ids: Collection[str]) -> None:
    """These runs have ended. The session sees every organization."""
    if run_ids:
        run(session, "DELETE FROM walk_progress WHERE run_id IN ?", sorted(run_ids))


def progress_of_runs(session: Session, run_ids: Collection[str]) -> dict[str, WalkProgress]:
    """Of those that a probe walks now, without their steps (which come when they are asked for)."""
    if not run_ids:
        return {}
    wanted = _leased().where(WalkProgress.run_id.in_(run_ids)).options(defer(WalkProgress.steps))
    return {walk.run_id: walk for walk in session.scalars(wanted)}


def progress_of_run(session: Session, run_id: str) -> WalkProgress | None:
    """Of one run with its steps; None when no probe walks it, or the probe does not say."""
    return session.scalars(_leased().where(WalkProgress.run_id == run_id)).one_or_none()


def progress_of_check(session: Session, check_id: str) -> list[WalkProgress]:
    """Of every run of a journey, the newest first: those of the schedule too, which have no row until they end."""
    wanted = _leased().where(WalkProgress.check_id == check_id).order_by(WalkProgress.began_ms.desc())
    return list(session.scalars(wanted.limit(MOST_SHOWN)))


def steps_of(walk: WalkProgress) -> tuple[StepResult, ...]:
    """The steps that have ended in this attempt."""
    return _decode(walk.steps)


def progress_steps(deleting: Deleting, before_ms: int) -> Iterator[int]:
    """Removes what nobody has spoken of since, a batch at each step; yields how many."""
    while ids := deleting.find_ids(_OLD, before_ms):
        yield deleting.delete("DELETE FROM walk_progress WHERE run_id IN ?", ids)


def _leased() -> Select[WalkProgress]:
    return (
        select(WalkProgress)
        .join(Dispatch, Dispatch.id == WalkProgress.dispatch_id)
        .where(
            Dispatch.token == WalkProgress.token, Dispatch.instance_id.is_not(None), Dispatch.closed_ms.is_(None)
        )
    )  # fmt: skip
