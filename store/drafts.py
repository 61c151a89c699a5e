"""Drafts: definitions run once before they are saved. A draft's id stands in its dispatch where a check's would, so
probes need not know what it is; `alerts.record` hands its end to `end_drafts`.

What they may cost is bounded: few at once (OPEN_AT_ONCE), few kept (KEPT), an hour long (KEPT_MS).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from model.definition import CheckDefinition
from model.evidence import PageFigures, StepResult
from model.finished import Finished
from model.ids import new_id
from model.outcome import AssertionResult, Metrics, RunError, RunStatus, Trigger
from store.artifacts import add_artifacts
from store.check_secrets import masked
from store.dispatch_ends import count_ended_runs, lock_dispatches
from store.dispatches import LONGEST_QUEUE_MS, OVERDUE_MS, NewDispatch, add_dispatches
from store.draft_tables import Draft
from store.keyring import Cell, Keyring
from store.statements import rows, run
from store.wakeups import wake
from store.walk_progress import forget_progress

KEPT_MS = 3_600_000
KEPT = 50
"""Of one organization; older ones go."""
OPEN_AT_ONCE = 10
"""Of one organization: those that have not ended."""
TAKEN_WITHIN_MS = 10_000
"""Somebody sits there and waits: one that no probe has taken by then ends `unknown`."""
_OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
_END = (
    "UPDATE drafts SET status = ?, result = ?, definition = NULL, secrets = NULL "
    "WHERE id = ? AND organization_id = ? AND status IN ('queued', 'running')"
)
_encode = msgspec.json.Encoder().encode


class TooManyDraftsError(Exception):
    """As many are under way as may be."""


class Found(msgspec.Struct, omit_defaults=True):
    """What the run of a draft found; as of a stored run, but nothing is left out. `steps`, `page`: of a journey."""

    started_ms: int | None = None
    completed_ms: int | None = None
    duration_ms: float | None = None
    degraded: bool = False
    metrics: Metrics = Metrics()
    error: RunError | None = None
    assertions: tuple[AssertionResult, ...] = ()
    response: dict[str, Any] | None = None
    probe_id: str | None = None
    steps: tuple[StepResult, ...] = ()
    page: PageFigures | None = None


def draft_cell(organization_id: str, draft_id: str) -> Cell:
    """Where a draft's secrets are at home."""
    return Cell(organization_id, Draft.__tablename__, draft_id, "secrets")


def draft_topic(organization_id: str) -> str:
    """The wake-up that a draft of this organization has ended."""
    return f"draft:{organization_id}"


def add_draft(
    session: Session, keyring: Keyring, organization_id: str, definition: CheckDefinition, location: str, now_ms: int
) -> Draft:
    """Have a definition run once at a location, in one attempt. In a session of all, as dispatches are written in.
    TooManyDraftsError."""
    of_it = Draft.organization_id == organization_id
    under_way = select(func.count(Draft.id)).where(of_it, Draft.status.in_(_OPEN), Draft.give_up_ms > now_ms)
    if session.scalars(under_way).one() >= OPEN_AT_ONCE:
        raise TooManyDraftsError
    newest = select(Draft.id).where(of_it).order_by(Draft.created_ms.desc(), Draft.id.desc())
    older = list(session.scalars(newest.offset(KEPT - 1)))
    if older:
        session.execute(delete(Draft).where(Draft.id.in_(older)).execution_options(synchronize_session=False))
    draft_id, run_id = new_id("try", now_ms), new_id("run", now_ms)
    whole = definition.model_dump(mode="json", by_alias=True)
    whole["retries"] = {**whole["retries"], "count": 0}
    waits_ms = LONGEST_QUEUE_MS if definition.kind == "browser" else TAKEN_WITHIN_MS
    public, secrets = masked(whole, keyring, draft_cell(organization_id, draft_id))
    draft = Draft(
        id=draft_id,
        organization_id=organization_id,
        type=definition.type,
        location=location,
        run_id=run_id,
        status=RunStatus.QUEUED.value,
        definition=public,
        secrets=secrets,
        created_ms=now_ms,
        give_up_ms=now_ms + waits_ms + round(definition.timeout * 1000) + OVERDUE_MS,
        expires_ms=now_ms + KEPT_MS,
    )
    session.add(draft)
    session.flush()
    planned = (run_id, draft_id, now_ms, now_ms + TAKEN_WITHIN_MS, Trigger.MANUAL.value)
    dispatch = NewDispatch(organization_id, location, definition.kind, [planned], priority=0)
    add_dispatches(session, [dispatch], now_ms)
    wake(session, f"lease:{organization_id}")
    return draft


def get_draft(session: Session, draft_id: str, now_ms: int) -> Draft | None:
    """A draft of the session's organization, while it is kept."""
    wanted = select(Draft).where(Draft.id == draft_id, Draft.expires_ms > now_ms)
    return session.scalars(wanted).one_or_none()


def found_of(draft: Draft) -> Found:
    """What its run found; nothing before it has ended."""
    return msgspec.json.decode(draft.result, type=Found) if draft.result else Found()


def end_drafts(session: Session, finished: Sequence[Finished], now_ms: int) -> list[Finished]:
    """Keep what these runs of drafts found, and forget what they were given. Returns those that have ended by it: each
    once, however often it is told. For `alerts.record` alone; in a session of all."""
    lock_dispatches(session, {done.dispatch_id for done in finished if done.dispatch_id is not None})
    ended: list[Finished] = []
    closed: dict[str, int] = {}
    for done in sorted(finished, key=lambda done: done.check_id):
        changed = run(session, _END, done.status.value, _encode(_found(done)), done.check_id, done.organization_id)
        if changed:
            ended.append(done)
            wake(session, draft_topic(done.organization_id))
        if done.dispatch_id is not None and (changed or not _exists(session, done.check_id)):
            closed[done.dispatch_id] = closed.get(done.dispatch_id, 0) + 1
    count_ended_runs(session, closed, now_ms)
    add_artifacts(session, ended, now_ms)
    forget_progress(session, [done.run_id for done in ended if done.steps])
    return ended


def _exists(session: Session, draft_id: str) -> bool:
    return bool(rows(session, "SELECT 1 FROM drafts WHERE id = ?", draft_id))


def _found(done: Finished) -> Found:
    return Found(
        started_ms=done.started_ms,
        completed_ms=done.completed_ms,
        duration_ms=done.duration_ms,
        degraded=done.degraded,
        metrics=done.metrics,
        error=done.error,
        assertions=done.assertions,
        response=done.response,
        probe_id=done.probe_id,
        steps=done.steps,
        page=done.page,
    )
