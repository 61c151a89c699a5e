"""Retention of alerting: the same little steps, along the indexes there are.

What is open stays whatever its age, and so does all that belongs to it. An alert goes with its timeline and its
notifications; those go first, in batches of their own, so that no cascade holds the writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.times import DAY_MS
from store.retention_walk import Deleting, check_chunks
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows

TOLD_KEPT_MS = 90 * DAY_MS
"""What was sent or given up, notices that are over, silences that ended."""
_OF_STATUS = (
    "organization_id = ? AND status = ? AND created_ms < ? AND COALESCE(sent_ms, 0) < ? AND NOT EXISTS "
    "(SELECT 1 FROM alerts a WHERE a.id = notifications.alert_id AND a.resolved_ms IS NULL)"
)


@dataclass(frozen=True)
class AlertingHorizons:
    """Before these instants (ms) a row of its kind is too old: `decisions` go with the runs they explain, `alerts` with
    the rollups of their outages; browsers' sign-ins when they have run out."""

    decisions: int
    alerts: int
    told: int
    sign_ins: int


def alerting_steps(database: Database, deleting: Deleting, horizons: AlertingHorizons) -> Iterator[int]:
    """Deletes a batch at each step; yields how many rows went."""
    walk = _Walk(deleting)
    for chunk in check_chunks(database):
        yield from walk.by_id("decisions", "check_id IN ? AND at_ms < ?", chunk, horizons.decisions)
    yield from walk.alerts(horizons.alerts)
    for organization_id in _organizations(database):
        for status in ("sent", "failed", "replaced"):
            yield from walk.by_id(
                "notifications", _OF_STATUS, organization_id, status, horizons.told, horizons.told
            )  # fmt: skip
        over = "organization_id = ? AND at_ms < ? AND resolved_ms < ? AND owed_ms IS NULL"
        yield from walk.by_id("notices", over, organization_id, horizons.told, horizons.told)
        yield from walk.by_id("firings", "organization_id = ? AND at_ms < ?", organization_id, horizons.told)
        yield from walk.by_id("silences", "organization_id = ? AND ends_ms < ?", organization_id, horizons.told)
    yield from walk.by_id("web_sessions", "expires_ms < ?", horizons.sign_ins, key="token_hash")


class _Walk:
    def __init__(self, deleting: Deleting) -> None:
        self._deleting = deleting

    def by_id(self, table: str, condition: str, *values: object, key: str = "id") -> Iterator[int]:
        query = f"SELECT {key} FROM {table} WHERE {condition} LIMIT ?"  # noqa: S608
        while ids := self._deleting.find_ids(query, *values):
            yield self._deleting.delete(f"DELETE FROM {table} WHERE {key} IN ?", ids)  # noqa: S608

    def alerts(self, before_ms: int) -> Iterator[int]:
        """Ids sort by age, so the walk ends at the first alert that was raised too lately to be old."""
        after = ""
        query = "SELECT id, triggered_ms, resolved_ms FROM alerts WHERE id > ? ORDER BY id LIMIT ?"
        while found := self._deleting.find(query, after):
            old = [row[0] for row in found if row[2] is not None and row[2] < before_ms]
            if old:
                yield from self.by_id("alert_events", "alert_id IN ?", old)
                yield from self.by_id("notifications", "alert_id IN ?", old)
                yield self._deleting.delete(
                    "DELETE FROM alerts WHERE id IN ? AND resolved_ms < ?", old, before_ms
                )  # fmt: skip
            if found[-1][1] >= before_ms:
                return
            after = found[-1][0]


def _organizations(database: Database) -> list[str]:
    with database.read(EVERY_ORGANIZATION) as session:
        return [row[0] for row in rows(session, "SELECT id FROM organizations ORDER BY id")]
