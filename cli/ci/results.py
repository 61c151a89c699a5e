"""What became of journeys that somebody waits for, on probes or on this machine, and what a pipeline makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal

from model.outcome import RunStatus

Status = Literal["queued", "running", "success", "failed", "unknown"]


class ExitCode(IntEnum):
    """CONTRACT "Commands"."""

    PASSED = 0
    FAILED = 1
    NOTHING_RUN = 2
    NOT_MEASURED = 3
    INTERRUPTED = 130
    """As a shell says it of what Ctrl-C has ended: no verdict on the site."""


@dataclass(frozen=True)
class Artifact:
    """A file that shows how a run went. `where`: a signed link that lives for minutes, or a path on this machine.
    `step_index`: of the step it shows, from 0."""

    type: str
    where: str
    content_type: str = ""
    step_index: int | None = None


@dataclass(frozen=True)
class JourneyResult:
    """One journey at one location. `unknown`: not measured, whatever the reason; `error` says it. `steps` as
    `GET /v1/runs/:id/steps` has them; `progress`, while it runs, as `GET /v1/batches/:id` has it. `url`: the page of
    the run."""

    name: str
    location: str
    status: Status = "queued"
    run_id: str | None = None
    journey_id: str | None = None
    duration_ms: float | None = None
    started_at: str | None = None
    error: Mapping[str, str] | None = None
    progress: Mapping[str, Any] | None = None
    url: str | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    artifacts: Sequence[Artifact] = ()

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")

    @property
    def title(self) -> str:
        """The journey with its place."""
        return f"{self.name} ({self.location})"

    @property
    def failed_step(self) -> Mapping[str, Any] | None:
        return next((step for step in self.steps if step["status"] == "failed"), None)

    @property
    def reason(self) -> str:
        """Why it did not pass, as a sentence."""
        if self.error is not None and self.error.get("message"):
            return self.error["message"]
        return "it was not measured" if self.ended else "it had not finished"


def as_status(text: str) -> Status:
    """A run's status as a pipeline sees it: of what ended, only success and failed were measured."""
    status = RunStatus(text)
    if not status.terminal:
        return "running" if status is RunStatus.RUNNING else "queued"
    return status.value if status.measured else "unknown"  # type: ignore[return-value]  # narrowed by measured


def verdict(results: Sequence[JourneyResult]) -> ExitCode:
    """`failed` beats what was not measured, or has not ended, beats `success`."""
    if not results:
        return ExitCode.NOTHING_RUN
    count = Counter(result.status for result in results)
    if count["failed"]:
        return ExitCode.FAILED
    return ExitCode.PASSED if count["success"] == len(results) else ExitCode.NOT_MEASURED


def summary(results: Sequence[JourneyResult]) -> str:
    """`3 journeys: 1 passed, 1 failed, 1 not measured`."""
    count = Counter(result.status for result in results)
    parts = [f"{count['success']} passed", f"{count['failed']} failed"]
    if count["unknown"]:
        parts.append(f"{count['unknown']} not measured")
    unfinished = count["queued"] + count["running"]
    if unfinished:
        parts.append(f"{unfinished} not finished")
    return f"{len(results)} run{'' if len(results) == 1 else 's'}: {', '.join(parts)}"


def of_api(run: Mapping[str, Any], fallback: JourneyResult | None = None) -> JourneyResult:
    """A run of `GET /v1/batches/:id`, or of `GET /v1/runs/:id` beside what was known when it was asked for."""
    known = fallback or JourneyResult(run["name"], run["location"], run_id=run["run_id"], journey_id=run["journey_id"])
    return replace(
        known,
        status=as_status(run["status"]),
        duration_ms=run.get("duration_ms"),
        started_at=run.get("started_at"),
        error=run.get("error"),
        progress=run.get("progress"),
        url=run.get("url") or known.url,
    )
