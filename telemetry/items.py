"""What seed 001 sends: errors, transactions and AI generations, made into events, spans and generations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from model.fields import Instant
from model.times import parse_iso
from model.validation import UNKNOWN_TYPE, by_type
from telemetry.aging import instant
from telemetry.events import Event, MapFrames, read_event
from telemetry.payloads import pack
from telemetry.spans import Span, read_span

MOST_ITEMS = 20
Short = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
TraceId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Duration = Annotated[int, Field(ge=0, le=10**12)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Words = dict[str, str]


class _Part(BaseModel):
    """SDKs grow: what is not known here is kept."""

    model_config = ConfigDict(extra="allow", strict=True)


class StackFrame(_Part):
    filename: str | None = None
    function: str | None = None
    lineno: int | None = None
    colno: int | None = None
    inApp: bool | None = None  # noqa: N815 - as it is sent


class StackTrace(_Part):
    frames: list[StackFrame]


class ExceptionPart(_Part):
    type: Annotated[str, Field(max_length=1000)]
    value: str
    stacktrace: StackTrace | None = None


class Breadcrumb(_Part):
    category: str | None = None
    message: str | None = None
    level: str | None = None
    timestamp: Instant | None = None


class _Item(_Part):
    tags: Words | None = None
    user: Words | None = None
    environment: Short | None = None
    timestamp: Instant | None = None


class ErrorItem(_Item):
    """Something went wrong."""

    type: Literal["error"]
    exception: ExceptionPart
    message: str | None = None
    breadcrumbs: list[Breadcrumb] | None = None
    release: Short | None = None


class SpanPart(_Part):
    spanId: TraceId  # noqa: N815
    op: str | None = None
    description: str | None = None
    durationMs: Duration | None = None  # noqa: N815
    parentSpanId: TraceId | None = None  # noqa: N815


class TransactionItem(_Item):
    """A route or operation, and what it did."""

    type: Literal["transaction"]
    name: Annotated[str, Field(min_length=1, max_length=300)]
    traceId: TraceId  # noqa: N815
    durationMs: Duration  # noqa: N815
    status: Literal["ok", "error", "cancelled"] = "ok"
    spans: list[SpanPart] | None = None
    release: Short | None = None


class GenerationItem(_Item):
    """A call of a language model."""

    type: Literal["ai_generation"]
    provider: Short
    model: Short
    inputTokens: Count  # noqa: N815
    outputTokens: Count | None = None  # noqa: N815
    totalCostUsd: Amount | None = None  # noqa: N815
    inputCostUsd: Amount | None = None  # noqa: N815
    outputCostUsd: Amount | None = None  # noqa: N815
    latencyMs: Amount | None = None  # noqa: N815
    timeToFirstTokenMs: Amount | None = None  # noqa: N815
    status: Literal["ok", "error"] = "ok"
    traceId: TraceId | None = None  # noqa: N815
    spanId: TraceId | None = None  # noqa: N815
    metadata: dict[str, Any] | None = None


IngestItem = Annotated[
    Annotated[ErrorItem, Tag("type=error")]
    | Annotated[TransactionItem, Tag("type=transaction")]
    | Annotated[GenerationItem, Tag("type=ai_generation")],
    Discriminator(by_type, UNKNOWN_TYPE, "must be one of error, transaction, ai_generation"),
]
IngestPayload = IngestItem | Annotated[list[IngestItem], Field(min_length=1, max_length=MOST_ITEMS)]
_ITEMS: TypeAdapter[list[Any]] = TypeAdapter(Annotated[list[IngestItem], Field(min_length=1, max_length=MOST_ITEMS)])


class Generation(msgspec.Struct):
    """What is stored of a call of a language model."""

    project: int
    provider: str
    model: str
    status: str
    at_ms: int
    input_tokens: int
    output_tokens: int | None
    cost_usd: float | None
    latency_ms: float | None
    trace_id: str | None
    payload: bytes


Stored = Event | Span | Generation


def read_items(sent: Any) -> list[Any]:
    """One item or a list of 1 to 20 -> the items, validated. pydantic's ValidationError when any is not one."""
    return _ITEMS.validate_python(sent if isinstance(sent, list) else [sent])


def stored_of(
    item: Any, sent: dict[str, Any], own_id: str, project: int, received_ms: int, map_frames: MapFrames | None = None
) -> list[Stored]:
    """What is stored of a valid item. `sent`: it, as decoded; `own_id`: unique, for what has no id of its own.
    telemetry.events.DroppedError when its time is too old."""
    if isinstance(item, ErrorItem):
        event = {**sent, "event_id": f"ev_{own_id}", "level": sent.get("level", "error")}
        return [read_event(event, project, received_ms, map_frames=map_frames)]
    if isinstance(item, TransactionItem):
        return _spans(item, sent, own_id, project, received_ms)
    return [_generation(item, sent, project, received_ms)]


def _spans(item: TransactionItem, sent: dict[str, Any], own_id: str, project: int, received_ms: int) -> list[Stored]:
    """A root with an id of its own, and its spans, which inherit its time."""
    start_ms = received_ms if item.timestamp is None else parse_iso(item.timestamp)
    common = {"trace_id": item.traceId, "environment": item.environment, "release": item.release}
    known = {"type", "name", "traceId", "durationMs", "status", "spans", "environment", "release", "timestamp"}
    root_id = f"tx_{own_id}"
    spans: list[dict[str, Any]] = [
        {
            **common, "span_id": root_id, "parent_span_id": None, "name": item.name, "op": "transaction",
            "status": item.status, **_times(start_ms, item.durationMs),
            "attributes": {name: value for name, value in sent.items() if name not in known},
        }
    ]  # fmt: skip
    spans += [
        {
            **common, "span_id": part.spanId, "parent_span_id": part.parentSpanId or root_id,
            "name": part.description or part.op or part.spanId, "op": part.op or "", "status": "ok",
            **_times(start_ms, part.durationMs or 0), "attributes": part.model_extra or {},
        }
        for part in item.spans or ()
    ]  # fmt: skip
    return [read_span(span, project, received_ms) for span in spans]


def _times(start_ms: int, duration_ms: int) -> dict[str, Any]:
    return {"start_timestamp": start_ms / 1000, "end_timestamp": (start_ms + duration_ms) / 1000}


def _generation(item: GenerationItem, sent: dict[str, Any], project: int, received_ms: int) -> Generation:
    cost = item.totalCostUsd
    if cost is None and (item.inputCostUsd is not None or item.outputCostUsd is not None):
        cost = (item.inputCostUsd or 0) + (item.outputCostUsd or 0)
    return Generation(
        project=project,
        provider=item.provider,
        model=item.model,
        status=item.status,
        at_ms=instant(item.timestamp, received_ms),
        input_tokens=item.inputTokens,
        output_tokens=item.outputTokens,
        cost_usd=cost,
        latency_ms=item.latencyMs,
        trace_id=item.traceId,
        payload=pack(sent),
    )
