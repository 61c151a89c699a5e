"""Shapes of agents' runs (seed 002)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, ConfigDict, Field, RootModel, StringConstraints

from api.routes import BodyModel, QueryModel
from api.schemas.envelope import Shape, Time
from model.fields import Name, ProjectName, one_line
from telemetry.agents.events import MOST_EVENTS, TYPES

SessionId = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(one_line)]
MOST_METADATA_BYTES = 64 << 10


def _in_a_path(session_id: str) -> str:
    """A run is read at /api/traces/{id}/…"""
    if "/" in session_id or session_id in (".", ".."):
        raise ValueError("must not contain a slash, or be . or ..: it stands in addresses")
    return session_id


def _moderate(metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    if metadata is not None and len(msgspec.json.encode(metadata)) > MOST_METADATA_BYTES:
        raise ValueError(f"must not be larger than {MOST_METADATA_BYTES >> 10} KiB as JSON; files are artifacts")
    return metadata


Project = Annotated[ProjectName, Field(description="A project: number, slug or id")]
SessionStatus = Literal["running", "completed", "failed"]
_SESSION: dict[str, Any] = {
    "id": "trace_curl_1",
    "workspace_id": "org_01hm6aqh20z1g8qzwtkn10",
    "project_id": "proj_01hm6aqh20z1g8qzwtkn11",
    "name": "Book a meeting room",
    "agent": "scheduler",
    "status": "running",
    "started_at": "2026-04-26T14:22:08.421Z",
    "last_seq": 0,
    "metadata": {"commit": "9f3c1d2"},
}
_EVENT: dict[str, Any] = {
    "seq": 1,
    "type": "tool_call",
    "timestamp": "2026-04-26T14:22:08.500Z",
    "idempotency_key": "trace_curl_1:dev:1",
    "step": 1,
    "payload": {"tool": "search_rooms", "arguments": {"day": "Monday"}},
}


class NewAgentSession(BodyModel):
    """A run that begins."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Book a meeting room", "agent": "scheduler", "session_id": "trace_1"}]}
    )

    name: Name
    agent: Name = "agent"
    project_id: Project | None = None
    metadata: Annotated[
        dict[str, Any] | None,
        AfterValidator(_moderate),
        Field(default_factory=dict, description=f"At most {MOST_METADATA_BYTES >> 10} KiB"),
    ]
    session_id: Annotated[
        Annotated[SessionId, AfterValidator(_in_a_path)] | None,
        Field(
            description="Its id, if it is to have one of yours, without a slash; asked for again, it is the same",
        ),
    ] = None


class AgentSession(Shape):
    """A run of an agent."""

    model_config = ConfigDict(json_schema_extra={"example": _SESSION})

    id: str
    workspace_id: Annotated[str, Field(description="The organization's id")]
    project_id: str | None
    name: str
    agent: str
    status: SessionStatus
    started_at: Time
    last_seq: Annotated[int, Field(ge=0, description="Of its newest event; 0 before any")]
    metadata: Annotated[
        dict[str, Any] | None, Field(description="Null in a list of many: asked for by its `session_id`, it is there")
    ]


class SessionQuery(QueryModel):
    """Which runs."""

    project_id: Project | None = None
    session_id: SessionId | None = None
    status: SessionStatus | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str | None, Field(pattern=r"^[0-9]{1,18}$", description="`cursor` of the page before")] = None


class SessionPage(Shape):
    """Runs, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sessions": [{**_SESSION, "metadata": None}], "cursor": None}}
    )

    sessions: list[AgentSession]
    cursor: Annotated[str | None, Field(description="Pass as `cursor`; null at the end")]


class AgentEventsBody(RootModel[Any]):
    """One event, a list of them, or `{"events": [...]}`. Each is judged by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_EVENT, [_EVENT], {"events": [_EVENT]}],
            "description": f"At most {MOST_EVENTS:,} events. `seq` (integer, rising), `type` ({', '.join(TYPES)}), "
            "`timestamp`, `idempotency_key`, `step`, `payload` (an object)",
        }
    )


class RejectedEvent(Shape):
    """An event of a batch that was not stored."""

    index: Annotated[int, Field(ge=0, description="Its place in what was sent")]
    idempotency_key: str | None
    reason: str


class EventsAccepted(Shape):
    """What was stored, now or before."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "accepted": 1,
                "rejected": [
                    {
                        "index": 1,
                        "idempotency_key": "trace_curl_1:dev:1",
                        "reason": "seq must be monotonic for this session",
                    }
                ],
            }
        }
    )

    accepted: int
    rejected: list[RejectedEvent]


class ReplayQuery(QueryModel):
    """Which events."""

    after_seq: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class AgentEvent(Shape):
    """An event as it was sent, and when it came."""

    seq: Annotated[int, Field(ge=1)]
    type: Literal[TYPES]  # type: ignore[valid-type]
    timestamp: str
    received_at: Time
    idempotency_key: str
    step: int | None
    payload: dict[str, Any]


class Replay(Shape):
    """Events by `seq`; clients' clocks order nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"events": [{**_EVENT, "received_at": "2026-04-26T14:22:08.502Z"}], "next_after_seq": None}
        }
    )

    events: list[AgentEvent]
    next_after_seq: Annotated[
        int | None, Field(description="Pass as `after_seq`; null where there are no more for now")
    ]
