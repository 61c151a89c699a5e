"""Shapes of alerts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.fields import Text

AlertStatus = Literal["triggered", "acknowledged", "resolved"]
Severity = Literal["critical", "high", "medium", "low"]

ALERT: dict[str, Any] = {
    "id": "alr_01hm5k3v2axyz",
    "status": "acknowledged",
    "severity": "critical",
    "rule_id": "rule_01hm5k3v2axyz",
    "rule_name": "Critical Failures",
    "monitor_id": "mon_xyz789",
    "title": "Production API is down",
    "cause": "eu-west, us-east: status was 500, expected 200 (3 runs in a row failed)",
    "locations": ["eu-west", "us-east"],
    "run_ids": ["run_xyz789", "run_xyz790", "run_xyz791"],
    "triggered_at": "2024-01-15T10:32:00.210Z",
    "acknowledged_at": "2024-01-15T10:33:10.000Z",
    "acknowledged_by": "on-call",
    "resolved_at": None,
    "resolved_by": None,
    "resolution": None,
    "retracted": False,
    "held": None,
    "notes": [{"at": "2024-01-15T10:33:10.000Z", "by": "on-call", "text": "Looking into this issue"}],
    "notifications": [
        {
            "id": "ntf_0a1b2c3d4e5f6g7h8j9k0m1n",
            "channel_id": "chan_abc123",
            "event": "alert.triggered",
            "status": "sent",
            "attempts": 1,
            "last_error": None,
            "sent_at": "2024-01-15T10:32:00.480Z",
        }
    ],
}


class NoteShape(Shape):
    """What a person wrote."""

    at: Time
    by: str
    text: str


class NotificationShape(Shape):
    """One event on its way to one channel."""

    id: str
    channel_id: str
    event: str
    status: Literal["pending", "sent", "failed"]
    attempts: Annotated[int, Field(ge=0)]
    last_error: str | None
    sent_at: Time | None


class HeldShape(Shape):
    """Why nobody is told yet."""

    outcome: Literal["muted", "silenced", "parent_down"]
    detail: str
    parent_id: Annotated[str | None, Field(description="The check that is down, on which this one depends")]


class Alert(Shape):
    """One rule that holds for one check, or for one group of a project's events. It has `monitor_id` or `journey_id`,
    whichever the check is, or `project_id`, `issue_id` (of the event by which the rule held) and `group_key`."""

    id: str
    status: AlertStatus
    severity: Severity
    rule_id: str
    rule_name: str
    monitor_id: str | SkipJsonSchema[None] = None
    journey_id: str | SkipJsonSchema[None] = None
    project_id: str | SkipJsonSchema[None] = None
    issue_id: str | SkipJsonSchema[None] = None
    group_key: str | SkipJsonSchema[None] = None
    title: str
    cause: str
    locations: Annotated[list[str], Field(description="Those that voted for it")]
    run_ids: Annotated[list[str], Field(description="The runs that prove it")]
    triggered_at: Time
    acknowledged_at: Time | None
    acknowledged_by: str | None
    resolved_at: Time | None
    resolved_by: Annotated[str | None, Field(description="Who resolved it; null when it resolved by itself")]
    resolution: Annotated[str | None, Field(description="Why it is over")]
    retracted: Annotated[bool, Field(description="A result that came late shows that it never was")]
    held: HeldShape | None
    notes: list[NoteShape]
    notifications: list[NotificationShape]


class TimelineEntry(Shape):
    """One line of an alert's story."""

    at: Time
    kind: Annotated[
        Literal[
            "triggered", "joined", "held", "released", "acknowledged", "note", "reminder", "resolved", "reopened",
            "retracted", "merged",
        ],
        Field(description="What happened; `merged`: another issue is the same as its own"),
    ]  # fmt: skip
    by: Annotated[str | None, Field(description="Who did it; null: Tracer itself")]
    text: str
    run_id: Annotated[str | None, Field(description="The run that caused it")]


class AlertDetail(Alert):
    """An alert with its story."""

    timeline: Annotated[list[TimelineEntry], Field(description="Oldest first")]


class AlertAnswer(Answer[AlertDetail]):
    """The alert."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    **ALERT,
                    "timeline": [
                        {
                            "at": "2024-01-15T10:32:00.210Z",
                            "kind": "triggered",
                            "by": None,
                            "text": "eu-west, us-east: status was 500, expected 200 (3 runs in a row failed)",
                            "run_id": "run_xyz791",
                        },
                        {
                            "at": "2024-01-15T10:33:10.000Z",
                            "kind": "acknowledged",
                            "by": "on-call",
                            "text": "Looking into this issue",
                            "run_id": None,
                        },
                    ],
                },
            }
        }
    )


class AlertList(Answer[list[Alert]]):
    """Alerts, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"success": True, "data": [ALERT], "meta": {"total": 1, "page": 1, "per_page": 20}}
        }
    )

    meta: PageMeta


class NoteRequest(BodyModel):
    """What to write beside it; the body may be left out."""

    model_config = ConfigDict(
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
        json_schema_extra={"examples": [{"note": "Looking into this issue"}]},
    )

    note: Annotated[Text | None, Field(description="Shown with the alert")] = None
