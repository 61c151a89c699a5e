"""Whose repository a fix of an incident is for: the project that is named, else the one that follows from its runs."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.orm import Session

from api.access import caller
from api.agent_access import Seen, project_named
from api.errors import Invalid
from store.incident_failures import SESSION
from store.incident_tables import Incident
from store.incidents import newest_members
from store.project_tables import Project

_MOST_MEMBERS = 100
NONE_HAS_ONE = "no project has a repository: set one on the project's page, or by PUT /v1/projects/:id"
SEVERAL_HAVE_ONE = (
    "several projects have a repository, and no run of this incident is of one of them: say whose is meant, with "
    "`project_id` or on the incident's page"
)


class Repositories(NamedTuple):
    """`having`: projects that the caller may see and that have one, by name. `usual`: the one that is taken where none
    is named; None where that can't be known."""

    having: list[Project]
    usual: Project | None

    @property
    def missing(self) -> str:
        """Why none is taken, and what to do."""
        return SEVERAL_HAVE_ONE if self.having else NONE_HAS_ONE


def repositories_for(session: Session, seen: Seen, incident: Incident) -> Repositories:
    """Usual is that of the session that failed last and has one; else the only one that the caller may see."""
    every = [each for each in seen.projects.values() if each.repository is not None and caller().may_see(each.id)]
    having = sorted(every, key=lambda each: (each.name.casefold(), each.number))
    by_number = {each.number: each for each in having}
    for member in newest_members(session, incident.id, SESSION, _MOST_MEMBERS, seen.open):
        if member.project in by_number:
            return Repositories(having, by_number[member.project])
    return Repositories(having, having[0] if len(having) == 1 else None)


def project_with_repository(seen: Seen, named: str) -> Project:
    """The one that is named. NotFound; Forbidden; Invalid where it has none."""
    project = seen.projects[project_named(named)]
    if project.repository is None:
        raise Invalid({"project_id": ["has no repository: set one with PUT /v1/projects/:id"]})
    return project
