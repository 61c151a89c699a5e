"""/api/traces/:id/events: what an agent did, appended and read again in its order (seed 002)."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import Scope
from api.agent_access import Seen
from api.agent_bodies import sent_events
from api.agent_shapes import agent_event_shape
from api.envelope import json_response
from api.errors import Conflict, Invalid, no_such
from api.routes import PathModel, Routes
from api.schemas.agents import AgentEventsBody, EventsAccepted, Replay, ReplayQuery
from api.schemas.bare import BareError
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.events import RefusedError
from telemetry.agents.stored.appending import GoneError, append_events
from telemetry.agents.stored.replaying import events_of_session

routes = Routes("Agent events", "What happened in a run, in order.", BareError)


class SessionPath(PathModel):
    agent_session_id: Annotated[str, Field(min_length=1, max_length=200, description="The run's id")]


@routes.post(
    "/api/traces/<agent_session_id>/events", needs=Scope.INGEST, answers=EventsAccepted, accepts=AgentEventsBody,
    also={201: EventsAccepted}, errors=(400, 403, 404, 409, 413, 415, 422), tokens=True,
)  # fmt: skip
def append_agent_events(path: SessionPath) -> Response:
    """Append one event, or a batch: those that fit are stored, the others named.

    One event is 201 when it is new, 200 when it had been stored before, 409 when its `seq` does not rise or its
    `idempotency_key` was used with another body, and 422 when it can't be read. A batch is 200 whatever became of its
    events. At most 5 MiB, 1,000 events, 256 KiB an event.
    """
    sent = sent_events()
    seen, store = Seen(), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        seen.session(session, path.agent_session_id)
    first = sent.events[0]
    if sent.alone and isinstance(first, RefusedError):
        raise Invalid({first.field: [first.reason]})
    try:
        with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            done = append_events(
                session, seen.organization_id, path.agent_session_id, sent.events, store.now_ms(session)
            )
    except GoneError:
        raise no_such("session", path.agent_session_id) from None
    if sent.alone and done.refused:
        raise Conflict(str(done.refused[0]))
    rejected = [
        {"index": place, "idempotency_key": sent.key_of(place), "reason": str(error)}
        for place, error in sorted(done.refused.items())
    ]
    return json_response({"accepted": done.accepted, "rejected": rejected}, 201 if sent.alone and done.stored else 200)


@routes.get(
    "/api/traces/<agent_session_id>/events",
    needs=Scope.READ,
    answers=Replay,
    errors=(403, 404),
    tokens=True,
    pages=True,
)
def replay_agent_events(path: SessionPath, query: ReplayQuery) -> Response:
    """Read the events of a run by `seq`. Where there are no more for now, `next_after_seq` is null: whoever waits for
    what comes asks again after the `seq` of the last event that they have, or listens to `/api/stream`."""
    seen = Seen()
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        number = seen.session(session, path.agent_session_id).number
        found = events_of_session(
            session, seen.organization_id, number, after_seq=query.after_seq, limit=query.limit + 1
        )
    shown = found[: query.limit]
    following = shown[-1].seq if len(found) > query.limit else None
    return json_response({"events": [agent_event_shape(event) for event in shown], "next_after_seq": following})
