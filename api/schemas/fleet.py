"""Shapes of probes and locations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.fields import LocationName, Name

ProbeStatus = Literal["online", "offline"]


class Probe(Shape):
    """A registered probe; any number of processes may run under its key."""

    id: str
    name: str
    location: str
    hint: Annotated[str, Field(description="How its key begins and ends")]
    status: ProbeStatus
    instances: Annotated[int, Field(ge=0, description="Processes online under its key")]
    version: str | None
    last_seen_at: Time | None
    capabilities: Annotated[list[str], Field(description="`network`, `browser`")]
    running: Annotated[int, Field(ge=0, description="Runs in progress")]
    spool: Annotated[int, Field(ge=0, description="Results it keeps until they are acknowledged")]
    self_check: Annotated[
        Literal["on", "off"], Field(description="Whether it can tell its own network failures from its targets'")
    ]
    created_at: Time


class NewProbe(Probe):
    """A probe with its key: shown now and never again."""

    key: Annotated[str, Field(examples=["tprb_…"])]


class ProbeAnswer(Answer[Probe]):
    """The probe."""


class NewProbeAnswer(Answer[NewProbe]):
    """The probe, with its key for the only time."""


class ProbeList(Answer[list[Probe]]):
    """Probes, newest first."""

    meta: PageMeta


class ProbeRequest(BodyModel):
    """A probe to be registered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "frankfurt-1", "location": "eu-west"}]})

    name: Name
    location: LocationName


class Location(Shape):
    """A place where monitors run: every name that a monitor, a probe or the organization's defaults use."""

    name: str
    status: Annotated[ProbeStatus, Field(description="online: a probe serves it now")]
    probes: Annotated[int, Field(ge=0, description="Registered")]
    online: Annotated[int, Field(ge=0, description="Probe processes serving it now")]
    capabilities: list[str]
    monitors: Annotated[int, Field(ge=0, description="Monitors that name it")]
    default: Annotated[bool, Field(description="Whether monitors that name no locations run here")]


class LocationList(Answer[list[Location]]):
    """Every location in use, by name."""
