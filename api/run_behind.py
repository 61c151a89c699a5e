"""What services themselves reported of a run: spans and errors of its trace, in projects that the caller may see."""

from __future__ import annotations

from typing import Any

from api.project_access import visible
from api.services import services
from api.telemetry_shapes import event_shapes, span_shape
from model.traceparent import trace_id_of
from store.sessions import EVERY_ORGANIZATION
from store.tables import Run
from telemetry.stored.reading import errors_of_trace, spans_of_trace

MOST_ERRORS = 100
_TRACED = frozenset({"url", "api", "journey"})


def trace_of_run(run: Run, check_type: str | None) -> dict[str, Any] | None:
    """None for a run that begins no trace: of a TCP port, a DNS record, a heartbeat."""
    if check_type not in _TRACED:
        return None
    projects, trace_id = visible(), trace_id_of(run.id)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        spans = spans_of_trace(session, projects.numbers, trace_id)
        errors = errors_of_trace(session, projects.numbers, trace_id, MOST_ERRORS)
    return {
        "trace_id": trace_id,
        "spans": [span_shape(span, projects) for span in spans],
        "errors": event_shapes(errors, projects),
    }
