"""When rules on events held, whom they told, and how far events have been judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import Alert, Notification
from store.firing_tables import Firing
from store.statements import rows, run

RULES = "rules"
MOST_OPEN = 500
"""Open alerts of one rule: whoever has a public key can send events of as many groups as they like."""
_ADVANCE = "UPDATE event_cursors SET seq = ? WHERE name = ? AND seq = ?"
_OPEN = (
    "SELECT id, rule_id, check_id, group_key, status, issue_id, told_ms, triggered_ms FROM alerts "
    "WHERE resolved_ms IS NULL AND group_key <> ''"
)
_FULL = (
    "SELECT rule_id, min(organization_id), max(rule_name), count(*) FROM alerts WHERE resolved_ms IS NULL "
    "AND group_key <> '' GROUP BY rule_id HAVING count(*) >= ? ORDER BY rule_id"
)
_QUIET = (
    "SELECT rule_id, group_key, max(quiet_until_ms) FROM firings WHERE rule_id IN ? AND quiet_until_ms > ? "
    "GROUP BY rule_id, group_key"
)


class OpenGroup(msgspec.Struct, frozen=True):
    """An alert that events raised and that is not resolved."""

    id: str
    rule_id: str
    project_id: str
    group_key: str
    status: str
    issue_id: str | None
    told_ms: int | None
    triggered_ms: int


def read_cursor(session: Session, name: str = RULES) -> int:
    """Up to which number events have been worked through. The session sees every organization."""
    return int(rows(session, "SELECT seq FROM event_cursors WHERE name = ?", name)[0][0])


def advance_cursor(session: Session, seen: int, to: int, name: str = RULES) -> bool:
    """Move it from where the caller has read it. False when somebody else has moved it since: what they judged must not
    be judged again. Held until this transaction ends, so of two who judge the same events one finds that it is late."""
    return run(session, _ADVANCE, to, name, seen) == 1


def open_groups(session: Session) -> list[OpenGroup]:
    """Every alert that events raised and that is open. The session sees every organization."""
    return [OpenGroup(*row) for row in rows(session, _OPEN)]


def any_group_open(session: Session) -> bool:
    """Whether `open_groups` would find any."""
    return bool(rows(session, _OPEN + " LIMIT 1"))


class FullRule(msgspec.Struct, frozen=True):
    """A rule on events and how many alerts of its are open."""

    id: str
    organization_id: str
    name: str
    open_groups: int


def rules_by_open_groups(session: Session, at_least: int) -> list[FullRule]:
    """Those with so many open alerts, by id. The session sees every organization."""
    return [FullRule(*row) for row in rows(session, _FULL, at_least)]


def quiet_groups(session: Session, rule_ids: Collection[str], at_ms: int) -> dict[tuple[str, str], int]:
    """(rule, group) -> until when it does not fire again, of those that are quiet then. The session sees every
    organization."""
    found = rows(session, _QUIET, sorted(rule_ids), at_ms) if rule_ids else []
    return {(rule_id, key): int(until_ms) for rule_id, key, until_ms in found}


def add_firing(
    session: Session, alert: Alert, *, at_ms: int, quiet_until_ms: int, count: int, told: tuple[str, int], now_ms: int
) -> None:
    """`told`: name and number of the alert's event that its channels were told."""
    event, number = told
    session.add(
        Firing(
            id=new_id("fir", now_ms), organization_id=alert.organization_id, rule_id=alert.rule_id,
            rule_name=alert.rule_name, project_id=alert.check_id, group_key=alert.group_key, alert_id=alert.id,
            at_ms=at_ms, quiet_until_ms=quiet_until_ms, count=count, event=event, number=number,
        )
    )  # fmt: skip
    session.flush()


def end_quiet(session: Session, alert: Alert, now_ms: int) -> None:
    """What its rule was quiet about is news again. The session sees every organization."""
    run(
        session, "UPDATE firings SET quiet_until_ms = ? WHERE alert_id = ? AND quiet_until_ms > ?", now_ms, alert.id,
        now_ms,
    )  # fmt: skip


def open_of_issue(session: Session, issue_id: str) -> list[Alert]:
    """Open alerts that an event of this issue raised, by id; as they are in the store."""
    wanted = select(Alert).where(Alert.resolved_ms.is_(None), Alert.group_key != "", Alert.issue_id == issue_id)
    return list(session.scalars(wanted.order_by(Alert.id).execution_options(populate_existing=True)))


def open_of_group(session: Session, project_id: str, rule_id: str, key: str) -> Alert | None:
    """The open alert of a rule and group, if there is one; nobody else changes it until this transaction ends."""
    wanted = select(Alert).where(
        Alert.check_id == project_id, Alert.rule_id == rule_id, Alert.group_key == key, Alert.resolved_ms.is_(None)
    )
    return session.scalars(wanted.with_for_update()).one_or_none()


def follow_alert(session: Session, alert: Alert) -> None:
    """An alert goes on as that of another group: so do its firings, with what its rule is quiet about."""
    run(
        session, "UPDATE firings SET group_key = ? WHERE alert_id = ? AND organization_id = ?", alert.group_key,
        alert.id, alert.organization_id, of=alert.organization_id,
    )  # fmt: skip


def list_firings(
    session: Session,
    project_ids: Collection[str],
    *,
    rule_id: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Firing]:
    """Of these projects, the newest first. `before`: the id of the last one of the page before."""
    wanted = select(Firing).where(Firing.project_id.in_(project_ids))
    if rule_id is not None:
        wanted = wanted.where(Firing.rule_id == rule_id)
    if before is not None:
        wanted = wanted.where(Firing.id < before)
    return list(session.scalars(wanted.order_by(Firing.id.desc()).limit(limit)))


def told_by(session: Session, firings: Sequence[Firing]) -> dict[str, list[Notification]]:
    """What went to which channel because of each firing, by its id."""
    wanted = {(firing.alert_id, firing.event, firing.number): firing.id for firing in firings}
    found: dict[str, list[Notification]] = {firing.id: [] for firing in firings}
    alerts = sorted({firing.alert_id for firing in firings})
    statement = select(Notification).where(Notification.alert_id.in_(alerts))
    for sent in _in_order(session.scalars(statement)):
        of_firing = wanted.get((sent.alert_id or "", sent.event, sent.number))
        if of_firing is not None:
            found[of_firing].append(sent)
    return found


def _in_order(notifications: Iterable[Notification]) -> list[Notification]:
    return sorted(notifications, key=lambda sent: (sent.created_ms, sent.id))
