"""Retention of batches: what they asked of their runs goes when none can need it any more, they themselves with the
runs."""

from __future__ import annotations

from collections.abc import Iterator

from model.times import DAY_MS
from store.retention_walk import Deleting

SEALED_KEPT_MS = DAY_MS
"""Every run of a batch has ended by then, however often its probe was lost."""
_SEALED = "SELECT id FROM batches WHERE created_ms < ? AND overrides IS NOT NULL LIMIT ?"
_OLD_RUNS = "SELECT run_id FROM batch_runs WHERE batch_id IN (SELECT id FROM batches WHERE created_ms < ?) LIMIT ?"
_OLD = "SELECT id FROM batches WHERE created_ms < ? LIMIT ?"


def batch_steps(deleting: Deleting, now_ms: int, before_ms: int) -> Iterator[int]:
    """Removes a little at each step; yields how many rows that was. `before_ms`: batches of then have no runs left."""
    while ids := deleting.find_ids(_SEALED, now_ms - SEALED_KEPT_MS):
        yield deleting.delete("UPDATE batches SET overrides = NULL WHERE id IN ?", ids)
    while ids := deleting.find_ids(_OLD_RUNS, before_ms):
        yield deleting.delete("DELETE FROM batch_runs WHERE run_id IN ?", ids)
    while ids := deleting.find_ids(_OLD, before_ms):
        yield deleting.delete("DELETE FROM batches WHERE id IN ?", ids)
