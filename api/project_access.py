"""Which projects a caller may see: those of the organization, or the ones that their key names.

Every statement on telemetry takes project numbers, and `Visible` is the only place they come from (R15).
"""

from __future__ import annotations

from dataclasses import dataclass

from api.access import caller
from api.attempts import count_query
from api.errors import Forbidden, no_such
from api.services import services
from store.project_tables import Project
from store.projects import get_project, list_projects


@dataclass(frozen=True)
class Visible:
    """Projects that this caller may see, by number."""

    projects: dict[int, Project]

    @property
    def numbers(self) -> list[int]:
        return list(self.projects)

    def slug(self, number: int) -> str:
        return self.projects[number].slug


def visible(named: str | None = None) -> Visible:
    """All of them, or the one that is named. Forbidden when that is not one of them, whether it exists or not."""
    who = caller()
    with services().database.read(who.organization_id) as session:
        if named is None:
            found = list_projects(session, who.projects)
        else:
            one = get_project(session, named)
            found = [one] if one is not None and who.may_see(one.id) else []
    if named is not None and not found:
        raise Forbidden("This key may not see such a project; GET /v1/projects lists those that it may")
    return Visible({project.number: project for project in found})


def queried(named: str | None = None) -> Visible:
    """The same for a query: one of the sixty a minute that a token may make. RateLimited."""
    who = caller()
    count_query(who.session_id or who.key_id or who.name)
    return visible(named)


def may_see(project: Project | None, named: str) -> Project:
    """NotFound, unless the caller may see it."""
    if project is None or not caller().may_see(project.id):
        raise no_such("project", named)
    return project
