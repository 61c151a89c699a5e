"""Why somebody was told, or was not: computed from the runs by the function that judged them (alerts/evaluation.py).

Only what a notice's fate depended on besides the runs (a silence, a mute, a parent that was down) is looked up: it was
kept when it happened.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.book import book_of
from alerts.evaluation import Decision, evaluate
from alerts.judging import facts_of, state_at, wants_certificates
from alerts.state import Facts, Rule
from model.outcome import RunStatus, Trigger
from model.points import Point
from store.alert_reading import alerts_of_run
from store.alert_tables import Alert, Notification
from store.alerts import WITHHELD, alerts_touching, decisions_of_run, open_at, withheld
from store.points import points_from
from store.tables import Check, Run


class Explained(msgspec.Struct, frozen=True):
    """One rule's word on one run. `outcome`: triggered joined not_met not_counted maintenance silenced parent_down
    muted storm."""

    at_ms: int
    rule_id: str
    outcome: str
    detail: str
    alert_id: str | None = None


def decisions_of(session: Session, run: Run) -> list[Explained]:
    """What each rule that covers the run's check made of it: exactly one entry a rule for a run that did not pass; for
    one that did, an entry for each alert that it proves all the same (it was slow, say). In a session of
    EVERY_ORGANIZATION."""
    check = session.get(Check, run.check_id)
    if check is None:
        return []
    if run.status == RunStatus.SUCCESS:
        return [_proving(session, run, alert) for alert in alerts_of_run(session, run)]
    rules = book_of(session).of(run.organization_id).rules_for(check.id, check.definition.get("tags") or ())
    reason = _not_counted(run, check)
    if reason is not None:
        return [Explained(run.at_ms, rule.id, "not_counted", reason) for rule in rules]
    point, decided = _judged_again(session, check, rules, run)
    if point is None:
        return [Explained(run.at_ms, rule.id, "not_counted", "it is not stored any more") for rule in rules]
    by_rule = {decision.rule_id: decision for decision in decided}
    return [_explained(session, run, rule, by_rule.get(rule.id), check) for rule in rules]


def why(session: Session, check: Check, at_ms: int) -> list[Explained]:
    """The last runs of a check before an instant, at each of its locations, and what each rule made of them; and the
    alerts that were open then for another reason, such as silence."""
    places = ("heartbeat",) if check.kind == "heartbeat" else tuple(check.locations)
    found: list[Explained] = []
    for location in places:
        wanted = (
            select(Run)
            .where(Run.check_id == check.id, Run.location == location, Run.at_ms <= at_ms)
            .where(Run.status.not_in((RunStatus.QUEUED, RunStatus.RUNNING)), Run.trigger == Trigger.SCHEDULE)
            .order_by(Run.at_ms.desc())
            .limit(1)
        )
        run = session.scalars(wanted).one_or_none()
        if run is not None:
            found += decisions_of(session, run)
    said = {each.alert_id for each in found}
    found += [_open(session, alert) for alert in open_at(session, check.id, at_ms) if alert.id not in said]
    return sorted(found, key=lambda each: (each.at_ms, each.rule_id))


def _proving(session: Session, run: Run, alert: Alert) -> Explained:
    if run.id == alert.run_ids[0] or any(each.alert_id == alert.id for each in decisions_of_run(session, run.id)):
        return msgspec.structs.replace(_open(session, alert), at_ms=run.at_ms)
    return _joined(session, run, alert)


def _open(session: Session, alert: Alert) -> Explained:
    """Why an alert was told, or is not."""
    if alert.told_ms is None and alert.held is not None:
        return Explained(alert.at_ms, alert.rule_id, alert.held["outcome"], alert.held["detail"], alert.id)
    return Explained(alert.at_ms, alert.rule_id, *_told(session, alert, alert.cause, "nobody was told"), alert.id)


def _joined(session: Session, run: Run, alert: Alert) -> Explained:
    """A run of an outage that has its alert. While that alert was held, this run told nobody for the same reason."""
    ended_ms = run.completed_ms or run.at_ms
    if alert.told_ms is None or alert.told_ms > ended_ms:
        held = [each for each in withheld(session, alert) if each.at_ms <= ended_ms]
        if held:
            detail = f"joined alert {alert.id}, of which nobody had been told: {held[-1].detail}"
            return Explained(run.at_ms, alert.rule_id, held[-1].outcome, detail, alert.id)
    return Explained(run.at_ms, alert.rule_id, "joined", f"joined alert {alert.id}: one outage is told once", alert.id)


def _told(session: Session, alert: Alert, why_it_fired: str, otherwise: str) -> tuple[str, str]:
    """(outcome, detail) of an alert that was told, or had nobody to be told to."""
    sent = _sent(session, alert)
    told = "; ".join(_word(row) for row in sent) or otherwise
    return "storm" if any(row.grouped for row in sent) else "triggered", f"{why_it_fired}; {told}"


def _not_counted(run: Run, check: Check) -> str | None:
    """Why rules do not look at a run at all."""
    if run.trigger not in (Trigger.SCHEDULE, Trigger.CONFIRM):
        return f"runs asked for by {'CI' if run.trigger == Trigger.CI else 'hand'} never alert anybody"
    if run.status not in (RunStatus.SUCCESS, RunStatus.FAILED):
        return f"{run.status}: {run.error_message or run.error_code or 'it was not measured'}"
    if run.check_version < check.judged_from:
        return "the check was another one then: it has been edited or paused since"
    if check.kind != "heartbeat" and run.location not in check.locations:
        return f"{run.location} is not among the check's locations any more"
    return None


def _judged_again(
    session: Session, check: Check, rules: Sequence[Rule], run: Run
) -> tuple[Point | None, tuple[Decision, ...]]:
    if not rules:
        return None, ()
    facts: Facts = facts_of(check)
    certificates = wants_certificates(rules)
    points = points_from(session, check.id, run.at_ms, run.at_ms + 1, certificates=certificates)
    stored = alerts_touching(session, {check.id: run.at_ms})[check.id]
    state = state_at(session, check, rules, facts, stored, {point.run_id for point in points}, run.at_ms)
    for point in points:
        judged = evaluate(state, point, rules, facts)
        if point.run_id == run.id:
            return point, judged.decisions
    return None, ()


def _explained(session: Session, run: Run, rule: Rule, decision: Decision | None, check: Check) -> Explained:
    if decision is None:
        detail = f"rule {rule.definition.name} has been in force, as it is now, only since later"
        return Explained(run.at_ms, rule.id, "not_counted", detail)
    if decision.outcome not in ("triggered", "joined"):
        return Explained(run.at_ms, rule.id, decision.outcome, decision.detail)
    alert = _alert_over(session, check.id, rule.id, run.at_ms)
    if alert is None:
        return Explained(run.at_ms, rule.id, decision.outcome, decision.detail)
    if decision.outcome == "joined":
        return _joined(session, run, alert)
    kept = [each for each in decisions_of_run(session, run.id) if each.rule_id == rule.id]
    first = next((each for each in kept if each.outcome in WITHHELD), None)
    if first is not None:
        after = next((each for each in kept if each.outcome == "triggered"), None)
        detail = first.detail if after is None else f"{first.detail}; then {after.detail}"
        return Explained(run.at_ms, rule.id, first.outcome, detail, alert.id)
    otherwise = kept[-1].detail if kept else "nobody was told"
    return Explained(run.at_ms, rule.id, *_told(session, alert, decision.detail, otherwise), alert.id)


def _alert_over(session: Session, check_id: str, rule_id: str, at_ms: int) -> Alert | None:
    """The alert of a rule that was open when a run was due."""
    wanted = (
        select(Alert)
        .where(Alert.check_id == check_id, Alert.rule_id == rule_id, Alert.at_ms <= at_ms, Alert.retracted.is_(False))
        .order_by(Alert.at_ms.desc())
        .limit(1)
    )
    return session.scalars(wanted).one_or_none()


def _sent(session: Session, alert: Alert) -> Sequence[Notification]:
    wanted = select(Notification).where(Notification.alert_id == alert.id, Notification.event == "triggered")
    return session.scalars(wanted.order_by(Notification.created_ms, Notification.id)).all()


def _word(row: Notification) -> str:
    if row.status == "sent":
        return f"{row.channel_id} was told" + (" in a digest" if row.grouped else "")
    if row.status == "failed":
        return f"{row.channel_id} refused: {row.last_error or row.status_code or 'no reason given'}"
    if row.status == "replaced":
        return f"{row.channel_id} was told of a later event instead"
    return f"{row.channel_id} is being told, try {row.attempts + 1}"
