"""The heartbeat: a check that waits to be called. Its definition, and the rule of its deadlines as pure functions.

Time is cut into periods, each ending at a deadline: for an interval, last success + interval + grace and every interval
after that; for cron, each fire time + grace. A success ends an interval's period at once; a failure is the run of its
period, which goes on to its deadline. A period without a report ends in `heartbeat_missed`. What else comes in a period
with the same outcome makes no run; a change of outcome always does (docs/decisions/0012). Nothing is expected before
the first ping. (CONTRACT, "Heartbeat")
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field, field_validator

from model.definition import DEFAULT_INTERVAL_S, CheckDefinition
from model.errors import ErrorCode
from model.fields import LocationName
from model.outcome import RunError, RunStatus
from model.schedule import next_fire

LOCATION = "heartbeat"
"""For rules and health a heartbeat is one location of this name."""
MAX_INTERVAL_S = 31_536_000
MIN_GRACE_S, MAX_DEFAULT_GRACE_S = 60, 3_600
KEPT_BODY_BYTES = 10_000
FRESH_MS = 100 * 365 * 86_400_000
"""A heartbeat's verdict is always fresh once it was pinged."""
_EPOCH_2024_MS = 1_704_067_200_000


class HeartbeatCheck(CheckDefinition):
    """Waits for a call to its `ping_url`: down when none came by the deadline, or when one said that it failed."""

    kind: ClassVar[Literal["network", "browser", "heartbeat"]] = "heartbeat"

    type: Literal["heartbeat"]
    interval: (
        Annotated[int, Field(ge=1, le=MAX_INTERVAL_S, description="seconds between pings, at the latest")] | None
    ) = None
    grace: (
        Annotated[
            int, Field(ge=1, le=MAX_INTERVAL_S, description="seconds a ping may be late; a tenth of the interval")
        ]
        | None
    ) = None

    @field_validator("locations")
    @classmethod
    def _no_locations(cls, given: tuple[LocationName, ...] | None) -> tuple[LocationName, ...] | None:
        if given:
            raise ValueError("a heartbeat has no locations: whoever knows its ping_url may call it")
        return None


class HeartbeatRule(msgspec.Struct, frozen=True):
    """When a heartbeat is expected: the part of its definition that decides deadlines."""

    grace_ms: int
    interval_ms: int | None = None
    cron: str | None = None
    timezone: str = "UTC"

    @classmethod
    def of(cls, definition: dict[str, Any]) -> HeartbeatRule:
        """From a definition as it is stored."""
        cron, timezone = definition.get("cron"), definition.get("timezone") or "UTC"
        interval_ms = None if cron else int(definition.get("interval") or DEFAULT_INTERVAL_S) * 1000
        grace_ms = int(definition.get("grace") or 0) * 1000
        return cls(grace_ms or default_grace_ms(interval_ms, cron, timezone), interval_ms, cron, timezone)

    def after(self, deadline_ms: int) -> int | None:
        """The deadline that follows one that passed: an interval later, or the next fire time + grace."""
        if self.interval_ms is not None:
            return deadline_ms + self.interval_ms
        fire = next_fire(self.cron or "", self.timezone, deadline_ms - self.grace_ms)
        return None if fire is None else fire + self.grace_ms

    def expected_from(self, now_ms: int) -> int | None:
        """The deadline of somebody who pings now and was not expected before."""
        if self.interval_ms is not None:
            return now_ms + self.interval_ms + self.grace_ms
        return self.after(now_ms)


