"""How the operator lets go of old events: by a command of its own, which says so in the log.

What remains is verified from there on: the record of the log's ends names the last event that was pruned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from model.times import iso
from store.audit import Target, hold_head, note
from store.audit_chain import Sign, seal_head
from store.audit_tables import AuditEvent
from store.tables import Organization

_DELETE = text("DELETE FROM audit_events WHERE organization_id = :organization_id AND number <= :number")
_TRIGGER = "audit_events_no_delete"


def prune(session: Session, sign: Sign, organization_id: str, before_ms: int) -> int:
    """Delete an organization's events up to the first that is not older than `before_ms`; how many those were. The
    session sees every organization. Verify the log first: what is gone is not verified any more."""
    organization = session.get_one(Organization, organization_id)
    head = hold_head(session, organization_id)
    mine = AuditEvent.organization_id == organization_id
    kept = session.scalars(select(func.min(AuditEvent.number)).where(mine, AuditEvent.at_ms >= before_ms)).one()
    last_number = head.number if kept is None else kept - 1
    last = session.scalars(select(AuditEvent).where(mine, AuditEvent.number == last_number)).one_or_none()
    if last is None:
        return 0
    count = last.number - head.base_number
    with _deletable(session):
        session.execute(_DELETE, {"organization_id": organization_id, "number": last.number})
    head.base_number, head.base_chain = last.number, last.chain
    head.seal = seal_head(sign, head)
    target = Target("organization", organization_id, organization.name)
    note(session, organization_id, "audit.pruned", target, after={"events": count, "before": iso(before_ms)})
    return count


@contextmanager
def _deletable(session: Session) -> Iterator[None]:
    """The trigger that refuses to delete events is off in this transaction, and for it alone."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER audit_events_no_change"))
        yield
        session.execute(text("ALTER TABLE audit_events ENABLE TRIGGER audit_events_no_change"))
        return
    wanted = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    made_by = session.execute(wanted, {"name": _TRIGGER}).scalar_one()
    session.execute(text(f"DROP TRIGGER {_TRIGGER}"))
    yield
    session.connection().exec_driver_sql(made_by)
