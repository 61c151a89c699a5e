"""Alert rules. What a definition means is for alerts/rules/ to say; here it is JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import OF_PROJECTS, AlertRule
from store.alerting_feed import alerting_changed
from store.counting import one_page
from store.statements import from_json, rows


def create_rule(session: Session, organization_id: str, definition: Mapping[str, Any], now_ms: int) -> AlertRule:
    """A new rule; `definition` is its validated JSON, `name`, `type` and `enabled` among it."""
    row = AlertRule(
        id=new_id("rule", now_ms),
        organization_id=organization_id,
        type=definition["type"],
        name=definition["name"],
        enabled=definition["enabled"],
        definition=dict(definition),
        since_ms=now_ms,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    session.add(row)
    session.flush()
    alerting_changed(session)
    return row


def update_rule(
    session: Session, rule: AlertRule, definition: Mapping[str, Any], now_ms: int, *, judges_anew: bool
) -> None:
    """Another definition. `judges_anew`: what it says of a check may differ now, so what was due before is not judged
    by it any more."""
    rule.name, rule.enabled, rule.definition = definition["name"], definition["enabled"], dict(definition)
    rule.updated_ms = now_ms
    if judges_anew:
        rule.since_ms = now_ms
    session.flush()
    alerting_changed(session)


def delete_rule(session: Session, rule: AlertRule, now_ms: int) -> None:
    """Gone from lists; its alerts stay."""
    rule.deleted_ms = rule.updated_ms = now_ms
    session.flush()
    alerting_changed(session)


def get_rule(session: Session, rule_id: str, *, lock: bool = False) -> AlertRule | None:
    """A rule about checks that is not deleted. `lock`: nobody else may edit it until this transaction ends."""
    wanted = select(AlertRule).where(
        AlertRule.id == rule_id, AlertRule.deleted_ms.is_(None), AlertRule.type != OF_PROJECTS
    )
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def list_rules(
    session: Session, *, rule_type: str | None = None, enabled: bool | None = None, page: tuple[int, int] = (0, 20)
) -> tuple[list[AlertRule], int]:
    """Rules about checks that are not deleted, newest first, `page` = (offset, how many); and how many there are."""
    wanted = select(AlertRule).where(AlertRule.deleted_ms.is_(None), AlertRule.type != OF_PROJECTS)
    if rule_type is not None:
        wanted = wanted.where(AlertRule.type == rule_type)
    if enabled is not None:
        wanted = wanted.where(AlertRule.enabled.is_(enabled))
    return one_page(session, wanted.order_by(AlertRule.created_ms.desc(), AlertRule.id.desc()), page)


def rules_in_force(session: Session) -> Sequence[AlertRule]:
    """Every enabled rule about checks that the session may see, by id."""
    return _in_force(session, AlertRule.type != OF_PROJECTS)


def event_rules_in_force(session: Session) -> Sequence[AlertRule]:
    """The same of the rules about events of projects."""
    return _in_force(session, AlertRule.type == OF_PROJECTS)


def list_event_rules(session: Session, project_ids: Collection[str]) -> list[AlertRule]:
    """The rules about events of these projects, enabled or not, newest first."""
    wanted = select(AlertRule).where(AlertRule.deleted_ms.is_(None), AlertRule.type == OF_PROJECTS)
    ordered = session.scalars(wanted.order_by(AlertRule.created_ms.desc(), AlertRule.id.desc()))
    return [rule for rule in ordered if rule.definition["project"] in project_ids]


def get_event_rule(session: Session, rule_id: str, *, lock: bool = False) -> AlertRule | None:
    """A rule about events that is not deleted. `lock`: nobody else may edit it until this transaction ends."""
    wanted = select(AlertRule).where(
        AlertRule.id == rule_id, AlertRule.deleted_ms.is_(None), AlertRule.type == OF_PROJECTS
    )
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def _in_force(session: Session, of_kind: ColumnElement[bool]) -> Sequence[AlertRule]:
    wanted = select(AlertRule).where(AlertRule.deleted_ms.is_(None), AlertRule.enabled.is_(True), of_kind)
    return session.scalars(wanted.order_by(AlertRule.id).execution_options(populate_existing=True)).all()


def channels_of_rule(session: Session, organization_id: str, rule_id: str) -> list[str]:
    """The channels that a rule names, also of one that is deleted; none of one that never was."""
    query = "SELECT definition FROM alert_rules WHERE organization_id = ? AND id = ?"
    found = rows(session, query, organization_id, rule_id, of=organization_id)
    return list(from_json(found[0][0]).get("channels") or ()) if found else []


def hold_rules(session: Session, rule_ids: Iterable[str]) -> None:
    """PostgreSQL: nobody edits or deletes these until this transaction ends; others may hold them too."""
    rows(session, "SELECT id FROM alert_rules WHERE id IN ? ORDER BY id FOR SHARE", sorted(rule_ids))
