"""GET /v1/query: events by the query language, newest first."""

from __future__ import annotations

import re

from flask import Response

from api.access import Scope
from api.envelope import json_response
from api.errors import Malformed
from api.project_access import queried
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.telemetry import EventPage, EventQuery
from api.services import services
from api.telemetry_shapes import event_shapes, issue_number
from store.sessions import EVERY_ORGANIZATION
from telemetry.queries import BadQueryError, Term, parse
from telemetry.stored.reading import find_events

routes = Routes("Query", "Events, found by what they say and when.", BareError)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@routes.get("/v1/query", needs=Scope.READ, answers=EventPage, pages=True)
def query_events(query: EventQuery) -> Response:
    """Find events. Pages by `cursor` show each event once, while more come in.

    Each token may ask 60 times a minute, over all of these: GET of `/v1/query`, `/v1/issues` (the list and one),
    `/v1/projects` (the list) and `/v1/alerts/firings`. More is 429. No other path counts.
    """
    terms, before = terms_of(query.q), number_of(query.cursor)
    issue = None if query.issue is None else issue_number(query.issue)
    if query.issue is not None and issue is None:
        raise Malformed("The issue must be an issue's id, such as iss_0000002v")
    projects, store = queried(query.project), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        found = find_events(
            session, projects.numbers, terms, store.now_ms(session), before=before, limit=query.limit + 1, issue=issue
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].seq) if len(found) > query.limit else None
    return json_response({"events": event_shapes(shown, projects), "cursor": cursor})


def terms_of(text: str) -> tuple[Term, ...]:
    """Malformed, with the position of the term that is wrong."""
    try:
        return parse(text)
    except BadQueryError as error:
        raise Malformed(str(error), more={"position": error.position}) from None


def number_of(cursor: str | None) -> int | None:
    """The number that a cursor holds. Malformed."""
    if cursor is None:
        return None
    if not _NUMBER.fullmatch(cursor):
        raise Malformed("The cursor must be that of the page before")
    return int(cursor)
