"""What nobody runs ends all the same: dispatches are taken from dead probes, and closed past their time (R5, R6).

unclaimed past their limit     the check was paused or deleted  cancelled
                               the API was away then            missed   api_unreachable
                               they had been leased before      unknown  probe_lost
                               (of what a dead probe held only what is within its limit is run again)
                               a probe exists, none was there   missed   probe_offline
                               else                             unknown  no_probe
                               asked for by hand                unknown  no_probe, or probe_lost
                               (a journey waits while the browsers there walk others that were asked for)
leased, no result for longer than the budget allows             unknown  probe_lost
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.orm import Session

from alerts.record import record
from model.errors import ErrorCode, status_for
from model.finished import Finished
from model.outcome import RunError, RunStatus, Trigger
from model.schedule import Schedule
from store.by_hand import TAKEN_WITHIN_MS
from store.dispatches import (
    LONGEST_QUEUE_MS,
    OVERDUE_MS,
    OpenDispatch,
    Places,
    PlannedRun,
    close_dispatches,
    leased_past_limit,
    places,
    put_off,
    reopen_lost,
    unclaimed_past_limit,
    walking_at,
)
from store.draft_tables import is_draft
from store.schedule_feed import ScheduledCheck, scheduled_checks
from store.service_clock import Service, service
from store.sessions import EVERY_ORGANIZATION, Database
from store.wakeups import wake
from store.write_lock import Urgency

AT_ONCE = 2
"""Dispatches closed in one transaction: 200 runs, a few ms."""
REOPENED_AT_ONCE = 50
PUT_OFF_MS = 10_000
"""A journey that waits for others is looked at again after this."""
LONGEST_BUDGET_MS = 1_020_000
"""Six attempts of 120 s with 60 s in between: the budget of a check that is not there to be asked."""
NOT_HANDED_OUT = "Tracer could not hand this to a probe in time: its API, its scheduler or their machine was away"
"""Who was away is not known afterwards: an API that was killed, a scheduler that was and a machine that slept leave the
same trace, slots that nobody was asked to run."""
_REASONS = {
    ErrorCode.API_UNREACHABLE: NOT_HANDED_OUT,
    ErrorCode.PROBE_OFFLINE: "no probe at {location} was online when this was due",
    ErrorCode.NO_PROBE: "no probe at {location} took this in time",
    ErrorCode.PROBE_LOST: "the probe that had taken this was lost or stopped, and no other took it in time",
}
_ALL_BUSY = (
    "every browser at {location} was busy with other journeys until it was too late: start another probe there, or run "
    "fewer at once"
)
_BY_HAND = (Trigger.MANUAL, Trigger.CI)
_OVERDUE = RunError(ErrorCode.PROBE_LOST, "the probe that had taken this never reported a result")
_log = structlog.get_logger(__name__)


def close_and_rescue(database: Database) -> int:
    """Re-open what dead probes held, and close what is past its time: all there is now, in short transactions. How many
    dispatches that were."""
    done = 0
    for step in (_rescue, _close_unclaimed, _close_overdue):
        while True:
            with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
                some, more = step(session, database.now_ms(session))
            done += some
            if not more:
                break
    return done


def _rescue(session: Session, now_ms: int) -> tuple[int, bool]:
    if not service(session).serving(now_ms):
        return 0, False  # nobody can renew a lease with an API that is away
    lost = reopen_lost(session, now_ms, REOPENED_AT_ONCE)
    for dispatch in lost:
        _log.warning("dispatch.reopened", dispatch_id=dispatch.id, location=dispatch.location)
        wake(session, f"lease:{dispatch.organization_id}")
    return len(lost), len(lost) == REOPENED_AT_ONCE


def _close_unclaimed(session: Session, now_ms: int) -> tuple[int, bool]:
    presence = service(session)
    # An API that has just died looks alive for a while: what it was not seen to outlive is judged when that is known.
    until_ms = min(now_ms, presence.seen_ms) if presence.serving(now_ms) else now_ms
    found = unclaimed_past_limit(session, until_ms, AT_ONCE)
    if not found:
        return 0, False
    where = {(each.organization_id, each.location) for each in found}
    around = places(session, where, now_ms - 86_400_000)
    busy = walking_at(session, where, now_ms - TAKEN_WITHIN_MS)

    def waits(dispatch: OpenDispatch) -> bool:
        asked_for = [planned for planned in dispatch.runs if planned[4] in _BY_HAND]
        return (
            len(asked_for) == len(dispatch.runs)
            and _place_of(dispatch) in busy
            and dispatch.kind == "browser"
            and around.online(_place_of(dispatch), dispatch.kind, now_ms, now_ms)
            and all(now_ms < planned[2] + LONGEST_QUEUE_MS for planned in asked_for)
        )

    def reason(dispatch: OpenDispatch, planned: PlannedRun) -> RunError:
        code = _why_unclaimed(dispatch, planned, presence, around, now_ms)
        all_busy = code == ErrorCode.NO_PROBE and dispatch.kind == "browser" and _place_of(dispatch) in busy
        return RunError(code, (_ALL_BUSY if all_busy else _REASONS[code]).format(location=dispatch.location))

    waiting = [dispatch for dispatch in found if waits(dispatch)]
    put_off(session, waiting, now_ms + PUT_OFF_MS)
    _end(session, [dispatch for dispatch in found if dispatch not in waiting], reason, now_ms)
    return len(found), len(found) == AT_ONCE


def _close_overdue(session: Session, now_ms: int) -> tuple[int, bool]:
    presence = service(session)
    if presence.was_away(now_ms - OVERDUE_MS, now_ms):
        return 0, False  # results are on their way
    found = leased_past_limit(session, now_ms)
    checks = scheduled_checks(session, {planned[1] for dispatch in found for planned in dispatch.runs})
    overdue = [dispatch for dispatch in found if _result_by_ms(dispatch, checks) <= now_ms][:AT_ONCE]
    _end(session, overdue, lambda _dispatch, _planned: _OVERDUE, now_ms)
    return len(overdue), len(overdue) == AT_ONCE


def _result_by_ms(dispatch: OpenDispatch, checks: dict[str, ScheduledCheck]) -> int:
    """When the last result of a leased dispatch should have come, whatever its probe was doing before."""
    begun_ms = max(dispatch.leased_ms or 0, *[planned[2] for planned in dispatch.runs])
    budgets = [
        schedule.budget_ms
        for planned in dispatch.runs
        if planned[1] in checks
        for _, _, schedule in checks[planned[1]].versions
        if schedule is not None
    ]
    twice = 2 if dispatch.kind == "browser" else 1  # a journey whose browser died is walked once more
    return begun_ms + twice * max(budgets, default=LONGEST_BUDGET_MS) + OVERDUE_MS


def _why_unclaimed(
    dispatch: OpenDispatch, planned: PlannedRun, presence: Service, around: Places, now_ms: int
) -> ErrorCode:
    _, _, due_ms, limit_ms, trigger = planned
    place = _place_of(dispatch)
    if trigger != Trigger.SCHEDULE:
        return ErrorCode.PROBE_LOST if dispatch.token > 0 else ErrorCode.NO_PROBE
    online = around.online(place, dispatch.kind, due_ms, limit_ms)
    if presence.was_away(due_ms, now_ms) or (online and presence.had_just_returned(due_ms)):
        return ErrorCode.API_UNREACHABLE
    if dispatch.token > 0:
        return ErrorCode.PROBE_LOST
    return ErrorCode.PROBE_OFFLINE if around.able(*place, dispatch.kind) and not online else ErrorCode.NO_PROBE


def _place_of(dispatch: OpenDispatch) -> tuple[str, str]:
    return dispatch.organization_id, dispatch.location


def _end(
    session: Session,
    dispatches: Sequence[OpenDispatch],
    reason: Callable[[OpenDispatch, PlannedRun], RunError],
    now_ms: int,
) -> None:
    """Record every run of these dispatches that has not ended yet; recording knows which have."""
    if not dispatches:
        return
    checks = scheduled_checks(session, {planned[1] for dispatch in dispatches for planned in dispatch.runs})
    finished = [
        _finished(dispatch, planned, reason(dispatch, planned), checks.get(planned[1]))
        for dispatch in dispatches
        for planned in dispatch.runs
    ]
    record(session, finished, now_ms)
    close_dispatches(session, [dispatch.id for dispatch in dispatches], now_ms)


def _finished(dispatch: OpenDispatch, planned: PlannedRun, error: RunError, check: ScheduledCheck | None) -> Finished:
    run_id, check_id, due_ms, _, trigger = planned
    version, schedule = _version_at(check, due_ms)
    wanted = is_draft(check_id) or (check is not None and not check.deleted)
    if trigger == Trigger.SCHEDULE:
        wanted = schedule is not None and dispatch.location in schedule.locations
    return Finished(
        run_id=run_id,
        organization_id=dispatch.organization_id,
        check_id=check_id,
        check_version=version,
        location=dispatch.location,
        at_ms=due_ms,
        status=status_for(ErrorCode(error.code)) if wanted else RunStatus.CANCELLED,
        trigger=Trigger(trigger),
        error=error if wanted else None,
        dispatch_id=dispatch.id,
    )


def _version_at(check: ScheduledCheck | None, due_ms: int) -> tuple[int, Schedule | None]:
    """The version a slot belongs to: the highest that began before it."""
    begun = [version for version in (check.versions if check is not None else ()) if version[1] < due_ms]
    newest = max(begun, key=lambda version: version[0], default=None)
    return (newest[0], newest[2]) if newest is not None else (0, None)
