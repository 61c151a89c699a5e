"""Whose link to an artifact it is, and whether they may still read it: asked when it is given and when it is opened."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access import Caller, Scope, projects_of, whole
from model.people import SCOPES_OF, Role
from store.api_keys import get_api_key
from store.artifact_tables import AgentArtifact, Artifact
from store.people_tables import Membership
from store.projects import get_project

_TOKEN = "token"  # noqa: S105 - of what kind the holder is
Shown = Artifact | AgentArtifact


def holder_of(who: Caller) -> str:
    """Their part of a link. A JSON Web Token's holder is known to nobody here: such a link ends with the token."""
    return who.key_id or who.person_id or _TOKEN


def is_open_to(session: Session, artifact: Shown, projects: Collection[str] | None) -> bool:
    """Whether it is of one of these projects, by id; None: all. Journeys are of no project, and open to each key. In a
    session of the artifact's organization."""
    if projects is None or isinstance(artifact, Artifact):
        return True
    found = None if artifact.project is None else get_project(session, str(artifact.project))
    return found is not None and found.id in projects


def may_still_read(session: Session, artifact: Shown, holder: str, now_ms: int) -> bool:
    """Whether who was given a link is still a member, or their key still good. In a session of the artifact's
    organization."""
    if holder == _TOKEN:
        return True
    key = get_api_key(session, holder)
    if key is not None:
        alive = key.expires_ms is None or key.expires_ms > now_ms
        return alive and Scope.READ in whole(key.scopes) and is_open_to(session, artifact, projects_of(key))
    statement = select(Membership.role).where(Membership.person_id == holder, Membership.status == "active")
    role = session.scalars(statement).one_or_none()
    return role is not None and Scope.READ in whole(SCOPES_OF[Role(role)])
