"""The tables of artifacts: files by what they hold, and which run, of a journey or an agent, each is evidence of.

Part of store/tables.py, where the conventions stand.
"""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class ArtifactFile(Scoped, Base):
    """A file under the data directory (store/artifact_files.py), once an organization however many runs show it. The
    bytes of all of them are in the counter `artifact_bytes`, whose row is held by whoever adds or removes files.
    `awaited_until_ms`: until then a result that names it may still come, and it stays without one."""

    __tablename__ = "artifact_files"
    __table_args__ = (UniqueConstraint("organization_id", "sha256", name="uq_artifact_files_content"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)
    awaited_until_ms: Mapped[int | None] = mapped_column(Ms)


class Artifact(Scoped, Base):
    """Evidence of one run. `passed`: of a run that passed, which is worth less; `step_index`: of the step it shows."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_run", "run_id"),
        Index("ix_artifacts_file", "file_id"),
        Index("ix_artifacts_age", "passed", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(40))
    file_id: Mapped[str] = mapped_column(String(40), ForeignKey("artifact_files.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(20))
    content_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(Ms)
    step_index: Mapped[int | None] = mapped_column(Integer)
    passed: Mapped[bool] = mapped_column(Boolean)
    created_ms: Mapped[int] = mapped_column(Ms)


class AgentArtifact(Scoped, Base):
    """A file of an agent's run (seed 002). `session`: the run's number in its organization, `project`: the number of
    the one that it is of (the store of telemetry has both). `file_id`: null until its bytes have come."""

    __tablename__ = "agent_artifacts"
    __table_args__ = (
        UniqueConstraint("organization_id", "session", "sha256", name="uq_agent_artifacts_content"),
        Index("ix_agent_artifacts_file", "file_id"),
        Index("ix_agent_artifacts_age", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    session: Mapped[int] = mapped_column(Ms)
    project: Mapped[int | None] = mapped_column(Integer)
    file_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("artifact_files.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)
