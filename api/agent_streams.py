"""/api/stream: what the agents of a workspace do, live (seed 002)."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import Scope
from api.agent_access import Seen
from api.routes import QueryModel, Routes
from api.schemas.agents import Project, SessionId
from api.schemas.bare import BareError
from api.schemas.streams import StreamMessages
from api.stream_sources import AgentEvents
from api.streams import EVENT_STREAM, StreamHeaders, last_event_id, open_stream

routes = Routes("Agent stream", "What agents do, as they do it.", BareError)


class AgentStreamQuery(QueryModel):
    """What to listen to. Filters narrow what may be seen, and never widen it."""

    project_id: Project | None = None
    session_id: SessionId | None = None
    after_seq: Annotated[
        int | None, Field(ge=0, lt=10**18, description="`stream_seq` of the last message you have, as `Last-Event-ID`")
    ] = None


@routes.get(
    "/api/stream", needs=Scope.READ, answers=StreamMessages, media=EVENT_STREAM, headers=StreamHeaders, tokens=True,
    pages=True, errors=(404, 429),
)  # fmt: skip
def stream_of_agents(query: AgentStreamQuery) -> Response:
    """Listen to the events of agents: what was missed since `Last-Event-ID` or `after_seq` first, then what comes.

    One message an event, `event: event`: the event as its run is replayed, with `session_id`, `project_id` and
    `stream_seq`, which is its `id` and rises strictly over the workspace. Without either it begins with what is new.
    One token may have 4 streams at a time; one that was given by a JSON Web Token ends with that.
    """
    seen, after = Seen(), last_event_id()
    only = seen.narrowed(query.project_id)
    source = AgentEvents(
        seen.organization_id,
        None if only is None else frozenset(only),
        query.session_id,
        {number: project.id for number, project in seen.projects.items()},
    )
    return open_stream(source, query.after_seq if after is None else after)
