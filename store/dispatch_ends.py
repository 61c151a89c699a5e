"""Closing dispatches whose runs have all ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from store.dispatches import planned_runs
from store.statements import is_sqlite, rows, run_many

_LOCK = "SELECT id FROM dispatches WHERE id IN ? ORDER BY id FOR UPDATE"
_COUNT = (
    "UPDATE dispatches SET finished = finished + ?, closed_ms = CASE WHEN closed_ms IS NULL "
    "AND finished + ? >= json_array_length(runs) THEN ? ELSE closed_ms END WHERE id = ?"
)
_ENDED = "SELECT id FROM runs WHERE id IN ? AND status NOT IN ('queued', 'running')"


def lock_dispatches(session: Session, dispatch_ids: Iterable[str]) -> None:
    """Lock these dispatches in the order of their ids. Recording does so before it locks any location state, and so
    does everyone who holds both: no two processes can then wait for each other."""
    ids = sorted(dispatch_ids)
    if ids and not is_sqlite(session):
        rows(session, _LOCK, ids)


def count_ended_runs(session: Session, ended: Mapping[str, int], now_ms: int) -> None:
    """Add to each dispatch how many more of its runs have ended, and close it with the last."""
    run_many(session, _COUNT, [(count, count, now_ms, dispatch_id) for dispatch_id, count in sorted(ended.items())])


def close_if_all_ended(session: Session, dispatch_ids: Iterable[str], now_ms: int) -> None:
    """Close those of these dispatches whose runs have all ended, judged by the runs themselves: for dispatches that
    were told of a run a second time, which the count leaves out. A slot inside a gap has ended, too."""
    query = "SELECT id, location, runs FROM dispatches WHERE id IN ? AND closed_ms IS NULL"
    for dispatch_id, location, runs in rows(session, query, sorted(dispatch_ids)):
        waiting = {run_id: (check_id, due_ms) for run_id, check_id, due_ms, *_ in planned_runs(runs)}
        for (run_id,) in rows(session, _ENDED, list(waiting)):
            del waiting[run_id]
        if all(_inside_gap(session, check_id, location, due_ms) for check_id, due_ms in waiting.values()):
            close = "UPDATE dispatches SET closed_ms = ? WHERE id = ? AND closed_ms IS NULL"
            run_many(session, close, [(now_ms, dispatch_id)])


def _inside_gap(session: Session, check_id: str, location: str, due_ms: int) -> bool:
    query = "SELECT 1 FROM gaps WHERE check_id = ? AND to_ms >= ? AND from_ms <= ? AND location = ? LIMIT 1"
    return bool(rows(session, query, check_id, due_ms, due_ms, location))
