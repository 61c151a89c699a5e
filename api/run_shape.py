"""A stored run as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from model.evidence import PageFigures, StepResult
from model.finished import Detail
from model.outcome import AssertionResult, Metrics, RunError, Trigger
from model.times import iso
from store.artifact_tables import Artifact
from store.tables import Gap, Run

PHASES = ("dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "download_ms")


def run_summary(run: Run) -> dict[str, Any]:
    """A run as it stands in lists."""
    is_journey = run.check_id.startswith("jny_")
    by_hand = run.trigger != Trigger.SCHEDULE
    return {
        "id": run.id,
        "monitor_id": None if is_journey else run.check_id,
        "journey_id": run.check_id if is_journey else None,
        "status": run.status,
        "location": run.location,
        "trigger": run.trigger,
        "scheduled_at": None if by_hand else iso(run.at_ms),
        "queued_at": iso(run.at_ms) if by_hand else None,
        "started_at": iso(run.started_ms),
        "completed_at": iso(run.completed_ms),
        "duration_ms": tidy(run.duration_ms),
        "degraded": run.degraded,
        "metrics": {phase: tidy(getattr(run, phase)) for phase in PHASES},
        "error": run_error(run),
        "probe_id": run.probe_id,
    }


def run_detail(run: Run) -> dict[str, Any]:
    """A run with all it found."""
    detail = detail_of(run)
    summary = run_summary(run)
    if summary["journey_id"] is not None:
        summary["metrics"] |= _page_figures(detail)
    return {
        **summary,
        "assertions": [assertion_shape(result) for result in detail.assertions],
        "attempts": [
            {
                "started_at": iso(run.at_ms + round(attempt.late_ms)),
                "status": attempt.status,
                "duration_ms": tidy(attempt.duration_ms),
                "metrics": phases_shape(attempt.metrics),
                "error": error_shape(attempt.error),
            }
            for attempt in detail.attempts
        ],
        "response": detail.response,
    }


def assertion_shape(result: AssertionResult) -> dict[str, Any]:
    """One assertion held against the answer."""
    return {
        "type": result.type,
        **({"path": result.path} if result.path is not None else {}),
        **({"name": result.name} if result.name is not None else {}),
        "operator": result.operator,
        "expected": result.expected,
        "actual": result.actual,
        "passed": result.passed,
        **({"reason": result.reason} if result.reason is not None else {}),
    }


def detail_of(run: Run) -> Detail:
    """What a run found beside its row."""
    return msgspec.json.decode(run.detail, type=Detail) if run.detail else Detail()


def step_shapes(steps: Sequence[StepResult], artifacts: Sequence[Artifact]) -> list[dict[str, Any]]:
    """The steps of a journey's run; `artifacts`: those of the run that are still there."""
    shots = [artifact for artifact in artifacts if artifact.type == "screenshot"]
    anywhere = {artifact.sha256: artifact.id for artifact in shots}
    at_step = {(artifact.step_index, artifact.sha256): artifact.id for artifact in shots}
    return [
        {
            "index": step.index,
            "type": step.type,
            "name": step.name,
            "status": step.status,
            "duration_ms": tidy(step.duration_ms),
            "error": step.error,
            "screenshot_id": at_step.get((step.index, step.screenshot or ""), anywhere.get(step.screenshot or "")),
        }
        for step in steps
    ]


def gap_entry(gap: Gap) -> dict[str, Any]:
    """A stretch of slots nobody ran, as it stands in lists of runs."""
    return {
        "status": gap.status,
        "location": gap.location,
        "slots": gap.slots,
        "from": iso(gap.from_ms),
        "to": iso(gap.to_ms),
        "error": {"code": gap.error_code, "message": gap.error_message},
    }


def last_run(run: Run) -> dict[str, Any]:
    """The seed's `last_run`, with where and why."""
    return {
        "id": run.id,
        "status": run.status,
        "location": run.location,
        "duration_ms": tidy(run.duration_ms),
        "completed_at": iso(run.completed_ms),
        "error": run_error(run),
    }


def run_error(run: Run) -> dict[str, str] | None:
    """Why a run did not succeed."""
    return {"code": run.error_code, "message": run.error_message or ""} if run.error_code else None


def tidy(milliseconds: float | None) -> float | int | None:
    """To the microsecond, and 245 rather than 245.0."""
    if milliseconds is None:
        return None
    rounded = round(milliseconds, 3)
    return int(rounded) if rounded.is_integer() else rounded


def _page_figures(detail: Detail) -> dict[str, float | int | None]:
    """What the browser measured of the last page; null where it did not."""
    page = detail.page or PageFigures()
    cls = None if page.cls is None else round(page.cls, 4)
    return {"load_ms": tidy(page.load_ms), "lcp_ms": tidy(page.lcp_ms), "cls": cls}


def phases_shape(metrics: Metrics) -> dict[str, float | int | None]:
    return {phase: tidy(getattr(metrics, phase)) for phase in PHASES}


def error_shape(error: RunError | None) -> dict[str, str] | None:
    return {"code": error.code, "message": error.message} if error is not None else None
