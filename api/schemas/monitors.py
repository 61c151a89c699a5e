"""Shapes of monitors: for each type, its definition and what is known of it. Derived from the registry of types, so a
new check type is described without a line here."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from api.families import MONITOR
from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from api.schemas.examples import MONITOR as EXAMPLE
from api.schemas.partial import change_of
from api.schemas.runs import Milliseconds, RunErrorShape, Status
from model.definition import CheckDefinition
from model.fields import LocationName

Percent = Annotated[float, Field(ge=0, le=100)]
HealthName = Literal["up", "degraded", "down", "unknown", "paused", "maintenance"]


class LocationStateShape(Shape):
    """The verdict of one location: its last measured run of the schedule, after retries."""

    location: str
    state: Annotated[
        Literal["up", "degraded", "down", "unknown"], Field(description="unknown: no measured run is fresh enough")
    ]
    since: Annotated[Time | None, Field(description="Since when the last measured runs say so")]
    last_run_id: str | None
    last_run_at: Time | None
    fresh_until: Annotated[
        Time | None,
        Field(description="Until when the last measured run counts; null: a heartbeat's does until the next"),
    ]
    duration_ms: Milliseconds | None
    error: RunErrorShape | None
    not_run_since: Annotated[Time | None, Field(description="Since when nobody could run it here")]


class LastRun(Shape):
    """The newest run that has ended, at any location, of any trigger."""

    id: str
    status: Status
    location: str
    duration_ms: Milliseconds | None
    completed_at: Time | None
    error: RunErrorShape | None


_PERIODS = ("24h", "7d", "30d", "90d")
Stats = create_model(
    "Stats",
    __base__=Shape,
    __doc__="Uptime in percent with the share of planned runs that was measured; null with nothing measured.",
    **{
        name: (about, ...)
        for period in _PERIODS
        for name, about in (
            (f"uptime_{period}", Annotated[Percent | None, Field(description="success / measured")]),
            (f"coverage_{period}", Annotated[Percent | None, Field(description="measured / planned")]),
            (f"uptime_{period}_floor", Annotated[Percent | None, Field(description="if all unmeasured had failed")]),
        )
    },
    avg_response_ms=(Annotated[Milliseconds | None, Field(description="of 24 h")], ...),
    p95_response_ms=(Annotated[Milliseconds | None, Field(description="of 24 h")], ...),
)  # type: ignore[call-overload]


class Facts(Shape):
    """What every monitor has beside its definition."""

    id: str
    locations: list[str]
    health: HealthName
    location_states: list[LocationStateShape]
    last_run: LastRun | None
    stats: Stats
    created_at: Time
    updated_at: Time


class HeartbeatFacts(Facts):
    """A heartbeat also has an address."""

    ping_url: Annotated[str, Field(description="Call it when the job is done: whoever knows it may")]


def _title(kind: str) -> str:
    return {"url": "Url", "api": "Api", "tcp": "Tcp", "dns": "Dns"}.get(kind, kind.capitalize())


def _shown(kind: str, definition: type[CheckDefinition]) -> type[BaseModel]:
    facts = HeartbeatFacts if definition.kind == "heartbeat" else Facts
    return create_model(f"{_title(kind)}Monitor", __base__=(facts, definition), __doc__=definition.__doc__)


def _change(kind: str, definition: type[CheckDefinition]) -> type[BaseModel]:
    return change_of(definition, f"{_title(kind)}MonitorChange", f"What may change of a {kind} monitor.")


_SHOWN = tuple(_shown(kind, definition) for kind, definition in MONITOR.types.items())
_CHANGES = tuple(_change(kind, definition) for kind, definition in MONITOR.types.items())

if TYPE_CHECKING:  # the types below are made from the registry when this module is imported
    Monitor = Facts
    Definition = CheckDefinition
    Change = BaseModel
else:
    Monitor = Annotated[reduce(or_, _SHOWN), Field(discriminator="type")]
    Definition = Annotated[reduce(or_, MONITOR.types.values()), Field(discriminator="type")]
    Change = reduce(or_, _CHANGES)


class NewMonitor(RootModel[Definition]):
    """A monitor to be made; `type` decides its fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Production API",
                    "type": "url",
                    "url": "https://api.example.com/health",
                    "method": "GET",
                    "interval": 60,
                    "timeout": 30,
                    "locations": ["us-east", "eu-west"],
                    "headers": {"Authorization": "Bearer token"},
                    "assertions": [{"type": "status_code", "operator": "equals", "value": 200}],
                },
                {
                    "name": "Database Check",
                    "type": "tcp",
                    "host": "db.example.com",
                    "port": 5432,
                    "interval": 60,
                    "timeout": 10,
                    "locations": ["us-east"],
                    "tls": {"enabled": False},
                },
                {"name": "Mail routing", "type": "dns", "host": "example.com", "record_type": "MX"},
                {"name": "Nightly backup", "type": "heartbeat", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
            ]
        }
    )


class MonitorChange(RootModel[Change]):
    """What may change: the fields of the monitor's type. Absent ones stay as they are, null clears an optional one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Updated Name", "interval": 120, "status": "paused"}]}
    )


class MonitorAnswer(Answer[Monitor]):
    """The monitor."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": EXAMPLE}})


class MonitorList(Answer[list[Monitor]]):
    """Monitors, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"success": True, "data": [EXAMPLE], "meta": {"total": 15, "page": 1, "per_page": 20}}
        }
    )

    meta: PageMeta


class RunRequest(BodyModel):
    """Where to run; the body may be left out."""

    model_config = ConfigDict(
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
        json_schema_extra={"examples": [{"locations": ["us-east"]}]},
    )

    locations: Annotated[
        list[LocationName] | None, Field(min_length=1, max_length=50, description="Some of the check's locations")
    ] = None
