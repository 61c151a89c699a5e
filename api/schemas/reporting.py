"""Shapes of what SDKs send, and of what they are told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.schemas.envelope import Shape
from telemetry.items import IngestPayload

EVENT_EXAMPLE: dict[str, Any] = {
    "event_id": "ev_01HZRX4D2KQ7",
    "timestamp": "2026-04-26T14:22:08.421Z",
    "level": "error",
    "environment": "production",
    "release": "truecom@0.18.2",
    "exception": {
        "type": "TypeError",
        "value": "Cannot read property 'x' of undefined",
        "stacktrace": {
            "frames": [{"filename": "app/page.tsx", "function": "loadData", "lineno": 42, "colno": 12, "in_app": True}]
        },
    },
    "user": {"id": "user_123"},
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "tags": {"region": "us-east"},
    "breadcrumbs": [{"category": "navigation", "message": "User opened settings"}],
}
SPAN_EXAMPLE: dict[str, Any] = {
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "parent_span_id": None,
    "name": "GET /api/checkout",
    "op": "http.server",
    "status": "ok",
    "start_timestamp": "2026-04-26T14:22:08.421Z",
    "end_timestamp": "2026-04-26T14:22:08.666Z",
    "attributes": {"http.route": "/api/checkout"},
}


class EventsBody(BaseModel):
    """Events. Each is judged by itself: what can't be stored is named in the answer. Unknown fields are kept."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"events": [EVENT_EXAMPLE]}]})

    events: Annotated[
        list[Any],
        Field(
            min_length=1,
            description="`event_id` (required, at most 128 characters), `timestamp`, `level` (fatal, error, warning, "
            "info, debug), `environment`, `release`, `message`, `exception` {type, value, stacktrace: {frames: "
            "[{filename, function, lineno, colno, in_app}]}}, `fingerprint`, `user`, `trace_id`, `tags`, `breadcrumbs`",
        ),
    ]


class SpansBody(BaseModel):
    """Spans. Each is judged by itself: what can't be stored is named in the answer. Unknown fields are kept."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"spans": [SPAN_EXAMPLE]}]})

    spans: Annotated[
        list[Any],
        Field(
            min_length=1,
            description="`trace_id`, `span_id` (both required), `parent_span_id`, `name`, `op`, `status`, "
            "`start_timestamp` (required), `end_timestamp`, `attributes`",
        ),
    ]


Reason = Annotated[
    str,
    Field(
        description="`invalid: <field>`; `quota`: the month's is spent; `too_old`: by its time, more than two years "
        "(730 days) before it arrived; `too_large`: more than 256 KiB by itself"
    ),
]


class DroppedEvent(Shape):
    """An event that was not stored."""

    event_id: str | None
    reason: Reason


class DroppedSpan(Shape):
    """A span that was not stored."""

    span_id: str | None
    reason: Reason


class EventsTaken(Shape):
    """What was accepted is on disk. A repeated `event_id` counts as accepted, and is stored once."""

    model_config = ConfigDict(json_schema_extra={"example": {"accepted": 1, "dropped": []}})

    accepted: Annotated[int, Field(ge=0)]
    dropped: list[DroppedEvent]


class SpansTaken(Shape):
    """What was accepted is on disk. A repeated span counts as accepted, and is stored once."""

    model_config = ConfigDict(json_schema_extra={"example": {"accepted": 1, "dropped": []}})

    accepted: Annotated[int, Field(ge=0)]
    dropped: list[DroppedSpan]


class ItemsBody(RootModel[IngestPayload]):
    """One item, or a list of 1 to 20: errors, transactions, AI generations. Unknown fields are kept."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "error", "exception": {"type": "Error", "value": "test from curl"}}]}
    )


class ItemsTaken(Shape):
    """All of it is on disk."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": "550e8400-e29b-41d4-a716-446655440000"}})

    id: Annotated[str, Field(description="Of this batch; an equal body within 60 s has the same")]


class OtlpBody(BaseModel):
    """An ExportTraceServiceRequest, in protobuf or OTLP's JSON."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"resourceSpans": []}]})

    resourceSpans: list[Any] = []  # noqa: N815 - as it is sent


class PartialSuccess(Shape):
    """What was not stored. It is there only when something was not, and is not to be sent again."""

    rejectedSpans: Annotated[  # noqa: N815
        str, Field(description="How many spans; `0` when only exceptions in them made no events")
    ]
    errorMessage: Annotated[str, Field(description="Why, such as `2 spans not stored: 1 too_old, 1 quota`")]  # noqa: N815


class OtlpTaken(Shape):
    """An ExportTraceServiceResponse, in what the request was in."""

    model_config = ConfigDict(json_schema_extra={"example": {}})

    partialSuccess: PartialSuccess | None = None  # noqa: N815
