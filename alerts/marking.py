"""Maintenance windows that begin in the past: runs that are stored already are left out too. A job of the scheduler.

Check by check and in small transactions; a process that dies goes on where it was. What was counted moves from planned
to maintenance, and alerts that only these runs had raised are taken back.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.book import book_of, window_of
from alerts.counting import set_apart
from alerts.judging import hold, judge_check
from model.finished import Finished
from model.outcome import RunError, RunStatus
from store.alert_tables import MaintenanceWindow
from store.alerts import alerts_touching
from store.announcements import stream_topic
from store.checks import lock_checks
from store.incident_failures import look_again
from store.location_states import lock_states
from store.maintenance_windows import checks_after, mark_runs, runs_to_mark, windows_to_mark
from store.rollups import Deltas, add_to_rollups
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import from_json
from store.tables import Check, LocationState
from store.wakeups import wake
from store.write_lock import Urgency

RUNS_AT_ONCE = 100
STEPS_A_TURN = 200
_CHECKS_AT_ONCE = 100


def mark_stored_runs(database: Database) -> None:
    """Mark what is to be marked, as much as fits into a turn."""
    for _ in range(STEPS_A_TURN):
        with database.read(EVERY_ORGANIZATION) as session:
            waiting = windows_to_mark(session)
            window = waiting[0] if waiting else None
            check_id = _next_check(session, window) if window is not None else None
        if window is None:
            return
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            _mark(session, window, check_id, database.now_ms(session))


def _next_check(session: Session, window: MaintenanceWindow) -> str | None:
    """The first check that the window covers and that is not done, by id."""
    apply_to, after = window_of(window).apply_to, window.marked_to or ""
    while True:
        found = checks_after(session, window.organization_id, after, _CHECKS_AT_ONCE)
        for check_id, definition in found:
            if apply_to.covers(check_id, from_json(definition).get("tags") or ()):
                return check_id
        if len(found) < _CHECKS_AT_ONCE:
            return None
        after = found[-1][0]


def _mark(session: Session, seen: MaintenanceWindow, check_id: str | None, now_ms: int) -> None:
    """Mark some runs of a check; after the last of them put its alerts right. No check: the window is done."""
    window = session.get(MaintenanceWindow, seen.id, with_for_update=True)
    if window is None or window.updated_ms != seen.updated_ms or window.marked_to != seen.marked_to:
        return  # edited, or done by another, since it was read
    if check_id is None:
        window.marked_to = None
        return
    check = session.get(Check, check_id)
    found = _set_apart(session, check, window) if check is not None else 0
    if found == RUNS_AT_ONCE:
        return
    window.marked_to = check_id
    if check is not None:
        _judge_again(session, check, window.starts_ms or 0, now_ms)
        wake(session, stream_topic(check.organization_id))


def _set_apart(session: Session, check: Check, window: MaintenanceWindow) -> int:
    places = session.scalars(select(LocationState.location).where(LocationState.check_id == check.id))
    lock_states(session, {(check.id, location) for location in places})
    found = runs_to_mark(session, check.id, window.starts_ms or 0, window.ends_ms or 0, RUNS_AT_ONCE)
    hours: Deltas = {}
    days: Deltas = {}
    for run_id, location, at_ms, status, code, duration_ms in found:
        stored = Finished(
            run_id=run_id, organization_id=check.organization_id, check_id=check.id, check_version=check.version,
            location=location, at_ms=at_ms, status=RunStatus(status), duration_ms=duration_ms,
            error=None if code is None else RunError(code, ""),
        )  # fmt: skip
        set_apart(hours, days, stored)
    mark_runs(session, [row[0] for row in found])
    look_again(session, check.organization_id, [row[0] for row in found])
    add_to_rollups(session, "rollups_hour", hours)
    add_to_rollups(session, "rollups_day", days)
    return len(found)


def _judge_again(session: Session, check: Check, from_ms: int, now_ms: int) -> None:
    """Take back the alerts that runs due since then had raised, if they are maintenance now."""
    book = book_of(session)
    if check.deleted_ms is None and alerts_touching(session, {check.id: from_ms})[check.id]:
        book = hold(session, book, {rule.id for rule in book.of(check.organization_id).rules})
        lock_checks(session, [check.id])
        judge_check(session, book, check, alerts_touching(session, {check.id: from_ms})[check.id], from_ms, now_ms)
