"""/v1/stream: what happens to an organization's checks, or what is reported to one of its projects, live.

Whether somebody may listen is decided here, like every other request; the loop then takes the answer over
(api/stream_hub.py), and no thread waits.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from flask import Response, request
from pydantic import BaseModel, Field

from api.access import Caller, Scope, bearer_token, caller
from api.errors import Invalid, RateLimited
from api.events_query import terms_of
from api.project_access import visible
from api.routes import QueryModel, Routes
from api.schemas.streams import StreamMessages, StreamRefused
from api.schemas.telemetry import Named, Query
from api.services import services
from api.serving_wsgi import FLOW
from api.stream_readers import Opening
from api.stream_sources import OrganizationNews, ProjectEvents, Source, newest
from store.sessions import EVERY_ORGANIZATION
from store.stream_places import Listener, take_place
from store.write_lock import Urgency

EVENT_STREAM = "text/event-stream"
OF_A_TOKEN, OF_A_PERSON = 4, 50
"""Streams at a time: of one Bearer token; of one person, or one key, in all browsers that are signed in as it."""
AGAIN_S = 5
_ID = "[0-9]{1,18}"
routes = Routes(
    "Stream", "Runs and alerts, or a project's events, as they happen, as Server-Sent Events.", StreamRefused
)


class StreamQuery(QueryModel):
    """What to listen to; without a project, the whole organization's runs and alerts."""

    project: Named | None = None
    q: Query = ""


class StreamHeaders(BaseModel):
    """Where to go on."""

    last_event_id: Annotated[
        str | None,
        Field(alias="Last-Event-ID", pattern=f"^({_ID})?$", description="The id of the last message you have"),
    ] = None


@routes.get(
    "/v1/stream",
    needs=Scope.READ,
    answers=StreamMessages,
    errors=(400, 422),
    media=EVENT_STREAM,
    headers=StreamHeaders,
    pages=True,
)
def stream(query: StreamQuery) -> Response:
    """Listen to what happens: `event: run` as each run ends, `event: alert` at each step of an alert, `event: progress`
    as a journey that is walked comes further; with `project`, `event: event` for each event reported to it that `q` is
    true of.

    `data` of a run: the run as lists show it, and `state_changed`: whether the check's state at that location is
    another one with it. `data` of an alert: the alert as `GET /v1/alerts` shows it (without `notifications`), and
    `event`: `triggered`, `acknowledged`, `resolved`, `note`, `joined` (one more location), `released`, `reopened`,
    `retracted` or `merged` (its issue was made one with another). `data` of a progress: the run's `id`, `journey_id`,
    `location`, and `progress` as `GET /v1/runs/:id` shows it (without `steps`), at most twice a second; it may be
    missing, and none comes of a run that has ended. `data` of an event: the event as `GET /v1/query` shows it. Ids rise
    strictly. With `Last-Event-ID` it goes on after that message, without it with what is new; the answer's own
    `Last-Event-ID` says where it begins. Messages of runs and alerts are kept for 24 hours: who comes later is told of
    the `gap` by a message; events as long as their project keeps them. A comment comes at least every 10 s. One token
    may have 4 streams at a time. With `project` it refuses as `/v1/query` does: bare, and with 400 in place of 422.
    """
    return open_stream(_source(query), last_event_id())


def open_stream(source: Source, after: int | None) -> Response:
    """Listen to a source from after the message of this number; None: to what is new. RateLimited."""
    who = caller()
    if request.method == "HEAD":
        return _answer(after or 0)
    state, by_token = services(), bearer_token() is not None
    holder, most = (f"token {_listener(who).id}", OF_A_TOKEN) if by_token else (_holder(who), OF_A_PERSON)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        place = take_place(session, who.organization_id, holder, most, state.database.now_ms(session))
    if place is None:
        whose = "One token" if by_token else "One person"
        raise RateLimited(f"{whose} may have {most} streams at a time: close one of them", AGAIN_S)
    head = newest(state.database, [source])[source]
    begins = head if after is None else min(after, head)
    request.environ[FLOW] = Opening(_listener(who), place, begins, source)
    return _answer(begins)


def _source(query: StreamQuery) -> Source:
    """Malformed, Invalid; Forbidden when the project may not be seen."""
    if query.project is None:
        if query.q:
            raise Invalid({"q": ["is about the events of a project: name it as project"]})
        return OrganizationNews(caller().organization_id, caller().projects)
    terms = terms_of(query.q)
    [project] = visible(query.project).projects.values()
    return ProjectEvents(project.number, project.slug, terms, services().source_maps)


def _answer(begins: int) -> Response:
    response = Response(content_type=f"{EVENT_STREAM}; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would gather messages
    response.headers["Last-Event-ID"] = str(begins)
    return response


def _listener(who: Caller) -> Listener:
    if who.subject is not None:
        subject = hashlib.sha256(who.subject.encode()).hexdigest()[:32]
        return Listener(f"jwt_{subject}", who.organization_id, who.until_ms)
    return Listener(who.session_id or who.key_id or "", who.organization_id)


def _holder(who: Caller) -> str:
    return f"person {who.person_id}" if who.person_id is not None else f"key {who.key_id}"


def last_event_id() -> int | None:
    """The number that the client has seen last. Invalid when it is none of ours."""
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return None
    if not re.fullmatch(_ID, given):
        raise Invalid({"Last-Event-ID": ["must be the id of a message of this stream"]})
    return int(given)
