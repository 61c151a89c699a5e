"""Alerts and their timelines."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import Alert, AlertEvent, Decision
from store.checks import has_tag, lock_checks
from store.counting import count_rows
from store.statements import rows
from store.tables import Check

HAND_RESOLVED_COUNTS_MS = 3_600_000
"""An alert that a person resolved keeps its rule quiet for so long (CONTRACT): judging must know of it."""
_SEVERITY = case({"critical": 0, "high": 1, "medium": 2, "low": 3}, value=Alert.severity, else_=4)


class AlertFilter(msgspec.Struct, frozen=True):
    """Which alerts a list shows; None: any."""

    statuses: tuple[str, ...] | None = None
    severities: tuple[str, ...] | None = None
    check_id: str | None = None
    rule_id: str | None = None
    tag: str | None = None


def get_alert(session: Session, alert_id: str, *, lock: bool = False) -> Alert | None:
    """By id. `lock`: nobody else changes it until this transaction ends."""
    wanted = select(Alert).where(Alert.id == alert_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def lock_alert(session: Session, alert_id: str) -> Alert | None:
    """By id, for whoever will end or acknowledge it: its check is locked first, as by whoever judges a result, so that
    of two who may want to end it the second sees that it has ended."""
    found = get_alert(session, alert_id)
    if found is None:
        return None
    lock_checks(session, [found.check_id])
    session.expire(found)
    return get_alert(session, alert_id, lock=True)


def list_alerts(
    session: Session, wanted: AlertFilter, page: tuple[int, int] = (0, 20), *, worst_first: bool = False
) -> tuple[list[Alert], int]:
    """Newest first, `page` = (offset, how many); and how many there are. Retracted ones are among them: somebody may
    have been told. `worst_first`: those that nobody has acknowledged before the others, each by severity."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.statuses is not None:
        conditions.append(Alert.status.in_(wanted.statuses))
        if "resolved" not in wanted.statuses:
            conditions.append(Alert.resolved_ms.is_(None))  # few among many: they have an index
    if wanted.severities is not None:
        conditions.append(Alert.severity.in_(wanted.severities))
    if wanted.check_id is not None:
        conditions.append(Alert.check_id == wanted.check_id)
    if wanted.rule_id is not None:
        conditions.append(Alert.rule_id == wanted.rule_id)
    if wanted.tag is not None:
        tagged = select(Check.id).where(has_tag(session, wanted.tag))
        conditions.append(Alert.check_id.in_(tagged))
    found = select(Alert).where(*conditions)
    offset, limit = page
    urgency = (Alert.status != "triggered", _SEVERITY) if worst_first else ()
    ordered = found.order_by(*urgency, Alert.triggered_ms.desc(), Alert.id.desc()).offset(offset).limit(limit)
    return list(session.scalars(ordered)), count_rows(session, found)


def open_alerts(
    session: Session, *, check_ids: Collection[str] | None = None, rule_id: str | None = None
) -> list[Alert]:
    """Those that are not resolved, by id; of these checks, of this rule."""
    wanted = select(Alert).where(Alert.resolved_ms.is_(None))
    if check_ids is not None:
        wanted = wanted.where(Alert.check_id.in_(check_ids))
    if rule_id is not None:
        wanted = wanted.where(Alert.rule_id == rule_id)
    return list(session.scalars(wanted.order_by(Alert.id)))


def checks_with_open_alerts(session: Session, check_ids: Iterable[str]) -> set[str]:
    """Which of these checks have an alert that is not resolved: the hot look, by the partial index."""
    query = "SELECT check_id FROM alerts WHERE check_id IN ? AND resolved_ms IS NULL"
    return {row[0] for row in rows(session, query, sorted(check_ids))}


def alerts_touching(session: Session, check_id: str, rule_ids: Collection[str], from_ms: int) -> list[Alert]:
    """The alerts of a check by these rules that were open at some instant from `from_ms` on, by the due times of the
    runs that opened and ended them; and those a person resolved in the hour before. Oldest first."""
    return list(
        session.scalars(
            select(Alert)
            .where(
                Alert.check_id == check_id,
                Alert.rule_id.in_(rule_ids),
                or_(
                    Alert.resolved_ms.is_(None),
                    Alert.at_ms >= from_ms,
                    Alert.recovered_ms >= from_ms,
                    and_(Alert.recovered_ms.is_(None), Alert.resolved_ms >= from_ms - HAND_RESOLVED_COUNTS_MS),
                ),
            )
            .order_by(Alert.at_ms, Alert.id)
        )
    )


def add_event(
    session: Session, alert: Alert, kind: str, at_ms: int, detail: str = "", *, by: str | None = None,
    run_id: str | None = None,
) -> None:  # fmt: skip
    """Write a line of an alert's timeline."""
    lines = session.scalars(select(func.count(AlertEvent.id)).where(AlertEvent.alert_id == alert.id)).one()
    session.add(
        AlertEvent(
            id=new_id("evt", at_ms),
            organization_id=alert.organization_id,
            alert_id=alert.id,
            number=lines + 1,
            at_ms=at_ms,
            kind=kind,
            by=by,
            detail=detail,
            run_id=run_id,
        )
    )
    session.flush()


def count_events(session: Session, alert_id: str, kind: str) -> int:
    """How often an alert has gone through this."""
    wanted = select(func.count(AlertEvent.id)).where(AlertEvent.alert_id == alert_id, AlertEvent.kind == kind)
    return session.scalars(wanted).one()


def events_of(session: Session, alert_id: str) -> list[AlertEvent]:
    """An alert's timeline, oldest first."""
    wanted = select(AlertEvent).where(AlertEvent.alert_id == alert_id)
    return list(session.scalars(wanted.order_by(AlertEvent.at_ms, AlertEvent.number)))


def add_decision(session: Session, alert: Alert, run_id: str, outcome: str, detail: str, at_ms: int) -> None:
    """Keep why the notice of an alert was sent or withheld, with the run that caused it."""
    session.add(
        Decision(
            id=new_id("dec", at_ms),
            organization_id=alert.organization_id,
            run_id=run_id,
            check_id=alert.check_id,
            rule_id=alert.rule_id,
            alert_id=alert.id,
            at_ms=at_ms,
            outcome=outcome,
            detail=detail,
        )
    )


def decisions_of_run(session: Session, run_id: str) -> list[Decision]:
    """What was kept about a run, oldest first."""
    wanted = select(Decision).where(Decision.run_id == run_id)
    return list(session.scalars(wanted.order_by(Decision.at_ms, Decision.id)))


def alerts_held_by_parent(session: Session, check_id: str) -> list[dict[str, str]]:
    """The checks whose alerts nobody is told of because this one, on which they depend, is down: {id, name}."""
    held = session.execute(
        select(Check.id, Check.name, Alert.held)
        .join(Alert, Alert.check_id == Check.id)
        .where(Alert.resolved_ms.is_(None), Alert.held.is_not(None))
        .order_by(Check.name, Check.id)
        .limit(500)
    )
    found = {row.id: row.name for row in held if (row.held or {}).get("parent_id") == check_id}
    return [{"id": child_id, "name": name} for child_id, name in found.items()]
