"""Shapes of notices."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.notices import NoticeKind


class Notice(Shape):
    """Something that Tracer has to say about itself; never about a target."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "ntc_01hm6aqh20x4v9n2k7r1c3",
                "at": "2024-01-15T10:31:40.000Z",
                "kind": "location_offline",
                "severity": "high",
                "message": "No probe of the location eu-west has been online since 2024-01-15 10:31:06 UTC. "
                "2 checks are not measured there: API, Shop. Start one again (tracer probe --location eu-west), "
                "or delete the probe if it is not coming back.",
                "link": "https://tracer.example/alerts",
                "resolved_at": None,
            }
        }
    )

    id: str
    at: Annotated[Time, Field(description="Since when")]
    kind: NoticeKind
    severity: Annotated[str, Field(description="`critical`, `high`, `medium` or `low`, as an alert's")]
    message: Annotated[str, Field(description="For people: what is wrong, and what to do")]
    link: str
    resolved_at: Annotated[Time | None, Field(description="Null while it is so")]


class NoticeList(Answer[list[Notice]]):
    """Notices, newest first."""

    meta: PageMeta
