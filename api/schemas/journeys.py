"""Shapes of journeys, of what asks for them by tag, and of the batches that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, RootModel, create_model

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from api.schemas.examples import JOURNEY, NEW_JOURNEY
from api.schemas.monitors import Facts
from api.schemas.partial import change_of
from api.schemas.runs import Milliseconds, RunErrorShape, Status, WalkShape
from journeys.definition import JourneyCheck
from journeys.variables import Variables
from model.fields import LocationName, Name
from model.hosts import WebUrl

if TYPE_CHECKING:  # made from the definition when this module is imported
    Journey = Facts
    Change = JourneyCheck
else:
    Journey = create_model("Journey", __base__=(Facts, JourneyCheck), __doc__=JourneyCheck.__doc__)
    Change = change_of(JourneyCheck, "JourneyFields", "What may change of a journey.")


class NewJourney(JourneyCheck):
    """A journey to be made; `type` may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [NEW_JOURNEY]})


class JourneyChange(RootModel[Change]):
    """What may change. Absent fields stay as they are, null clears an optional one; `steps` are replaced whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"interval": 600, "variables": {"PASSWORD": "new"}}]})


class JourneyAnswer(Answer[Journey]):
    """The journey."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": JOURNEY}})


class JourneyList(Answer[list[Journey]]):
    """Journeys, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"success": True, "data": [JOURNEY], "meta": {"total": 1, "page": 1, "per_page": 20}}
        }
    )

    meta: PageMeta


class BatchMetadata(BodyModel):
    """What is being tested, for whoever reads the results."""

    commit: Name | None = None
    branch: Name | None = None
    url: Annotated[WebUrl | None, Field(description="Where the pipeline can be looked at")] = None


class BatchRequest(BodyModel):
    """How to run them; the body may be left out."""

    model_config = ConfigDict(
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
        json_schema_extra={
            "examples": [
                {
                    "base_url": "https://pr-17.preview.example.com",
                    "variables": {"PASSWORD": "of-the-preview"},
                    "locations": ["us-east"],
                    "metadata": {"commit": "9fceb02", "branch": "new-login", "url": "https://ci.example.com/1234"},
                }
            ]
        },
    )

    variables: Annotated[
        Variables,
        Field(description="Come before the journeys' own and the organization's; kept encrypted"),
    ] = Field(default_factory=dict)
    base_url: Annotated[
        WebUrl | None, Field(description="Every URL of a journey's own base goes there in its place")
    ] = None
    locations: Annotated[
        list[LocationName] | None,
        Field(min_length=1, max_length=50, description="In place of each journey's own: also ones it does not name"),
    ] = None
    metadata: BatchMetadata = BatchMetadata()


class AskedRun(Shape):
    """A run of a batch."""

    run_id: str
    journey_id: str
    name: Annotated[str, Field(description="The journey's, when it was asked for")]
    location: str


class Asked(Shape):
    """Runs asked for by tag."""

    batch_id: str
    tag: str
    runs: list[AskedRun]


class AskedAnswer(Answer[Asked]):
    """The runs wait for probes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "batch_id": "bat_01hm5k3v2a",
                    "tag": "smoke",
                    "runs": [
                        {
                            "run_id": "run_xyz789",
                            "journey_id": "jny_abc123",
                            "name": "Login Flow",
                            "location": "us-east",
                        }
                    ],
                },
            }
        }
    )


class BatchRunShape(AskedRun):
    """A run of a batch, as it is now."""

    status: Status
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    error: RunErrorShape | None
    progress: Annotated[WalkShape | None, Field(description="How far it has come while a probe walks it")]
    url: Annotated[str, Field(description="The page of the run")]


class BatchShape(Shape):
    """Runs that were asked for together, as they are now. `failed` beats `unknown` beats `success`; what was not
    measured, whatever the reason, is `unknown`: neither green nor the site's fault."""

    batch_id: str
    tag: str
    status: Literal["running", "success", "failed", "unknown"]
    total: Annotated[int, Field(ge=0)]
    success: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    unknown: Annotated[int, Field(ge=0)]
    metadata: BatchMetadata
    created_by: Annotated[str, Field(description="The name of the API key")]
    created_at: Time
    runs: list[BatchRunShape]


class BatchAnswer(Answer[BatchShape]):
    """The batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "batch_id": "bat_01hm5k3v2a",
                    "tag": "smoke",
                    "status": "running",
                    "total": 2,
                    "success": 1,
                    "failed": 0,
                    "unknown": 0,
                    "metadata": {"commit": "9fceb02", "branch": "new-login", "url": None},
                    "created_by": "CI",
                    "created_at": "2024-01-15T10:30:00.000Z",
                    "runs": [],
                },
            }
        }
    )
