"""What one run of a check found: the value every check type returns, and the parts a stored run is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from model.evidence import Evidence, PageFigures, StepResult


class RunStatus(StrEnum):
    """queued and running lead to exactly one of the rest. Only success and failed are measured."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    MISSED = "missed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)

    @property
    def measured(self) -> bool:
        return self in (RunStatus.SUCCESS, RunStatus.FAILED)


class Trigger(StrEnum):
    """Why a run exists. Only `schedule` counts toward health, uptime and rules; `confirm` settles a vote."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    CI = "ci"
    CONFIRM = "confirm"


class RunError(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` is one of the contract's (model.errors); `message` is a sentence for people."""

    code: str
    message: str


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """Phases in ms, each alone; None where the phase did not happen."""

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    ttfb_ms: float | None = None
    download_ms: float | None = None


class AssertionResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One assertion held against the answer. `name` is the header's, `path` the JSONPath; `reason`: why the answer
    could not be judged at all."""

    type: str
    operator: str
    expected: Any
    actual: Any
    passed: bool
    path: str | None = None
    name: str | None = None
    reason: str | None = None


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt. `status` is success, failed (the target's fault) or unknown (ours); `duration_ms` from the
    monotonic clock; `response` holds the contract's `response` fields that apply, already capped in size. `steps`,
    `artifacts` and `page` are of journeys."""

    status: RunStatus
    duration_ms: float | None = None
    metrics: Metrics = Metrics()
    error: RunError | None = None
    assertions: tuple[AssertionResult, ...] = ()
    response: dict[str, Any] | None = None
    steps: tuple[StepResult, ...] = ()
    artifacts: tuple[Evidence, ...] = ()
    page: PageFigures | None = None


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt kept on its run. `late_ms`: start, in ms after the run's due time."""

    late_ms: float
    status: RunStatus
    duration_ms: float | None = None
    metrics: Metrics = Metrics()
    error: RunError | None = None
