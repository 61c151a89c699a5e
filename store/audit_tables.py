"""The tables of the audit log: what was done, how far each organization's log has come, from where keys were used.

Part of store/tables.py, where the conventions stand.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class AuditEvent(Scoped, Base):
    """One thing that somebody did. Triggers refuse to change or delete it; an organization that is deleted whole takes
    its log along. `number` counts an organization's events from 1. `before`, `after`: JSON text with secrets masked, as
    it was sealed (JSONB would write numbers its own way). `chain`: hex, the seal of this row and of all before it
    (store/audit_chain.py)."""

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("organization_id", "number", name="uq_audit_events_number"),
        Index("ix_audit_events_target", "organization_id", "target_id", "number"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Ms)
    at_ms: Mapped[int] = mapped_column(Ms)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[str | None] = mapped_column(String(40))
    actor_name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    target_kind: Mapped[str] = mapped_column(String(30))
    target_id: Mapped[str | None] = mapped_column(String(40))
    target_name: Mapped[str] = mapped_column(String(200))
    before: Mapped[str | None] = mapped_column(String)
    after: Mapped[str | None] = mapped_column(String)
    chain: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """How far an organization's log has come: the number and chain of its newest event, and of the last one that was
    pruned (`base_*`), with a seal of their own, so that events missing at either end are noticed too. Whoever writes an
    event holds this row until the commit."""

    __tablename__ = "audit_heads"
    organization_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Ms)
    chain: Mapped[str] = mapped_column(String(64))
    base_number: Mapped[int] = mapped_column(Ms)
    base_chain: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))


class KeyAddress(Scoped, Base):
    """Where an API key was used from: an IPv4 address, or the /64 of an IPv6 one."""

    __tablename__ = "key_addresses"
    key_id: Mapped[str] = mapped_column(String(40), ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_ms: Mapped[int] = mapped_column(Ms)


class ProbeAddress(Scoped, Base):
    """The same of a probe's key."""

    __tablename__ = "probe_addresses"
    probe_id: Mapped[str] = mapped_column(String(40), ForeignKey("probes.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_ms: Mapped[int] = mapped_column(Ms)
