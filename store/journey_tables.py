"""The tables that journeys have beside those of all checks: variables of the organization, batches asked for by CI, and
how far those have come that are walked right now.

Part of store/tables.py, where the conventions stand.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped


class OrganizationVariable(Scoped, Base):
    """A value that every journey of the organization may use by name; `value` is the keyring's ciphertext."""

    __tablename__ = "organization_variables"
    __table_args__ = (UniqueConstraint("organization_id", "name", name="uq_organization_variables_name"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    value: Mapped[bytes] = mapped_column(LargeBinary)
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)


class Batch(Scoped, Base):
    """Runs that were asked for together by tag. `overrides`: the keyring's ciphertext of what they are to use in place
    of what the journeys say (model.protocol.RunOverrides), gone when no run can need it any more."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_organization", "organization_id", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64))
    about: Mapped[dict[str, Any]] = mapped_column(Json)
    overrides: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_by: Mapped[str] = mapped_column(String(200))
    created_ms: Mapped[int] = mapped_column(Ms)


class BatchRun(Scoped, Base):
    """One run of a batch; `name`: its journey's, when it was asked for."""

    __tablename__ = "batch_runs"
    __table_args__ = (Index("ix_batch_runs_batch", "batch_id", "position"),)
    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(40), ForeignKey("batches.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    check_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    location: Mapped[str] = mapped_column(String(64))


class WalkProgress(Scoped, Base):
    """How far a run has come that a probe walks under this token of its dispatch: gone when it ends. `steps`: JSON of
    the steps that have ended in this attempt; `step_type`, `step_name`: of the next."""

    __tablename__ = "walk_progress"
    __table_args__ = (Index("ix_walk_progress_check", "check_id"),)
    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    check_id: Mapped[str] = mapped_column(String(40))
    check_version: Mapped[int] = mapped_column(Integer)
    location: Mapped[str] = mapped_column(String(64))
    dispatch_id: Mapped[str] = mapped_column(String(40))
    token: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    began_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)
    total: Mapped[int] = mapped_column(Integer)
    ended: Mapped[int] = mapped_column(Integer)
    step_type: Mapped[str | None] = mapped_column(String(40))
    step_name: Mapped[str | None] = mapped_column(String(200))
    steps: Mapped[str] = mapped_column(String)
