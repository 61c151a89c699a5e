"""The heart of a probe: leased runs in, each started at its due time, each ending as one result in the spool.

lease answer -> timer -> admission -> attempts -> guard (was it us?) -> scrub -> spool -> report
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Protocol

import structlog

from model.errors import ErrorCode
from model.outcome import Outcome, RunError, RunStatus
from model.protocol import LEASE_MS, RENEW_MS, LeaseAnswer, LeasedBatch, Result
from probes.admission import IN_FLIGHT, IN_FLIGHT_PER_TARGET, Admission
from probes.attempts import CheckEngine, Execution
from probes.definitions import Definition, Definitions
from probes.evidence import NO_EVIDENCE, Delivery
from probes.held import HeldDispatch, HeldRun, Holdings
from probes.progress import NOBODY_LOOKS, Following
from probes.results import encode, ended, never_ran
from probes.segments import Entry
from probes.spool import Spool
from probes.timers import Agenda, Pulse, RoundTrip

HELD_RUNS = 8 * IN_FLIGHT
"""Runs leased and not yet reported, those that pause before a retry not counted: enough for a second of lead at full
rate and the reports under way."""
HELD_RUNS_AT_ALL = 3 * HELD_RUNS
"""With those that pause: what keeps memory bounded when all the world is down."""
_LEASE_LOST_AFTER_S = (LEASE_MS - RENEW_MS) / 1000
"""After a standstill of this length others may have been given what was held: it is given back, not begun."""
_PLANNED = ("schedule", "confirm")
_log = structlog.get_logger(__name__)


def _nobody(_urgent: bool) -> None:
    """Until a reporter listens."""


class Guard(Protocol):
    """Tells a target's failure from this probe's own (probes/canaries.py)."""

    def passed(self, execution: Execution, outcome: Outcome) -> None: ...

    def doubts(self, execution: Execution, outcome: Outcome) -> bool: ...

    def judge(self, execution: Execution, outcome: Outcome) -> Coroutine[Any, Any, Outcome]: ...

    def tick(self, now: float, oldest_attempt: float | None) -> None: ...


class Worker:
    """Everything runs on one event loop; `on_result(urgent)` is called for each result that enters the spool."""

    def __init__(
        self,
        engine: CheckEngine,
        spool: Spool,
        guard: Guard,
        admission: Admission | None = None,
        evidence: Delivery = NO_EVIDENCE,
        following: Following = NOBODY_LOOKS,
    ) -> None:
        self.round_trip = RoundTrip()
        self.holdings = Holdings()
        self.pulse = Pulse(self._tick)
        self.on_result: Callable[[bool], None] = _nobody
        self.stopping = False
        self.idle = asyncio.Event()
        self._engine = engine
        self._spool = spool
        self._guard = guard
        self._admission = admission or Admission(IN_FLIGHT, IN_FLIGHT_PER_TARGET)
        self._browser_slots = engine.browser_slots
        self._browsers = Admission(self._browser_slots, self._browser_slots)
        self._journeys: dict[str, HeldRun] = {}
        self._agenda = Agenda(self._due)
        self._definitions = Definitions(engine.parse)
        self._unstarted: dict[str, HeldRun] = {}
        self._executions: dict[str, Execution] = {}
        self._pausing = 0
        self._judgements: set[asyncio.Task[Outcome]] = set()
        self._evidence = evidence
        self._following = following
        self._deliveries: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Runs that have started and not ended."""
        return len(self._executions)

    @property
    def capacity(self) -> int:
        """Runs that may be leased now."""
        if self.stopping or self._spool.full or self._admission.exhausted:
            return 0
        held = self.holdings.unacknowledged - len(self._journeys)
        return max(0, min(HELD_RUNS - (held - self._pausing), HELD_RUNS_AT_ALL - held))

    @property
    def browser_capacity(self) -> int:
        """Journeys that may be leased now: those held, waiting for their time or walking, take a browser each."""
        return 0 if self.stopping or self._spool.full else max(0, self._browser_slots - len(self._journeys))

    @property
    def by_hand_capacity(self) -> int:
        """How many of them may be ones that somebody asked for: half of the browsers, and one at least."""
        by_hand = sum(run.trigger not in _PLANNED for run in self._journeys.values())
        return max(0, max(1, self._browser_slots // 2) - by_hand)

    @property
    def short_of_browsers(self) -> bool:
        """Whether there is some journey that could not be leased now and could be in a moment."""
        return self._browser_slots > 0 and not (self.browser_capacity and self.by_hand_capacity)

    def accept(self, answer: LeaseAnswer, received_at: float) -> None:
        """What a lease brought, received at that instant of the monotonic clock."""
        for check in answer.checks:
            self._definitions.learn(check)
        if answer.cancelled:
            self._cancel(frozenset(answer.cancelled))
        for batch in answer.batches:
            dispatch = self.holdings.take(batch)
            if dispatch is not None:
                self._hold(batch, dispatch, received_at)
        if answer.checks:
            self._definitions.forget_unneeded()

    def acknowledged(self, entries: Iterable[Entry]) -> None:
        """The API has taken these results."""
        self.holdings.acknowledged(entries)

    def stop(self) -> None:
        """Start nothing more and give back what has not started or pauses before a retry; `idle` is set when the last
        attempt has ended."""
        self.stopping = True
        self._give_back_unstarted()
        for execution in list(self._executions.values()):
            if execution.may_try_again and not execution.in_flight:
                self._drop_paused(execution)
        self._note_idle()

    def _hold(self, batch: LeasedBatch, dispatch: HeldDispatch, received_at: float) -> None:
        at_the_api = received_at - self.round_trip.half_s
        for leased in batch.runs:
            run = HeldRun(leased, dispatch, at_the_api + leased.due_in_ms / 1000)
            self._definitions.need(run.check_id)
            self._unstarted[run.run_id] = run
            self._note_journey(run)
            if self.stopping:
                self._give_back(run)
            elif run.due_at <= received_at:
                self._due(run)
            else:
                self._agenda.add(run)
        self._note_idle()

    def _note_journey(self, run: HeldRun) -> None:
        definition = self._definitions.get(run.check_id)
        if definition is not None and definition.check is not None and definition.check.kind == "browser":
            run.browser = True
            self._journeys[run.run_id] = run

    def _walks_already(self, run: HeldRun) -> bool:
        """Whether an earlier planned run of this journey has not ended: two at once would meet each other's traces."""
        return run.trigger in _PLANNED and any(
            other.check_id == run.check_id and other is not run and other.run_id in self._executions
            for other in self._journeys.values()
            if other.trigger in _PLANNED
        )

    def _due(self, run: HeldRun) -> None:
        away_s = self.pulse.away_s(time.monotonic())
        if away_s:
            self._after_standstill(away_s)
        if run.gone:
            return
        definition = self._definitions.get(run.check_id)
        if definition is None:
            self._never_ran(run, RunStatus.UNKNOWN, RunError(ErrorCode.INTERNAL, "leased without its definition"))
            return
        if run.browser and self._walks_already(run):
            error = RunError(ErrorCode.OVERLAP, "the run before it was still walking when it was due")
            self._never_ran(run, RunStatus.MISSED, error)
            return
        run.target = definition.target
        if self._place_of(run).enter(run):
            self._begin(run, definition)

    def _place_of(self, run: HeldRun) -> Admission:
        return self._browsers if run.browser else self._admission

    def _begin(self, run: HeldRun, definition: Definition) -> None:
        del self._unstarted[run.run_id]
        execution = Execution(run, definition, self._engine, self.pulse, self._attempt_ended)
        self._executions[run.run_id] = execution
        if run.browser:
            self._following.follow(execution)
        execution.attempt()

    def _entered(self, run: HeldRun) -> None:
        """A run that waited has a place in flight: for its first attempt (with the definition of now, so that an edit
        since the lease counts) or for another one."""
        execution = self._executions.get(run.run_id)
        if execution is not None:
            execution.attempt()
            return
        definition = self._definitions.get(run.check_id)
        if definition is None:
            raise LookupError(f"{run.check_id} is held without its definition")
        self._begin(run, definition)

    def _attempt_ended(self, execution: Execution, outcome: Outcome) -> None:
        successor = self._place_of(execution.run).leave(execution.run)
        if successor is not None:
            self._entered(successor)
        if outcome.status is RunStatus.SUCCESS:
            self._guard.passed(execution, outcome)
            self._finish(execution, outcome)
        elif not execution.may_try_again:
            self._failed(execution, outcome)
        elif self.stopping:
            self._give_back(execution.run)
        else:
            self._pause(execution)

    def _pause(self, execution: Execution) -> None:
        self._pausing += 1
        execution.pause = asyncio.get_running_loop().call_later(execution.pause_s, self._try_again, execution)

    def _try_again(self, execution: Execution) -> None:
        execution.pause = None
        self._pausing -= 1
        if self._place_of(execution.run).enter(execution.run):
            execution.attempt()

    def _failed(self, execution: Execution, outcome: Outcome) -> None:
        """The last attempt failed: reported, once it is clear that it was not this probe's own network."""
        if not self._guard.doubts(execution, outcome):
            self._finish(execution, outcome)
            return
        task = asyncio.get_running_loop().create_task(self._guard.judge(execution, outcome))
        self._judgements.add(task)
        task.add_done_callback(partial(self._judged, execution, outcome))

    def _judged(self, execution: Execution, outcome: Outcome, task: asyncio.Task[Outcome]) -> None:
        self._judgements.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            # A guard that fails must not cost the run: what the check found stands.
            _log.error("guard.failed", run_id=execution.run.run_id, exc_info=error)
        self._finish(execution, outcome if error is not None else task.result())

    def _finish(self, execution: Execution, outcome: Outcome) -> None:
        run = execution.run
        result = execution.definition.scrubber.result(ended(execution, outcome))
        if not result.artifacts:
            self._conclude(run, result)
            return
        task = asyncio.get_running_loop().create_task(self._evidence.deliver(result.artifacts))
        self._deliveries.add(task)
        task.add_done_callback(partial(self._delivered, run, result))

    def _delivered(self, run: HeldRun, result: Result, task: asyncio.Task[None]) -> None:
        """What shows the run is with the API, so that it can be looked at as soon as the run has ended; or it could not
        be sent now, and goes with the result, later."""
        self._deliveries.discard(task)
        if not task.cancelled():
            self._conclude(run, result)

    def _conclude(self, run: HeldRun, result: Result) -> None:
        del self._executions[run.run_id]
        self._hand_in(result, run)

    def _never_ran(self, run: HeldRun, status: RunStatus, error: RunError | None) -> None:
        """Close a run that was not started."""
        definition = self._definitions.get(run.check_id)
        self._unstarted.pop(run.run_id, None)
        run.gone = True
        version = 0 if definition is None else definition.version
        self._hand_in(never_ran(run, version, status, error), run)

    def _hand_in(self, result: Result, run: HeldRun) -> None:
        self._walks_no_more(run)
        self._spool.add(result, encode(result))
        self._definitions.release(run.check_id)
        if self.stopping:
            self._note_idle()
        self.on_result(run.trigger != "schedule")

    def _walks_no_more(self, run: HeldRun) -> None:
        if self._journeys.pop(run.run_id, None) is not None:
            self._following.forget(run)

    def _give_back(self, run: HeldRun) -> None:
        """The run is not done here; the API hears of it with the next lease request."""
        self._unstarted.pop(run.run_id, None)
        self._executions.pop(run.run_id, None)
        self._walks_no_more(run)
        self.holdings.give_back(run)
        self._definitions.release(run.check_id)
        self._note_idle()

    def _drop_paused(self, execution: Execution) -> None:
        if execution.pause is not None:
            execution.pause.cancel()
            execution.pause = None
            self._pausing -= 1
        self._give_back(execution.run)

    def _give_back_unstarted(self) -> None:
        for run in list(self._unstarted.values()):
            self._give_back(run)

    def _cancel(self, check_ids: frozenset[str]) -> None:
        """Paused or deleted: their scheduled runs that have not started never will. What was asked for by hand runs,
        a paused check may be tried out."""
        for run in [run for run in self._unstarted.values() if run.check_id in check_ids and run.trigger in _PLANNED]:
            self._never_ran(run, RunStatus.CANCELLED, None)

    def _after_standstill(self, away_s: float) -> None:
        _log.warning("probe.stood_still", seconds=round(away_s, 1), running=self.running)
        if away_s > _LEASE_LOST_AFTER_S:
            self._give_back_unstarted()

    def _tick(self, now: float) -> None:
        away_s = self.pulse.note(now)
        if away_s:
            self._after_standstill(away_s)
        oldest: float | None = None
        for execution in list(self._executions.values()):
            execution.look_after(now)
            if execution.in_flight and (oldest is None or execution.tried_at < oldest):
                oldest = execution.tried_at
        self._guard.tick(now, oldest)

    def _note_idle(self) -> None:
        if self.stopping and not self._executions and not self._unstarted:
            self.idle.set()
