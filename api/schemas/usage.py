"""Shapes of usage and plans."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas.envelope import Answer, Shape

Seconds = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2024-01-01T00:00:00Z"], description="UTC")
]
Limit = Annotated[int | None, Field(description="Null: unlimited")]


class Period(Shape):
    """A calendar month, UTC."""

    start: Seconds
    end: Annotated[Seconds, Field(description="Its last second")]


class Used(Shape):
    """How much, of how much."""

    used: Annotated[int, Field(ge=0)]
    limit: Limit


class UsageByKind(Shape):
    """What is counted. Monitors are those that there are now; runs, those of the period."""

    monitors: Used
    browser_runs: Used
    api_runs: Used


class Usage(Shape):
    """What has been used."""

    period: Period
    plan: Annotated[str, Field(description="The id of the organization's plan")]
    usage: UsageByKind


class UsageAnswer(Answer[Usage]):
    """What has been used this month."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "period": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-31T23:59:59Z"},
                    "plan": "team",
                    "usage": {
                        "monitors": {"used": 15, "limit": 20},
                        "browser_runs": {"used": 650, "limit": 1000},
                        "api_runs": {"used": 2100, "limit": 5000},
                    },
                },
            }
        }
    )


class PlanLimits(Shape):
    """What a plan allows: monitors at once, runs a month."""

    monitors: Limit
    browser_runs: Limit
    api_runs: Limit


class PlanShape(Shape):
    """A plan."""

    id: str
    name: str
    limits: PlanLimits
    current: Annotated[bool, Field(description="Whether it is the organization's")]


class PlanList(Answer[list[PlanShape]]):
    """The plans there are, in the operator's order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": [
                    {
                        "id": "unlimited",
                        "name": "Unlimited",
                        "limits": {"monitors": None, "browser_runs": None, "api_runs": None},
                        "current": True,
                    }
                ],
            }
        }
    )
