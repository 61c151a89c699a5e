"""Projects and their public keys: made, found by whatever name people use, changed, ended."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from model.ids import new_id
from store.keyring import Cell, Keyring
from store.project_tables import Project, ProjectKey

RETENTION_DAYS = 90
_TRIES = 5


@dataclass(frozen=True)
class NewProject:
    """What is asked for. Quotas are by calendar month, None for any number."""

    name: str
    slug: str
    quota_events: int | None = None
    quota_traces: int | None = None
    retention_days: int = RETENTION_DAYS


class SlugTakenError(Exception):
    """The organization has a project with this slug."""


def create_project(session: Session, organization_id: str, wanted: NewProject, now_ms: int) -> Project:
    """A project and its first public key. SlugTakenError."""
    if session.scalars(select(Project.id).where(Project.slug == wanted.slug)).first() is not None:
        raise SlugTakenError
    row = Project(
        id=new_id("proj", now_ms),
        organization_id=organization_id,
        number=0,
        slug=wanted.slug,
        name=wanted.name,
        quota_events=wanted.quota_events,
        quota_traces=wanted.quota_traces,
        retention_days=wanted.retention_days,
        created_ms=now_ms,
    )
    _number(session, row)
    add_key(session, row, server_only=False, now_ms=now_ms)
    return row


def list_projects(session: Session, only: Collection[str] | None = None) -> list[Project]:
    """By number. `only`: those with these ids."""
    statement = select(Project).where(Project.deleted_ms.is_(None)).order_by(Project.number)
    if only is not None:
        statement = statement.where(Project.id.in_(list(only)))
    return list(session.scalars(statement))


def project_names(session: Session, ids: Collection[str], only: Collection[str] | None = None) -> dict[str, str]:
    """Names of these projects by id, deleted ones too. `only`: of those with these ids."""
    wanted = set(ids) if only is None else set(ids).intersection(only)
    if not wanted:
        return {}
    return {row[0]: row[1] for row in session.execute(select(Project.id, Project.name).where(Project.id.in_(wanted)))}


def get_project(session: Session, named: str, *, lock: bool = False) -> Project | None:
    """The project with this number, slug or id."""
    if named.isascii() and named.isdigit():
        condition = Project.number == (int(named) if len(named) < 10 else -1)
    else:
        condition = (Project.id == named) | (Project.slug == named)
    statement = select(Project).where(condition, Project.deleted_ms.is_(None))
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def rename_slug(session: Session, project: Project, slug: str) -> None:
    """SlugTakenError."""
    taken = select(Project.id).where(Project.slug == slug, Project.id != project.id)
    if session.scalars(taken).first() is not None:
        raise SlugTakenError
    project.slug = slug


def repository_cell(organization_id: str, project_id: str) -> Cell:
    """Where the token of a project's repository is at home."""
    return Cell(organization_id, Project.__tablename__, project_id, "repository_token")


def set_repository(project: Project, repository: str | None) -> None:
    """Another repository, or none. A token was given for one address: it goes with it, and is never sent to another."""
    if repository != project.repository:
        project.repository, project.repository_token = repository, None


def set_repository_token(keyring: Keyring, project: Project, token: str | None) -> None:
    """What its repository is read with; None: nothing."""
    cell = repository_cell(project.organization_id, project.id)
    project.repository_token = None if token is None else keyring.encrypt(token, cell)


def repository_token(keyring: Keyring, project: Project) -> str | None:
    """For the server's memory alone."""
    if project.repository_token is None:
        return None
    return keyring.decrypt(project.repository_token, repository_cell(project.organization_id, project.id)).decode()


def delete_project(session: Session, project: Project, now_ms: int) -> None:
    """Nothing can be sent to it any more, and its slug is free; what was sent goes with the next retention."""
    for key in keys_of(session, [project]).get(project.id, ()):
        key.revoked_ms = now_ms
    session.flush()  # in this order, also in the audit log
    project.deleted_ms = now_ms
    project.slug = project.id
    session.flush()


def add_key(session: Session, project: Project, *, server_only: bool, now_ms: int) -> ProjectKey:
    row = ProjectKey(
        id=new_id("pk", now_ms),
        organization_id=project.organization_id,
        project_id=project.id,
        public_key=secrets.token_hex(16),
        server_only=server_only,
        created_ms=now_ms,
    )
    session.add(row)
    session.flush()
    return row


def keys_of(session: Session, projects: Sequence[Project]) -> dict[str, list[ProjectKey]]:
    """Keys that open something, by project, the oldest first."""
    statement = select(ProjectKey).where(
        ProjectKey.project_id.in_([project.id for project in projects]), ProjectKey.revoked_ms.is_(None)
    )
    found: dict[str, list[ProjectKey]] = {}
    for key in session.scalars(statement.order_by(ProjectKey.created_ms, ProjectKey.id)):
        found.setdefault(key.project_id, []).append(key)
    return found


def project_of_key(session: Session, public_key: str) -> tuple[ProjectKey, Project] | None:
    """Whose public key this is. The session sees every organization: whose it is is the answer."""
    statement = (
        select(ProjectKey, Project)
        .join(Project, Project.id == ProjectKey.project_id)
        .where(ProjectKey.public_key == public_key, ProjectKey.revoked_ms.is_(None), Project.deleted_ms.is_(None))
    )
    found = session.execute(statement).one_or_none()
    return None if found is None else (found[0], found[1])


def _number(session: Session, row: Project) -> None:
    """The next number of all. Of two that take one at the same time, one takes the one after it."""
    every = select(func.coalesce(func.max(Project.__table__.c.number), 0) + 1)
    for left in reversed(range(_TRIES)):
        try:
            with session.begin_nested():
                row.number = int(session.connection().execute(every).scalar_one())
                session.add(row)
                session.flush()
            return
        except IntegrityError:
            if not left:
                raise
