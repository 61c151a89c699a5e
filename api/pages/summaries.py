"""An alert in the words that every view of it shows: since when, from where, in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.rules.registry import RULES
from api.pages.words import duration, listed
from store.alert_reading import alerts_told, checks_by_ids, rule_types, runs_by_ids
from store.alert_tables import Alert
from store.tables import Check, Run


@dataclass(frozen=True)
class Summary:
    """`mark`: what its check is while it is open (down, slow, not measured), in colour and shape; `css`: the same, or
    that somebody has it, or that it is over. `untold`: why nobody was told of it; empty when somebody was."""

    alert: Alert
    check: Check | None
    since_ms: int
    lasted: str
    places: str
    state: str
    mark: str
    css: str
    untold: str


def summaries(session: Session, alerts: Sequence[Alert], now_ms: int) -> list[Summary]:
    """All of these, with four queries for the whole list; none for none."""
    if not alerts:
        return []
    checks = checks_by_ids(session, [alert.check_id for alert in alerts])
    first = {run.id: run for run in runs_by_ids(session, [alert.run_ids[0] for alert in alerts if alert.run_ids])}
    types = rule_types(session, [alert.rule_id for alert in alerts])
    told = alerts_told(session, [alert.id for alert in alerts])
    return [
        summary(
            alert,
            checks.get(alert.check_id),
            now_ms,
            [first[run_id] for run_id in alert.run_ids[:1] if run_id in first],
            rule_type=types.get(alert.rule_id),
            told=alert.id in told,
        )
        for alert in alerts
    ]


def summary(
    alert: Alert,
    check: Check | None,
    now_ms: int,
    runs: Sequence[Run] = (),
    *,
    rule_type: str | None = None,
    told: bool = True,
) -> Summary:
    """`runs`: those that prove it, as far as they are kept: the first of them says since when. `told`: whether anything
    of it is or was on its way to a channel."""
    since_ms = min([*(alert.votes.values() or (alert.at_ms,)), *(run.at_ms for run in runs)])
    end_ms = alert.resolved_ms or now_ms
    rule = RULES.get(rule_type or "")
    mark = rule.state_mark if rule is not None else "down"
    return Summary(
        alert=alert,
        check=check,
        since_ms=since_ms,
        lasted=duration(end_ms - since_ms),
        places=_places(alert, check),
        state=_state(alert),
        mark=mark,
        css={"triggered": mark, "acknowledged": "acknowledged"}.get(alert.status, "up"),
        untold=_untold(alert, told),
    )


def runbook_of(check: Check | None) -> str | None:
    """The check's runbook, if it is an address that a link may have."""
    url = check.definition.get("runbook_url") if check is not None else None
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _places(alert: Alert, check: Check | None) -> str:
    """`from eu-west and us-east`, `from all 3 locations`: where it was seen, and what would have been enough."""
    voted = sorted(alert.votes)
    if not voted or voted == ["heartbeat"]:
        return ""
    if check is not None and len(voted) > 1 and set(voted) >= set(check.locations):
        seen = f"from {'both' if len(voted) == 2 else f'all {len(voted)}'} locations"
    else:
        seen = f"from {listed(voted)}"
    if len(voted) < alert.needed:
        seen += f" ({len(voted)} of {len(voted)} that could measure, {alert.needed} wanted)"
    return seen


def _state(alert: Alert) -> str:
    if alert.status == "resolved":
        return "withdrawn" if alert.retracted else "resolved"
    return "acknowledged" if alert.status == "acknowledged" else "not acknowledged"


def _untold(alert: Alert, told: bool) -> str:
    if told:
        return ""
    if alert.held:
        return str(alert.held.get("detail") or alert.held.get("outcome"))
    return "its rule names no channel, or none that works"
