"""Events, spans, issues and generations as they are told. What an SDK sent beyond the known fields stays in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.project_access import Visible
from api.services import services
from model.times import iso
from telemetry.events import exception_of, frames_of
from telemetry.issue_ids import issue_id as issue_id
from telemetry.issue_ids import issue_number as issue_number
from telemetry.stored.generations import StoredGeneration
from telemetry.stored.issues import Issue
from telemetry.stored.reading import StoredEvent, StoredSpan
from telemetry.stored.source_map_rows import SourceMaps


def event_shapes(events: Sequence[StoredEvent], projects: Visible) -> list[dict[str, Any]]:
    """With frames as they are in the sources, by the source maps that there are now."""
    slugs = {number: projects.slug(number) for number in {event.project for event in events}}
    return shapes_of_events(events, slugs, services().source_maps)


def shapes_of_events(
    events: Sequence[StoredEvent], slugs: Mapping[int, str], source_maps: SourceMaps
) -> list[dict[str, Any]]:
    """The same outside a request. `slugs`: of their projects, by number."""
    mappers = {number: source_maps.mapper(number) for number in {event.project for event in events}}
    shapes = []
    for event in events:
        if event.release is not None:
            exception = exception_of(event.payload)
            frames = frames_of(exception)
            if exception is not None and isinstance(frames, list):
                exception["stacktrace"]["frames"] = mappers[event.project](event.release, frames)
        shapes.append(_event_shape(event, slugs[event.project]))
    return shapes


def _event_shape(event: StoredEvent, slug: str) -> dict[str, Any]:
    return {
        **event.payload,
        "event_id": event.event_id,
        "timestamp": iso(event.at_ms),
        "received_at": iso(event.received_ms),
        "level": event.level,
        "environment": event.environment,
        "release": event.release,
        "trace_id": event.trace_id,
        "project": slug,
        "issue_id": issue_id(event.issue),
    }


def span_shape(span: StoredSpan, projects: Visible) -> dict[str, Any]:
    """`duration_ms` beside what was sent."""
    return {
        **span.payload,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "op": span.op,
        "status": span.status,
        "start_timestamp": iso(round(span.start_ms)),
        "end_timestamp": iso(round(span.end_ms)),
        "duration_ms": round(span.end_ms - span.start_ms, 3),
        "environment": span.environment,
        "release": span.release,
        "received_at": iso(span.received_ms),
        "project": projects.slug(span.project),
    }


def issue_shape(issue: Issue, projects: Visible) -> dict[str, Any]:
    return {
        "id": issue_id(issue.number),
        "project": projects.slug(issue.project),
        "fingerprint": issue.fingerprint,
        "title": issue.title,
        "culprit": issue.culprit,
        "level": issue.level,
        "status": issue.status,
        "first_seen": iso(issue.first_ms),
        "last_seen": iso(issue.last_ms),
        "count": issue.count,
        "user_count": issue.user_count,
        "releases": issue.releases,
        "regression": None
        if issue.regressed_ms is None
        else {"at": iso(issue.regressed_ms), "release": issue.regressed_release},
    }


def generation_shape(made: StoredGeneration, projects: Visible) -> dict[str, Any]:
    """In the words of seed 001, as it was sent."""
    return {
        **made.payload,
        "provider": made.provider,
        "model": made.model,
        "status": made.status,
        "timestamp": iso(made.at_ms),
        "received_at": iso(made.received_ms),
        "inputTokens": made.input_tokens,
        "outputTokens": made.output_tokens,
        "totalCostUsd": made.cost_usd,
        "latencyMs": made.latency_ms,
        "traceId": made.trace_id,
        "project": projects.slug(made.project),
    }