def default_grace_ms(interval_ms: int | None, cron: str | None, timezone: str) -> int:
    """A tenth of the interval within 60 s and an hour; of a cron expression, of its first two fire times in 2024."""
    if interval_ms is None:
        first = next_fire(cron or "", timezone, _EPOCH_2024_MS)
        second = next_fire(cron or "", timezone, first) if first is not None else None
        interval_ms = second - first if first is not None and second is not None else 0
    return min(max(interval_ms // 10, MIN_GRACE_S * 1000), MAX_DEFAULT_GRACE_S * 1000)


class HeartbeatState(msgspec.Struct, frozen=True):
    """What is known of a heartbeat. `deadline_ms`: the next one, None before the first ping. `period_end_ms`: the
    end of the period that was last reported on or missed. `last_status`: the last run's. `started_ms`: a /start with
    no end yet."""

    deadline_ms: int | None = None
    started_ms: int | None = None
    last_ping_ms: int | None = None
    last_run_ms: int | None = None
    last_status: RunStatus | None = None
    period_end_ms: int | None = None


class Signal(msgspec.Struct, frozen=True):
    """What a ping says. `exit_code` is set when it came as a number."""

    kind: Literal["success", "fail", "start", "log"]
    exit_code: int | None = None


class HeartbeatRun(msgspec.Struct, frozen=True):
    """A run to record: `at_ms` is when the period ended."""

    at_ms: int
    status: RunStatus
    duration_ms: float | None = None
    error: RunError | None = None


def receive(
    rule: HeartbeatRule, state: HeartbeatState, signal: Signal, now_ms: int
) -> tuple[HeartbeatState, HeartbeatRun | None]:
    """A ping at `now_ms`, with every deadline before it settled already (`overdue`)."""
    state = msgspec.structs.replace(state, last_ping_ms=now_ms)
    if signal.kind == "log":
        return state, None
    if signal.kind == "start":
        deadline = rule.expected_from(now_ms) if state.deadline_ms is None else state.deadline_ms
        return msgspec.structs.replace(state, started_ms=now_ms, deadline_ms=deadline), None
    status = RunStatus.SUCCESS if signal.kind == "success" else RunStatus.FAILED
    period_end, deadline = (_of_cron if rule.interval_ms is None else _of_interval)(rule, state, status, now_ms)
    ended = msgspec.structs.replace(state, deadline_ms=deadline, started_ms=None, period_end_ms=period_end)
    if status == state.last_status and _had_its_run(rule, state, status, now_ms):
        return ended, None
    at_ms = now_ms if state.last_run_ms is None else max(now_ms, state.last_run_ms + 1)
    run = HeartbeatRun(
        at_ms=at_ms,
        status=status,
        duration_ms=None if state.started_ms is None else float(now_ms - state.started_ms),
        error=None if status is RunStatus.SUCCESS else RunError(ErrorCode.HEARTBEAT_FAILED, _reason(signal)),
    )
    return msgspec.structs.replace(ended, last_run_ms=at_ms, last_status=status), run


def overdue(
    rule: HeartbeatRule, state: HeartbeatState, now_ms: int, serving_since_ms: int
) -> tuple[HeartbeatState, HeartbeatRun | None]:
    """Settles the next deadline if it lies before `now_ms`; ask again until there is no run and no change.

    A deadline that passed before `serving_since_ms` could not be met: nobody was there to hear the ping. It moves to
    that return + grace."""
    deadline = state.deadline_ms
    if deadline is None or deadline >= now_ms:
        return state, None
    if deadline == state.period_end_ms:  # it was reported as failed before: its run is there
        return msgspec.structs.replace(state, deadline_ms=rule.after(deadline)), None
    if deadline < serving_since_ms:
        return msgspec.structs.replace(state, deadline_ms=serving_since_ms + rule.grace_ms), None
    at_ms = deadline if state.last_run_ms is None else max(deadline, state.last_run_ms + 1)
    run = HeartbeatRun(at_ms, RunStatus.FAILED, error=RunError(ErrorCode.HEARTBEAT_MISSED, _missing(state, deadline)))
    return (
        msgspec.structs.replace(
            state,
            deadline_ms=rule.after(deadline),
            last_run_ms=at_ms,
            last_status=RunStatus.FAILED,
            period_end_ms=deadline,
        ),
        run,
    )


def rearmed(rule: HeartbeatRule, state: HeartbeatState, now_ms: int) -> HeartbeatState:
    """The state after its schedule was edited or it was resumed: a fresh period begins, if it was ever pinged."""
    if state.deadline_ms is None:
        return state
    return msgspec.structs.replace(state, deadline_ms=rule.expected_from(now_ms), period_end_ms=None)


def _of_interval(
    rule: HeartbeatRule, state: HeartbeatState, status: RunStatus, now_ms: int
) -> tuple[int | None, int | None]:
    """(end of the period that a report at `now_ms` is about, the deadline after it). Only a success moves the deadline;
    before any there is none to keep to, and a failure begins to count like it."""
    if status is RunStatus.SUCCESS or state.deadline_ms is None:
        return now_ms, rule.expected_from(now_ms)
    return state.deadline_ms, state.deadline_ms


def _of_cron(
    rule: HeartbeatRule, state: HeartbeatState, _status: RunStatus, now_ms: int
) -> tuple[int | None, int | None]:
    """The same for cron, where the clock alone ends periods: whatever was reported, the next deadline is that of the
    next fire time."""
    if state.period_end_ms is not None and now_ms <= state.period_end_ms:
        period_end: int | None = state.period_end_ms
    elif state.deadline_ms is not None and now_ms <= state.deadline_ms:
        period_end = state.deadline_ms
    else:
        period_end = rule.after(now_ms - 1)
    return period_end, None if period_end is None else rule.after(period_end)


def _had_its_run(rule: HeartbeatRule, state: HeartbeatState, status: RunStatus, now_ms: int) -> bool:
    """Whether the period of `now_ms` has had its run, of this same outcome. A success ends an interval's period, so
    there one less than half an interval after the last run counts as of the same."""
    if rule.interval_ms is None:
        return state.period_end_ms is not None and now_ms <= state.period_end_ms
    if status is RunStatus.FAILED:
        return state.deadline_ms is not None and state.period_end_ms == state.deadline_ms
    return state.last_run_ms is not None and 2 * (now_ms - state.last_run_ms) < rule.interval_ms


def _reason(signal: Signal) -> str:
    return "it reported that it failed" if signal.exit_code is None else f"it ended with exit code {signal.exit_code}"


def _missing(state: HeartbeatState, deadline_ms: int) -> str:
    if state.started_ms is not None:
        return (
            f"it said that it started, but not that it finished, {(deadline_ms - state.started_ms) / 1000:.0f} s later"
        )
    return "no ping came by the deadline"
