"""Holds recorded results against the rules, in the transaction that stores them (R8): called by alerts.record alone.

Most results change nothing and cost a look: a run that passed, of a check without an open alert, that no rule is
concerned with. For the others the check is folded again from the first new run on (alerts/evaluation.py), and what the
fold says is held against the alerts that are stored: new ones open, ended ones resolve, and what a late result has
proved wrong is put right. So it does not matter in which order results came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.book import Book, InForce, book_of
from alerts.confirming import ask_to_confirm
from alerts.evaluation import Confirm, evaluate, remember
from alerts.evaluation import tick as let_time_pass
from alerts.holds import hold_on
from alerts.lifecycle import LONGEST_CAUSE, close, open_alert, recover, reopen, retract
from alerts.state import CheckState, Closing, Facts, Opened, Rearm, Rule, RuleState
from alerts.streaming import stream_alert
from model.finished import Finished
from model.notices import NoticeKind
from model.outcome import RunStatus, Trigger
from model.points import Point
from store.alert_rules import hold_rules
from store.alert_tables import Alert
from store.alerts import add_event, alerts_touching, checks_with_open_alerts
from store.location_states import Stream, StreamState
from store.notices import open_notice
from store.points import certificate_days, passed_since, points_before, points_from
from store.statements import is_sqlite, rows
from store.tables import Check

_LOCK = "SELECT id FROM checks WHERE id IN ? ORDER BY id FOR NO KEY UPDATE"


def mark_maintenance(session: Session, book: Book, finished: Sequence[Finished]) -> None:
    """Mark scheduled runs that were due in a maintenance window: they are counted apart, and raise no alert."""
    planned = [
        done for done in finished if done.trigger is Trigger.SCHEDULE and book.of(done.organization_id).windows
    ]  # fmt: skip
    if not planned:
        return
    book.covering(session, {(done.organization_id, done.check_id, done.check_version) for done in planned})
    for done in planned:
        tags = book.tags(done.check_id, done.check_version)
        if book.of(done.organization_id).window_at(done.check_id, tags, done.at_ms) is not None:
            done.maintenance = True


def judge(
    session: Session,
    book: Book,
    entered: Collection[Finished],
    before: dict[Stream, str | None],
    states: dict[Stream, StreamState],
    now_ms: int,
) -> None:
    """Judge runs that this transaction has stored, each for the first time. `before`: what the newest measured run of
    each stream was until then."""
    measured = [
        done
        for done in entered
        if done.status.measured
        and done.trigger in (Trigger.SCHEDULE, Trigger.CONFIRM)
        and book.of(done.organization_id).rules
    ]
    if not measured:
        return
    covering = book.covering(session, {(done.organization_id, done.check_id, done.check_version) for done in measured})
    covered = [done for done in measured if covering[done.check_id, done.check_version]]
    alerted = checks_with_open_alerts(session, {done.check_id for done in covered}) if covered else set()
    first: dict[str, int] = {}
    for done in covered:
        if done.check_id in alerted or _concerns(done, covering[done.check_id, done.check_version], before, states):
            first[done.check_id] = done.at_ms
    for done in covered:
        if done.check_id in first:
            first[done.check_id] = min(first[done.check_id], done.at_ms)
    if not first:
        return
    book = hold(session, book, {rule.id for rules in covering.values() for rule in rules})
    if not is_sqlite(session):  # two locations of one check, recorded at once, must see each other
        rows(session, _LOCK, sorted(first))
    checks = session.scalars(
        select(Check).where(Check.id.in_(first), Check.deleted_ms.is_(None)).execution_options(populate_existing=True)
    )
    touching = alerts_touching(session, first)
    for check in sorted(checks, key=lambda check: check.id):
        judge_check(session, book, check, touching[check.id], first[check.id], now_ms)


def _concerns(
    done: Finished, rules: Sequence[Rule], before: dict[Stream, str | None], states: dict[Stream, StreamState]
) -> bool:
    """Whether a run may open an alert, or, come late, may have hidden or ended one."""
    stream = (done.check_id, done.location)
    state = states.get(stream)
    if state is not None and state.at_ms is not None and done.at_ms < state.at_ms and done.trigger is Trigger.SCHEDULE:
        return True
    point = Point(
        run_id=done.run_id, location=done.location, at_ms=done.at_ms, ended_ms=done.at_ms,
        failed=done.status is RunStatus.FAILED, duration_ms=done.duration_ms,
        certificate_days=certificate_days(done.response),
    )  # fmt: skip
    return before.get(stream) == "failed" or any(rule.definition.concerns(point) for rule in rules)


def hold(session: Session, book: Book, rule_ids: set[str]) -> Book:
    """Keep these rules from being edited until this transaction ends, or an alert might open by one that is no more.
    Before any check is locked, as an edit does. Returns what is in force once that holds."""
    while not is_sqlite(session):
        hold_rules(session, rule_ids)
        now = book_of(session)
        if now.number == book.number:
            break
        book, rule_ids = now, {rule.id for in_force in now.organizations.values() for rule in in_force.rules}
    return book


def judge_check(session: Session, book: Book, check: Check, stored: Sequence[Alert], from_ms: int, now_ms: int) -> None:
    """Fold a check's runs due from `from_ms` on, then let time pass until now, and make its `stored` alerts (those that
    touch that time) what that says."""
    in_force = book.of(check.organization_id)
    rules = in_force.rules_for(check.id, check.definition.get("tags") or ())
    if not rules or check.status == "paused":
        return
    facts = facts_of(check)
    points = points_from(session, check.id, from_ms, certificates=wants_certificates(rules))
    state = state_at(session, check, rules, facts, stored, {point.run_id for point in points}, from_ms)
    confirms: list[Confirm] = []
    for point in points:
        confirms = list(evaluate(state, point, rules, facts).confirms)
    if in_force.window_at(check.id, check.definition.get("tags") or (), now_ms) is None:
        let_time_pass(state, now_ms, rules, facts)
    for rule in rules:
        own = [alert for alert in stored if alert.rule_id == rule.id]
        _put_right(session, in_force, check, rule, state.rules.get(rule.id, RuleState()), own, from_ms, now_ms)
    if confirms:
        ask_to_confirm(session, check, {location for each in confirms for location in each.locations}, now_ms)


def facts_of(check: Check) -> Facts:
    """What evaluation has to know of a check as it is now."""
    definition = check.definition
    locations = ("heartbeat",) if check.kind == "heartbeat" else tuple(check.locations)
    interval_ms = None if definition.get("cron") else 1000 * int(definition.get("interval") or 60)
    return Facts(
        locations=locations, interval_ms=interval_ms, from_version=check.judged_from, since_ms=check.judged_from_ms
    )


def wants_certificates(rules: Iterable[Rule]) -> bool:
    return any(rule.definition.type == "certificate_expiry" for rule in rules)


def state_at(
    session: Session, check: Check, rules: Sequence[Rule], facts: Facts, stored: Sequence[Alert],
    to_come: Collection[str], from_ms: int,
) -> CheckState:  # fmt: skip
    """The state after all that was due before `from_ms`, built from the rows: the history that rules look at, and the
    alerts that were open then. `to_come`: ids of the runs that will be folded after it."""
    state = CheckState()
    keep_runs = max(rule.definition.memory().runs for rule in rules)
    keep_ms = max(rule.definition.memory().window_ms for rule in rules)
    remembered = points_before(
        session, check.id, facts.locations, from_ms, keep_runs, keep_ms, certificates=wants_certificates(rules)
    )
    for point in remembered:
        if facts.judges(point):
            remember(state, point, keep_runs, keep_ms)
    for rule in rules:
        own = state.rules.setdefault(rule.id, RuleState())
        for alert in stored:
            if alert.rule_id == rule.id and not alert.retracted:
                _take_up(session, own, alert, to_come, from_ms)
    return state


def _take_up(session: Session, own: RuleState, alert: Alert, to_come: Collection[str], from_ms: int) -> None:
    """Put a stored alert into the state as it was at `from_ms`, and what ended it later among what is to come."""
    by_people = alert.resolved_ms is not None and alert.recovered_ms is None
    if by_people and alert.resolved_ms is not None:
        closing = Closing(alert.resolved_ms, by_hand=alert.resolved_by is not None)
        if alert.resolved_ms >= from_ms:
            own.closings.append(closing)
        elif closing.by_hand and not passed_since(
            session, alert.check_id, list(alert.votes), alert.resolved_ms, from_ms
        ):
            own.rearm = Rearm(alert.resolved_ms, tuple(alert.votes))
    over = alert.recovered_ms is not None and alert.recovered_ms < from_ms
    closed = by_people and (alert.resolved_ms or 0) < from_ms
    if alert.at_ms < from_ms and not over and not closed:
        own.alerts.append(
            Opened(
                rule_id=alert.rule_id, at_ms=alert.at_ms, triggered_ms=alert.triggered_ms, needed=alert.needed,
                fresh=alert.needed, votes={place: at for place, at in alert.votes.items() if at < from_ms},
                run_ids=[run_id for run_id in alert.run_ids if run_id not in to_come], cause=alert.cause,
            )
        )  # fmt: skip


def _put_right(
    session: Session, in_force: InForce, check: Check, rule: Rule, judged: RuleState, stored: Sequence[Alert],
    from_ms: int, now_ms: int,
) -> None:  # fmt: skip
    """Make the stored alerts of one rule what the fold says. Who is no more comes first: one may be open at a time."""
    pairs, unmatched = _matched(judged.alerts, stored)
    for stranger in unmatched:
        if not stranger.retracted and stranger.at_ms >= max(from_ms, rule.since_ms):
            retract(session, stranger, now_ms)
    for opened, known in sorted(pairs, key=lambda pair: pair[0].is_open):
        if known is not None:
            _update(session, known, opened, rule.definition.state_word, now_ms)
        held = hold_on(session, in_force, check, opened.at_ms, now_ms) if known is None and opened.is_open else None
        if known is None and not rule.definition.by_results:
            opened.cause += _nobody_there(session, check, opened)
        alert = known or open_alert(session, check, rule, opened, held, now_ms)
        if known is not None and known.resolved_ms is not None:
            continue
        if opened.ended_by is not None:
            recover(session, alert, opened, now_ms)
        elif opened.closed_ms is not None:
            close(session, alert, "it had been resolved before it was known", now_ms)


def _nobody_there(session: Session, check: Check, opened: Opened) -> str:
    """Where silence comes from: locations without a probe, which owners have a notice of."""
    offline = [
        notice.message.split(". ")[0].removeprefix("No probe of the location ")
        for place in sorted(opened.votes)
        if (notice := open_notice(session, check.organization_id, NoticeKind.LOCATION_OFFLINE, place)) is not None
    ]
    return "".join(f"; no probe of {sentence}" for sentence in offline)


def _update(session: Session, alert: Alert, opened: Opened, word: str, now_ms: int) -> None:
    """What a stored alert has come to: locations that joined, runs that prove it, another beginning or end. `word`:
    what a location is while the rule holds for it."""
    by_itself = alert.recovered_ms is not None or alert.retracted
    if alert.resolved_ms is not None and by_itself and opened.is_open:
        reopen(session, alert, now_ms)
    elif alert.resolved_ms is not None and by_itself and opened.ended_by is not None:
        alert.recovered_ms, alert.resolved_ms = opened.ended_by.at_ms, opened.ended_by.ended_ms
    alert.retracted = False
    joined = {location: at_ms for location, at_ms in opened.votes.items() if location not in alert.votes}
    for location, at_ms in joined.items():
        add_event(session, alert, "joined", max(at_ms, alert.triggered_ms), f"{location} is {word} too")
    alert.at_ms, alert.triggered_ms, alert.needed = opened.at_ms, opened.triggered_ms, opened.needed
    alert.cause = opened.cause[:LONGEST_CAUSE]
    if dict(alert.votes) != opened.votes:
        alert.votes = dict(opened.votes)
    if list(alert.run_ids) != opened.run_ids:
        alert.run_ids = list(opened.run_ids)
    if joined:
        stream_alert(session, alert, "joined")


def _matched(
    judged: Sequence[Opened], stored: Sequence[Alert]
) -> tuple[list[tuple[Opened, Alert | None]], list[Alert]]:
    """Which stored alert each of the fold's is: the first that was open at the same time. What is left of the stored
    ones is not in the fold."""
    left = list(stored)
    pairs: list[tuple[Opened, Alert | None]] = []
    for opened in judged:
        found = next((alert for alert in left if _overlap(opened, alert)), None)
        if found is not None:
            left.remove(found)
        pairs.append((opened, found))
    return pairs, left


def _overlap(opened: Opened, alert: Alert) -> bool:
    end = opened.ended_by.at_ms if opened.ended_by is not None else opened.closed_ms
    alert_end = alert.recovered_ms if alert.recovered_ms is not None else alert.resolved_ms
    begins_before_its_end = alert_end is None or opened.at_ms < alert_end
    return begins_before_its_end and (end is None or alert.at_ms < end)
