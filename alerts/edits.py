"""What an edit does to alerts that are open: what they were about may not be there any more.

Called in the transaction of the edit, after it. A rename, another severity, channel or reminder changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.book import rule_of
from alerts.lifecycle import close
from alerts.rules.base import ApplyTo
from model.fields import STORED
from model.material import material_change
from store.alert_tables import Alert, AlertRule
from store.alerts import open_alerts
from store.checks import lock_checks
from store.tables import Check

JUDGES_THE_SAME = frozenset({"name", "severity", "channels", "reminder_interval", "cooldown"})
"""Fields of a rule that say nothing about when it holds."""


def after_check_edit(session: Session, check: Check, old_definition: Mapping[str, Any], now_ms: int) -> None:
    """Resolve the open alerts of a check that is another one now, or that their rules do not cover any more."""
    change = material_change(old_definition, check.definition)
    for alert in _open(session, check):
        if change is not None:
            close(session, alert, f"{check.name} {change}", now_ms)
        elif not _covered(session, alert, check):
            close(session, alert, f"rule {alert.rule_name} does not cover {check.name} any more", now_ms)


def after_check_delete(session: Session, check: Check, now_ms: int) -> None:
    """Resolve the open alerts of a check that is gone."""
    for alert in _open(session, check):
        close(session, alert, f"{check.name} was deleted", now_ms)


def after_rule_edit(session: Session, rule: AlertRule, old_definition: Mapping[str, Any], now_ms: int) -> None:
    """Resolve the open alerts of a rule that judges otherwise now, or that does not cover their checks any more."""
    names = old_definition.keys() | rule.definition.keys()
    other = {name for name in names if old_definition.get(name) != rule.definition.get(name)} - JUDGES_THE_SAME
    for alert in _open_by(session, rule):
        if not rule.enabled:
            close(session, alert, f"rule {rule.name} was disabled", now_ms)
        elif other - {"apply_to"}:
            close(session, alert, f"rule {rule.name} has another {', '.join(sorted(other))}", now_ms)
        elif other and not _still_covers(session, rule, alert):
            close(session, alert, f"rule {rule.name} does not cover this check any more", now_ms)


def after_rule_delete(session: Session, rule: AlertRule, now_ms: int, why: str = "") -> None:
    """Resolve the open alerts of a rule that is gone. `why`: unless somebody has deleted it."""
    for alert in _open_by(session, rule):
        close(session, alert, why or f"rule {rule.name} was deleted", now_ms)


def judges_otherwise(old_definition: Mapping[str, Any], new_definition: Mapping[str, Any]) -> bool:
    """Whether a rule with the new definition may say something else of the same runs."""
    names = old_definition.keys() | new_definition.keys()
    return any(old_definition.get(name) != new_definition.get(name) for name in names - JUDGES_THE_SAME)


def _open(session: Session, check: Check) -> list[Alert]:
    return open_alerts(session, check_ids=[check.id])


def _open_by(session: Session, rule: AlertRule) -> list[Alert]:
    """A rule's open alerts. Their checks are locked first, as by whoever judges a result: of the two that may want to
    end an alert, the second sees that it has ended."""
    known = open_alerts(session, rule_id=rule.id)
    if known:
        lock_checks(session, {alert.check_id for alert in known})
        for alert in known:
            session.expire(alert)
    return open_alerts(session, rule_id=rule.id)


def _covered(session: Session, alert: Alert, check: Check) -> bool:
    rule = session.scalars(select(AlertRule).where(AlertRule.id == alert.rule_id)).one_or_none()
    if rule is None or rule.deleted_ms is not None:
        return False
    return rule_of(rule).definition.apply_to.covers(check.id, check.definition.get("tags") or ())


def _still_covers(session: Session, rule: AlertRule, alert: Alert) -> bool:
    check = session.scalars(select(Check).where(Check.id == alert.check_id)).one_or_none()
    tags = check.definition.get("tags") or () if check is not None else ()
    return ApplyTo.model_validate(rule.definition["apply_to"], context=STORED).covers(alert.check_id, tags)
