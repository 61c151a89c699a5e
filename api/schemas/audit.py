"""Shapes of the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.envelope import Answer, PageMeta, Shape, Time


class Actor(Shape):
    """Who did it."""

    kind: Annotated[
        Literal["person", "key", "probe", "tracer"], Field(description="`tracer`: it did so by itself, unasked")
    ]
    id: Annotated[str | None, Field(description="Null for Tracer, and for whoever held a link")]
    name: str


class Target(Shape):
    """What something was done to."""

    kind: Annotated[str, Field(examples=["monitor"])]
    id: Annotated[str | None, Field(description="Null when it is not known what was meant")]
    name: str


class AuditEvent(Shape):
    """One thing that somebody did. Secrets read `********`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "aud_01hm6aqh20x4v9n2k7r1c3",
                "number": 42,
                "at": "2024-01-15T10:30:00.000Z",
                "actor": {"kind": "key", "id": "key_01hm6aqh20x4v9n2k7r1c3", "name": "deploy"},
                "action": "monitor.updated",
                "target": {"kind": "monitor", "id": "mon_abc123", "name": "API"},
                "before": {"interval": 60},
                "after": {"interval": 30},
                "address": "203.0.113.7",
                "request_id": "req_5b0c1d2e3f405162",
            }
        }
    )

    id: str
    number: Annotated[int, Field(ge=1, description="Counts the organization's events, without a gap")]
    at: Time
    actor: Actor
    action: Annotated[str, Field(description="The kind of target, and what was done to it")]
    target: Target
    before: Annotated[
        dict[str, Any] | None,
        Field(description="What it was: all of it when it was deleted, else the fields that changed"),
    ]
    after: Annotated[
        dict[str, Any] | None,
        Field(description="What it is: all of it when it was made, else the fields that changed"),
    ]
    address: Annotated[str | None, Field(description="Where the request came from")]
    request_id: Annotated[str | None, Field(description="Of the request, as in its answer and on our log lines")]


class AuditLog(Answer[list[AuditEvent]]):
    """Events, newest first."""

    meta: PageMeta
