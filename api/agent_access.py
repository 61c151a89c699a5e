"""Which runs of agents a caller may see: those of the organization, or of the projects that their key names."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from api.access import caller
from api.errors import Forbidden, Invalid, no_such
from api.services import services
from store.project_tables import Project
from store.projects import get_project, list_projects
from telemetry.agents.stored.sessions import AgentSession, get_session


class Seen:
    """What this caller sees: projects by number, of the whole organization; and which of them are open to them."""

    def __init__(self) -> None:
        who = caller()
        with services().database.read(who.organization_id) as session:
            self.projects: Mapping[int, Project] = {each.number: each for each in list_projects(session)}
        self.organization_id = who.organization_id
        self.open = None if who.projects is None else [n for n, one in self.projects.items() if who.may_see(one.id)]
        """None: all, and runs of no project."""

    def project_id(self, number: int | None) -> str | None:
        found = None if number is None else self.projects.get(number)
        return None if found is None else found.id

    def narrowed(self, named: str | None) -> list[int] | None:
        """The projects to look in, by number. NotFound, Forbidden."""
        if named is None:
            return self.open
        return [project_named(named)]

    def session(self, session: Session, session_id: str) -> AgentSession:
        """One run. NotFound; Forbidden where it is of a project that the key is not for."""
        found = get_session(session, self.organization_id, session_id)
        if found is None:
            raise no_such("session", session_id)
        if self.open is not None and found.project not in self.open:
            raise Forbidden("This key is not for the project of this session")
        return found


def project_named(named: str) -> int:
    """Its number. NotFound where the organization has none such; Forbidden where the key is not for it."""
    who = caller()
    with services().database.read(who.organization_id) as session:
        found = get_project(session, named)
    if found is None:
        raise no_such("project", named)
    if not who.may_see(found.id):
        raise Forbidden("This key is not for this project")
    return found.number


def project_to_write(named: str | None) -> int | None:
    """What a new run is of: the project that is named, or the only one of the key. Invalid where that is not one."""
    if named is not None:
        return project_named(named)
    seen = Seen()
    if seen.open is None:
        return None
    if len(seen.open) != 1:
        raise Invalid({"project_id": ["must be one of the key's projects"]})
    return seen.open[0]
