"""The error that an alert is about: that of its issue, or what services reported most of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.project_access import visible
from api.services import services
from model.traceparent import trace_id_of
from store.alert_tables import Alert
from store.project_tables import Project
from store.sessions import EVERY_ORGANIZATION
from telemetry.issue_ids import issue_id, issue_number
from telemetry.stored.issues import Issue, get_issue
from telemetry.stored.joined import first_release, top_issue

MOST_RUNS = 50


@dataclass(frozen=True)
class ErrorBehind:
    """`in_runs`: how often the alert's own runs met it; None for an alert that events raised."""

    issue: Issue
    project: Project
    first_release: str | None
    in_runs: int | None

    @property
    def id(self) -> str:
        return issue_id(self.issue.number)


def error_behind(alert: Alert, run_ids: Sequence[str]) -> ErrorBehind | None:
    """In projects that the visitor may see. `run_ids`: of the alert, oldest first; the newest of them count."""
    projects = visible()
    if not projects.projects:
        return None
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        number, in_runs = issue_number(alert.issue_id or ""), None
        if number is None:
            top = top_issue(session, projects.numbers, [trace_id_of(each) for each in run_ids[-MOST_RUNS:]])
            number, in_runs = (top.number, top.count) if top is not None else (None, None)
        issue = get_issue(session, projects.numbers, number) if number is not None else None
        if issue is None:
            return None
        return ErrorBehind(issue, projects.projects[issue.project], first_release(session, issue.number), in_runs)
