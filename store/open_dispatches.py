"""Dispatches that are not closed, as leasing handles them: read, cut in two, opened again.

One that was never leased may be cut, when a probe can take a part of it only; one that was leased before stays whole,
so that the last holder's late results still find their runs in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.ids import new_id
from store.dispatches import PlannedRun, planned_runs
from store.draft_tables import is_draft
from store.statements import rows, run, run_many

_REOPEN = "UPDATE dispatches SET instance_id = NULL WHERE id = ?"
_KEEP = (
    "UPDATE dispatches SET runs = ?::jsonb, first_limit_ms = ?, last_limit_ms = ?, "
    "closed_ms = CASE WHEN finished >= ? THEN ? ELSE NULL END WHERE id = ?"
)
_PART = (
    "INSERT INTO dispatches (id, organization_id, location, kind, priority, runs, created_ms, first_limit_ms, "
    "last_limit_ms, token, finished) VALUES (?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, 0, 0)"
)
_FACTS = "SELECT id, type, status FROM checks WHERE id IN ? AND deleted_ms IS NULL"
_DRAFTS = "SELECT id, type, 'active' FROM drafts WHERE id IN ?"
_ENDED = "SELECT id FROM runs WHERE id IN ? AND status NOT IN ('queued', 'running')"
_encode = msgspec.json.Encoder().encode


class Holder(msgspec.Struct, frozen=True):
    """Whose probe asks, and where it stands."""

    organization_id: str
    probe_id: str
    location: str


class CheckFacts(msgspec.Struct, frozen=True):
    type: str
    paused: bool


class WaitingDispatch(msgspec.Struct):
    """An open dispatch, with what is to be done with its runs."""

    id: str
    kind: str
    priority: int
    token: int
    created_ms: int
    runs: list[PlannedRun]
    take: list[PlannedRun] = []
    cancel: list[PlannedRun] = []
    leave: list[PlannedRun] = []


def cut(session: Session, holder: Holder, dispatch: WaitingDispatch, now_ms: int) -> None:
    """Part the runs in `leave` from a dispatch, as one of its own that nobody holds."""
    apart = {planned[0] for planned in dispatch.leave}
    kept = [planned for planned in dispatch.runs if planned[0] not in apart]
    run(session, _KEEP, _encode(kept).decode(), *_limits(kept), len(kept), now_ms, dispatch.id)
    run(
        session,
        _PART,
        new_id("dsp", now_ms), holder.organization_id, holder.location, dispatch.kind, dispatch.priority,
        _encode(dispatch.leave).decode(), dispatch.created_ms, *_limits(dispatch.leave),
    )  # fmt: skip
    dispatch.runs = kept


def reopen(session: Session, dispatches: Iterable[WaitingDispatch]) -> None:
    """As for a holder that was lost: the token stays, so its results count until somebody else leases them."""
    run_many(session, _REOPEN, [(dispatch.id,) for dispatch in dispatches])


def check_facts(session: Session, check_ids: Collection[str]) -> dict[str, CheckFacts]:
    """Of checks that are not deleted, and of drafts."""
    found = [*rows(session, _FACTS, list(check_ids))]
    drafts = [check_id for check_id in check_ids if is_draft(check_id)]
    if drafts:
        found += rows(session, _DRAFTS, drafts)
    return {row[0]: CheckFacts(row[1], row[2] == "paused") for row in found}


def ended_among(session: Session, run_ids: list[str]) -> set[str]:
    return {row[0] for row in rows(session, _ENDED, run_ids)}


def waiting_dispatch(row: Any) -> WaitingDispatch:
    dispatch_id, kind, priority, token, created_ms, runs = row
    return WaitingDispatch(dispatch_id, kind, priority, token, created_ms, planned_runs(runs))


def _limits(runs: Sequence[PlannedRun]) -> tuple[int, int]:
    limits = [planned[3] for planned in runs]
    return min(limits), max(limits)
