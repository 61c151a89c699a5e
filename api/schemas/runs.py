"""Shapes of runs and of gaps between them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api.schemas.envelope import Answer, RunPageMeta, Shape, Time
from api.schemas.telemetry import StoredEvent, StoredSpan
from model.errors import ErrorCode

Status = Literal["queued", "running", "success", "failed", "missed", "unknown", "cancelled"]
Milliseconds = Annotated[float, Field(ge=0)]


class RunErrorShape(Shape):
    """Why a run did not succeed. `code` is one of those in the reference of runs."""

    code: Annotated[str, Field(json_schema_extra={"enum": [code.value for code in ErrorCode]})]
    message: str


class PhaseTimes(Shape):
    """Phases in ms, each alone; null where the phase did not happen."""

    dns_ms: Milliseconds | None
    connect_ms: Milliseconds | None
    tls_ms: Milliseconds | None
    ttfb_ms: Milliseconds | None
    download_ms: Milliseconds | None


class RunMetrics(PhaseTimes):
    """Phases of the last request; of a journey, what the browser measured of the last page too."""

    load_ms: Milliseconds | None = None
    lcp_ms: Annotated[Milliseconds | None, Field(description="Journeys: when the page's largest part was painted")] = (
        None
    )
    cls: Annotated[
        Annotated[float, Field(ge=0)] | None,
        Field(description="Journeys: how much the page's layout shifted, no unit"),
    ] = None


class AssertionShape(Shape):
    """One assertion held against the answer."""

    type: str
    path: str | SkipJsonSchema[None] = None
    name: str | SkipJsonSchema[None] = None
    operator: str
    expected: Any
    actual: Any
    passed: bool
    reason: Annotated[
        str | SkipJsonSchema[None], Field(description="Why the answer could not be judged, where it could not")
    ] = None


class AttemptShape(Shape):
    """One try of a run with retries."""

    started_at: Time | None
    status: Literal["success", "failed", "unknown"]
    duration_ms: Milliseconds | None
    metrics: PhaseTimes
    error: RunErrorShape | None


class Run(Shape):
    """One run of a check at one location: of its schedule, or asked for."""

    id: str
    monitor_id: str | None
    journey_id: str | None
    status: Status
    location: str
    trigger: Literal["schedule", "manual", "ci", "confirm"]
    scheduled_at: Annotated[Time | None, Field(description="When it was due; null for a run asked for by hand")]
    queued_at: Annotated[Time | None, Field(description="When it was asked for; null for a run of the schedule")]
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    degraded: Annotated[bool, Field(description="It passed, but slower than `degraded_ms`")]
    metrics: PhaseTimes
    error: RunErrorShape | None
    probe_id: str | None


class StepUnderWay(Shape):
    """A step that has not ended."""

    index: Annotated[int, Field(ge=0)]
    type: str
    name: str | None


class WalkShape(Shape):
    """How far a journey has come that is walked right now: a hint, until the run has ended."""

    attempt: Annotated[int, Field(ge=1)]
    started_at: Annotated[Time, Field(description="When this attempt began")]
    total: Annotated[int, Field(ge=0, description="How many steps the journey has")]
    ended: Annotated[int, Field(ge=0)]
    step: Annotated[StepUnderWay | None, Field(description="The one under way; null when the last has ended")]


class WalkedStepShape(StepUnderWay):
    """A step that has ended."""

    status: Literal["success", "failed", "skipped"]
    duration_ms: Milliseconds | None


class WalkDetail(WalkShape):
    """The same with the steps that have ended in this attempt."""

    steps: list[WalkedStepShape]


class RunTrace(Shape):
    """What projects reported of a run: up to 1,000 spans by when they began, and the first 100 errors."""

    trace_id: str
    spans: list[StoredSpan]
    errors: list[StoredEvent]


class RunDetail(Run):
    """A run with all it found."""

    metrics: RunMetrics
    progress: Annotated[
        WalkDetail | None,
        Field(description="Journeys: how far it has come while a probe walks it; null before and after"),
    ] = None
    assertions: list[AssertionShape]
    attempts: list[AttemptShape]
    trace: Annotated[
        RunTrace | None,
        Field(description="What was reported of the trace that the run began; null where it begins none"),
    ]
    response: Annotated[
        dict[str, Any] | None,
        Field(
            description="As far as they apply: status_code, http_version, remote_ip, bytes, headers, certificate, and "
            "body (the first 4 kB, of failed runs)"
        ),
    ]


class GapShape(Shape):
    """A stretch of slots that nobody could run."""

    status: Literal["missed", "unknown"]
    location: str
    slots: Annotated[int, Field(ge=1)]
    from_: Annotated[Time, Field(alias="from")]
    to: Time
    error: RunErrorShape


class RunAnswer(Answer[RunDetail]):
    """The run."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "id": "run_xyz789",
                    "monitor_id": "mon_abc123",
                    "journey_id": None,
                    "status": "success",
                    "location": "us-east",
                    "trigger": "schedule",
                    "scheduled_at": "2024-01-15T10:30:00.000Z",
                    "queued_at": None,
                    "started_at": "2024-01-15T10:30:00.004Z",
                    "completed_at": "2024-01-15T10:30:00.249Z",
                    "duration_ms": 245,
                    "degraded": False,
                    "metrics": {"dns_ms": 15, "connect_ms": 45, "tls_ms": 80, "ttfb_ms": 190, "download_ms": 55},
                    "error": None,
                    "probe_id": "prb_01hm5k3v2a",
                    "assertions": [
                        {"type": "status_code", "operator": "equals", "expected": 200, "actual": 200, "passed": True}
                    ],
                    "attempts": [],
                    "trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "spans": [], "errors": []},
                    "response": {"status_code": 200, "http_version": "2", "remote_ip": "203.0.113.9", "bytes": 512},
                },
            }
        }
    )


class RunList(Answer[list[Run | GapShape]]):
    """Runs and gaps, newest first."""

    meta: RunPageMeta


class QueuedRun(Shape):
    """A run asked for."""

    run_id: str
    location: str


class Queued(Shape):
    """Runs asked for, one per location; `run_id` is the first."""

    run_id: str
    status: Literal["queued"]
    locations: list[str]
    runs: list[QueuedRun]


class QueuedAnswer(Answer[Queued]):
    """The runs wait for a probe."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "run_id": "run_xyz789",
                    "status": "queued",
                    "locations": ["us-east", "eu-west"],
                    "runs": [
                        {"run_id": "run_xyz789", "location": "us-east"},
                        {"run_id": "run_xyz790", "location": "eu-west"},
                    ],
                },
            }
        }
    )
