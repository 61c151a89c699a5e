"""Issues that are made one, and the alerts that are open of them: of each rule one alert goes on for both.

An open alert of an issue that another stands for now ends, with that reason, where its rule has one open of the other
too; else it goes on as that of the other, so that the next event of either tells nobody anew. Whoever merges issues
asks for it in the transaction that notes it; what was merged otherwise (by a source map, or by somebody who died in
between), the next pass over events finds (telemetry/judging.py). Done twice, it is done once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.lifecycle import close
from alerts.streaming import stream_alert
from store.alert_rules import get_event_rule
from store.alert_tables import Alert
from store.alerts import add_event, get_alert
from store.firings import OpenGroup, follow_alert, open_of_group, open_of_issue
from telemetry.issue_ids import issue_id, issue_number
from telemetry.judged import event_rule
from telemetry.rules import FINGERPRINT
from telemetry.stored.following import IssueFacts


@dataclass(frozen=True)
class Joining:
    """An open alert of a rule that tells issues apart, whose issue another stands for: the other's group key, id and
    title."""

    alert_id: str
    key: str
    issue_id: str
    title: str


def joinings(opened: Iterable[OpenGroup], by_issue: Collection[str], facts: Mapping[int, IssueFacts]) -> list[Joining]:
    """Those of these open alerts. `by_issue`: the rules that tell issues apart; `facts`: of the issue that stands for
    each."""
    found = []
    for group in opened:
        issue = facts.get(issue_number(group.issue_id or "") or 0) if group.rule_id in by_issue else None
        if issue is not None and issue.fingerprint != group.group_key:
            found.append(Joining(group.id, issue.fingerprint, issue_id(issue.number), issue.title))
    return found


def join_alerts(session: Session, wanted: Sequence[Joining], now_ms: int) -> None:
    """In a write of the main store."""
    for joining in wanted:
        alert = get_alert(session, joining.alert_id, lock=True)
        if alert is None or alert.resolved_ms is not None or alert.group_key == joining.key:
            continue
        other = open_of_group(session, alert.check_id, alert.rule_id, joining.key)
        if other is None:
            _go_on(session, alert, joining, now_ms)
            continue
        add_event(session, other, "merged", now_ms, f"{alert.title} is the same issue: alert {alert.id} ends here")
        stream_alert(session, other, "merged")
        close(session, alert, f"its issue was merged into {joining.title}: alert {other.id} goes on", now_ms)


def join_alerts_of(session: Session, merged_id: str, into: Mapping[str, str], now_ms: int) -> None:
    """The same of one issue, in a write of its organization. `merged_id`: what it was called; `into`: `id`,
    `fingerprint` and `title` of the one that stands for it now."""
    rules = {alert.rule_id for alert in open_of_issue(session, merged_id)}
    by_issue = {rule_id for rule_id in sorted(rules) if _tells_issues_apart(session, rule_id)}
    wanted = [
        Joining(alert.id, into["fingerprint"], into["id"], into["title"])
        for alert in open_of_issue(session, merged_id)
        if alert.rule_id in by_issue
    ]
    join_alerts(session, wanted, now_ms)


def _tells_issues_apart(session: Session, rule_id: str) -> bool:
    """The rule is held: whoever judges by it waits until this is told, and this for them."""
    rule = get_event_rule(session, rule_id, lock=True)
    return rule is not None and event_rule(rule).group_by == FINGERPRINT


def _go_on(session: Session, alert: Alert, joining: Joining, now_ms: int) -> None:
    alert.group_key, alert.issue_id = joining.key, joining.issue_id
    session.flush()
    follow_alert(session, alert)
    add_event(session, alert, "merged", now_ms, f"its issue was merged into {joining.title}: it goes on for both")
    stream_alert(session, alert, "merged")
