"""Retention of incidents: one goes when all that it happened to is too old to be looked at, and nobody ever said
anything of it. What people said stays.

Which run was part of which incident is forgotten with the run; that it was counted is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.times import DAY_MS
from store.retention_alerting import AlertingHorizons
from store.retention_walk import Deleting
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows

SESSIONS_KEPT_MS = 90 * DAY_MS
"""Of sessions that are of no project."""
_LONGEST = "SELECT organization_id, max(retention_days) FROM projects WHERE deleted_ms IS NULL GROUP BY organization_id"
_OLD = (
    "SELECT id FROM incidents WHERE organization_id = ? AND touched_ms IS NULL AND last_ms < ? AND NOT EXISTS "
    "(SELECT 1 FROM incident_members m WHERE m.incident_id = incidents.id AND "
    "((m.kind = 'session' AND m.last_ms >= ?) OR (m.kind = 'alert' AND m.last_ms >= ?))) LIMIT ?"
)
_OLD_RUNS = (
    "SELECT organization_id, kind, id FROM incident_failures "
    "WHERE kind = 'run' AND waiting <= 0 AND last_ms < ? LIMIT ?"
)
_FORGET = "DELETE FROM incident_failures WHERE organization_id = ? AND kind = ? AND id = ? AND waiting <= 0"


def incident_steps(database: Database, deleting: Deleting, horizons: AlertingHorizons, now_ms: int) -> Iterator[int]:
    """Deletes a batch at each step; yields how many rows went."""
    while keys := deleting.find(_OLD_RUNS, horizons.decisions):
        yield deleting.delete_each(_FORGET, [tuple(key) for key in keys])
    with database.read(EVERY_ORGANIZATION) as session:
        organizations = [row[0] for row in rows(session, "SELECT id FROM organizations ORDER BY id")]
        longest = {organization_id: days * DAY_MS for organization_id, days in rows(session, _LONGEST)}
    for organization_id in organizations:
        sessions = now_ms - max(SESSIONS_KEPT_MS, longest.get(organization_id, 0))
        while ids := deleting.find_ids(_OLD, organization_id, horizons.decisions, sessions, horizons.alerts):
            for incident_id in ids:
                yield from _with_all(deleting, incident_id)


def _with_all(deleting: Deleting, incident_id: str) -> Iterator[int]:
    """Its rows first, in batches of their own, so that no cascade holds the writer."""
    failures = "SELECT organization_id, kind, id FROM incident_failures WHERE incident_id = ? LIMIT ?"
    while keys := deleting.find(failures, incident_id):
        one = "DELETE FROM incident_failures WHERE organization_id = ? AND kind = ? AND id = ?"
        yield deleting.delete_each(one, [tuple(key) for key in keys])
    members = "SELECT incident_id, kind, member FROM incident_members WHERE incident_id = ? LIMIT ?"
    while keys := deleting.find(members, incident_id):
        one = "DELETE FROM incident_members WHERE incident_id = ? AND kind = ? AND member = ?"
        yield deleting.delete_each(one, [tuple(key) for key in keys])
    yield deleting.delete("DELETE FROM incidents WHERE id = ? AND touched_ms IS NULL", incident_id)
