"""Alerts and their timelines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import Alert, AlertEvent, Decision
from store.checks import has_tag, lock_checks
from store.counting import one_page
from store.statements import from_json, rows, run
from store.tables import Check

WITHHELD = frozenset({"muted", "silenced", "parent_down"})
"""Outcomes of decisions that kept a notice back."""
HAND_RESOLVED_COUNTS_MS = 3_600_000
"""An alert that a person resolved keeps its rule quiet for so long (CONTRACT): judging must know of it."""
_ADD_EVENT = (
    "INSERT INTO alert_events (id, organization_id, alert_id, number, at_ms, kind, by, detail, run_id) SELECT "
    "?, ?, ?, count(*) + 1, ?, ?, ?, ?, ? FROM alert_events WHERE alert_id = ?"
)
_COUNT_EVENTS = "SELECT count(*) FROM alert_events WHERE organization_id = ? AND alert_id = ? AND kind = ?"
_ADD_DECISION = (
    "INSERT INTO decisions (id, organization_id, run_id, check_id, rule_id, alert_id, at_ms, outcome, detail) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HELD_BY_PARENT = (
    "SELECT c.id, c.name, a.held FROM alerts a INDEXED BY ix_alerts_held JOIN checks c ON c.id = a.check_id "
    "WHERE a.organization_id = ? AND a.resolved_ms IS NULL AND a.held IS NOT NULL ORDER BY c.name, c.id LIMIT 500"
)
_SEVERITY = case({"critical": 0, "high": 1, "medium": 2, "low": 3}, value=Alert.severity, else_=4)


class AlertFilter(msgspec.Struct, frozen=True):
    """Which alerts a list shows; None: any."""

    statuses: tuple[str, ...] | None = None
    severities: tuple[str, ...] | None = None
    check_id: str | None = None
    rule_id: str | None = None
    tag: str | None = None
    issue_id: str | None = None
    projects: Collection[str] | None = None
    """Of alerts that events raised, only those of these; None: all."""


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
    if wanted.issue_id is not None:
        conditions.append(Alert.issue_id == wanted.issue_id)
    if wanted.projects is not None:
        conditions.append(or_(Alert.group_key == "", Alert.check_id.in_(wanted.projects)))
    if wanted.tag is not None:
        tagged = select(Check.id).where(has_tag(session, wanted.tag))
        conditions.append(Alert.check_id.in_(tagged))
    urgency = (Alert.status != "triggered", _SEVERITY) if worst_first else ()
    ordered = select(Alert).where(*conditions).order_by(*urgency, Alert.triggered_ms.desc(), Alert.id.desc())
    return one_page(session, ordered, page)


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


def alerts_touching(session: Session, since: Mapping[str, int]) -> dict[str, list[Alert]]:
    """The alerts of each of these checks that were open at some instant from `since[check_id]` on, by the due times of
    the runs that opened and ended them; and those a person resolved in the hour before. Oldest first."""
    found: dict[str, list[Alert]] = {check_id: [] for check_id in since}
    from_ms = min(since.values())
    wanted = select(Alert).where(
        Alert.check_id.in_(found),
        or_(
            Alert.resolved_ms.is_(None),
            Alert.at_ms >= from_ms,
            Alert.recovered_ms >= from_ms,
            and_(Alert.recovered_ms.is_(None), Alert.resolved_ms >= from_ms - HAND_RESOLVED_COUNTS_MS),
        ),
    )
    for alert in session.scalars(wanted.order_by(Alert.at_ms, Alert.id)):
        if _touches(alert, since[alert.check_id]):
            found[alert.check_id].append(alert)
    return found


def _touches(alert: Alert, from_ms: int) -> bool:
    if alert.resolved_ms is None or alert.at_ms >= from_ms:
        return True
    if alert.recovered_ms is not None:
        return alert.recovered_ms >= from_ms
    return alert.resolved_ms >= from_ms - HAND_RESOLVED_COUNTS_MS


def add_event(
    session: Session, alert: Alert, kind: str, at_ms: int, detail: str = "", *, by: str | None = None,
    run_id: str | None = None,
) -> None:  # fmt: skip
    """Write a line of a stored alert's timeline."""
    run(
        session, _ADD_EVENT, new_id("evt", at_ms), alert.organization_id, alert.id, at_ms, kind, by, detail, run_id,
        alert.id, of=alert.organization_id,
    )  # fmt: skip


def count_events(session: Session, alert: Alert, kind: str) -> int:
    """How often an alert has gone through this."""
    found = rows(session, _COUNT_EVENTS, alert.organization_id, alert.id, kind, of=alert.organization_id)
    return int(found[0][0])


def events_of(session: Session, alert_id: str) -> list[AlertEvent]:
    """An alert's timeline, oldest first."""
    wanted = select(AlertEvent).where(AlertEvent.alert_id == alert_id)
    return list(session.scalars(wanted.order_by(AlertEvent.at_ms, AlertEvent.number)))


def add_decision(session: Session, alert: Alert, run_id: str, outcome: str, detail: str, at_ms: int) -> None:
    """Keep why the notice of an alert was sent or withheld, with the run that caused it."""
    run(
        session, _ADD_DECISION, new_id("dec", at_ms), alert.organization_id, run_id, alert.check_id, alert.rule_id,
        alert.id, at_ms, outcome, detail, of=alert.organization_id,
    )  # fmt: skip


def decisions_of_run(session: Session, run_id: str) -> list[Decision]:
    """What was kept about a run, oldest first."""
    wanted = select(Decision).where(Decision.run_id == run_id)
    return list(session.scalars(wanted.order_by(Decision.at_ms, Decision.id)))


def withheld(session: Session, alert: Alert) -> list[Decision]:
    """What kept the notices of an alert back, in the order in which it did."""
    wanted = select(Decision).where(
        Decision.check_id == alert.check_id,
        Decision.at_ms >= alert.at_ms,
        Decision.alert_id == alert.id,
        Decision.outcome.in_(WITHHELD),
    )
    return list(session.scalars(wanted.order_by(Decision.at_ms, Decision.id)))


def open_at(session: Session, check_id: str, at_ms: int) -> list[Alert]:
    """The alerts of a check that were open at an instant."""
    wanted = select(Alert).where(
        Alert.check_id == check_id,
        Alert.triggered_ms <= at_ms,
        Alert.retracted.is_(False),
        or_(Alert.resolved_ms.is_(None), Alert.resolved_ms > at_ms),
    )
    return list(session.scalars(wanted.order_by(Alert.triggered_ms, Alert.id)))


def alerts_held_by_parent(session: Session, organization_id: str, check_id: str) -> list[dict[str, str]]:
    """The checks whose alerts nobody is told of because this one, on which they depend, is down: {id, name}."""
    held = rows(session, _HELD_BY_PARENT, organization_id, of=organization_id)
    found = {child_id: name for child_id, name, why in held if (from_json(why) or {}).get("parent_id") == check_id}
    return [{"id": child_id, "name": name} for child_id, name in found.items()]
