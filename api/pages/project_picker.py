"""Choosing projects in the form of a quiet time, beside checks (api/pages/check_picker.py), and saying which they are.

A key may be for certain projects: others stay chosen as they are, and are not called by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from alerts.coverage import Ground
from api.pages.check_picker import NAMED, chosen_checks, covers
from api.pages.gate import visitor
from api.pages.words import listed
from store.projects import list_projects, project_names

_ANOTHER = "another project"


@dataclass(frozen=True)
class ProjectPicker:
    """`offered`, `gone`: (id, name). `gone`: chosen ones that were deleted since, or that the visitor may not see."""

    offered: Sequence[tuple[str, str]]
    chosen: frozenset[str]
    gone: Sequence[tuple[str, str]]


def project_picker(session: Session, quieted: Mapping[str, Any]) -> ProjectPicker:
    """What is offered to a form that has this chosen."""
    chosen = frozenset(quieted.get("projects") or ())
    offered = [(project.id, project.name) for project in list_projects(session, visitor().caller.projects)]
    gone = sorted(chosen.difference(project_id for project_id, _ in offered))
    names = names_of_projects(session, [quieted])
    return ProjectPicker(offered, chosen, [(project_id, names.get(project_id, _ANOTHER)) for project_id in gone])


def chosen_things() -> dict[str, Any]:
    """What the form says, as REST's `apply_to` of a window and `match` of a silence."""
    chosen = chosen_checks()
    return chosen if chosen["all"] else {**chosen, "projects": request.form.getlist("projects")}


def names_of_projects(session: Session, quieted: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Of the projects that these name and the visitor may see."""
    ids = {project_id for one in quieted for project_id in one.get("projects") or ()}
    return project_names(session, ids, visitor().caller.projects)


def quiets(ground: Ground, quieted: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """In words: `all 134 checks and all events`; `the tag shop: 12 checks, and events of Truecom`. `names`: of checks
    and projects."""
    if quieted["all"]:
        return covers(ground, quieted, names) + (", and all events" if ground.projects else "")
    ids = quieted.get("projects") or ()
    if not ids:
        return covers(ground, quieted, names)
    called = [names.get(project_id, _ANOTHER) for project_id in ids[:NAMED]]
    more = [f"{len(ids) - NAMED} more"] if len(ids) > NAMED else []
    events = f"events of {listed([*called, *more])}"
    has_checks = quieted["monitors"] or quieted["journeys"] or quieted["tags"]
    return f"{covers(ground, quieted, names)}, and {events}" if has_checks else events
