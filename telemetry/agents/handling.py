"""What people do with an incident: they say how it stands, and whose it is. Each is a line of its history."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy.orm import Session

from store.audit import Target, note
from store.incident_tables import Incident
from store.incidents import FIXED, add_change


class Handled(msgspec.Struct, kw_only=True):
    """What is to be otherwise. `owner`: (a membership's id, how people know it), None for nobody."""

    status: str | UnsetType = UNSET
    owner: tuple[str, str] | UnsetType | None = UNSET
    note: str = ""


def handle_incident(
    session: Session, incident: Incident, handled: Handled, *, by: str, was_owner: str | None, now_ms: int
) -> None:
    """An incident that is held. What it is already changes nothing; a note stands beside the change that it came with,
    else alone. `was_owner`: how people know its owner so far."""
    words = handled.note
    incident.touched_ms = now_ms
    if handled.status is not UNSET and handled.status != incident.status:
        was, incident.status = incident.status, handled.status
        incident.fixed_ms = now_ms if handled.status == FIXED else None
        add_change(session, incident, "status", now_ms, by=by, was=was, became=handled.status, note=words)
        words = ""
    owner = handled.owner
    if owner is not UNSET and (None if owner is None else owner[0]) != incident.owner_id:
        incident.owner_id, became = (None, None) if owner is None else owner
        add_change(session, incident, "owner", now_ms, by=by, was=was_owner, became=became, note=words)
        words = ""
    if words:
        add_change(session, incident, "note", now_ms, by=by, note=words)
        target = Target("incident", incident.id, incident.title)
        note(session, incident.organization_id, "incident.noted", target, after={"note": words})
    session.flush()
