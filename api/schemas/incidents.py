"""Shapes of incidents (seed 002)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel, QueryModel
from api.schemas.agents import Project
from api.schemas.analyses import Label
from api.schemas.envelope import Shape, Time
from api.schemas.fixes import EARLIER_FIX, FIX, REGRESSION, Fix, FixState, RegressionRun
from model.fields import Text

MOST_MEMBERS = 100
"""Of each kind, those that failed last: an incident may have thousands."""
Status = Literal["open", "investigating", "fixed", "ignored"]
Owner = Annotated[str, Field(min_length=1, max_length=254, description="A member: id (`mem_…`) or email")]
_CHECK: dict[str, Any] = {
    "id": "jny_01hm6aqh20z1g8qzwtkn10",
    "count": 3,
    "first_seen": "2026-04-26T14:20:00.000Z",
    "last_seen": "2026-04-26T14:30:00.000Z",
    "newest_run_id": "run_01hm6aqh20z1g8qzwtkn17",
}
_ALERT: dict[str, Any] = {
    "id": "alr_01hm6aqh20z1g8qzwtkn10",
    "first_seen": "2026-04-26T14:21:00.000Z",
    "resolved_at": None,
}
_INCIDENT: dict[str, Any] = {
    "id": "inc_01hm6aqh20z1g8qzwtkn10",
    "title": "http://shop.example/checkout answers 500",
    "label": "tool_loop",
    "status": "open",
    "owner": None,
    "session_ids": ["trace_curl_1"],
    "checks": [_CHECK],
    "alerts": [_ALERT],
    "count": 5,
    "first_seen": "2026-04-26T14:20:00.000Z",
    "last_seen": "2026-04-26T14:30:00.000Z",
    "fix": None,
    "regression": None,
}
_CHANGE: dict[str, Any] = {
    "at": "2026-04-26T14:40:00.000Z",
    "kind": "status",
    "by": "Ada",
    "from": "open",
    "to": "investigating",
    "note": "",
}


class FailingCheck(Shape):
    """A journey whose runs are part of an incident."""

    id: str
    count: Annotated[int, Field(ge=1, description="How many of its runs are")]
    first_seen: Time
    last_seen: Time
    newest_run_id: str


class IncidentAlert(Shape):
    """An alert of a monitor or journey that is part of an incident."""

    id: str
    first_seen: Time
    resolved_at: Time | None


class Incident(Shape):
    """Failures that are one: of agents' sessions, journeys and monitors."""

    model_config = ConfigDict(json_schema_extra={"example": _INCIDENT})

    id: str
    title: str
    label: Annotated[Label, Field(description="What most of its sessions and journeys show")]
    status: Status
    owner: Annotated[str | None, Field(description="The member's email, or their id where they have none")]
    session_ids: Annotated[
        list[str], Field(description=f"The {MOST_MEMBERS} that failed last, of the projects that may be seen")
    ]
    checks: Annotated[list[FailingCheck], Field(description=f"Journeys, the {MOST_MEMBERS} that failed last")]
    alerts: Annotated[list[IncidentAlert], Field(description=f"The newest {MOST_MEMBERS}")]
    count: Annotated[int, Field(ge=0, description="Of failures: sessions, runs of journeys, alerts")]
    first_seen: Time
    last_seen: Time
    fix: Annotated[FixState | None, Field(description="The newest; null: none was asked for")]
    regression: Annotated[RegressionRun | None, Field(description="The newest; null: none was asked for")]


class IncidentChange(Shape):
    """A line of an incident's history."""

    at: Time
    kind: Literal["opened", "came_back", "emptied", "status", "owner", "note", "fix", "regression"]
    by: Annotated[str | None, Field(description="Of a fix or regression run who asked for it; null: Tracer itself")]
    from_: Annotated[str | None, Field(alias="from")]
    to: str | None
    note: str


class OneIncident(Incident):
    """An incident with its history, oldest first, the plan and diff of its newest fix, and how earlier ones went."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_INCIDENT,
                "fix": FIX,
                "regression": REGRESSION,
                "earlier_fixes": [EARLIER_FIX],
                "history": [_CHANGE],
            }
        }
    )

    fix: Annotated[Fix | None, Field(description="The newest; null: none was asked for")]
    earlier_fixes: Annotated[
        list[FixState],
        Field(description="Those before it, the newest first; …/fixes/{fix} has each with its diff"),
    ]
    history: list[IncidentChange]


class IncidentQuery(QueryModel):
    """Which incidents."""

    project_id: Project | None = None
    status: Status | None = None
    label: Label | None = None
    owner: Owner | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,15}-inc_[0-9a-z]{6,36}$", description="`cursor` of the page before")
    ] = None


class IncidentPage(Shape):
    """Incidents, the one that something happened to last first."""

    model_config = ConfigDict(json_schema_extra={"example": {"incidents": [_INCIDENT], "cursor": None}})

    incidents: list[Incident]
    cursor: Annotated[str | None, Field(description="Pass as `cursor`; null at the end")]


class IncidentUpdate(BodyModel):
    """What is to be otherwise; `owner` null: nobody. `note` stands in the history."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "investigating", "owner": "ada@example.com", "note": "I have it."}]}
    )

    status: Status | None = None
    owner: Owner | None = None
    note: Annotated[Text, Field(min_length=1, max_length=2000)] | None = None
