"""The audit log as people read it, and as `tracer audit verify` holds it against its seals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from store.audit import Target, note
from store.audit_chain import Sign, faults
from store.audit_tables import AuditEvent, AuditHead
from store.counting import one_page
from store.tables import Organization

MOST_FAULTS = 20
"""Told of one log: one event taken out of the middle is one fault, a log written anew would be thousands."""
_AT_ONCE = 1_000


@dataclass(frozen=True)
class AuditFilter:
    """Which events. `actor`, `target`: an id, or part of a name. `action`: one, or all of a kind (`monitor`). `from_ms`
    inclusive, `to_ms` exclusive."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class Verdict(NamedTuple):
    """What verifying one organization's log has shown. `faults`: sentences, up to MOST_FAULTS, none when all is as it
    was written; `since_ms`: when it begins."""

    organization_id: str
    name: str
    events: int
    since_ms: int | None
    faults: list[str]


def list_events(
    session: Session, wanted: AuditFilter, *, page: tuple[int, int] = (0, 20)
) -> tuple[list[AuditEvent], int]:
    """Events, newest first, `page` = (offset, how many); and how many there are (to 10,001)."""
    statement = select(AuditEvent)
    if wanted.actor is not None:
        statement = statement.where(_called(AuditEvent.actor_id, AuditEvent.actor_name, wanted.actor))
    if wanted.action is not None:
        within = AuditEvent.action.startswith(f"{wanted.action}.", autoescape=True)
        statement = statement.where(or_(AuditEvent.action == wanted.action, within))
    if wanted.target is not None:
        statement = statement.where(_called(AuditEvent.target_id, AuditEvent.target_name, wanted.target))
    if wanted.from_ms is not None:
        statement = statement.where(AuditEvent.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        statement = statement.where(AuditEvent.at_ms < wanted.to_ms)
    return one_page(session, statement.order_by(AuditEvent.number.desc()), page)


def newest_of(session: Session, target_id: str) -> int:
    """The number of the newest event about one thing; 0 when there is none."""
    return session.scalar(select(func.max(AuditEvent.number)).where(AuditEvent.target_id == target_id)) or 0


def events_of(session: Session, target_id: str, after: int) -> list[AuditEvent]:
    """What was done to one thing after the event of this number, oldest first, so many as a page shows."""
    wanted = select(AuditEvent).where(AuditEvent.target_id == target_id, AuditEvent.number > after)
    return list(session.scalars(wanted.order_by(AuditEvent.number).limit(_AT_ONCE)))


def _called(known_by: Any, name: Any, text: str) -> ColumnElement[bool]:
    """Whether the id is this, or the name holds it, in small or capital letters of ASCII."""
    return or_(known_by == text, name.icontains(text, autoescape=True))


def begin_logs(session: Session) -> None:
    """Every organization's log begins, so that one which was taken away whole is not taken for one that is empty."""
    headless = ~exists().where(AuditHead.organization_id == Organization.id)
    for organization in session.scalars(select(Organization).where(headless).order_by(Organization.id)):
        target = Target("organization", organization.id, organization.name)
        note(session, organization.id, "audit.began", target)


def verdicts(session: Session, sign: Sign) -> Iterator[Verdict]:
    """Each organization's log held against its seals, by name. The session sees every organization, and has read
    nothing yet: events that are written meanwhile stay out of sight."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    for organization in session.scalars(select(Organization).order_by(Organization.name, Organization.id)).all():
        yield _verdict(session, sign, organization)


def _verdict(session: Session, sign: Sign, organization: Organization) -> Verdict:
    count, since_ms = 0, None

    def counted() -> Iterator[AuditEvent]:
        nonlocal count, since_ms
        wanted = select(AuditEvent).where(AuditEvent.organization_id == organization.id).order_by(AuditEvent.number)
        for event in session.scalars(wanted.execution_options(yield_per=_AT_ONCE)):
            count += 1
            since_ms = event.at_ms if since_ms is None else since_ms
            yield event

    head = session.get(AuditHead, organization.id)
    found: list[str] = []
    for fault in faults(sign, counted(), head):
        if len(found) < MOST_FAULTS:
            found.append(fault)
    return Verdict(organization.id, organization.name, count, since_ms, found)
