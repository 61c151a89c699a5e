"""Heartbeats that did not come."""

from __future__ import annotations

from alerts.record import record
from store.heartbeats import settle_overdue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

AT_ONCE = 50


def settle_heartbeats(database: Database) -> int:
    """Record a miss for each deadline that has passed; how many that were."""
    total = 0
    while True:
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            now_ms = database.now_ms(session)
            finished = settle_overdue(session, now_ms, AT_ONCE)
            record(session, finished, now_ms)
        total += len(finished)
        if len(finished) < AT_ONCE:
            return total
