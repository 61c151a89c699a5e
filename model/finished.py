"""What ends a slot or a run: one finished run, or a stretch of slots that nobody ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from model.errors import ErrorCode
from model.evidence import Evidence, PageFigures, StepResult
from model.outcome import AssertionResult, Attempt, Metrics, RunError, RunStatus, Trigger


class Finished(msgspec.Struct, kw_only=True):
    """A run that has ended, as any process gives it to `alerts.record`.

    `at_ms`: when it was due or asked for. `started_ms` None: nobody began it, so a long row of its kind becomes a gap.
    `error` is set unless `status` is success or cancelled. `fresh_for_ms`: how long after `at_ms` its verdict counts;
    None: by the schedule of `check_version`. `dispatch_id`: the dispatch that is done when its last run has ended.
    """

    run_id: str
    organization_id: str
    check_id: str
    check_version: int
    location: str
    at_ms: int
    status: RunStatus
    trigger: Trigger = Trigger.SCHEDULE
    started_ms: int | None = None
    completed_ms: int | None = None
    duration_ms: float | None = None
    metrics: Metrics = Metrics()
    error: RunError | None = None
    assertions: tuple[AssertionResult, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    response: dict[str, Any] | None = None
    degraded: bool = False
    probe_id: str | None = None
    dispatch_id: str | None = None
    maintenance: bool = False
    steps: tuple[StepResult, ...] = ()
    artifacts: tuple[Evidence, ...] = ()
    page: PageFigures | None = None
    fresh_for_ms: int | None = None


class Detail(msgspec.Struct, omit_defaults=True):
    """The part of a stored run that only the page of that run shows."""

    assertions: tuple[AssertionResult, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    response: dict[str, Any] | None = None
    steps: tuple[StepResult, ...] = ()
    artifacts: tuple[Evidence, ...] = ()
    page: PageFigures | None = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive slots of one check at one location that nobody ran and no run row exists for.

    Either `interval_ms` is set (the slots are first_ms, first_ms + interval_ms, … last_ms, `count` of them), or
    `due_ms` lists them all, rising (cron)."""

    organization_id: str
    check_id: str
    location: str
    reason: ErrorCode
    message: str
    first_ms: int
    last_ms: int
    count: int
    interval_ms: int | None = None
    due_ms: Sequence[int] = ()
