"""Which incidents a caller may see and change, and how one is answered.

A key that is for some projects sees an incident that something of these projects is part of, with their sessions alone;
it changes one only if no session of another project, or of none, is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from api.agent_access import Seen
from api.errors import Forbidden, no_such
from api.fix_shape import fix_shape, fix_state, regression_shape
from api.schemas.incidents import MOST_MEMBERS
from model.times import iso
from store.fixes import fixes_of, newest_fixes
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import Incident, IncidentChange
from store.incidents import changes_of, get_incident, newest_members, sessions_within
from store.members import member_known_as
from store.regressions import newest_regressions


def seen_incident(session: Session, seen: Seen, incident_id: str, *, to_change: bool = False) -> Incident:
    """NotFound; Forbidden where it is of projects that the key is not for."""
    found = get_incident(session, incident_id, lock=to_change)
    if found is None:
        raise no_such("incident", incident_id)
    if seen.open is not None:
        inside, outside = sessions_within(session, found.id, seen.open)
        if not inside:
            raise Forbidden("This key is not for a project of this incident")
        if outside and to_change:
            raise Forbidden("This key is not for all projects of this incident")
    return found


def owner_of(session: Session, found: Incident) -> str | None:
    """Who has it, as people know them; None for nobody, and for a member who is gone."""
    owner = None if found.owner_id is None else member_known_as(session, found.owner_id)
    return None if owner is None else owner[1]


def incident_shape(session: Session, seen: Seen, found: Incident) -> dict[str, Any]:
    """An incident as it is answered."""
    sessions = newest_members(session, found.id, SESSION, MOST_MEMBERS, seen.open)
    regression = newest_regressions(session, [found.id]).get(found.id)
    return {
        "id": found.id,
        "title": found.title,
        "label": found.label,
        "status": found.status,
        "owner": owner_of(session, found),
        "session_ids": [each.member for each in sessions],
        "checks": [
            {
                "id": each.member,
                "count": each.count,
                "first_seen": iso(each.first_ms),
                "last_seen": iso(each.last_ms),
                "newest_run_id": each.newest,
            }
            for each in newest_members(session, found.id, CHECK, MOST_MEMBERS)
        ],
        "alerts": [
            {"id": each.member, "first_seen": iso(each.first_ms), "resolved_at": iso(each.resolved_ms)}
            for each in newest_members(session, found.id, ALERT, MOST_MEMBERS)
        ],
        "count": found.count,
        "first_seen": iso(found.first_ms),
        "last_seen": iso(found.last_ms),
        "fix": fix_state(newest_fixes(session, [found.id]).get(found.id)),
        "regression": None if regression is None else regression_shape(seen, regression),
    }


def whole_incident(session: Session, seen: Seen, found: Incident) -> dict[str, Any]:
    """One alone: with the plan and diff of its newest fix, how the earlier ones went, and its history."""
    fixes = fixes_of(session, found.id)
    return {
        **incident_shape(session, seen, found),
        "fix": fix_shape(fixes[0] if fixes else None),
        "earlier_fixes": [state for each in fixes[1:] if (state := fix_state(each)) is not None],
        "history": history_shape(changes_of(session, found.id)),
    }


def history_shape(changes: Sequence[IncidentChange]) -> list[dict[str, Any]]:
    """Its history, oldest first."""
    return [
        {
            "at": iso(each.at_ms),
            "kind": each.kind,
            "by": each.by,
            "from": each.was,
            "to": each.became,
            "note": each.note,
        }
        for each in changes
    ]
