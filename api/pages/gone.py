"""A form of something that was deleted while it was open: what was typed makes another."""

from __future__ import annotations

from api.errors import NotFound
from api.pages.gate import visitor
from api.services import services
from store.audit_log import AuditFilter, list_events


def said_gone(check_id: str) -> str:
    """Who deleted it, in a sentence. NotFound, of one that never was."""
    with services().database.read(visitor().caller.organization_id) as session:
        events, _ = list_events(session, AuditFilter(target=check_id), page=(0, 1))
    if not events:
        raise NotFound(f"There is no check {check_id}")
    return f"{events[0].actor_name} deleted it after you opened this. What you typed stands here and makes a new one"
