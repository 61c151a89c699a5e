"""What comes of rules on events, written: alerts that open or go on, their firings, and alerts that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from alerts.book import book_of
from alerts.holds import silenced
from alerts.lifecycle import LONGEST_CAUSE, begin, close, remind
from alerts.rules.base import counted
from model.ids import new_id
from model.times import iso
from store.alert_tables import Alert
from store.alerts import count_events, get_alert
from store.firings import OpenGroup, add_firing, end_quiet
from telemetry.issue_ids import issue_id
from telemetry.judged import RuleInForce
from telemetry.rules import FINGERPRINT, PROJECT
from telemetry.stored.following import IssueFacts

_TITLE = 500


@dataclass(frozen=True)
class Fire:
    """A rule holds for a group, by the event `seq` that arrived at `at_ms`. `count`: events of the group in the window
    that ends with it. `issue`: of that event. `opened`: the alert that is open already."""

    rule: RuleInForce
    key: str
    seq: int
    at_ms: int
    count: int
    issue: IssueFacts
    opened: OpenGroup | None = None


@dataclass(frozen=True)
class Closing:
    """An alert that is over. `settled`: somebody says so of its issue, so that if it comes back, that is news."""

    group: OpenGroup
    why: str
    settled: bool = False


def raise_alerts(session: Session, fires: Sequence[Fire], now_ms: int) -> None:
    """In a write of the main store that sees every organization."""
    fresh: dict[tuple[str, str], Alert] = {}
    for fire in fires:
        place = (fire.rule.id, fire.key)
        known = fresh.get(place)
        if known is None and fire.opened is not None:
            known = get_alert(session, fire.opened.id, lock=True)
        told = ("triggered", 1)
        if known is not None:
            if not _told_again(session, known, fire, now_ms):
                continue
            told = ("reminder", count_events(session, known, "reminder"))
        alert = known or _alert(session, fire, now_ms)
        fresh[place] = alert
        add_firing(
            session, alert, at_ms=fire.at_ms, quiet_until_ms=fire.at_ms + fire.rule.rule.cooldown_ms, count=fire.count,
            told=told, now_ms=now_ms,
        )  # fmt: skip


def close_groups(session: Session, closings: Sequence[Closing], now_ms: int) -> None:
    """The same for alerts that are over."""
    for closing in closings:
        alert = get_alert(session, closing.group.id, lock=True)
        if alert is None or alert.resolved_ms is not None:
            continue
        close(session, alert, closing.why, now_ms)
        if closing.settled:
            end_quiet(session, alert, now_ms)


def _alert(session: Session, fire: Fire, now_ms: int) -> Alert:
    rule, project = fire.rule, fire.rule.project
    alert = Alert(
        id=new_id("alr", now_ms),
        organization_id=rule.organization_id,
        rule_id=rule.id,
        rule_name=rule.rule.name,
        check_id=project.id,
        group_key=fire.key,
        issue_id=issue_id(fire.issue.number),
        about=_about(fire),
        severity=rule.rule.severity,
        status="triggered",
        title=_title(fire)[:_TITLE],
        cause=_cause(fire)[:LONGEST_CAUSE],
        votes={},
        needed=1,
        run_ids=[],
        at_ms=fire.at_ms,
        triggered_ms=fire.at_ms,
        notes=[],
        retracted=False,
    )
    in_force = book_of(session).of(rule.organization_id)
    begin(session, alert, silenced(in_force, project.id, (), now_ms), now_ms)
    return alert


def _told_again(session: Session, alert: Alert, fire: Fire, now_ms: int) -> bool:
    """Whether it goes on and its channels were told so."""
    in_force = book_of(session).of(fire.rule.organization_id)
    if alert.status != "triggered" or alert.told_ms is None or silenced(in_force, alert.check_id, (), now_ms):
        return False
    remind(session, alert, f"it goes on: {_cause(fire)}", now_ms)
    return True


def _title(fire: Fire) -> str:
    rule, project = fire.rule.rule, fire.rule.project.name
    if rule.group_by == FINGERPRINT:
        return f"{fire.issue.title} in {project}"
    if rule.group_by == PROJECT:
        return f"{rule.name} in {project}"
    return f"{rule.name}: {rule.group_by} {fire.key} in {project}"


def _cause(fire: Fire) -> str:
    rule = fire.rule.rule
    found = f"{counted(fire.count, 'event')} in {rule.window}"
    if rule.threshold > 1:
        found += f", {rule.threshold} are enough"
    if rule.group_by != FINGERPRINT:
        return f"{found}; the last: {fire.issue.title}"
    if fire.issue.regressed_ms is None:
        return found
    back = fire.issue.regressed_release
    return f"{found}; it was resolved, and came back{f' in {back}' if back else ''}"


def _about(fire: Fire) -> dict[str, Any]:
    project, issue = fire.rule.project, fire.issue
    return {
        "project": {"id": project.number, "project_id": project.id, "slug": project.slug, "name": project.name},
        "issue": {
            "id": issue_id(issue.number),
            "title": issue.title,
            "culprit": issue.culprit,
            "level": issue.level,
            "first_seen": iso(issue.first_ms),
            "first_release": issue.release,
            "regressed_release": issue.regressed_release,
        },
    }
