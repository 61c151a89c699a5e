"""POST /v1/traces: spans, as seed 000's SDKs send them; GET /v1/traces/:id: all that is known of one trace."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import OWN, Scope
from api.envelope import json_response
from api.errors import no_such
from api.project_access import visible
from api.reporting import REPORTERS_REFUSALS, items_of, now_ms, quota_spent, read_each, reporter, sdk_body
from api.routes import PathModel, Routes
from api.schemas.bare import BareError
from api.schemas.reporting import SpansBody, SpansTaken
from api.schemas.telemetry import Trace
from api.services import services
from api.telemetry_shapes import event_shapes, generation_shape, span_shape
from store.sessions import EVERY_ORGANIZATION
from telemetry.spans import Span, read_span
from telemetry.stored.generations import generations_of_trace
from telemetry.stored.reading import events_of_trace, spans_of_trace
from telemetry.stored.storing import TRACES, Submission

MOST_EVENTS = 100
routes = Routes("Traces", "Spans of requests and jobs, as SDKs send them with a project's public key.", BareError)


class TracePath(PathModel):
    trace_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


@routes.post(
    "/v1/traces",
    needs=OWN,
    answers=SpansTaken,
    accepts=SpansBody,
    status=202,
    errors=(400, 401, 403, 413, 429),
    means=REPORTERS_REFUSALS,
)
def take_spans() -> Response:
    """Send spans. 202 means that they are on disk.

    Keys as for events. At most 5 MiB, also once inflated; a larger body is 413. OpenTelemetry's exporters send to
    `/v1/otlp/traces`.
    """
    who, items = reporter(), items_of(sdk_body(), "spans")
    received_ms = now_ms()

    def read(item: object, raw: bytes) -> Span:
        return read_span(item, who.number, received_ms, raw=raw)

    spans, dropped, counts = read_each(items, read, TRACES, "span_id")
    outcome = services().intake.keep(Submission(who.number, spans=spans, quota=who.quota, dropped=counts))
    if outcome.spent:
        raise quota_spent(received_ms)
    dropped += [{"span_id": key[1], "reason": "quota"} for key in sorted(outcome.over)]
    return json_response({"accepted": len(items) - len(dropped), "dropped": dropped}, 202)


@routes.get("/v1/traces/<path:trace_id>", needs=Scope.READ, answers=Trace)
def show_trace(path: TracePath) -> Response:
    """Get a trace: its spans by when they began, and the events and calls of language models in it."""
    projects, store = visible(), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        spans = spans_of_trace(session, projects.numbers, path.trace_id)
        events = events_of_trace(session, projects.numbers, path.trace_id, MOST_EVENTS)
        generations = generations_of_trace(session, projects.numbers, path.trace_id, MOST_EVENTS)
    if not spans and not events and not generations:
        raise no_such("trace", path.trace_id)
    return json_response(
        {
            "trace_id": path.trace_id,
            "spans": [span_shape(span, projects) for span in spans],
            "events": event_shapes(events, projects),
            "generations": [generation_shape(made, projects) for made in generations],
        }
    )
