"""The tables of projects: what an SDK reports to, and the public keys that say so. Part of store/tables.py.

What arrives is kept elsewhere, in the store of telemetry (telemetry/stored/tables.py), by the project's number.
"""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Ms, Scoped


class Project(Scoped, Base):
    """One application. `number` is unique in all of Tracer: an SDK says it beside a key, and no organization.
    `quota_events`, `quota_traces`: stored at most in a calendar month (UTC), null for any number. `repository`: the git
    repository that fixes of its incidents are for, with an encrypted `repository_token` if it takes one."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("organization_id", "slug", name="uq_projects_slug"),
        UniqueConstraint("number", name="uq_projects_number"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    slug: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    quota_events: Mapped[int | None] = mapped_column(Ms)
    quota_traces: Mapped[int | None] = mapped_column(Ms)
    retention_days: Mapped[int] = mapped_column(Integer)
    repository: Mapped[str | None] = mapped_column(String(2000))
    repository_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)


class ProjectKey(Scoped, Base):
    """A public key: it stands in pages that anybody may read, and lets them report to one project and nothing else.
    `server_only`: that alone is not enough, an API key with the scope `ingest` has to come with it."""

    __tablename__ = "project_keys"
    __table_args__ = (
        UniqueConstraint("public_key", name="uq_project_keys_public_key"),
        Index("ix_project_keys_project", "project_id"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(40), ForeignKey("projects.id", ondelete="CASCADE"))
    public_key: Mapped[str] = mapped_column(String(32))
    server_only: Mapped[bool] = mapped_column(Boolean)
    created_ms: Mapped[int] = mapped_column(Ms)
    revoked_ms: Mapped[int | None] = mapped_column(Ms)
