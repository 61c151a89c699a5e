"""What time alone does to alerts: silence fires, holds end, reminders fall due. A job of the scheduler.

It is safe to do twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from alerts.book import book_of
from alerts.evaluation import silence_deadlines
from alerts.holds import hold_on, silenced
from alerts.judging import facts_of, hold, judge_check
from alerts.lifecycle import remind, tell_or_hold
from alerts.state import CheckState, Rule, Stream
from model.points import Point
from store.alert_tables import Alert, AlertRule
from store.alerts import alerts_touching
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.tables import Check, LocationState
from store.write_lock import Urgency

AT_ONCE = 50
AGAIN_MS = 1_000
LOOK_MS = 30_000
"""Checks may come under a rule by an edit, so all are looked at as often as that."""
_next_look: WeakKeyDictionary[Engine | Connection, tuple[int, int]] = WeakKeyDictionary()
"""(number of the book, earliest instant) at which silence may be found."""


_ANY_HELD = "SELECT 1 FROM alerts INDEXED BY ix_alerts_held WHERE resolved_ms IS NULL AND held IS NOT NULL LIMIT 1"


def anything_to_watch(session: Session, now_ms: int) -> bool:
    """Whether `watch` may find something: a look before it, in a session of EVERY_ORGANIZATION."""
    number, next_ms = _next_look.get(session.get_bind(), (-1, 0))
    due = number != book_of(session).number or now_ms >= next_ms
    return due or bool(rows(session, _ANY_HELD)) or bool(_to_remind(session, now_ms))


def watch(database: Database) -> int:
    """Open alerts of rules that fire when nothing is measured, tell of open alerts that nothing holds any more, and
    remind of those that nobody has acknowledged; how many were looked at closely."""
    with database.read(EVERY_ORGANIZATION) as session:
        now_ms = database.now_ms(session)
        silent = _silent_checks(session, now_ms)
        held = list(session.scalars(_HELD))
        overdue = _to_remind(session, now_ms)
    steps: list[Callable[[Session, int], None]] = [
        *(partial(_judge_silence, check_id=check_id) for check_id in silent),
        *(partial(_release, alert_id=alert_id) for alert_id in held),
        *(partial(_remind, alert_id=alert_id, rule_id=rule_id) for alert_id, rule_id in overdue),
    ]
    for step in steps:
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            step(session, database.now_ms(session))
    return len(steps)


def _judge_silence(session: Session, now_ms: int, check_id: str) -> None:
    book = book_of(session)
    timed = [rule for each in book.organizations.values() for rule in each.rules if not rule.definition.by_results]
    book = hold(session, book, {rule.id for rule in timed})
    check = _locked(session, check_id)
    if check is not None:
        stored = alerts_touching(session, {check.id: now_ms})[check.id]
        judge_check(session, book, check, stored, now_ms, now_ms)


def _silent_checks(session: Session, now_ms: int) -> list[str]:
    """Active checks that some rule of time covers, silent for too long, and not alerted by it yet. Results only put
    deadlines off, so until the earliest one, or another rule, there is nothing to look for."""
    book = book_of(session)
    number, next_ms = _next_look.get(session.get_bind(), (-1, 0))
    if number == book.number and now_ms < next_ms:
        return []
    found: list[str] = []
    earliest_ms = now_ms + LOOK_MS
    for organization_id, in_force in book.organizations.items():
        timed = [rule for rule in in_force.rules if not rule.definition.by_results]
        for check_id, deadline_ms in _deadlines(session, organization_id, timed):
            if deadline_ms <= now_ms:
                found.append(check_id)
            # One that is due and stays without an alert (in a maintenance window, say) is looked at again soon.
            earliest_ms = min(earliest_ms, max(deadline_ms, now_ms + AGAIN_MS))
    _next_look[session.get_bind()] = (book.number, earliest_ms)
    return list(dict.fromkeys(found))


def _deadlines(session: Session, organization_id: str, timed: Sequence[Rule]) -> Iterator[tuple[str, int]]:
    """When each rule of time will hold for each check it covers, if nothing is measured until then; pairs with an open
    alert are left out."""
    if not timed:
        return
    wanted = select(Check).where(
        Check.organization_id == organization_id, Check.deleted_ms.is_(None), Check.status == "active"
    )
    known = select(Alert.check_id, Alert.rule_id).where(
        Alert.organization_id == organization_id, Alert.resolved_ms.is_(None)
    )
    alerted = {(row.check_id, row.rule_id) for row in session.execute(known)}
    states = _newest(session, organization_id)
    for check in session.scalars(wanted):
        tags = check.definition.get("tags") or ()
        for rule in timed:
            if (check.id, rule.id) not in alerted and rule.definition.apply_to.covers(check.id, tags):
                facts = facts_of(check)
                deadlines = sorted(silence_deadlines(states.get(check.id, CheckState()), rule, facts).values())
                needed = min(rule.definition.min_locations, len(deadlines))
                if needed:
                    yield check.id, deadlines[needed - 1]


def _newest(session: Session, organization_id: str) -> dict[str, CheckState]:
    """What was measured last at each location, as far as silence is concerned."""
    wanted = select(LocationState.check_id, LocationState.location, LocationState.at_ms, LocationState.run_id).where(
        LocationState.organization_id == organization_id, LocationState.at_ms.is_not(None)
    )
    states: dict[str, CheckState] = {}
    for check_id, location, at_ms, run_id in session.execute(wanted):
        due_ms = at_ms or 0
        newest = Point(run_id=run_id or "", location=location, at_ms=due_ms, ended_ms=due_ms, failed=False)
        states.setdefault(check_id, CheckState()).streams[location] = Stream(newest=newest)
    return states


_HELD = (
    select(Alert.id)
    .where(Alert.resolved_ms.is_(None), Alert.held.is_not(None))
    .order_by(Alert.organization_id, Alert.id)  # as their index has them: by id alone, SQLite walks every alert
)


def _release(session: Session, now_ms: int, alert_id: str) -> None:
    alert = _open_alert(session, alert_id)
    if alert is None or alert.held is None:
        return
    in_force = book_of(session).of(alert.organization_id)
    if alert.project_id is not None:
        held = silenced(in_force, alert.project_id, (), now_ms)
    else:
        check = session.get(Check, alert.check_id)
        if check is None:
            return
        held = hold_on(session, in_force, check, alert.at_ms, now_ms)
    if held is None or held.detail != alert.held.get("detail"):
        tell_or_hold(session, alert, held, now_ms)


def _to_remind(session: Session, now_ms: int) -> list[tuple[str, str]]:
    found = []
    intervals = {
        rule.id: rule.definition.reminder_interval
        for in_force in book_of(session).organizations.values()
        for rule in in_force.rules
        if rule.definition.reminder_interval is not None
    }
    if not intervals:
        return []
    wanted = select(Alert).where(
        Alert.resolved_ms.is_(None), Alert.status == "triggered", Alert.told_ms.is_not(None),
        Alert.rule_id.in_(intervals),
    )  # fmt: skip
    for alert in session.scalars(wanted.order_by(Alert.id).limit(AT_ONCE)):
        interval_s = intervals[alert.rule_id] or 0
        if (alert.reminded_ms or alert.told_ms or 0) + interval_s * 1000 <= now_ms:
            found.append((alert.id, alert.rule_id))
    return found


def _remind(session: Session, now_ms: int, alert_id: str, rule_id: str) -> None:
    alert = _open_alert(session, alert_id)
    rule = session.get(AlertRule, rule_id)
    check = session.get(Check, alert.check_id) if alert is not None else None
    if alert is None or rule is None or check is None or alert.status != "triggered":
        return
    alert.reminded_ms = now_ms
    in_force = book_of(session).of(alert.organization_id)
    window = in_force.window_at(check.id, check.definition.get("tags") or (), now_ms)
    if window is not None or hold_on(session, in_force, check, alert.at_ms, now_ms) is not None:
        return  # quiet now: the next reminder asks again
    remind(session, alert, "nobody has acknowledged it", now_ms)


def _open_alert(session: Session, alert_id: str) -> Alert | None:
    wanted = select(Alert).where(Alert.id == alert_id, Alert.resolved_ms.is_(None)).with_for_update()
    return session.scalars(wanted).one_or_none()


def _locked(session: Session, check_id: str) -> Check | None:
    wanted = select(Check).where(Check.id == check_id, Check.deleted_ms.is_(None)).with_for_update(key_share=True)
    return session.scalars(wanted).one_or_none()
