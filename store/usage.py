"""How many runs each organization has used this month: counted with the runs themselves, so each counts once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from zlib import crc32

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.finished import Finished
from model.months import month_of
from store.statements import is_sqlite, run_many
from store.usage_tables import UsageCounter

RunKind = Literal["browser_runs", "api_runs"]
SLOTS = 16
"""Rows of one counter on PostgreSQL. SQLite has one writer, and one row."""
_JOURNEY = "jny_"
_ADD = (
    "INSERT INTO usage_counters (organization_id, month_ms, kind, slot, runs) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (organization_id, month_ms, kind, slot) DO UPDATE SET runs = usage_counters.runs + excluded.runs"
)


def count_runs(entered: Iterable[Finished]) -> dict[tuple[str, int, RunKind], int]:
    """By organization, month and kind: those of these runs that a probe has measured, whatever they were asked for by.
    `entered`: each once, as alerts.ledger.Ledger keeps them. A heartbeat is no run of a probe."""
    used: dict[tuple[str, int, RunKind], int] = {}
    for done in entered:
        if done.probe_id is not None and done.status.measured:
            kind: RunKind = "browser_runs" if done.check_id.startswith(_JOURNEY) else "api_runs"
            key = done.organization_id, month_of(done.at_ms), kind
            used[key] = used.get(key, 0) + 1
    return used


def add_usage(session: Session, entered: Sequence[Finished]) -> None:
    """Count these runs, in the transaction that stores them: its last locks, in the order of the rows' keys."""
    used = count_runs(entered)
    if used:
        slot = 0 if is_sqlite(session) else crc32(entered[0].run_id.encode()) % SLOTS
        run_many(session, _ADD, [(*key, slot, used[key]) for key in sorted(used)])


def runs_used(session: Session, organization_id: str, month_ms: int) -> dict[str, int]:
    """Runs of one organization in a month by kind; a kind without any is missing."""
    return all_runs_used(session, month_ms, [organization_id]).get(organization_id, {})


def all_runs_used(session: Session, month_ms: int, organization_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Runs of these organizations in a month, by organization and kind."""
    wanted = (
        select(UsageCounter.organization_id, UsageCounter.kind, func.sum(UsageCounter.runs))
        .where(UsageCounter.month_ms == month_ms, UsageCounter.organization_id.in_(list(organization_ids)))
        .group_by(UsageCounter.organization_id, UsageCounter.kind)
    )
    used: dict[str, dict[str, int]] = {}
    for organization_id, kind, runs in session.execute(wanted):
        used.setdefault(organization_id, {})[kind] = int(runs)
    return used
