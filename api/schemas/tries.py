"""Shapes of drafts that are tried out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.routes import PathModel, QueryModel
from api.schemas.artifacts import StepShape
from api.schemas.envelope import Answer, Shape, Time
from api.schemas.runs import AssertionShape, Milliseconds, PhaseTimes, RunErrorShape, Status, WalkShape
from api.trying import LONGEST_WAIT_S
from model.fields import LocationName

_DraftId = Annotated[str, Field(pattern=r"^try_[0-9a-z]{6,40}$", description="The draft's id")]


class DraftPath(PathModel):
    draft_id: _DraftId


class JourneyDraftPath(PathModel):
    journey_draft_id: _DraftId


class _Trying(QueryModel):
    location: Annotated[
        LocationName | None, Field(description="Where; left out, the first of the draft's locations")
    ] = None
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds; 202 when it has not ended by then")] = (
        10
    )


class TryQuery(_Trying):
    """Where a draft is tried out, and how long the answer may wait for the result."""

    monitor: Annotated[
        str | None,
        Field(
            pattern=r"^mon_[0-9a-z]{6,40}$",
            description="The monitor that the draft would change: what the draft leaves out is as it is stored, and "
            "`********` keeps a stored secret",
        ),
    ] = None


class JourneyTryQuery(_Trying):
    """Where a draft is tried out, and how long the answer may wait for the result."""

    journey: Annotated[
        str | None,
        Field(
            pattern=r"^jny_[0-9a-z]{6,40}$",
            description="The journey that the draft would change: what the draft leaves out is as it is stored, and "
            "`********` keeps a stored secret",
        ),
    ] = None


class _Tried(Shape):
    id: str
    type: str
    status: Status
    location: str
    queued_at: Time
    started_at: Time | None
    completed_at: Time | None
    expires_at: Annotated[Time, Field(description="From then on nobody can read it")]
    duration_ms: Milliseconds | None
    degraded: bool
    metrics: PhaseTimes
    error: RunErrorShape | None
    probe_id: str | None


class Try(_Tried):
    """A definition that is no monitor, and the one run of it."""

    assertions: list[AssertionShape]
    response: Annotated[
        dict[str, Any] | None, Field(description="As of a run; with 64 KiB of the body, whether it passed or not")
    ]


class TryAnswer(Answer[Try]):
    """The draft has been run."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "id": "try_01hm5k3v2a",
                    "type": "api",
                    "status": "success",
                    "location": "us-east",
                    "queued_at": "2024-01-15T10:30:00.000Z",
                    "started_at": "2024-01-15T10:30:00.031Z",
                    "completed_at": "2024-01-15T10:30:00.276Z",
                    "expires_at": "2024-01-15T11:30:00.000Z",
                    "duration_ms": 245,
                    "degraded": False,
                    "metrics": {"dns_ms": 15, "connect_ms": 45, "tls_ms": 80, "ttfb_ms": 190, "download_ms": 55},
                    "error": None,
                    "probe_id": "prb_01hm5k3v2a",
                    "assertions": [
                        {"type": "status_code", "operator": "equals", "expected": 200, "actual": 200, "passed": True}
                    ],
                    "response": {"status_code": 200, "headers": {"content-type": "application/json"}, "body": "{}"},
                },
            }
        }
    )


class TryWaits(Answer[Try]):
    """The draft waits for a probe, or runs: `GET /v1/monitors/try/:id` tells more."""


class JourneyTry(_Tried):
    """A definition that is no journey, and the one run of it."""

    steps: Annotated[list[StepShape], Field(description="How each went, with its picture, once it has ended")]
    progress: Annotated[WalkShape | None, Field(description="How far it has come while a probe walks it")]


class JourneyTryAnswer(Answer[JourneyTry]):
    """The draft has been walked."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "id": "try_01hm5k3v2b",
                    "type": "journey",
                    "status": "failed",
                    "location": "us-east",
                    "queued_at": "2024-01-15T10:30:00.000Z",
                    "started_at": "2024-01-15T10:30:00.031Z",
                    "completed_at": "2024-01-15T10:30:06.276Z",
                    "expires_at": "2024-01-15T11:30:00.000Z",
                    "duration_ms": 5911,
                    "degraded": False,
                    "metrics": {"dns_ms": None, "connect_ms": None, "tls_ms": None, "ttfb_ms": 90, "download_ms": None},
                    "error": {"code": "step_failed", "message": "step 2 click: no element fits"},
                    "probe_id": "prb_01hm5k3v2a",
                    "steps": [
                        {"index": 0, "type": "goto", "name": None, "status": "success", "duration_ms": 812,
                         "error": None, "screenshot_id": "art_01hm5k3v2a"},
                        {"index": 1, "type": "click", "name": None, "status": "failed", "duration_ms": 5004,
                         "error": "no element fits", "screenshot_id": "art_01hm5k3v2b"},
                    ],
                    "progress": None,
                },
            }
        }
    )  # fmt: skip


class JourneyTryWaits(Answer[JourneyTry]):
    """The draft waits for a browser, or is walked: `GET /v1/journeys/try/:id` tells more."""
