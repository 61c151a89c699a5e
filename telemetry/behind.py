"""The error behind an alert, for its notice: looked up when that is sent, since errors may arrive after the alert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.times import iso
from model.traceparent import trace_id_of
from store.projects import list_projects
from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.issue_ids import issue_id
from telemetry.stored.joined import top_issue

_MOST_RUNS = 50


class ErrorsBehind:
    """Of one store. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, organization_id: str, run_ids: Sequence[str]) -> dict[str, Any] | None:
        """The `issue` of a webhook's body: what failed most in the traces of these runs. SQLAlchemyError."""
        with self._database.read(organization_id) as session:
            projects = [project.number for project in list_projects(session)]
        if not projects or not run_ids:
            return None
        traces = [trace_id_of(run_id) for run_id in run_ids[-_MOST_RUNS:]]
        with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
            found = top_issue(session, projects, traces)
        if found is None:
            return None
        return {
            "id": issue_id(found.number),
            "title": found.title,
            "culprit": found.culprit,
            "level": found.level,
            "count": found.count,
            "first_seen": iso(found.first_ms),
            "first_release": found.first_release,
        }
