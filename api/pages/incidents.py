"""/incidents: failures that are one, by how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from api.access import Scope
from api.agent_access import Seen
from api.errors import Invalid
from api.incident_access import owner_of
from api.pages.gate import page
from api.pages.rendering import render
from api.pages.reported import address, chosen_project
from api.pages.words import listed
from api.services import services
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import Incident
from store.incidents import STATUSES, IncidentFilter, count_members, list_incidents
from telemetry.agents.detectors.registry import LABELS

pages = Blueprint("incident_pages", __name__)
HERE = "/incidents"
PER_COLUMN = 20
PER_PAGE = 50
CSS = {"open": "down", "investigating": "acknowledged", "fixed": "up", "ignored": "unknown"}
"""Of a status, the mark that pages show."""
_WORDS = {SESSION: ("run of an agent", "runs of agents"), CHECK: ("journey", "journeys"), ALERT: ("alert", "alerts")}


@dataclass(frozen=True)
class Card:
    """An incident on the board. `of`: what it happened to, in words."""

    incident: Incident
    owner: str | None
    of: str


@pages.get(HERE)
@page(Scope.READ)
def board() -> Response:
    """A column for each status; or the list of one."""
    chosen, status, label = chosen_project(), request.args.get("status", ""), request.args.get("label", "")
    for name, value, known in (("status", status, STATUSES), ("label", label, LABELS)):
        if value and value not in known:
            raise Invalid({name: [f"must be one of {', '.join(known)}"]})
    seen, cursor = Seen(), _place()
    projects = chosen.numbers if chosen.slug else seen.open
    state = services()
    columns, following = [], None
    with state.database.read(seen.organization_id) as session:
        now_ms = state.database.now_ms(session)
        for each in STATUSES if not status else (status,):
            limit = PER_PAGE if status else PER_COLUMN
            wanted = IncidentFilter(projects=projects, status=each, label=label or None, before=cursor)
            found = list_incidents(session, wanted, limit + 1)
            columns.append((each, [_card(session, seen, one) for one in found[:limit]], len(found) > limit))
            if status and len(found) > limit:
                following = f"{found[limit - 1].last_ms}-{found[limit - 1].id}"
    given = {"project": chosen.slug, "status": status, "label": label}
    return render(
        "incidents.html",
        columns=columns,
        heading=_heading(columns),
        marks=CSS,
        chosen=chosen,
        given=given,
        labels=LABELS,
        quiet=not any(cards for _, cards, _ in columns) and not any(given.values()) and cursor is None,
        following=following,
        live=cursor is None,
        address=lambda **changed: address(HERE, given, changed),
        now_ms=now_ms,
    )


def _card(session: Session, seen: Seen, incident: Incident) -> Card:
    counts = count_members(session, incident.id, seen.open)
    said = [f"{counts[kind]:,} {words[counts[kind] != 1]}" for kind, words in _WORDS.items() if counts.get(kind)]
    return Card(incident, owner_of(session, incident), listed(said))


def _heading(columns: Sequence[tuple[str, Sequence[Card], bool]]) -> str:
    said = [f"{len(cards)}{'+' if more else ''} {status}" for status, cards, more in columns if cards]
    return listed(said) if said else "No incident"


def _place() -> tuple[int, str] | None:
    """Where the page before ended. Invalid."""
    cursor = request.args.get("cursor", "")
    last_ms, _, incident_id = cursor.partition("-")
    if not cursor:
        return None
    if not (last_ms.isascii() and last_ms.isdigit() and len(last_ms) < 16 and len(incident_id) < 41):
        raise Invalid({"cursor": ["is not one of ours"]})
    return int(last_ms), incident_id
