"""Retention by size, on SQLite: while the database is over its budget, the oldest passing runs go, then the oldest of
any status: a failure is worth more disk than a pass.

"Oldest" is by the hour: an hour of all checks is deleted before the next hour is begun, along the index of slots.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.times import HOUR_MS
from store.retention_walk import Deleting, check_chunks
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows

KEPT_MS = HOUR_MS
"""The newest hour of runs stays whatever it weighs: somebody may be looking at it."""
_FIRST = "SELECT min((SELECT min(r.at_ms) FROM runs r WHERE r.check_id = c.id AND r.at_ms >= ?)) FROM checks c"
_RUNS = "SELECT id FROM runs WHERE check_id IN ? AND at_ms >= ? AND at_ms < ? LIMIT ?"
_PASSING = "SELECT id FROM runs WHERE check_id IN ? AND at_ms >= ? AND at_ms < ? AND status = 'success' LIMIT ?"


def used_bytes(database: Database) -> int:
    """What the rows of an SQLite database take: its pages but the free ones, which new rows will fill."""
    with database.read(EVERY_ORGANIZATION) as session:
        pages, free, size = (
            rows(session, f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def runs_over_budget(
    database: Database, deleting: Deleting, budget_bytes: int, now_ms: int, passing_gone_ms: int
) -> Iterator[tuple[int, int]]:
    """Deletes a batch at each step until the database is within its budget, or only the newest hour is left.

    Yields (rows deleted, the instant before which no passing run is left). Give the last such instant to the next
    call, so that it need not search the same hours again."""
    for query, from_ms in ((_PASSING, passing_gone_ms), (_RUNS, 0)):
        while used_bytes(database) > budget_bytes:
            first = _first_run(database, from_ms)
            if first is None or first >= now_ms - KEPT_MS:
                break
            hour = (first, min(first - first % HOUR_MS + HOUR_MS, now_ms - KEPT_MS))
            for deleted in _delete_hour(database, deleting, query, hour):
                yield deleted, passing_gone_ms
                if used_bytes(database) <= budget_bytes:
                    return
            from_ms = hour[1]
            if query is _PASSING:
                passing_gone_ms = from_ms


def _first_run(database: Database, from_ms: int) -> int | None:
    with database.read(EVERY_ORGANIZATION) as session:
        first: int | None = rows(session, _FIRST, from_ms)[0][0]
    return first


def _delete_hour(database: Database, deleting: Deleting, query: str, hour: tuple[int, int]) -> Iterator[int]:
    for chunk in check_chunks(database):
        while ids := deleting.find_ids(query, chunk, *hour):
            yield deleting.delete("DELETE FROM runs WHERE id IN ?", ids)
