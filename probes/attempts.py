"""One run from its first attempt to its last: tried again after a failure, stopped when it overruns, never lost.

Driven by callbacks: a task lives as long as an attempt. The pause between two attempts belongs to the worker, so that
it takes nobody's place in flight and a stop can give the run back.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from model.definition import CheckDefinition
from model.errors import ErrorCode, status_for
from model.outcome import Attempt, Outcome, RunError, RunStatus
from probes.definitions import Definition
from probes.held import HeldRun
from probes.timers import STANDSTILL_S, Pulse

OVERRUN_GRACE_S = 0.4
"""A runner keeps its own deadline; one that has not returned this long after it is cancelled."""
BROWSER_GRACE_S = 8.0
"""A journey that does not end by its timeout is killed 5 s after it, and what it left is collected."""
_CRASHED = ErrorCode.BROWSER_CRASHED
_GIVE_UP_S = 1.0
"""One that ignores even that is left behind after as long again, and its run reported without it."""
_log = structlog.get_logger(__name__)


class CheckEngine(Protocol):
    """All that the worker knows of checks: which types there are, how one is read, how one attempt is made."""

    @property
    def types(self) -> Sequence[str]: ...

    @property
    def browser_slots(self) -> int:
        """How many journeys can be walked at once; 0: none here."""
        ...

    def parse(self, raw: bytes) -> CheckDefinition:
        """A definition's JSON -> the definition. Raises ValueError, or LookupError for an unknown type."""
        ...

    def run(self, check: CheckDefinition, run: HeldRun, deadline: float) -> Coroutine[Any, Any, Outcome]:
        """One attempt of a leased run; `deadline` is an instant of the loop's clock by which it has ended."""
        ...


class Execution:
    """A run that has started. `on_attempt_ended(execution, outcome)` is called once for each `attempt()`; `pause` is
    the worker's timer between two of them."""

    __slots__ = (
        "_cancelled",
        "_engine",
        "_on_attempt_ended",
        "_overdue_at",
        "_overdue_seen",
        "_pulse",
        "_task",
        "attempts",
        "definition",
        "ended_at",
        "pause",
        "run",
        "started_at",
        "tried_at",
    )

    def __init__(
        self,
        run: HeldRun,
        definition: Definition,
        engine: CheckEngine,
        pulse: Pulse,
        on_attempt_ended: Callable[[Execution, Outcome], None],
    ) -> None:
        self.run = run
        self.definition = definition
        self.attempts: list[Attempt] = []
        self.started_at = time.monotonic()
        self.tried_at = 0.0
        self.ended_at = 0.0
        self.pause: asyncio.TimerHandle | None = None
        self._engine = engine
        self._pulse = pulse
        self._on_attempt_ended = on_attempt_ended
        self._task: asyncio.Task[Outcome] | None = None
        self._overdue_at = 0.0
        self._overdue_seen = False
        self._cancelled = False

    @property
    def may_try_again(self) -> bool:
        """Whether its definition grants another attempt, or its browser died for the first time: that is ours, and no
        reason to leave the journey unknown."""
        check = self.definition.check
        return check is not None and len(self.attempts) <= check.retries.count + (self._crashes() > 0)

    @property
    def pause_s(self) -> float:
        """How long to wait before the next attempt."""
        check = self.definition.check
        return 0.0 if check is None or self._crashes() == len(self.attempts) == 1 else check.retries.delay

    def _crashes(self) -> int:
        return sum(attempt.error is not None and attempt.error.code == _CRASHED for attempt in self.attempts)

    @property
    def in_flight(self) -> bool:
        """Whether an attempt is being made."""
        return self._task is not None

    def attempt(self) -> None:
        """Begin the next attempt."""
        self.pause = None
        self._overdue_seen = self._cancelled = False
        self.tried_at = time.monotonic()
        check = self.definition.check
        if check is None:
            self._end(_internal(self.definition.problem))
            return
        loop = asyncio.get_running_loop()
        grace_s = BROWSER_GRACE_S if check.kind == "browser" else OVERRUN_GRACE_S
        self._overdue_at = self.tried_at + check.timeout + grace_s
        self._task = loop.create_task(self._engine.run(check, self.run, loop.time() + check.timeout))
        self._task.add_done_callback(self._ended)

    def look_after(self, now: float) -> None:
        """Called now and then: cancels an attempt that overruns, and gives up on one that can't be cancelled."""
        if self._task is None or now < self._overdue_at:
            return
        if not self._overdue_seen:
            # After a loop that was held up, the runner's own timer is due in this same round: it is heard first.
            self._overdue_seen = True
            return
        if not self._cancelled:
            self._cancelled = True
            self._overdue_at = now + _GIVE_UP_S
            self._task.cancel()
            return
        _log.error("run.left_behind", run_id=self.run.run_id, check_id=self.run.check_id)
        self._task = None
        self._end(_internal("the check ran on past its timeout and could not be stopped"))

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        if self._task is not task:
            _log.info(
                "run.came_back",
                run_id=self.run.run_id,
                error=None if task.cancelled() else type(task.exception()).__name__,
            )
            return
        self._task = None
        self._end(self._outcome_of(task))

    def _outcome_of(self, task: asyncio.Task[Outcome]) -> Outcome:
        if task.cancelled():
            why = "ran on past its timeout and was stopped" if self._cancelled else "was cancelled from within"
            _log.error("run.stopped", run_id=self.run.run_id, check_id=self.run.check_id, reason=why)
            return _internal(f"the check {why}")
        error = task.exception()
        if error is not None:
            # As text: a traceback drawn with its local variables would show the definition, secrets and all.
            trace = self.definition.scrubber.text("".join(traceback.format_exception(error)))
            _log.error("run.crashed", run_id=self.run.run_id, check_id=self.run.check_id, trace=trace)
            return _internal(f"the probe failed, not the target: {_name_of(error)}; its log has the trace")
        away_s = self._pulse.away_since(self.tried_at)
        if away_s > STANDSTILL_S:
            return _internal(f"this probe stood still for {away_s:.1f} s while the check ran")
        outcome = task.result()
        if _consistent(outcome):
            return outcome
        _log.error("run.no_outcome", run_id=self.run.run_id, check_id=self.run.check_id, got=type(outcome).__name__)
        return _internal("the probe failed, not the target: its runner returned no proper outcome")

    def _end(self, outcome: Outcome) -> None:
        self.ended_at = time.monotonic()
        self.attempts.append(
            Attempt(
                late_ms=round((self.tried_at - self.run.due_at) * 1000, 3),
                status=outcome.status,
                duration_ms=outcome.duration_ms,
                metrics=outcome.metrics,
                error=outcome.error,
            )
        )
        self._on_attempt_ended(self, outcome)


def _consistent(outcome: object) -> bool:
    """Whether it is an outcome that the API will take: not a success, then with a code that goes with its status."""
    if not isinstance(outcome, Outcome):
        return False
    if outcome.status is RunStatus.SUCCESS:
        return True
    try:
        return outcome.error is not None and status_for(ErrorCode(outcome.error.code)) is outcome.status
    except ValueError:
        return False


def _name_of(error: BaseException) -> str:
    """An exception's class, with the package it comes from: pycurl's is called `error`. Its text may hold secrets."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _internal(message: str) -> Outcome:
    return Outcome(RunStatus.UNKNOWN, error=RunError(ErrorCode.INTERNAL, message))
