"""/traces/:id: what a trace is made of, and what is shown of one on the page of the run that began it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from api.access import Scope
from api.errors import NotFound
from api.pages.event_view import Call, event_view, title_of
from api.pages.gate import page, visitor
from api.pages.generation_charts import dollars
from api.pages.rendering import render
from api.pages.reported import LEVELS_CSS
from api.pages.trace_bars import MOST_SHOWN, SpanTree, span_tree
from api.project_access import Visible, visible
from api.services import services
from api.telemetry_shapes import event_shapes, issue_id
from model.traceparent import runs_of_trace, trace_id_of
from store.met_runs import checks_of_runs
from store.sessions import EVERY_ORGANIZATION
from store.tables import Run
from telemetry.stored.generations import generations_of_trace
from telemetry.stored.reading import MOST_SPANS, StoredEvent, errors_of_trace, events_of_trace, spans_of_trace

pages = Blueprint("trace_pages", __name__)
_MOST_EVENTS = 100
_OF_A_RUN = 40
"""Spans, and errors, that a run's page shows; the trace's own page has the rest."""


@dataclass(frozen=True)
class ShownEvent:
    """An event of a trace in a line or two. `own`: the application's innermost call."""

    seq: int
    issue_id: str
    title: str
    level: str
    project: str
    release: str | None
    environment: str | None
    at_ms: int
    own: Call | None


@dataclass(frozen=True)
class Behind:
    """What was reported of a run."""

    trace_id: str
    tree: SpanTree
    errors: Sequence[ShownEvent]


@pages.get("/traces/<path:trace_id>")
@page(Scope.READ)
def trace_page(trace_id: str) -> Response:
    """Its spans as a waterfall, the events and calls of models in it, and the run that began it."""
    projects, store = visible(), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
        spans = spans_of_trace(session, projects.numbers, trace_id[:200])
        events = events_of_trace(session, projects.numbers, trace_id[:200], _MOST_EVENTS)
        calls = generations_of_trace(session, projects.numbers, trace_id[:200], _MOST_EVENTS)
    if not spans and not events and not calls:
        raise NotFound("Nothing is known of this trace: it was not reported, or is older than its project keeps")
    slugs = {number: project.slug for number, project in projects.projects.items()}
    return render(
        "trace.html",
        trace_id=trace_id,
        tree=span_tree(spans, slugs, MOST_SHOWN),
        spans=len(spans),
        most=MOST_SPANS,
        projects=sorted(
            {slugs[span.project] for span in spans}
            | {slugs[event.project] for event in events}
            | {slugs[call.project] for call in calls}
        ),
        events=shown_events(events, projects),
        calls=calls,
        dollars=dollars,
        begun=_begun_by(trace_id),
        levels=LEVELS_CSS,
        now_ms=now_ms,
    )


def behind_run(run: Run) -> Behind | None:
    """What was reported of a run in projects that the visitor may see; None: nothing."""
    projects, trace_id = visible(), trace_id_of(run.id)
    if not projects.projects:
        return None
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        spans = spans_of_trace(session, projects.numbers, trace_id)
        errors = errors_of_trace(session, projects.numbers, trace_id, _OF_A_RUN)
    if not spans and not errors:
        return None
    slugs = {number: project.slug for number, project in projects.projects.items()}
    return Behind(trace_id, span_tree(spans, slugs, _OF_A_RUN), shown_events(errors, projects))


def shown_events(events: Sequence[StoredEvent], projects: Visible) -> list[ShownEvent]:
    """With the calls as they stand in the sources."""
    return [_shown(event, shape) for event, shape in zip(events, event_shapes(events, projects), strict=True)]


def _shown(event: StoredEvent, shape: dict[str, Any]) -> ShownEvent:
    view = event_view(shape)
    return ShownEvent(
        seq=event.seq,
        issue_id=issue_id(event.issue),
        title=title_of(shape),
        level=event.level,
        project=str(shape["project"]),
        release=event.release,
        environment=event.environment,
        at_ms=event.at_ms,
        own=view.own[0] if view.own else None,
    )


def _begun_by(trace_id: str) -> tuple[str, str] | None:
    """(id, its check's name) of the run that began the trace, if one did that this visitor may see."""
    run_ids = runs_of_trace(trace_id)
    if not run_ids:
        return None
    with services().database.read(visitor().caller.organization_id) as session:
        met = [check for check in checks_of_runs(session, run_ids) if check.last_run_id]
    return (met[0].last_run_id, met[0].name) if met else None
