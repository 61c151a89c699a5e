"""Results from what was measured: the last place a run passes before disk and network."""

from __future__ import annotations

import msgspec
import structlog

from model.outcome import Outcome, RunError, RunStatus
from model.protocol import Result
from probes.attempts import Execution
from probes.held import HeldRun

LARGEST_RESULT = 256 * 1024
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger(__name__)


def ended(execution: Execution, outcome: Outcome) -> Result:
    """A run that was done: lateness from its first attempt, all else from its last (CONTRACT, "Runs")."""
    run, check = execution.run, execution.definition.check
    limit_ms = None if check is None else check.degraded_ms
    slow = limit_ms is not None and outcome.duration_ms is not None and outcome.duration_ms > limit_ms
    return Result(
        run_id=run.run_id,
        dispatch_id=run.dispatch.dispatch_id,
        token=run.dispatch.token,
        check_id=run.check_id,
        check_version=execution.definition.version,
        status=outcome.status,
        late_ms=execution.attempts[0].late_ms,
        duration_ms=outcome.duration_ms,
        elapsed_ms=round((execution.ended_at - execution.started_at) * 1000, 3),
        degraded=slow and outcome.status is RunStatus.SUCCESS,
        metrics=outcome.metrics,
        error=outcome.error,
        assertions=outcome.assertions,
        attempts=tuple(execution.attempts),
        response=outcome.response,
        steps=outcome.steps,
        artifacts=outcome.artifacts,
        page=outcome.page,
    )


def never_ran(run: HeldRun, version: int, status: RunStatus, error: RunError | None) -> Result:
    """A run that was leased, but not started."""
    return Result(
        run_id=run.run_id,
        dispatch_id=run.dispatch.dispatch_id,
        token=run.dispatch.token,
        check_id=run.check_id,
        check_version=version,
        status=status,
        error=error,
    )


def encode(result: Result) -> bytes:
    """A result's JSON. A part that no JSON can hold, or none of this size should, costs that part, never the result:
    both are a runner's mistake."""
    try:
        line = _encoder.encode(result)
    except (TypeError, ValueError) as error:
        _log.error("result.not_encodable", run_id=result.run_id, reason=str(error))
        return _encoder.encode(bare(result))
    if len(line) <= LARGEST_RESULT:
        return line
    _log.error("result.too_large", run_id=result.run_id, bytes=len(line))
    return _encoder.encode(bare(result))


def bare(result: Result) -> Result:
    """The same verdict without what a target may have made large or strange."""
    return msgspec.structs.replace(
        result,
        error=_bare_error(result.error),
        assertions=(),
        attempts=tuple(msgspec.structs.replace(one, error=_bare_error(one.error)) for one in result.attempts),
        response=None,
        steps=tuple(msgspec.structs.replace(step, error=None) for step in result.steps),
    )


def _bare_error(error: RunError | None) -> RunError | None:
    return None if error is None else RunError(error.code, error.message[:500].encode(errors="replace").decode())
