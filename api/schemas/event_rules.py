"""Shapes of rules about events, and of their firings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel

from api.routes import BodyModel, QueryModel
from api.schemas.envelope import Shape, Time
from api.schemas.telemetry import Limit, Named, NextCursor
from telemetry.rules import EventRule

_RULE: dict[str, Any] = {
    "name": "Checkout fails",
    "project": "truecom",
    "query": "level:error environment:production",
    "group_by": "fingerprint",
    "threshold": 5,
    "window": "5m",
    "severity": "high",
    "channels": ["chan_abc123"],
    "cooldown": "1h",
    "enabled": True,
}
_STORED: dict[str, Any] = {
    "id": "rule_01hm5k3v2axyz",
    **_RULE,
    "project_id": "proj_01hm5k3v2a",
    "warnings": [],
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}
_FIRING: dict[str, Any] = {
    "id": "fir_01hm5k3v2axyz",
    "at": "2024-01-15T10:32:00.210Z",
    "rule_id": "rule_01hm5k3v2axyz",
    "rule_name": "Checkout fails",
    "project_id": "proj_01hm5k3v2a",
    "group_key": "1cc4d8969c006d1ff3a8651f51d2e681",
    "count": 5,
    "alert_id": "alr_01hm5k3v2axyz",
    "channels": [{"channel_id": "chan_abc123", "status": "sent", "response_status": 200}],
}


class NewEventRule(EventRule):
    """A rule to be made, as JSON or, with `Content-Type: application/yaml`, as YAML"""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE]})


class EventRuleChange(BodyModel):
    """Fields of the rule, as JSON or as YAML; null clears an optional one"""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"threshold": 10}]})


class StoredEventRule(Shape):
    """A rule about events."""

    model_config = ConfigDict(json_schema_extra={"example": _STORED})

    id: str
    name: str
    project: Annotated[str, Field(description="Its slug")]
    project_id: str
    query: str
    group_by: str
    threshold: int
    window: str
    severity: Literal["critical", "high", "medium", "low"]
    channels: list[str]
    cooldown: str
    enabled: bool
    warnings: Annotated[list[str], Field(description="Accepted, but deserves a look")]
    created_at: Time
    updated_at: Time


class EventRuleList(RootModel[list[StoredEventRule]]):
    """The rules of the projects that this token may see, the newest first."""

    model_config = ConfigDict(json_schema_extra={"example": [_STORED]})


class EventRuleQuery(QueryModel):
    """Which rules."""

    project: Named | None = None


class FiringQuery(QueryModel):
    """Which firings."""

    project: Named | None = None
    rule_id: Annotated[str | None, Field(pattern=r"^rule_[0-9a-z]{6,40}$", description="Only of this rule")] = None
    limit: Limit = 100
    cursor: Annotated[str | None, Field(pattern=r"^fir_[0-9a-z]{6,40}$", description="`cursor` of the page before")] = (
        None
    )


class FiringChannel(Shape):
    """What became of the notice to one channel."""

    channel_id: str
    status: Annotated[
        Literal["pending", "sent", "failed", "replaced"],
        Field(description="`replaced`: a later notice of the same alert went in its place"),
    ]
    response_status: Annotated[int | None, Field(description="What the receiver answered (HTTP, SMTP)")]


class FiringShape(Shape):
    """A rule that held for one group of events."""

    id: str
    at: Annotated[Time, Field(description="When the event arrived by which it held")]
    rule_id: str
    rule_name: str
    project_id: str
    group_key: str
    count: Annotated[int, Field(description="Events of the group in the window that ended then")]
    alert_id: str
    channels: list[FiringChannel]


class FiringPage(Shape):
    """Firings, the newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"firings": [_FIRING], "cursor": None}})

    firings: list[FiringShape]
    cursor: NextCursor
