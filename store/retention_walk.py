"""The walk over all checks that retention takes, and the two moves it makes: find runs to delete, delete them."""

from __future__ import annotations

from collections.abc import Iterator

from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run
from store.write_lock import Urgency

BATCH = 250
"""Rows a write deletes at most: one holds the lock of SQLite for 2-4 ms (benchmarks/README.md)."""
_CHECKS_AT_ONCE = 100
_CHECKS = "SELECT id FROM checks WHERE id > ? ORDER BY id LIMIT ?"
_EXPIRED = "SELECT id FROM runs WHERE check_id IN ? AND at_ms < ? LIMIT ?"


def check_chunks(database: Database) -> Iterator[list[str]]:
    """The ids of all checks, deleted ones too, a hundred at a time."""
    after = ""
    while True:
        with database.read(EVERY_ORGANIZATION) as session:
            chunk = [row[0] for row in rows(session, _CHECKS, after, _CHECKS_AT_ONCE)]
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


def expired_runs(database: Database, check_ids: list[str], before_ms: int) -> list[str]:
    """Up to BATCH ids of runs of these checks that were due or asked for before that instant."""
    with database.read(EVERY_ORGANIZATION) as session:
        return [row[0] for row in rows(session, _EXPIRED, check_ids, before_ms, BATCH)]


def delete_runs(database: Database, run_ids: list[str]) -> int:
    """One short write of housekeeping; how many rows went."""
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        return run(session, "DELETE FROM runs WHERE id IN ?", run_ids)
