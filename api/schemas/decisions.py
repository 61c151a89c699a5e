"""The shape of an explanation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.schemas.envelope import Answer, Shape, Time


class Decision(Shape):
    """What one rule made of one run."""

    at: Annotated[Time, Field(description="When the run was due")]
    rule_id: str
    outcome: Literal[
        "triggered", "joined", "not_met", "not_counted", "maintenance", "silenced", "parent_down", "muted", "storm"
    ]
    detail: Annotated[str, Field(description="For people: why")]
    alert_id: str | None


class DecisionsAnswer(Answer[list[Decision]]):
    """What each rule made of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": [
                    {
                        "at": "2024-01-15T10:31:00.000Z",
                        "rule_id": "rule_01hm5k3v2axyz",
                        "outcome": "not_met",
                        "detail": "2 of 3 runs in a row failed",
                        "alert_id": None,
                    }
                ],
            }
        }
    )
